//! How OVHcloud Data Platform speaks (platforms.md D, I.4).

use serde_json::{Value, json};
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{
    AnyPlatform, Connection, IssueRequest, Kind, Operation, Platform as _,
};
use wayleave_core::secret::Secret;
use wayleave_core::session::Session;
use wayleave_sandbox::{DEMO, Sandbox};

use super::stack::Running;
use super::wire::{Row, Wire, connect, fixture_of};
use crate::stub::{Got, Reply, json, page};

pub struct Ovh;

const KEY: &str = "demo-api-key-0001";
const SECRET: &str = "demo-secret-key-0001";

fn fixture(name: &str) -> Value {
    fixture_of("ovh", name)
}

impl Wire for Ovh {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::Ovh
    }

    fn fields(&self, origin: &str) -> Vec<(&'static str, String)> {
        vec![("project", origin.to_owned())]
    }

    fn secret(&self) -> &'static str {
        SECRET
    }

    fn session(&self, connection: Connection, http: Http) -> Session {
        let secret = |text: &str| Secret::from_text(text.to_owned());
        Session::for_pair(secret(KEY), secret(SECRET), connection, http)
    }

    fn in_sandbox(&self, sandbox: &Sandbox, http: &Http) -> (Session, &'static str) {
        let pair = sandbox.first_keys(DEMO);
        let (key, secret) = (Secret::from_text(pair.ovh_key), Secret::from_text(pair.ovh_secret));
        let connection = connect(self, sandbox.hub_url());
        (Session::for_pair(key, secret, connection, http.clone()), "127.0.0.1")
    }

    fn at_stack(&self, _: &Running) -> Result<Vec<(&'static str, String)>, &'static str> {
        Err("its servers are closed: nobody can run one")
    }

    fn workspace(&self) -> &'static str {
        "127.0.0.1"
    }

    fn operation(&self, got: &Got) -> Option<Operation> {
        let path = got.target.split('?').next().unwrap_or_default();
        Some(match (got.method.as_str(), path) {
            ("POST", "/iam/login") => Operation::SignIn,
            ("DELETE", "/iam/logout") => Operation::SignOut,
            ("GET", "/iam/v1/applications/preferences") => Operation::Identify,
            _ => return None,
        })
    }

    fn sandbox_rule(&self, operation: Operation) -> (&'static str, String) {
        match operation {
            Operation::SignOut => ("DELETE", "/iam/logout".into()),
            _ => ("POST", "/iam/login".into()),
        }
    }

    fn honest(&self, got: &Got) -> Reply {
        match self.operation(got) {
            Some(Operation::SignIn) => json(200, &fixture("login.response.json").to_string()),
            Some(Operation::SignOut) => json(200, &fixture("logout.json").to_string()),
            Some(Operation::Identify) => json(200, &fixture("preferences.json").to_string()),
            _ => page(404, "text/plain", "404 page not found\n"),
        }
    }

    /// In the log-in's content, and nowhere else.
    fn bears(&self, got: &Got) -> bool {
        let inside = serde_json::from_str::<Value>(&got.body)
            .is_ok_and(|body| body == fixture("login.request.json"));
        let log_in = self.operation(got) == Some(Operation::SignIn);
        got.header("authorization").is_none() && inside == log_in
    }

    fn not_accepted(&self) -> Vec<Reply> {
        vec![
            json(401, r#"{"error":"Unauthorized"}"#),
            json(403, r#"{"error":"FpCam::Invalid token"}"#),
        ]
    }

    fn forbidden(&self) -> Vec<Reply> {
        vec![
            json(403, r#"{"warning":"No permission for this user"}"#),
            json(401, r#"{"error":"MFA::totp:required"}"#),
        ]
    }

    fn log_in_refused(&self) -> Option<Reply> {
        Some(json(401, r#"{"error":"Unauthorized"}"#))
    }

    fn row(&self, _: &Row) -> Value {
        json!({})
    }

    fn list(&self, rows: Vec<Value>) -> Value {
        Value::Array(rows)
    }

    fn request_body(&self, _: &IssueRequest) -> Value {
        Value::Null
    }

    fn created(&self, _: &Row) -> Value {
        json!({})
    }

    fn id_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn secret_fields(&self) -> &'static [&'static str] {
        &[]
    }
}

/// What `/iam/login` may answer beside a plain token (platforms.md D.2, D.4).
#[tokio::test]
async fn a_log_in_is_more_than_its_status() {
    let case = super::real(&Ovh);
    let with = |token: Value, renew: bool| {
        let mut answer = fixture("login.response.json");
        answer["token"] = token;
        answer["password_renew"] = renew.into();
        answer.to_string()
    };
    let exp = "2025-03-07T15:30:00Z";
    let end: jiff::Timestamp = exp.parse().expect("a time");
    let claims = base64_url(&json!({ "exp": end.as_second() }).to_string());
    let jwt = format!("e30.{claims}.c2ln");
    for (body, told, wanted) in [
        (with(json!(jwt), false), true, exp),
        (with(json!("opaque"), false), false, "2025-03-07T14:59:00Z"),
        (with(json!("a.!!.b"), false), false, "2025-03-07T14:59:00Z"),
    ] {
        let stage = case.on([(Operation::SignIn, vec![json(200, &body)])]).await;
        let issued = case.wire.platform().issue_session(&stage.session).await.expect("a token");
        assert_eq!(
            (issued.told, issued.expires),
            (told, wanted.parse().expect("a time")),
            "{body}"
        );
    }
    for body in [with(Value::Null, false), with(Value::Null, true), "{}".into()] {
        let stage = case.on([(Operation::SignIn, vec![json(200, &body)])]).await;
        let error = case.wire.platform().issue_session(&stage.session).await.expect_err("no token");
        assert!(matches!(error.kind, Kind::Protocol(_)), "{error:?}");
        assert_eq!(error.hint.is_some(), body.contains("true"), "{body}");
    }
    let off = json!({ "auth_mode": [{ "type": "forepaas_id" }] }).to_string();
    let stage = case.on([(Operation::Identify, vec![json(200, &off)])]).await;
    let error = case.wire.platform().issue_session(&stage.session).await.expect_err("no keys");
    assert!(matches!(error.kind, Kind::NotSupported { url: Some(_) }), "{error:?}");
    assert!(stage.sent(Operation::SignIn).is_empty(), "no log-in that must fail is tried");
    let body = r#"{"error":"FpCam::Account suspended"}"#;
    let stage = case.on([(Operation::SignIn, vec![json(403, body)])]).await;
    let error = case.wire.platform().issue_session(&stage.session).await.expect_err("suspended");
    assert!(matches!(error.kind, Kind::RateLimited { retry_after: Some(_) }), "{error:?}");
}

fn base64_url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
