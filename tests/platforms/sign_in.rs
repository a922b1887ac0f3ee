//! Signing in: by the portal, by the browser, by device code; every end of each.

use wayleave_core::ErrorCode;
use wayleave_core::api::SignInWay;
use wayleave_core::error::Error;
use wayleave_core::platform::{AnyPlatform, Auth, Platform as _};
use wayleave_core::secret::Secret;
use wayleave_core::session::browser::BrowserFlow;
use wayleave_core::session::device::DeviceFlow;
use wayleave_core::session::{Grant, Session, SignInError, portal};
use wayleave_sandbox::{DEMO, Effect};

use crate::browser::{Browser, Page, form_action};
use crate::{World, client};

fn cookies(text: &str) -> Secret {
    Secret::from_text(text.to_owned())
}

fn answer(status: u16, body: &str) -> Effect {
    Effect::Answer {
        status,
        content_type: "application/json".into(),
        body: body.into(),
        headers: vec![],
    }
}

/// Fetches the loopback address that the provider redirected to.
pub async fn deliver(address: &str) -> (u16, String) {
    let response = client().get(address).send().await.expect("an answer");
    (response.status().as_u16(), response.text().await.expect("a page"))
}

/// Logs in at the flow's address; returns where the provider leads.
pub async fn log_in(world: &World, flow: &BrowserFlow) -> String {
    let mut browser = Browser::new(&world.sandbox);
    let page = browser.go(flow.url.as_str(), None).await;
    let done = browser.log_in(&page, DEMO.username, DEMO.password).await;
    done.location.expect("back to this computer")
}

