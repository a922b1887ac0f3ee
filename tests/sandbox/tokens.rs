//! Getting OpenID tokens in the least number of lines, for tests of other things.

use serde_json::Value;
use wayleave_sandbox::{Person, Sandbox};

use crate::browser::{Browser, Page};
use crate::{Answer, answer, client};

/// A verifier and its S256 challenge (RFC 7636, appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Where the desktop client listens.
pub const REDIRECT: &str = "http://127.0.0.1:45678/callback";

/// The authorisation request of the desktop client, with some parameters exchanged. An empty
/// value takes the parameter away.
pub fn auth_url(sandbox: &Sandbox, changes: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("client_id", sandbox.client_id()),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "s&t=1"),
        ("nonce", "n1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    let base = format!("{}/protocol/openid-connect/auth", sandbox.issuer());
    url::Url::parse_with_params(&base, parameters).unwrap().into()
}

/// The parameters at the desktop's redirect address.
pub fn parameters(page: &Page) -> Vec<(String, String)> {
    let location = page.location.as_deref().expect("a redirect");
    assert!(location.starts_with(REDIRECT), "{location}");
    url::Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

pub fn parameter(page: &Page, name: &str) -> String {
    let all = parameters(page);
    all.into_iter().find(|(n, _)| n == name).map(|(_, v)| v).unwrap_or_default()
}

/// Logs in with `browser` and returns the code.
pub async fn code(sandbox: &Sandbox, browser: &mut Browser, who: Person, scope: &str) -> String {
    let page = browser.go(&auth_url(sandbox, &[("scope", scope)]), None).await;
    let page = if page.location.is_some() {
        page
    } else {
        browser.log_in(&page, who.username, who.password).await
    };
    parameter(&page, "code")
}

/// A form to the token endpoint as the desktop client.
pub async fn post(sandbox: &Sandbox, endpoint: &str, form: &[(&str, &str)]) -> Answer {
    let url = format!("{}/protocol/openid-connect/{endpoint}", sandbox.issuer());
    let mut all = vec![("client_id", sandbox.client_id())];
    all.retain(|(name, _)| !form.iter().any(|(n, _)| n == name));
    all.extend(form);
    answer(client().post(url).form(&all)).await
}

pub async fn redeem(sandbox: &Sandbox, code: &str) -> Answer {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    post(sandbox, "token", &form).await
}

pub async fn refresh(sandbox: &Sandbox, token: &str) -> Answer {
    post(sandbox, "token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

/// A whole sign-in.
pub async fn sign_in(sandbox: &Sandbox, who: Person, scope: &str) -> Value {
    let code = code(sandbox, &mut Browser::new(sandbox), who, scope).await;
    let tokens = redeem(sandbox, &code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    tokens.json()
}

/// An access token.
pub async fn access(sandbox: &Sandbox, who: Person) -> String {
    text(&sign_in(sandbox, who, "openid").await, "access_token")
}

pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The claims of a JWT, unchecked.
pub fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let body = token.split('.').nth(1).expect("a JWT");
    let raw = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap();
    serde_json::from_slice(&raw).unwrap()
}

/// Asserts an OAuth error.
pub fn is_error(answer: &Answer, status: u16, error: &str, text: &str) {
    let body = answer.json();
    let got = body["error_description"].as_str().unwrap_or_default();
    assert_eq!((answer.status, body["error"].as_str().unwrap(), got), (status, error, text));
}
