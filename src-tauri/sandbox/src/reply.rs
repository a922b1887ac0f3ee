//! Answers in the shapes of the real hub's several servers, and reading of cookies.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

/// An answer with a content type and a body.
pub(crate) fn body(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    response
}

/// Sets a header; a value that HTTP cannot carry is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Adds one `Set-Cookie`.
pub(crate) fn add_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// Takes one cookie away.
pub(crate) fn remove_cookie(response: &mut Response, name: &str, path: &str) {
    let cookie = format!(
        "{name}=; Path={path}; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; \
         SameSite=Lax"
    );
    add_cookie(response, &cookie);
}

/// JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let text = serde_json::to_string(value).unwrap_or_default();
    body(status, "application/json", text)
}

/// The workspace service's habit: JSON by its content type, with nothing in it.
pub(crate) fn json_empty(status: StatusCode) -> Response {
    body(status, "application/json", "")
}

/// Go's `http.Error`: plain text and a newline.
pub(crate) fn text(status: StatusCode, message: &str) -> Response {
    body(status, "text/plain; charset=utf-8", format!("{message}\n"))
}

/// A page.
pub(crate) fn html(status: StatusCode, page: impl Into<Body>) -> Response {
    body(status, "text/html; charset=utf-8", page)
}

/// The front server's own error page.
pub(crate) fn nginx(status: StatusCode) -> Response {
    let title = match status.as_u16() {
        401 => "401 Authorization Required".to_owned(),
        code => format!("{code} {}", status.canonical_reason().unwrap_or_default()),
    };
    html(
        status,
        format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n\
             <center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n\
             </body>\r\n</html>\r\n"
        ),
    )
}

/// An OAuth error object.
pub(crate) fn oauth_error(status: StatusCode, error: &str, description: &str) -> Response {
    let mut value = serde_json::json!({ "error": error });
    if let (false, Value::Object(map)) = (description.is_empty(), &mut value) {
        map.insert("error_description".to_owned(), description.into());
    }
    json(status, &value)
}

/// 302.
pub(crate) fn redirect(to: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    set(&mut response, LOCATION, to);
    response
}

/// Every cookie of a request, in order.
pub(crate) fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// One cookie's value.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    cookies(headers).into_iter().find_map(|(n, value)| (n == name).then_some(value))
}

/// The token of `Authorization: Bearer …`; the scheme is matched in this case only, as the real
/// service does. `Some("")` stands for any other authorisation.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(axum::http::header::AUTHORIZATION)?;
    Some(value.to_str().ok().and_then(|v| v.strip_prefix("Bearer ")).unwrap_or_default())
}
