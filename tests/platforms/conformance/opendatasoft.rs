//! How Opendatasoft speaks (platforms.md C, I.3).

use serde_json::{Value, json};
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{
    AnyPlatform, EditRequest, IssueOutcome, IssueRequest, Operation, Platform as _, RemoteToken,
};
use wayleave_core::secret::Secret;
use wayleave_core::session::Session;
use wayleave_sandbox::{DEMO, Sandbox};

use super::case::{Case, Later, Verdict, want};
use super::stack::Running;
use super::wire::{FIRST, Row, SECOND, Wire, connect, fixture_of, wish};
use crate::stub::{Got, Reply, json, page};

pub struct Opendatasoft;

const KEY: &str = "00000000000000000000000000000000000000000000000000000001";
const API: &str = "/api/automation/v1.0";

fn fixture(name: &str) -> Value {
    fixture_of("ods", name)
}

fn path(got: &Got) -> &str {
    got.target.split('?').next().unwrap_or_default()
}

impl Wire for Opendatasoft {
    fn platform(&self) -> AnyPlatform {
        AnyPlatform::Opendatasoft
    }

    fn fields(&self, origin: &str) -> Vec<(&'static str, String)> {
        vec![("domain", origin.to_owned())]
    }

    fn secret(&self) -> &'static str {
        KEY
    }

    fn in_sandbox(&self, sandbox: &Sandbox, http: &Http) -> (Session, &'static str) {
        let key = Secret::from_text(sandbox.first_keys(DEMO).opendatasoft);
        (Session::for_key(key, connect(self, sandbox.hub_url()), http.clone()), "127.0.0.1")
    }

    fn at_stack(&self, _: &Running) -> Result<Vec<(&'static str, String)>, &'static str> {
        Err("its servers are closed: nobody can run one")
    }

    fn workspace(&self) -> &'static str {
        "127.0.0.1"
    }

    fn operation(&self, got: &Got) -> Option<Operation> {
        // Where the made-up pages of a list go on.
        if got.method == "GET" && got.target.starts_with("/?offset=") {
            return Some(Operation::List);
        }
        if path(got) == "/api/explore/v2.1/catalog/datasets" {
            return Some(Operation::Verify);
        }
        let path = path(got).strip_prefix(API)?.strip_suffix('/')?;
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        Some(match (got.method.as_str(), segments.as_slice()) {
            ("GET", ["apikeys"]) => Operation::List,
            ("POST", ["apikeys"]) => Operation::Issue,
            ("GET", ["apikeys", _]) => Operation::ReadKey,
            ("PUT", ["apikeys", _]) => Operation::Edit,
            ("POST", ["apikeys", _, "revoke"]) => Operation::Revoke,
            ("GET", ["users", _]) => Operation::Identify,
            _ => return None,
        })
    }

    fn sandbox_rule(&self, operation: Operation) -> (&'static str, String) {
        match operation {
            Operation::Issue => ("POST", format!("{API}/apikeys/")),
            Operation::Revoke => ("POST", format!("{API}/apikeys/*/revoke/")),
            Operation::Verify => ("GET", "/api/explore/v2.1/catalog/datasets".into()),
            _ => ("GET", format!("{API}/apikeys/")),
        }
    }

    fn honest(&self, got: &Got) -> Reply {
        match self.operation(got) {
            Some(Operation::Verify) => json(200, r#"{"total_count":3,"results":[]}"#),
            Some(Operation::List) => {
                json(200, &self.list(vec![self.row(&FIRST), self.row(&SECOND)]).to_string())
            }
            Some(Operation::Issue) => json(201, &self.created(&FIRST).to_string()),
            Some(Operation::Edit | Operation::ReadKey) => {
                json(200, &self.created(&FIRST).to_string())
            }
            Some(Operation::Revoke) => {
                json(200, &self.revoked_row(&FIRST).expect("a row").to_string())
            }
            _ => json(404, r#"{"error_code":"not_found","message":"Not found."}"#),
        }
    }

    fn bears(&self, got: &Got) -> bool {
        got.header("authorization") == Some(&format!("Apikey {KEY}"))
    }

    fn not_accepted(&self) -> Vec<Reply> {
        vec![
            json(401, r#"{"error_code":"unauthorized","message":"Invalid API key."}"#),
            page(401, "text/html", "<html>401</html>"),
        ]
    }

    fn forbidden(&self) -> Vec<Reply> {
        vec![json(403, r#"{"error_code":"permission_denied","message":"No."}"#)]
    }

    fn row(&self, row: &Row) -> Value {
        let mut key = fixture("apikeys.json")["results"][0].clone();
        key["uid"] = row.id.into();
        key["label"] = row.name.into();
        key["key"] = KEY.into();
        key["created_at"] = row.created.into();
        key
    }

    fn list(&self, rows: Vec<Value>) -> Value {
        let total = rows.len().to_string();
        json!({ "total_count": total, "next": null, "previous": null, "results": rows })
    }

    fn page(&self, rows: Vec<Value>, next: &str, total: usize) -> Option<Value> {
        Some(json!({ "total_count": total, "next": next, "previous": null, "results": rows }))
    }

    fn revoked_row(&self, row: &Row) -> Option<Value> {
        let mut key = self.row(row);
        key["is_revoked"] = true.into();
        key["revocation_status"] =
            fixture("apikeys.json")["results"][1]["revocation_status"].clone();
        Some(key)
    }

    fn is_revoked(&self, token: &RemoteToken) -> bool {
        token.revoked.is_some()
    }

    fn rereads(&self) -> bool {
        true
    }

    fn permissions_round_trip(&self, case: Case) -> Later<'static, Verdict> {
        Box::pin(async move {
            let both = vec!["edit_dataset".to_owned(), "future_permission".to_owned()];
            let mut answer = case.wire.created(&FIRST);
            answer["permissions"] = json!(both);
            let script = [Operation::Issue, Operation::Edit]
                .map(|o| (o, vec![json(200, &answer.to_string())]));
            let stage = case.on(script).await;
            let request = IssueRequest { permissions: both.clone(), ..wish(case.wire, FIRST.name) };
            let outcome = stage.issue(&request).await;
            let IssueOutcome::Issued(issued) = outcome else { return Err(format!("{outcome:?}")) };
            want!(issued.token.permissions == both, "{:?}", issued.token.permissions);
            let request = EditRequest { name: FIRST.name.into(), permissions: both.clone() };
            let edited =
                case.wire.platform().edit(&stage.session, "127.0.0.1", FIRST.id, &request).await;
            let edited = edited.map_err(|error| format!("{error:?}"))?;
            want!(edited.permissions == both, "{:?}", edited.permissions);
            for operation in [Operation::Issue, Operation::Edit] {
                let sent = stage.sent(operation);
                want!(sent.len() == 1, "{operation}: {} requests", sent.len());
                let body: Value = serde_json::from_str(&sent[0].body).map_err(|e| e.to_string())?;
                let wanted = json!({ "label": FIRST.name, "permissions": both });
                want!(body == wanted, "{operation} sent {body}");
            }
            Ok(())
        })
    }

    fn request_body(&self, request: &IssueRequest) -> Value {
        json!({ "label": request.name, "permissions": request.permissions })
    }

    fn created(&self, row: &Row) -> Value {
        self.row(row)
    }

    fn id_fields(&self) -> &'static [&'static str] {
        &["uid"]
    }

    fn secret_fields(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn reason_field(&self) -> Option<&'static str> {
        Some("reason")
    }
}
