//! Stands in for a browser and the person at it, for tests that have neither.

use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use crate::oidc::authorize::{AuthQuery, issue_code, judge};
use crate::oidc::{device, login};
use crate::state::App;
use crate::{portal, world};

/// What a control returns: a value, or a status and words.
pub(crate) type Outcome = Result<Value, (StatusCode, String)>;

fn bad(text: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, text.to_owned())
}

fn known(username: &str) -> Result<world::Person, (StatusCode, String)> {
    world::person(username).ok_or_else(|| bad("no such person"))
}

/// Opens a portal session and returns its cookies.
pub(crate) fn sign_in(app: &App, username: &str) -> Outcome {
    let person = known(username)?;
    let (sid, _) = login::open_session(app, person.username);
    let now = app.clock.now();
    let value = app.data().portal.open(person.username, &sid, now, &app.random);
    let cookies = portal::session::cookies_of(&value);
    Ok(json!({ "cookies": cookies }))
}

/// Goes through an authorisation request as the endpoint would, with the log-in done.
pub(crate) fn authorize(app: &App, username: &str, url: &str) -> Outcome {
    let person = known(username)?;
    let endpoint = format!("{}/protocol/openid-connect/auth?", app.issuer());
    let uri =
        url.strip_prefix(&endpoint).and_then(|query| format!("/?{query}").parse::<Uri>().ok());
    let uri = uri.ok_or_else(|| bad("not an authorisation request of this issuer"))?;
    let Query(query) =
        Query::<AuthQuery>::try_from_uri(&uri).map_err(|error| bad(&error.to_string()))?;
    let location = match judge(app, &query) {
        Ok(request) => {
            let (sid, _) = login::open_session(app, person.username);
            issue_code(app, request, &sid)
        }
        Err(refusal) => {
            let to = refusal.headers().get("location").and_then(|to| to.to_str().ok());
            to.ok_or_else(|| bad("the issuer refuses this request with a page"))?.to_owned()
        }
    };
    Ok(json!({ "location": location }))
}

/// Allows or denies a device.
pub(crate) fn answer_device(app: &App, username: &str, user_code: &str, allow: bool) -> Outcome {
    let person = known(username)?;
    let (sid, _) = login::open_session(app, person.username);
    if device::answer(app, user_code, allow.then_some(sid)) {
        Ok(Value::Null)
    } else {
        Err((StatusCode::NOT_FOUND, "no device shows that code".to_owned()))
    }
}
