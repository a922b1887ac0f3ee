//! How DataOS speaks (platforms.md B, I.2).

use serde_json::{Value, json};
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{AnyPlatform, IssueOutcome, IssueRequest, Operation, Platform as _};
use wayleave_core::secret::Secret;
use wayleave_core::session::Session;
use wayleave_sandbox::{DEMO, Sandbox};

use super::case::{Case, Later, Verdict, want};
use super::stack::Running;
use super::wire::{FIRST, Row, SECOND, Wire, connect, fixture_of};
use crate::stub::{Got, Reply, json, page};

pub struct DataOs;

/// The key of the fixtures: base64 of `token_demo.` and a UUID.
const KEY: &str = "dG9rZW5fZGVtby4wMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMDA=";
const API: &str = "/heimdall/api/v1";

fn fixture(name: &str) -> Value {
    fixture_of("dataos", name)
}

impl DataOs {
    fn token(row: &Row, data: &Value) -> Value {
        let mut token = fixture("tokens.json")[0].clone();
        token["data"] = data.clone();
        token["name"] = row.name.into();
        token["expiration"] = row.expires.map_or(Value::Null, Into::into);
        token
    }
}

impl Wire for DataOs {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::DataOs
    }

    fn fields(&self, origin: &str) -> Vec<(&'static str, String)> {
        vec![("host", origin.to_owned())]
    }

    fn secret(&self) -> &'static str {
        KEY
    }

    fn in_sandbox(&self, sandbox: &Sandbox, http: &Http) -> (Session, &'static str) {
        let key = Secret::from_text(sandbox.first_keys(DEMO).dataos);
        (Session::for_key(key, connect(self, sandbox.hub_url()), http.clone()), "demo")
    }

    fn at_stack(&self, _: &Running) -> Result<Vec<(&'static str, String)>, &'static str> {
        Err("its servers are closed: nobody can run one")
    }

    fn workspace(&self) -> &'static str {
        "demo"
    }

    fn operation(&self, got: &Got) -> Option<Operation> {
        let path = got.target.strip_prefix(API)?;
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        Some(match (got.method.as_str(), segments.as_slice()) {
            ("POST", ["authorize"]) => Operation::Verify,
            ("POST", ["tokens"]) => Operation::Rotate,
            ("GET", ["users", _, "tokens"]) => Operation::List,
            ("POST", ["users", _, "tokens"]) => Operation::Issue,
            ("GET", ["users", _, "tokens", _]) => Operation::ReadKey,
            ("DELETE", ["users", _, "tokens", _]) => Operation::Revoke,
            _ => return None,
        })
    }

    fn sandbox_rule(&self, operation: Operation) -> (&'static str, String) {
        let tokens = format!("{API}/users/demo/tokens");
        match operation {
            Operation::Issue => ("POST", tokens),
            Operation::Revoke => ("DELETE", format!("{tokens}/*")),
            Operation::Verify => ("POST", format!("{API}/authorize")),
            _ => ("GET", tokens),
        }
    }

    fn honest(&self, got: &Got) -> Reply {
        match self.operation(got) {
            Some(Operation::Verify) => json(200, &fixture("authorize_ok.json").to_string()),
            Some(Operation::List) => {
                json(200, &self.list(vec![self.row(&FIRST), self.row(&SECOND)]).to_string())
            }
            Some(Operation::Issue | Operation::Rotate | Operation::ReadKey) => {
                json(200, &self.created(&FIRST).to_string())
            }
            Some(Operation::Revoke) => page(204, "", ""),
            _ => page(404, "text/plain", "404 page not found\n"),
        }
    }

    fn bears(&self, got: &Got) -> bool {
        got.header("apikey") == Some(KEY) && got.header("authorization").is_none()
    }

    fn not_accepted(&self) -> Vec<Reply> {
        vec![
            page(403, "text/plain", "Invalid token"),
            page(403, "text/plain", "Authorization header isn't set"),
            page(401, "text/plain", "unauthorized"),
        ]
    }

    fn forbidden(&self) -> Vec<Reply> {
        vec![page(403, "text/plain", "not allowed for tokens of other users"), json(403, "{}")]
    }

    fn invalid_with_200(&self) -> Option<(Operation, Reply)> {
        Some((Operation::Verify, json(200, &fixture("authorize_bad.json").to_string())))
    }

    fn row(&self, row: &Row) -> Value {
        Self::token(row, &json!({ "apikey": KEY }))
    }

    fn list(&self, rows: Vec<Value>) -> Value {
        Value::Array(rows)
    }

    fn rereads(&self) -> bool {
        true
    }

    fn rotates(&self, case: Case) -> Later<'static, Verdict> {
        Box::pin(async move {
            let stage = case.on([]).await;
            let old = Secret::from_text("b2xk".into());
            let platform = case.wire.platform();
            let outcome = platform.rotate(&stage.session, "demo", &old, Some(48)).await;
            let IssueOutcome::Issued(issued) = outcome else {
                return Err(format!("not rotated: {outcome:?}"));
            };
            want!(issued.key.expose_text() == Some(KEY), "the new key is not the answer's");
            let sent = stage.sent(Operation::Rotate);
            want!(sent.len() == 1, "{} requests", sent.len());
            let body: Value = serde_json::from_str(&sent[0].body).map_err(|e| e.to_string())?;
            let wanted = json!({ "token": "b2xk", "duration": "48h", "user_id": "demo" });
            want!(body == wanted, "sent {body}");
            let stage = case.on([(Operation::Rotate, vec![Reply::Bytes(Vec::new())])]).await;
            let outcome = platform.rotate(&stage.session, "demo", &old, Some(48)).await;
            want!(matches!(outcome, IssueOutcome::Unknown(_)), "a lost answer: {outcome:?}");
            want!(stage.sent(Operation::Rotate).len() == 1, "it was sent again");
            Ok(())
        })
    }

    fn request_body(&self, request: &IssueRequest) -> Value {
        let mut body = fixture("create.request.json");
        body["name"] = request.name.as_str().into();
        body["duration"] = format!("{}h", request.lifetime.expect("a lifetime")).into();
        body
    }

    fn created(&self, row: &Row) -> Value {
        Self::token(row, &json!({ "apikey": KEY }))
    }

    fn id_fields(&self) -> &'static [&'static str] {
        &[]
    }

    fn secret_fields(&self) -> &'static [&'static str] {
        &["data"]
    }
}

/// Where the key is found in `data` (platforms.md B.2).
#[tokio::test]
async fn the_key_is_found_under_any_name() {
    let case = super::real(&DataOs);
    for (data, found) in [
        (json!({ "apikey": KEY, "token": "x" }), true),
        (json!({ "token": KEY }), true),
        (json!({ "secret": KEY }), true),
        (json!({ "a": "not it", "b": KEY, "c": 7, "d": null }), true),
        (json!({ "a": "not it", "b": "nor this" }), false),
        (json!({}), false),
        (Value::Null, false),
    ] {
        let answer = DataOs::token(&FIRST, &data).to_string();
        let stage = case.on([(Operation::ReadKey, vec![json(200, &answer)])]).await;
        let read = case.wire.platform().read_key(&stage.session, "demo", FIRST.name).await;
        let key = read.ok().and_then(|(_, key)| key.expose_text().map(str::to_owned));
        assert_eq!(key.as_deref(), found.then_some(KEY), "{data}");
    }
}
