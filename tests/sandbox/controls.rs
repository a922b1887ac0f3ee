//! What tests can make the sandbox do, here and over the control endpoint.

use std::io::Read as _;

use serde_json::{Value, json};
use wayleave_sandbox::{Config, Control, ForeignToken, Sandbox};

use crate::{answer, call, client, demo_key, sandbox, send};

const TOKENS: &str = "/api/workspaces/demo-ws/me/tokens";

#[tokio::test]
async fn the_clock_moves_dates_and_ends() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).unwrap().timestamp().as_second();
    let before = date(call(&sandbox, "GET", TOKENS, &key).await.header("date"));
    sandbox.control(Control::AdvanceClock { seconds: 3600 }).unwrap();
    let after = date(call(&sandbox, "GET", TOKENS, &key).await.header("date"));
    assert_eq!(after - before, 3600);
    sandbox.control(Control::SetClockOffset { seconds: -600 }).unwrap();
    assert_eq!(sandbox.clock().offset(), -600);
}

#[test]
fn a_frozen_clock_stands_until_it_is_moved_or_thawed() {
    let sandbox = sandbox();
    let clock = sandbox.clock();
    let start = clock.now();
    clock.advance(30 * 86_400);
    assert_eq!(clock.now(), start + 30 * 86_400);
    clock.set_offset(0);
    assert_eq!(clock.now(), start);
    clock.set_offset(-100_000);
    clock.thaw();
    let running = clock.now() - (start - 100_000);
    assert!((0..50_000).contains(&running), "it runs from where the machine is");
}

#[tokio::test]
async fn lives_of_tokens_can_be_set() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    sandbox.control(Control::TokenLifetime { seconds: Some(90) }).unwrap();
    let short = send(&sandbox, TOKENS, &key, r#"{"name":"short","expires":30}"#).await.json();
    let life = |t: &Value| {
        let at = |name: &str| t[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        at("expiry").as_second() - at("created").as_second()
    };
    assert_eq!(life(&short), 90);
    sandbox.control(Control::TokenLifetime { seconds: None }).unwrap();
    let long = send(&sandbox, TOKENS, &key, r#"{"name":"long","expires":2}"#).await.json();
    assert_eq!(life(&long), 2 * 86_400);
}

#[tokio::test]
async fn tokens_made_elsewhere_are_listed_and_can_go() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let foreign = ForeignToken {
        username: "demo".to_owned(),
        workspace: "demo-ws".to_owned(),
        name: "key in hand".to_owned(),
        age_seconds: 60,
        expires_in: 3600,
    };
    let made = sandbox.control(Control::AddToken(foreign.clone())).unwrap();
    let list = call(&sandbox, "GET", TOKENS, &key).await.json();
    assert_eq!(list.as_array().unwrap().iter().filter(|t| t["name"] == "key in hand").count(), 2);
    let id = made["id"].as_str().unwrap().to_owned();
    sandbox.control(Control::DeleteToken { id: id.clone() }).unwrap();
    assert_eq!(sandbox.tokens().len(), 1);
    assert!(sandbox.control(Control::DeleteToken { id }).is_err());
    let nobody = ForeignToken { workspace: "tidewatch".to_owned(), ..foreign };
    assert!(sandbox.control(Control::AddToken(nobody)).is_err());
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    sandbox.clock().advance(5);
    call(&sandbox, "GET", TOKENS, &key).await;
    sandbox.control(Control::ClearSeen).unwrap();
    assert!(sandbox.seen().is_empty());
    sandbox.control(Control::Reset).unwrap();
    assert!(sandbox.tokens().is_empty() && sandbox.clock().offset() == 0);
    assert_eq!(call(&sandbox, "GET", TOKENS, &key).await.status, 401);
}

#[tokio::test]
async fn controls_work_from_another_process() {
    let config = Config { controls_port: Some(0), ..Config::default() };
    let sandbox = Sandbox::start(config).unwrap();
    let url = sandbox.controls_url().unwrap().to_owned();
    let control = |body: Value| answer(client().post(&url).body(body.to_string()));
    let done = control(json!({ "do": "advance_clock", "seconds": 60 })).await;
    assert_eq!((done.status, done.body.as_str()), (200, "null"));
    assert_eq!(sandbox.clock().offset(), 60);
    let token = json!({ "do": "add_token", "username": "demo", "workspace": "demo-ws",
        "name": "elsewhere", "expires_in": 3600 });
    assert_eq!(control(token).await.status, 200);
    assert_eq!(control(json!({ "do": "list_tokens" })).await.json()[0]["name"], "elsewhere");
    let rule = json!({ "do": "rule", "path": "/api/*", "times": 1,
        "effect": { "answer": { "status": 502 } } });
    assert_eq!(control(rule).await.status, 200);
    assert_eq!(call(&sandbox, "GET", "/api/workspaces", "x").await.status, 502);
    let drop = json!({ "do": "rule", "path": "/x", "effect": "drop_answer" });
    assert_eq!(control(drop).await.status, 200);
    let seen = control(json!({ "do": "list_seen" })).await.json();
    assert_eq!((&seen[0]["path"], &seen[0]["status"]), (&json!("/api/workspaces"), &json!(502)));
    for bad in [json!({ "do": "nothing" }), json!({}), json!({ "do": "latency" })] {
        assert_eq!(control(bad).await.status, 400);
    }
    let foreign = client().post(&url).header("host", "evil.example").body("{}");
    assert_eq!(answer(foreign).await.status, 403);
}

#[test]
fn every_control_survives_its_json() {
    for text in [
        r#"{"do":"set_clock_offset","seconds":-5}"#,
        r#"{"do":"token_lifetime","seconds":null}"#,
        r#"{"do":"s3_lifetime","seconds":60}"#,
        r#"{"do":"oidc_lifetimes","access_seconds":1,"refresh_seconds":2}"#,
        r#"{"do":"device_times","expires_in":1,"interval":2}"#,
        r#"{"do":"freeze_clock"}"#,
        r#"{"do":"thaw_clock"}"#,
        r#"{"do":"latency","millis":3}"#,
        r#"{"do":"clear_rules"}"#,
        r#"{"do":"rotate_cookies","after_seconds":60}"#,
        r#"{"do":"delete_token","id":"x"}"#,
        r#"{"do":"expire_sessions","kind":"portal","username":null}"#,
        r#"{"do":"sign_in","username":"demo"}"#,
        r#"{"do":"authorize","username":"demo","url":"u"}"#,
        r#"{"do":"answer_device","username":"demo","user_code":"c","allow":false}"#,
        r#"{"do":"list_seen"}"#,
        r#"{"do":"clear_seen"}"#,
        r#"{"do":"reset"}"#,
    ] {
        let control: Control = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&control).unwrap(), text);
    }
}

#[test]
fn a_stopped_sandbox_answers_no_more() {
    let sandbox = sandbox();
    let address = sandbox.hub_url().trim_start_matches("http://").to_owned();
    let mut open = std::net::TcpStream::connect(&address).unwrap();
    open.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    sandbox.shutdown();
    let end = open.read(&mut [0; 16]);
    assert!(!matches!(end, Ok(count) if count > 0), "the open connection ends");
}
