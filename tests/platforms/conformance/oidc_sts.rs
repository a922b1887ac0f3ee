//! How an OpenID provider with a token service of S3 speaks (platforms.md E.2, I.5).

use serde_json::{Value, json};
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{AnyPlatform, IssueRequest, Operation, Platform as _};
use wayleave_core::secret::Secret;
use wayleave_core::session::Session;
use wayleave_sandbox::{DEMO, Sandbox};

use super::stack::{GUEST, Running};
use super::wire::{Row, Store, Wire, connect};
use crate::stub::{Got, Reply, page};

pub struct OidcSts;

/// A token in the place of the one that signing in gives.
const TOKEN: &str = "e30.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl";
const ROLE: &str = "arn:aws:iam::000000000000:role/demo-ws";

/// The published answer, with another end.
fn assumed(expiration: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/platforms/sts/");
    let text = std::fs::read_to_string(format!("{folder}assumed.xml")).expect("a fixture");
    text.replace("2025-03-07T14:55:56.123456Z", expiration)
}

fn refused(status: u16, code: &str, words: &str) -> Reply {
    let text = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender\
         </Type><Code>{code}</Code><Message>{words}</Message></Error></ErrorResponse>"
    );
    page(status, "text/xml", &text)
}

impl Wire for OidcSts {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::OidcSts
    }

    fn fields(&self, origin: &str) -> Vec<(&'static str, String)> {
        let more = [("client_id", "wayleave-desktop"), ("role", ROLE)]
            .map(|(key, value)| (key, value.to_owned()));
        let store =
            [("bucket", "workspaces-eodhp"), ("prefix", "demo-ws"), ("region", "eu-west-2")]
                .map(|(key, value)| (key, value.to_owned()));
        let addresses = [("issuer", origin.to_owned()), ("sts", origin.to_owned())];
        addresses.into_iter().chain(more).chain(store).collect()
    }

    fn secret(&self) -> &'static str {
        TOKEN
    }

    fn in_sandbox(&self, sandbox: &Sandbox, http: &Http) -> (Session, &'static str) {
        let token = Secret::from_text(sandbox.web_identity(DEMO));
        let fields = self.fields(&sandbox.issuer()).into_iter().map(|(key, value)| {
            let value = match key {
                "sts" | "endpoint" => sandbox.s3_endpoint().to_owned(),
                "issuer" => sandbox.issuer(),
                _ => value,
            };
            (key.to_owned(), value)
        });
        let connection = self.platform().connect(&fields.collect()).expect("a connection");
        (Session::for_key(token, connection, http.clone()), "demo-ws")
    }

    fn at_sts(&self, endpoint: &str, http: &Http) -> Option<Session> {
        let connection = connect(self, endpoint);
        Some(Session::for_key(Secret::from_text(TOKEN.into()), connection, http.clone()))
    }

    fn at_stack(&self, running: &Running) -> Result<Vec<(&'static str, String)>, &'static str> {
        let issuer = format!("{}/keycloak/realms/eodhp", running.hub);
        let at = self.fields(&issuer).into_iter().filter(|(key, _)| *key != "role");
        let store = [("endpoint", running.store.clone())];
        let moved = at.map(|(key, value)| match key {
            "sts" => (key, running.store.clone()),
            _ => (key, value),
        });
        Ok(moved.chain(store).collect())
    }

    /// Somebody for whom the store has no policy.
    fn unwelcome(&self) -> Option<(&'static str, (&'static str, &'static str))> {
        Some(("wayleave-desktop", GUEST))
    }

    fn workspace(&self) -> &'static str {
        "demo-ws"
    }

    fn operation(&self, got: &Got) -> Option<Operation> {
        (got.method == "POST" && got.target == "/").then_some(Operation::S3)
    }

    fn sandbox_rule(&self, _: Operation) -> (&'static str, String) {
        ("POST", "/".into())
    }

    fn honest(&self, got: &Got) -> Reply {
        match self.operation(got) {
            Some(_) => page(200, "text/xml", &assumed("2025-03-07T14:55:56.123456Z")),
            None => page(404, "text/plain", "404 page not found\n"),
        }
    }

    /// In the content, and nowhere else.
    fn bears(&self, got: &Got) -> bool {
        let sent = format!("WebIdentityToken={TOKEN}");
        got.header("authorization").is_none() && got.body.split('&').any(|pair| pair == sent)
    }

    fn not_accepted(&self) -> Vec<Reply> {
        vec![
            refused(400, "ExpiredTokenException", "Token must be redeemed within its life"),
            refused(400, "InvalidIdentityToken", "bad token"),
            refused(400, "InvalidParameterValue", "Token is expired"),
            page(401, "text/plain", "unauthorized"),
        ]
    }

    fn forbidden(&self) -> Vec<Reply> {
        vec![refused(403, "AccessDenied", "Not authorized to perform it")]
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

    fn s3(&self, expiration: &str) -> Option<Reply> {
        Some(page(200, "text/xml", &assumed(expiration)))
    }

    fn sts(&self) -> bool {
        true
    }

    fn s3_refusals(&self) -> (Vec<Reply>, Vec<Reply>) {
        let no_policy =
            "policy claim missing from the JWT token, credentials will not be generated";
        let no_access =
            vec![self.forbidden().remove(0), refused(400, "InvalidParameterValue", no_policy)];
        (no_access, Vec::new())
    }

    fn store(&self) -> Option<Store> {
        None
    }
}

/// Field for field what is published (platforms.md E.2).
#[tokio::test]
async fn the_form_is_the_published_one() {
    let case = super::real(&OidcSts);
    let stage = case.on([]).await;
    case.adapter.s3(&stage.session, "demo-ws").await.expect("credentials");
    let sent = stage.sent(Operation::S3);
    let form: Vec<(String, String)> =
        url::form_urlencoded::parse(sent[0].body.as_bytes()).into_owned().collect();
    let wanted = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("WebIdentityToken", TOKEN),
        ("RoleArn", ROLE),
        ("RoleSessionName", "wayleave"),
        ("DurationSeconds", "3600"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(form, wanted);
    assert_eq!(sent[0].header("content-type"), Some("application/x-www-form-urlencoded"));
}

/// A connection field that cannot be right is refused before anything is asked.
#[test]
fn fields_are_checked() {
    let with = |key: &'static str, value: &str| {
        let mut fields: std::collections::BTreeMap<String, String> =
            OidcSts.fields("https://id.example").into_iter().map(|(k, v)| (k.into(), v)).collect();
        fields.insert(key.into(), value.into());
        AnyPlatform::OidcSts.connect(&fields)
    };
    for (key, bad) in [
        ("seconds", "899"),
        ("seconds", "43201"),
        ("seconds", "soon"),
        ("sts", "http://sts.example"),
        ("endpoint", "ftp://store.example"),
        ("role", "two words"),
        ("client_id", ""),
        ("nothing", "x"),
    ] {
        let error = with(key, bad).expect_err(bad);
        assert_eq!(error.params.get("field").map(String::as_str), Some(key), "{bad:?}: {error:?}");
    }
    let discovery = "https://id.example/realms/x/.well-known/openid-configuration";
    let connection = with("issuer", discovery).expect("the issuer is in it");
    assert_eq!(connection.issuer, "https://id.example/realms/x");
    assert_eq!(connect(&OidcSts, "https://id.example").hub.as_str(), "https://id.example/");
}
