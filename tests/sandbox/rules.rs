//! Rules: what can go wrong between a client and the platform.

use wayleave_sandbox::{BUCKET, Control, Effect, Rule, Sandbox};

use crate::{answer, call, client, demo_key, sandbox, send};

const TOKENS: &str = "/api/workspaces/demo-ws/me/tokens";

#[tokio::test]
async fn rules_answer_in_the_hubs_stead() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let effect = Effect::Answer {
        status: 503,
        content_type: "text/html".to_owned(),
        body: "<html>busy</html>".to_owned(),
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
    };
    sandbox.rule(Some("POST"), "/api/workspaces/*/me/tokens", Some(2), effect.clone());
    for _ in 0..2 {
        let busy = send(&sandbox, TOKENS, &key, r#"{"name":"n"}"#).await;
        assert_eq!((busy.status, busy.header("retry-after")), (503, "7"));
        assert_eq!((busy.kind.as_str(), busy.body.as_str()), ("text/html", "<html>busy</html>"));
    }
    assert_eq!(sandbox.tokens().len(), 1, "no effect");
    assert_eq!(call(&sandbox, "GET", TOKENS, &key).await.status, 200, "another method");
    assert_eq!(send(&sandbox, TOKENS, &key, r#"{"name":"n"}"#).await.status, 200, "used up");
    sandbox.rule(None, "/api/*", None, effect);
    assert_eq!(call(&sandbox, "GET", TOKENS, &key).await.status, 503);
    sandbox.control(Control::ClearRules).unwrap();
    assert_eq!(call(&sandbox, "GET", TOKENS, &key).await.status, 200);
}

#[tokio::test]
async fn rules_can_be_for_one_kind_of_caller() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let cookie = sandbox.portal_session(wayleave_sandbox::DEMO).unwrap();
    let forbidden = Effect::Answer {
        status: 403,
        content_type: String::new(),
        body: String::new(),
        headers: vec![],
    };
    let rule = Rule {
        method: None,
        path: "/api/workspaces/*".to_owned(),
        who: Some("token:*".to_owned()),
        times: None,
        effect: forbidden,
    };
    sandbox.control(Control::Rule(rule)).unwrap();
    assert_eq!(call(&sandbox, "GET", TOKENS, &key).await.status, 403);
    let url = format!("{}{TOKENS}", sandbox.hub_url());
    assert_eq!(answer(client().get(url).header("cookie", cookie)).await.status, 200);
    assert_eq!(call(&sandbox, "GET", TOKENS, "").await.status, 401);
}

/// Whether a new request for a token fails on the way.
async fn fails(sandbox: &Sandbox, key: &str) -> reqwest::Result<String> {
    let url = format!("{}{TOKENS}", sandbox.hub_url());
    let request = client().post(url).bearer_auth(key).body(r#"{"name":"lost"}"#);
    request.send().await?.text().await
}

fn lost(sandbox: &Sandbox) -> usize {
    sandbox.tokens().iter().filter(|token| token.name == "lost").count()
}

#[tokio::test]
async fn a_dropped_answer_has_made_its_token() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    sandbox.rule(Some("POST"), TOKENS, Some(1), Effect::DropAnswer);
    assert!(fails(&sandbox, &key).await.is_err());
    assert_eq!(lost(&sandbox), 1);
    assert!(fails(&sandbox, &key).await.is_ok(), "once only");
}

#[tokio::test]
async fn a_proxy_that_gives_up_has_made_its_token() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let effect = Effect::Replace {
        status: 504,
        content_type: "text/html".to_owned(),
        body: "<html>Gateway Time-out</html>".to_owned(),
    };
    sandbox.rule(Some("POST"), TOKENS, Some(1), effect);
    let late = send(&sandbox, TOKENS, &key, r#"{"name":"lost"}"#).await;
    assert_eq!((late.status, late.body.as_str()), (504, "<html>Gateway Time-out</html>"));
    assert_eq!(lost(&sandbox), 1);
}

#[tokio::test]
async fn an_answer_can_lack_its_id_or_its_secret() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    for field in ["id", "token"] {
        let effect = Effect::Strip { fields: vec![field.to_owned()] };
        sandbox.rule(Some("POST"), TOKENS, Some(1), effect);
        let made = send(&sandbox, TOKENS, &key, r#"{"name":"lost"}"#).await.json();
        assert!(made.get(field).is_none() && made["name"] == "lost", "{field}: {made}");
    }
    assert_eq!(lost(&sandbox), 2);
}

#[tokio::test]
async fn an_answer_is_cut_after_any_byte() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let mut whole = 0;
    for after_bytes in (0..600).step_by(50) {
        sandbox.rule(Some("POST"), TOKENS, Some(1), Effect::Cut { after_bytes });
        let outcome = fails(&sandbox, &key).await;
        whole += u64::from(outcome.is_ok());
        assert!(outcome.is_err() || after_bytes >= 400, "whole after {after_bytes}: {outcome:?}");
    }
    assert!(whole > 0, "known good: an answer shorter than the cut arrives");
    assert_eq!(lost(&sandbox), 12, "each was made");
}

#[tokio::test]
async fn answers_can_be_slow() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let url = format!("{}{TOKENS}", sandbox.hub_url());
    let hasty = || {
        client().get(&url).bearer_auth(&key).timeout(std::time::Duration::from_millis(100)).send()
    };
    sandbox.control(Control::Latency { millis: 60_000 }).unwrap();
    assert!(hasty().await.unwrap_err().is_timeout());
    sandbox.control(Control::Latency { millis: 1 }).unwrap();
    assert_eq!(call(&sandbox, "GET", TOKENS, &key).await.status, 200);
    sandbox.rule(None, TOKENS, Some(1), Effect::Delay { millis: 60_000 });
    assert!(hasty().await.unwrap_err().is_timeout());
}

#[tokio::test]
async fn s3_can_be_disturbed_too() {
    let sandbox = sandbox();
    sandbox.rule(Some("GET"), &format!("/{BUCKET}/*"), Some(1), Effect::DropAnswer);
    let url = format!("{}/{BUCKET}/demo-ws/readme.txt", sandbox.s3_endpoint());
    assert!(client().get(&url).send().await.is_err());
    assert_eq!(client().get(&url).send().await.unwrap().status().as_u16(), 403);
}
