//! Tests of the sandbox over real HTTP: every route and every control, with judges that know
//! nothing of it (`openidconnect` for the issuer, AWS's own signer for S3).
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where it finds trouble")]

mod api;
mod browser;
mod controls;
mod device;
mod figures;
mod oidc;
mod others;
mod portal;
mod program;
#[path = "../report.rs"]
mod report;
mod rules;
mod s3;
mod stand_in;
mod sts;
mod tiles;
mod tokens;

use std::sync::OnceLock;

use serde_json::Value;
use wayleave_sandbox::{Config, DEMO, Sandbox};

/// A fresh sandbox whose clock only the test moves.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start(Config::default()).expect("a sandbox starts");
    sandbox.clock().freeze();
    sandbox
}

/// The client that follows nothing and keeps no connection: the tests have a runtime each, and a
/// kept connection would outlive the one it was made on.
fn client() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let make = || {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .expect("a client")
    };
    CLIENT.get_or_init(make).clone()
}

/// What came back: status, content type, body.
#[derive(Debug)]
struct Answer {
    status: u16,
    kind: String,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.to_owned();
    let body = response.text().await.expect("a body");
    Answer { status, kind, headers, body }
}

/// `method` on a path of the hub with a bearer.
async fn call(sandbox: &Sandbox, method: &str, path: &str, bearer: &str) -> Answer {
    let method = method.parse().expect("a method");
    let url = format!("{}{path}", sandbox.hub_url());
    let mut request = client().request(method, url);
    if !bearer.is_empty() {
        request = request.bearer_auth(bearer);
    }
    answer(request).await
}

/// The same with a JSON body.
async fn send(sandbox: &Sandbox, path: &str, bearer: &str, body: &str) -> Answer {
    let url = format!("{}{path}", sandbox.hub_url());
    answer(client().post(url).bearer_auth(bearer).body(body.to_owned())).await
}

/// An API token of `demo-ws`: id and secret.
fn demo_key(sandbox: &Sandbox) -> (String, String) {
    sandbox.make_token(DEMO, "demo-ws", "key in hand", 30.0).expect("a token")
}

/// The front server's own page.
fn is_nginx(answer: &Answer, status: u16) -> bool {
    answer.status == status
        && answer.kind.starts_with("text/html")
        && answer.body.contains("<hr><center>nginx</center>")
}

/// JSON by name, with nothing in it.
fn is_empty_json(answer: &Answer, status: u16) -> bool {
    answer.status == status && answer.kind == "application/json" && answer.body.is_empty()
}
