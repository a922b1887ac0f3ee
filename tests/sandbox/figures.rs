//! The suite's figures (`target/reports/sandbox.json`), each judged by somebody else's program,
//! and broken variants that these judges must refuse.

use openidconnect::core::{CoreClient, CoreIdToken, CoreProviderMetadata};
use openidconnect::{ClientId, IssuerUrl, Nonce};
use wayleave_sandbox::{Control, DEMO, Sandbox};

use crate::browser::Browser;
use crate::oidc::transport;
use crate::report::Report;
use crate::tokens::{refresh, sign_in, text};
use crate::{answer, client, s3, sandbox};

const ROUNDS: u32 = 20;

/// The report, and the names of what was not as it should be.
struct Figures {
    report: Report,
    bad: Vec<String>,
}

impl Figures {
    /// A number of cases out of [`ROUNDS`] that must be 0.
    fn counted(&mut self, name: &str, failed: u32) {
        self.among(name, failed, ROUNDS);
    }

    fn among(&mut self, name: &str, failed: u32, cases: u32) {
        let (unit, counts) = (format!("of {cases}"), (cases.into(), failed.into()));
        self.report.cases(name, f64::from(failed), &unit, "0", counts, failed == 0);
        if failed > 0 {
            self.bad.push(name.to_owned());
        }
    }

    /// A broken variant and whether it was refused.
    fn known_bad(&mut self, name: &str, caught: bool) {
        self.report.known_bad(name, caught);
        if !caught {
            self.bad.push(name.to_owned());
        }
    }
}

/// Whether `openidconnect` believes an ID token.
async fn believed(sandbox: &Sandbox, token: &str, nonce: &str) -> bool {
    let issuer = IssuerUrl::new(sandbox.issuer()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &transport).await.unwrap();
    let id = ClientId::new(sandbox.client_id().to_owned());
    let judge = CoreClient::from_provider_metadata(metadata, id, None);
    let Ok(token) = token.parse::<CoreIdToken>() else { return false };
    token.claims(&judge.id_token_verifier(), &Nonce::new(nonce.to_owned())).is_ok()
}

/// The token with another last character but one: still base64, no longer that signature.
fn flipped(token: &str) -> String {
    let at = token.len() - 2;
    let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

async fn id_tokens(figures: &mut Figures) {
    let sandbox = sandbox();
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let token = text(&sign_in(&sandbox, DEMO, "openid").await, "id_token");
        refused += u32::from(!believed(&sandbox, &token, "n1").await);
    }
    figures.counted("id_tokens_refused_by_openidconnect", refused);
    let token = text(&sign_in(&sandbox, DEMO, "openid").await, "id_token");
    figures.known_bad("id_token_altered", !believed(&sandbox, &flipped(&token), "n1").await);
    figures.known_bad("id_token_of_another_sign_in", !believed(&sandbox, &token, "n2").await);
    let other = crate::sandbox();
    figures.known_bad("id_token_of_another_issuer", !believed(&other, &token, "n1").await);
}

async fn object_requests(figures: &mut Figures) {
    let sandbox = sandbox();
    let set = s3::mint(&sandbox, "demo-ws").await;
    let mut refused = 0;
    for number in 0..ROUNDS {
        let path = s3::object(&format!("demo-ws/figures/{number}%20%C3%BC.txt"));
        let put = s3::s3(&sandbox, &set, "PUT", &path, &"x".repeat(1000)).await.status;
        let got = s3::s3(&sandbox, &set, "GET", &path, "").await;
        refused += u32::from(put != 200 || got.body.len() != 1000);
    }
    figures.counted("objects_lost_between_aws_signed_put_and_get", refused);
    let path = s3::object("demo-ws/readme.txt");
    let other = s3::mint(&sandbox, "demo-lab").await;
    let without = s3::Set { session_token: None, ..set.clone() };
    let wrong = s3::Set { secret_key: other.secret_key.clone(), ..set.clone() };
    for (name, bad) in [
        ("s3_without_session_token", &without),
        ("s3_with_wrong_secret", &wrong),
        ("s3_with_credentials_of_another_workspace", &other),
    ] {
        figures.known_bad(name, s3::s3(&sandbox, bad, "GET", &path, "").await.status == 403);
    }
    sandbox.clock().advance(3600);
    let late = s3::s3(&sandbox, &set, "GET", &path, "").await;
    figures.known_bad("s3_with_expired_credentials", late.status == 400);
}

async fn refresh_races(figures: &mut Figures) {
    let sandbox = sandbox();
    let mut odd = 0;
    for _ in 0..ROUNDS {
        let token = text(&sign_in(&sandbox, DEMO, "openid").await, "refresh_token");
        let (one, two) = tokio::join!(refresh(&sandbox, &token), refresh(&sandbox, &token));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        let winner = if one.status == 200 { one } else { two };
        let dead = refresh(&sandbox, &text(&winner.json(), "refresh_token")).await.status == 400;
        odd += u32::from(statuses != [200, 400] || !dead);
    }
    figures.counted("refresh_races_without_one_winner_and_a_dead_session", odd);
}

async fn cookie_races(figures: &mut Figures) {
    let sandbox = sandbox();
    sandbox.control(Control::RotateCookies { after_seconds: Some(60) }).unwrap();
    let url = format!("{}/api/workspaces", sandbox.hub_url());
    let mut odd = 0;
    for _ in 0..ROUNDS {
        let cookie = sandbox.portal_session(DEMO).unwrap();
        sandbox.clock().advance(60);
        let call = || answer(client().get(&url).header("cookie", &cookie));
        let (a, b, c, d) = tokio::join!(call(), call(), call(), call());
        let statuses = [a.status, b.status, c.status, d.status];
        let good = statuses.iter().filter(|status| **status == 200).count();
        odd += u32::from(good != 1 || statuses.iter().any(|s| ![200, 401].contains(s)));
    }
    figures.counted("cookie_races_without_exactly_one_200", odd);
}

async fn record(figures: &mut Figures) {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/workspaces/").await;
    let (_, key) = crate::demo_key(&sandbox);
    let set = s3::mint(&sandbox, "demo-ws").await;
    s3::s3(&sandbox, &set, "GET", &s3::object("demo-ws/readme.txt"), "").await;
    crate::call(&sandbox, "GET", "/api/workspaces", &key).await;
    crate::call(&sandbox, "GET", &format!("/x/{key}"), "").await;
    let seen = sandbox.seen();
    let text = serde_json::to_string(&seen).unwrap();
    let session = set.session_token.unwrap();
    let mut secrets = vec![key.as_str(), &set.secret_key, &session, DEMO.password];
    secrets.extend(browser.jar.values().map(String::as_str));
    let kept = secrets.iter().filter(|secret| text.contains(**secret)).count();
    let count = |n: usize| u32::try_from(n).unwrap();
    figures.among("secrets_in_the_record", count(kept), count(secrets.len()));
    figures.known_bad("key_in_an_address", seen.last().unwrap().secret_in_url);
}

#[tokio::test]
async fn figures() {
    let report = Report::new("sandbox", "test-rust");
    let mut figures = Figures { report, bad: Vec::new() };
    id_tokens(&mut figures).await;
    object_requests(&mut figures).await;
    refresh_races(&mut figures).await;
    cookie_races(&mut figures).await;
    record(&mut figures).await;
    figures.report.write();
    assert!(figures.bad.is_empty(), "{:?}", figures.bad);
}