/// A parameter of the flow's address.
pub fn parameter(flow: &BrowserFlow, name: &str) -> String {
    let pair = flow.url.query_pairs().find(|(key, _)| key == name);
    pair.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

impl World {
    /// Signs in with the browser.
    pub async fn browser(&self, stay: bool) -> Result<Grant, SignInError> {
        let flow = BrowserFlow::open(&self.http, &self.connection, stay).await?;
        let back = log_in(self, &flow).await;
        let (grant, (status, _)) = tokio::join!(flow.finish(&self.http), deliver(&back));
        assert_eq!(status, 200);
        grant
    }

    /// A session got with the browser.
    pub async fn oidc(&self) -> Session {
        let grant = self.browser(false).await.expect("a grant");
        Session::begin(grant, self.connection.clone(), self.http.clone(), self.save())
    }
}

#[tokio::test]
async fn portal_cookies_become_a_session_once_the_hub_accepts_them() {
    let world = World::start();
    let header = format!("Cookie: _oauth2_proxy_csrf=c; {}; KC=1", world.cookies().await);
    let grant = portal::exchange(&world.http, &world.connection, &cookies(&header)).await;
    let grant = grant.expect("a grant");
    assert_eq!(grant.with, SignInWay::Portal);
    let (connection, http) = (world.connection.clone(), world.http.clone());
    let session = Session::begin(grant, connection, http, world.save());
    assert_eq!((session.auth(), session.with()), (Auth::Portal, SignInWay::Portal));
    let seen = world.sandbox.seen();
    let last = seen.last().expect("a request");
    assert_eq!(last.cookies, ["_oauth2_proxy_0", "_oauth2_proxy_1"], "no others leave");
    let left =
        session.status().until.expect("an end").as_second() - world.http.clock().now().as_second();
    assert!((1795..=1800).contains(&left), "30 idle minutes: {left}");
}

#[tokio::test]
async fn cookies_that_the_hub_refuses_are_no_session() {
    let world = World::start();
    let dead = cookies("_oauth2_proxy_0=aaaa; _oauth2_proxy_1=bbbb");
    let error = portal::exchange(&world.http, &world.connection, &dead).await.expect_err("dead");
    assert_eq!(Error::from(error).code, ErrorCode::SignInRefused);
    let none = cookies("_oauth2_proxy_csrf=x; other=y");
    let error = portal::exchange(&world.http, &world.connection, &none).await.expect_err("none");
    assert_eq!(error, SignInError::NoSession);
    world.sandbox.rule(None, "/api/workspaces", None, answer(500, "[]"));
    let header = cookies(&world.cookies().await);
    let error = portal::exchange(&world.http, &world.connection, &header).await.expect_err("500");
    assert_eq!(Error::from(error).code, ErrorCode::PlatformUnavailable, "status wins");
}

#[tokio::test]
async fn the_browser_way_signs_in_and_names_the_user() {
    let world = World::start();
    let grant = world.browser(false).await.expect("a grant");
    assert_eq!(grant.username.as_deref(), Some("demo"));
    let (connection, http) = (world.connection.clone(), world.http.clone());
    let session = Session::begin(grant, connection, http, world.save());
    let found = AnyPlatform::Eodh.workspaces(&session).await.expect("workspaces");
    assert_eq!(found.len(), 4);
    let name = AnyPlatform::Eodh.identify(&session, &[]).await;
    assert_eq!(name, Ok(Some("demo".into())));
}

#[tokio::test]
async fn the_browser_address_keeps_the_rules() {
    let world = World::start();
    let flow = BrowserFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    assert_eq!(parameter(&flow, "code_challenge_method"), "S256");
    assert_eq!(parameter(&flow, "code_challenge").len(), 43);
    assert_eq!(parameter(&flow, "response_type"), "code");
    assert_eq!(parameter(&flow, "state").len(), 64);
    assert_eq!(parameter(&flow, "nonce").len(), 64);
    assert!(!parameter(&flow, "scope").contains("offline_access"), "only when asked for");
    let redirect = parameter(&flow, "redirect_uri");
    assert!(redirect.starts_with("http://127.0.0.1:") && redirect.ends_with("/callback"));
    let stay = BrowserFlow::open(&world.http, &world.connection, true).await.expect("a flow");
    assert!(parameter(&stay, "scope").contains("offline_access"));
    assert_ne!(parameter(&stay, "state"), parameter(&flow, "state"));
}

#[tokio::test]
async fn the_user_can_refuse_in_the_browser() {
    let world = World::start();
    let flow = BrowserFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    let (redirect, state) = (parameter(&flow, "redirect_uri"), parameter(&flow, "state"));
    let issuer = world.sandbox.issuer();
    let back = format!("{redirect}?error=access_denied&state={state}&iss={issuer}");
    let (grant, (status, page)) = tokio::join!(flow.finish(&world.http), deliver(&back));
    assert_eq!(grant.expect_err("refused"), SignInError::Refused);
    assert!(status == 200 && !page.contains(&state), "nothing is reflected");
}

#[tokio::test]
async fn a_code_of_another_flow_is_not_accepted() {
    let world = World::start();
    let theirs = BrowserFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    let code = log_in(&world, &theirs).await;
    let (_, code) = code.split_once("code=").expect("a code");
    let code = code.split('&').next().expect("a code");
    let ours = BrowserFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    let (redirect, state) = (parameter(&ours, "redirect_uri"), parameter(&ours, "state"));
    let issuer = world.sandbox.issuer();
    let back = format!("{redirect}?code={code}&state={state}&iss={issuer}");
    let (grant, _) = tokio::join!(ours.finish(&world.http), deliver(&back));
    assert!(matches!(grant, Err(SignInError::Broken(_))), "PKCE and redirect bind a code");
}

/// Lets a flow end with what the token endpoint is made to say.
async fn end_with(world: &World, tokens: &str) -> Result<Grant, SignInError> {
    let flow = BrowserFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    let (redirect, state) = (parameter(&flow, "redirect_uri"), parameter(&flow, "state"));
    let back = format!("{redirect}?code=c&state={state}&iss={}", world.sandbox.issuer());
    let token = "/keycloak/realms/eodhp/protocol/openid-connect/token";
    world.sandbox.rule(Some("POST"), token, Some(1), answer(200, tokens));
    tokio::join!(flow.finish(&world.http), deliver(&back)).0
}

#[tokio::test]
async fn tokens_count_only_with_an_id_token_of_this_very_flow() {
    let world = World::start();
    let sealed = world.oidc().await.to_sealed().await;
    let sealed: serde_json::Value = serde_json::from_slice(sealed.expose()).expect("JSON");
    let theirs = sealed["holder"]["id_token"].as_str().expect("an ID token");
    let not_ours = Err(SignInError::Broken("the ID token is not for this sign-in"));
    let with = |id: &str| format!(r#"{{"access_token":"a","expires_in":300,"id_token":"{id}"}}"#);
    let ended = end_with(&world, &with(theirs)).await.map(|_| ());
    assert_eq!(ended, not_ours, "its nonce is another flow's");
    let (head, rest) = theirs.split_once('.').expect("a JWT");
    let (body, _) = rest.split_once('.').expect("a JWT");
    let unsigned = format!("eyJhbGciOiJub25lIn0.{body}.");
    let forged = format!("{head}.{body}.AAAA");
    for id in [unsigned, forged, "garbage".to_owned()] {
        let ended = end_with(&world, &with(&id)).await;
        assert!(matches!(ended, Err(SignInError::Broken(_))), "{ended:?}");
    }
    let none = end_with(&world, r#"{"access_token":"a","expires_in":300}"#).await;
    assert!(matches!(none, Err(SignInError::Broken(_))));
}

#[tokio::test]
async fn the_issuer_must_name_itself_exactly() {
    let world = World::start();
    let mut other = world.connection.clone();
    other.issuer.push('/');
    let error = BrowserFlow::open(&world.http, &other, false).await.expect_err("another issuer");
    assert!(matches!(error, SignInError::Broken(_)), "{error:?}");
    let mut none = world.connection.clone();
    none.client_id = None;
    let error = BrowserFlow::open(&world.http, &none, false).await.expect_err("no client");
    assert_eq!(Error::from(error).code, ErrorCode::NoClientId);
}

#[tokio::test]
async fn a_discovery_document_cannot_lead_elsewhere() {
    let world = World::start();
    let path = "/keycloak/realms/eodhp/.well-known/openid-configuration";
    let url = format!("{}{path}", world.sandbox.hub_url());
    let honest = client().get(url).send().await.expect("it").text().await.expect("it");
    let mut document: serde_json::Value = serde_json::from_str(&honest).expect("JSON");
    for key in ["token_endpoint", "device_authorization_endpoint", "end_session_endpoint"] {
        let was = document[key].clone();
        document[key] = "https://elsewhere.example/token".into();
        world.sandbox.rule(None, path, Some(1), answer(200, &document.to_string()));
        let flow = BrowserFlow::open(&world.http, &world.connection, false).await;
        assert!(matches!(flow, Err(SignInError::Broken(_))), "{key}");
        document[key] = was;
    }
}

/// Types the flow's code, and presses a button.
async fn type_code(world: &World, flow: &DeviceFlow, button: &str) -> Page {
    let mut browser = Browser::new(&world.sandbox);
    let address = flow.complete.as_ref().expect("an address");
    let login = browser.go(address.as_str(), None).await;
    let consent = browser.log_in(&login, DEMO.username, DEMO.password).await;
    browser.go(&form_action(&consent), Some(&[("code", &flow.user_code), (button, "Yes")])).await
}

fn waits(world: &World) -> Vec<u64> {
    world.pauses.lock().unwrap().iter().map(std::time::Duration::as_secs).collect()
}

#[tokio::test]
async fn a_device_waits_as_told_and_signs_in() {
    let world = World::start();
    let flow = DeviceFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    assert!(!flow.user_code.is_empty() && flow.url.as_str().starts_with(world.sandbox.hub_url()));
    type_code(&world, &flow, "accept").await;
    let token = "/keycloak/realms/eodhp/protocol/openid-connect/token";
    let pending = answer(400, r#"{"error":"authorization_pending"}"#);
    world.sandbox.rule(Some("POST"), token, Some(1), pending);
    world.sandbox.rule(Some("POST"), token, Some(1), answer(400, r#"{"error":"slow_down"}"#));
    let grant = flow.finish(&world.http).await.expect("a grant");
    assert_eq!((grant.with, grant.username.as_deref()), (SignInWay::Device, Some("demo")));
    assert_eq!(waits(&world), [5, 10, 10], "slow_down counts for good");
}

#[tokio::test]
async fn a_device_without_an_interval_waits_five_seconds_and_longer_after_a_fault() {
    let world = World::start();
    let device = "/keycloak/realms/eodhp/protocol/openid-connect/auth/device";
    let started = format!(
        r#"{{"device_code":"d","user_code":"AB-CD","verification_uri":"{}/x","expires_in":100}}"#,
        world.sandbox.hub_url()
    );
    world.sandbox.rule(Some("POST"), device, Some(1), answer(200, &started));
    let flow = DeviceFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    let token = "/keycloak/realms/eodhp/protocol/openid-connect/token";
    let pending = answer(400, r#"{"error":"authorization_pending"}"#);
    world.sandbox.rule(Some("POST"), token, None, pending);
    world.sandbox.rule(Some("POST"), token, Some(1), Effect::DropAnswer);
    world.sandbox.rule(Some("POST"), token, Some(1), answer(503, ""));
    let error = flow.finish(&world.http).await.expect_err("nobody typed it");
    assert_eq!(error, SignInError::Expired);
    assert_eq!(waits(&world)[..4], [5, 10, 20, 20]);
}

#[tokio::test]
async fn a_device_can_be_refused_and_codes_end() {
    let world = World::start();
    let flow = DeviceFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    type_code(&world, &flow, "cancel").await;
    assert_eq!(flow.finish(&world.http).await.expect_err("refused"), SignInError::Refused);
    let flow = DeviceFlow::open(&world.http, &world.connection, false).await.expect("a flow");
    world.sandbox.clock().advance(601);
    let polls = world.count("POST", "/keycloak/realms/eodhp/protocol/openid-connect/token");
    assert_eq!(flow.finish(&world.http).await.expect_err("ended"), SignInError::Expired);
    let after = world.count("POST", "/keycloak/realms/eodhp/protocol/openid-connect/token");
    assert_eq!(polls, after, "an ended code is not asked about");
}
