//! The device flow, with `openidconnect` as the device.

use openidconnect::core::{CoreClient, CoreDeviceAuthorizationResponse, CoreProviderMetadata};
use openidconnect::{ClientId, DeviceAuthorizationUrl, IssuerUrl, OAuth2TokenResponse as _, Scope};
use serde_json::Value;
use wayleave_sandbox::{Control, DEMO, DeviceTimes, Sandbox};

use crate::browser::{Browser, Page, form_action};
use crate::oidc::transport;
use crate::tokens::{CHALLENGE, VERIFIER, is_error, post};
use crate::{Answer, call, sandbox};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn start(sandbox: &Sandbox) -> Value {
    let form =
        [("scope", "openid"), ("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let started = post(sandbox, "auth/device", &form).await;
    assert_eq!(started.status, 200, "{}", started.body);
    started.json()
}

async fn poll(sandbox: &Sandbox, started: &Value) -> Answer {
    let code = started["device_code"].as_str().unwrap();
    let form = [("grant_type", GRANT), ("device_code", code), ("code_verifier", VERIFIER)];
    post(sandbox, "token", &form).await
}

/// Logs in at the page, sees the code, and presses one of the buttons.
async fn decide(sandbox: &Sandbox, address: &str, code: &str, button: &str) -> Page {
    let mut browser = Browser::new(sandbox);
    let login = browser.go(address, None).await;
    let consent = browser.log_in(&login, DEMO.username, DEMO.password).await;
    assert!(consent.body.contains(&format!("id=\"user-code\">{code}")), "{}", consent.body);
    browser.go(&form_action(&consent), Some(&[("code", code), (button, "Yes")])).await
}

#[tokio::test]
async fn an_independent_device_gets_its_tokens() {
    let sandbox = sandbox();
    let issuer = IssuerUrl::new(sandbox.issuer()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &transport).await.unwrap();
    let endpoint = format!("{}/protocol/openid-connect/auth/device", sandbox.issuer());
    let id = ClientId::new(sandbox.client_id().to_owned());
    let judge = CoreClient::from_provider_metadata(metadata, id, None)
        .set_device_authorization_url(DeviceAuthorizationUrl::new(endpoint).unwrap());
    let started: CoreDeviceAuthorizationResponse = judge
        .exchange_device_code()
        .add_scope(Scope::new("openid".to_owned()))
        .add_extra_param("code_challenge", CHALLENGE)
        .add_extra_param("code_challenge_method", "S256")
        .request_async(&transport)
        .await
        .unwrap();
    assert_eq!(started.interval().as_secs(), 5);
    let address = started.verification_uri_complete().unwrap().secret();
    let done = decide(&sandbox, address, started.user_code().secret(), "accept").await;
    assert!(done.body.contains("Device Login Successful"));
    let tokens = judge
        .exchange_device_access_token(&started)
        .unwrap()
        .add_extra_param("code_verifier", VERIFIER)
        .request_async(&transport, |time| async move { panic!("waits {time:?}") }, None)
        .await
        .unwrap();
    let access = tokens.access_token().secret();
    assert_eq!(call(&sandbox, "GET", "/api/workspaces", access).await.status, 200);
}

#[tokio::test]
async fn polls_are_told_to_wait_and_to_slow_down() {
    let sandbox = sandbox();
    let started = start(&sandbox).await;
    assert_eq!((&started["expires_in"], &started["interval"]), (&600.into(), &5.into()));
    let waits = "The authorization request is still pending";
    is_error(&poll(&sandbox, &started).await, 400, "authorization_pending", waits);
    is_error(&poll(&sandbox, &started).await, 400, "slow_down", "Slow down");
    sandbox.clock().advance(5);
    is_error(&poll(&sandbox, &started).await, 400, "authorization_pending", waits);
    sandbox.clock().advance(600);
    is_error(&poll(&sandbox, &started).await, 400, "expired_token", "Device code is expired");
}

#[tokio::test]
async fn the_code_typed_by_hand_and_denied() {
    let sandbox = sandbox();
    let started = start(&sandbox).await;
    let code = started["user_code"].as_str().unwrap();
    assert!(code.len() == 9 && code.chars().nth(4) == Some('-'), "{code}");
    let mut browser = Browser::new(&sandbox);
    let page = browser.go(started["verification_uri"].as_str().unwrap(), None).await;
    let wrong = browser.go(&form_action(&page), Some(&[("device_user_code", "NO")])).await;
    assert!(wrong.body.contains("Invalid code, please try again."));
    let typed = code.to_lowercase().replace('-', "");
    let login = browser.go(&form_action(&wrong), Some(&[("device_user_code", &typed)])).await;
    let consent = browser.log_in(&login, DEMO.username, DEMO.password).await;
    let denied =
        browser.go(&form_action(&consent), Some(&[("code", code), ("cancel", "No")])).await;
    assert!(denied.body.contains("Device Login Failed"));
    let refused = poll(&sandbox, &started).await;
    is_error(&refused, 400, "access_denied", "The end user denied the request");
}

#[tokio::test]
async fn a_stranger_cannot_allow_a_device() {
    let sandbox = sandbox();
    let started = start(&sandbox).await;
    let code = started["user_code"].as_str().unwrap();
    let consent = "/keycloak/realms/eodhp/login-actions/consent";
    let form = [("code", code), ("accept", "Yes")];
    let page = Browser::new(&sandbox).go(consent, Some(&form)).await;
    assert!(page.body.contains("Device Login Failed"));
    assert_eq!(poll(&sandbox, &started).await.json()["error"], "authorization_pending");
}

#[tokio::test]
async fn a_device_code_is_good_once_and_only_with_its_verifier() {
    let sandbox = sandbox();
    let started = start(&sandbox).await;
    let address = started["verification_uri_complete"].as_str().unwrap();
    decide(&sandbox, address, started["user_code"].as_str().unwrap(), "accept").await;
    let code = started["device_code"].as_str().unwrap();
    let bare = post(&sandbox, "token", &[("grant_type", GRANT), ("device_code", code)]).await;
    is_error(&bare, 400, "invalid_grant", "PKCE code verifier not specified");
    assert_eq!(poll(&sandbox, &started).await.status, 200, "the poll before did no harm");
    let spent = poll(&sandbox, &started).await;
    is_error(&spent, 400, "invalid_grant", "Device code not valid");
    let no_pkce = post(&sandbox, "auth/device", &[("scope", "openid")]).await;
    is_error(&no_pkce, 400, "invalid_request", "Missing parameter: code_challenge_method");
}

#[tokio::test]
async fn times_of_the_device_flow_can_be_set() {
    let sandbox = sandbox();
    let times = DeviceTimes { expires_in: 20, interval: 1 };
    sandbox.control(Control::DeviceTimes(times)).unwrap();
    let started = start(&sandbox).await;
    assert_eq!((&started["expires_in"], &started["interval"]), (&20.into(), &1.into()));
}
