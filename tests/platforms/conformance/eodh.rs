//! How EODH speaks (platforms.md A, I.1).

use serde_json::{Value, json};
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{AnyPlatform, IssueRequest, Operation};
use wayleave_core::secret::Secret;
use wayleave_core::session::Session;
use wayleave_sandbox::{DEMO, Sandbox};

use super::stack::Running;
use super::wire::{FIRST, Row, SECOND, Store, Wire, connect};
use crate::stub::{Got, Reply, json, page, page_with};
use crate::{KEY, fixture};

pub struct Eodh;

const NGINX_401: &str =
    "<html>\r\n<head><title>401 Authorization Required</title></head>\r\n</html>";

fn fixed(name: &str) -> Value {
    serde_json::from_str(&fixture(name)).expect("a fixture is JSON")
}

impl Wire for Eodh {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::Eodh
    }

    fn fields(&self, origin: &str) -> Vec<(&'static str, String)> {
        let client = "wayleave-desktop".to_owned();
        vec![("environment", "custom".into()), ("hub", origin.to_owned()), ("client_id", client)]
    }

    fn secret(&self) -> &'static str {
        KEY
    }

    fn in_sandbox(&self, sandbox: &Sandbox, http: &Http) -> (Session, &'static str) {
        let (_, key) = sandbox.make_token(DEMO, "demo-ws", "key in hand", 30.0).expect("a token");
        let connection = connect(self, sandbox.hub_url());
        (Session::for_key(Secret::from_text(key), connection, http.clone()), "demo-ws")
    }

    fn at_stack(&self, running: &Running) -> Result<Vec<(&'static str, String)>, &'static str> {
        Ok(self.fields(&running.hub))
    }

    fn not_at_stack(&self, check: &str) -> Option<&'static str> {
        match check {
            "S2" => Some("its S3 refusals are the API's own words, and the API is the sandbox's"),
            _ => None,
        }
    }

    /// A client that oauth2-proxy is no audience of.
    fn unwelcome(&self) -> Option<(&'static str, (&'static str, &'static str))> {
        Some(("desktop-no-audience", (DEMO.username, DEMO.password)))
    }

    fn workspace(&self) -> &'static str {
        "demo-ws"
    }

    fn operation(&self, got: &Got) -> Option<Operation> {
        let path = got.target.strip_prefix("/api/workspaces")?;
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        Some(match (got.method.as_str(), segments.as_slice()) {
            ("GET", []) => Operation::Workspaces,
            ("GET", [_]) => Operation::Verify,
            ("GET", [_, "me", "tokens"]) => Operation::List,
            ("POST", [_, "me", "tokens"]) => Operation::Issue,
            ("DELETE", [_, "me", "tokens", _]) => Operation::Revoke,
            ("POST", [_, "me", "s3-tokens"]) => Operation::S3,
            _ => return None,
        })
    }

    fn sandbox_rule(&self, operation: Operation) -> (&'static str, String) {
        let tokens = "/api/workspaces/demo-ws/me/tokens";
        match operation {
            Operation::Issue => ("POST", tokens.into()),
            Operation::Revoke => ("DELETE", format!("{tokens}/*")),
            Operation::S3 => ("POST", "/api/workspaces/demo-ws/me/s3-tokens".into()),
            _ => ("GET", tokens.into()),
        }
    }

    fn honest(&self, got: &Got) -> Reply {
        match self.operation(got) {
            Some(Operation::List) => json(200, &fixture("tokens_list.json")),
            Some(Operation::Issue) => json(200, &fixture("token_create.response.json")),
            Some(Operation::Revoke) => page(204, "", ""),
            Some(Operation::S3) => json(200, &fixture("s3.json")),
            Some(Operation::Workspaces) => json(200, &fixture("workspaces.json")),
            Some(Operation::Verify) => json(200, &fixed("workspaces.json")[0].to_string()),
            _ => page(404, "text/plain", "404 page not found\n"),
        }
    }

    fn bears(&self, got: &Got) -> bool {
        got.header("authorization") == Some(&format!("Bearer {KEY}"))
            && got.header("cookie").is_none()
    }

    fn not_accepted(&self) -> Vec<Reply> {
        vec![
            page(401, "text/html", NGINX_401),
            page(401, "text/plain", "invalid bearer jwt token\n"),
            json(401, r#"{"detail":"Not authenticated"}"#),
            page_with(302, "", &[("Location", "/oauth2/start?rd=%2F")], ""),
        ]
    }

    fn forbidden(&self) -> Vec<Reply> {
        vec![page(403, "text/html", "<html><title>403 Forbidden</title></html>"), json(403, "")]
    }

    fn row(&self, row: &Row) -> Value {
        let mut token = json!({
            "id": row.id, "user_id": "7d2f5b1a-1111-4222-8333-944455556666", "token": "",
            "workspace": "demo-ws", "name": row.name,
            "scope": "offline_access workspace:demo-ws", "created": row.created,
        });
        if let Some(end) = row.expires {
            token["expiry"] = end.into();
        }
        token
    }

    fn list(&self, rows: Vec<Value>) -> Value {
        Value::Array(rows)
    }

    fn request_body(&self, request: &IssueRequest) -> Value {
        let mut body = fixed("token_create.request.json");
        body["name"] = request.name.as_str().into();
        body["expires"] = request.lifetime.into();
        body
    }

    fn created(&self, row: &Row) -> Value {
        let mut token = fixed("token_create.response.json");
        for (field, text) in [("id", row.id), ("name", row.name), ("created", row.created)] {
            token[field] = text.into();
        }
        token["expiry"] = row.expires.map_or(Value::Null, Into::into);
        token
    }

    fn id_fields(&self) -> &'static [&'static str] {
        &["id"]
    }

    fn secret_fields(&self) -> &'static [&'static str] {
        &["token"]
    }

    fn s3(&self, expiration: &str) -> Option<Reply> {
        let mut set = fixed("s3.json");
        set["expiration"] = expiration.into();
        Some(json(200, &set.to_string()))
    }

    fn s3_refusals(&self) -> (Vec<Reply>, Vec<Reply>) {
        let sts = |name: &str| {
            let text = format!("operation error STS, StatusCode: 400, api error {name}: words");
            page(500, "text/plain", &text)
        };
        let no_access = vec![
            sts("AccessDenied"),
            page(403, "text/plain", "Client is not within the token audience"),
        ];
        let not_accepted = vec![
            sts("ExpiredTokenException"),
            sts("InvalidIdentityToken"),
            page(401, "text/plain", "Invalid token\n"),
        ];
        (no_access, not_accepted)
    }

    fn store(&self) -> Option<Store> {
        Some(Store { ready: ("demo-ws", "workspaces-eodhp", "demo-ws/"), unready: "new-ws" })
    }
}

/// The rows stand for what the fixture lists.
#[test]
fn the_rows_are_of_the_published_form() {
    let listed = fixed("tokens_list.json");
    let ours = Eodh.list(vec![Eodh.row(&FIRST), Eodh.row(&SECOND)]);
    for (theirs, ours) in listed.as_array().expect("a list").iter().zip(ours.as_array().unwrap()) {
        let keys =
            |v: &Value| v.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert!(keys(theirs).iter().all(|key| keys(ours).contains(key)), "{theirs}");
    }
}
