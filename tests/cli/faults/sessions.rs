//! Sign-ins that do not end as they should, and sessions that end when they should not.

use serde_json::Value;
use wayleave_sandbox::{Control, DEMO, DeviceTimes, SessionKind};

use super::stage::{Check, S3, Stage, TOKENS, WORKSPACE, until, wanted};
use crate::client;

const BROWSER: [&str; 4] = ["sign-in", "--with", "browser", "--no-open"];
const DEVICE: [&str; 3] = ["sign-in", "--with", "device"];

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// Status of an answer to a plain request; 0: nobody answers.
fn visit(url: &str) -> u16 {
    wait(async { client().get(url).send().await }).map_or(0, |page| page.status().as_u16())
}

/// Where the browser goes after the log-in.
fn callback(stage: &Stage, address: &str) -> String {
    stage.sandbox.authorize(DEMO, address).expect("leads back to the agent")
}

/// The address with another value of a parameter.
fn with(url: &str, name: &str, value: &str) -> String {
    let mut url = url::Url::parse(url).expect("an address");
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(n, v)| (n.to_string(), if n == name { value.into() } else { v.to_string() }))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url.into()
}

fn state(stage: &Stage) -> Value {
    stage.home.json(&["account", "list"])[0]["sign_in"]["state"].clone()
}

#[test]
fn expired_session_in_an_action() {
    let stage = Stage::with_key();
    let mut check = Check::new("expired_session_in_an_action");
    let end = || {
        let end = Control::ExpireSessions { kind: SessionKind::Portal, username: None };
        stage.sandbox.control(end).expect("ended");
    };
    let request: &[&str] = &["token", "request", "-w", WORKSPACE, "--name", "late"];
    let verbs: [(&str, &[&str]); 5] = [
        ("/api/workspaces", &["workspaces"]),
        (TOKENS, request),
        (S3, &["s3", "request", "-w", WORKSPACE]),
        (TOKENS, &["token", "list", "--on-platform", "-w", WORKSPACE]),
        (TOKENS, &["token", "revoke", "kept", "--yes"]),
    ];
    for (_, verb) in verbs {
        stage.stay_signed_in();
        end();
        check.refused(&stage, verb, wanted("session_ended", 4));
        check.so("the account says so", state(&stage) == "expired");
    }
    // Between the two requests of one action.
    stage.stay_signed_in();
    let (listed, posted) = (stage.seen("GET", TOKENS), stage.seen("POST", TOKENS));
    stage.slow(300);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("the list is read", || stage.seen("GET", TOKENS) > listed);
            end();
        });
        check.refused(&stage, request, wanted("session_ended", 4));
    });
    stage.calm();
    check.so("at most one was posted", stage.seen("POST", TOKENS) <= posted + 1);
    check.so("nothing was made", stage.sandbox.tokens().len() == 1);
    stage.stay_signed_in();
    let again = stage.home.json(request);
    check.so("after signing in again it works", again["state"] == "active");
    check.done();
}

#[test]
fn a_second_sign_in_while_one_is_open() {
    let stage = Stage::signed_in();
    let mut check = Check::new("second_sign_in");
    let mut first = stage.home.begin(&BROWSER);
    let address = first.told("open");
    for verb in [&BROWSER[..], &DEVICE] {
        let error = check.refused(&stage, verb, wanted("sign_in_open", 1));
        check.so("it names the other", error["params"]["flow"].is_string());
    }
    let cookies = ["sign-in", "--with", "portal", "--cookies-stdin"];
    check.refused_with(&stage, &cookies, &stage.cookies(), wanted("sign_in_open", 1));
    check.so("the first goes on", visit(&callback(&stage, &address)) == 200);
    check.so("and ends well", first.finish_json()["sign_in"]["with"] == "browser");
    // Replaced by will: the first is told.
    let mut replaced = stage.home.begin(&BROWSER);
    replaced.told("open");
    let mut second = stage.home.begin(&[&BROWSER[..], &["--replace"]].concat());
    let address = second.told("open");
    check.told("the first is replaced", &replaced.finish(), wanted("cancelled", 9));
    check.so("the second goes on", visit(&callback(&stage, &address)) == 200);
    check.so("and ends well", second.finish_json()["sign_in"]["state"] == "signed_in");
    check.done();
}

/// A browser tells nobody that it was closed: the waiting is ended by who started it, by the
/// person at the page, or by the platform's own time limit.
#[test]
fn browser_closed() {
    let stage = Stage::signed_in();
    let mut check = Check::new("browser_closed");
    for signal in ["-INT", "-TERM"] {
        let mut waiting = stage.home.begin(&BROWSER);
        let address = waiting.told("open");
        let sent =
            std::process::Command::new("kill").args([signal, &waiting.pid().to_string()]).status();
        assert!(sent.expect("kill").success());
        check.told(signal, &waiting.finish(), wanted("cancelled", 9));
        let back = callback(&stage, &address);
        until("nobody listens for the browser any more", || visit(&back) == 0);
    }
    let mut denied = stage.home.begin(&BROWSER);
    let back = callback(&stage, &denied.told("open"));
    let refusal = back.replace("code=", "error=access_denied&was=");
    check.so("the refusal is taken", visit(&refusal) == 200);
    check.told("the person says no", &denied.finish(), wanted("sign_in_refused", 9));
    let mut device = stage.home.begin(&DEVICE);
    let user_code = device.told("code");
    let no = Control::AnswerDevice { username: DEMO.username.into(), user_code, allow: false };
    stage.sandbox.control(no).expect("answered");
    check.told("the person says no elsewhere", &device.finish(), wanted("sign_in_refused", 9));
    let soon = DeviceTimes { expires_in: 1, interval: 1 };
    stage.sandbox.control(Control::DeviceTimes(soon)).expect("set");
    let late = stage.home.begin(&DEVICE);
    check.told("nobody types the code", &late.finish(), wanted("sign_in_failed", 1));
    check.so("who was signed in still is", state(&stage) == "signed_in");
    check.done();
}

#[test]
fn wrong_state() {
    let stage = Stage::signed_in();
    let mut check = Check::new("wrong_state");
    let mut waiting = stage.home.begin(&BROWSER);
    let right = callback(&stage, &waiting.told("open"));
    let (base, _) = right.split_once('?').expect("a query");
    let other = base.replace("/callback", "/other");
    for wrong in [
        with(&right, "state", "another"),
        with(&right, "state", ""),
        right.replace("state=", "stat="),
        format!("{right}&state=twice"),
        base.to_owned(),
        format!("{base}?error=access_denied"),
        format!("{base}?error=access_denied&state=another"),
        format!("{other}?state=x&code=y"),
        with(&right, "iss", "https://elsewhere.example"),
    ] {
        let status = visit(&wrong);
        check.so(&format!("{wrong} is turned away"), (400..500).contains(&status));
    }
    check.so("nobody is disturbed", visit(&right) == 200);
    let account = waiting.finish_json();
    check.so("the right one ends well", account["sign_in"]["with"] == "browser");
    check.done();
}

#[test]
fn replayed_callback() {
    let stage = Stage::signed_in();
    let mut check = Check::new("replayed_callback");
    let mut waiting = stage.home.begin(&BROWSER);
    let back = callback(&stage, &waiting.told("open"));
    check.so("the first is taken", visit(&back) == 200);
    waiting.finish_json();
    for _ in 0..3 {
        let status = visit(&back);
        check.so("the second is not", status == 0 || (400..500).contains(&status));
    }
    check.so("the session lives", state(&stage) == "signed_in");
    let names = stage.home.json(&["workspaces"]);
    check.so("and works", names.to_string().contains(WORKSPACE));
    // Into another flow of the same account.
    let mut next = stage.home.begin(&BROWSER);
    let address = next.told("open");
    let port = |url: &str| url::Url::parse(url).expect("an address").port().expect("a port");
    let fresh = callback(&stage, &address);
    let moved = back.replacen(&port(&back).to_string(), &port(&fresh).to_string(), 1);
    let status = visit(&moved);
    check.so("an old one settles no new flow", (400..500).contains(&status));
    check.so("the new one is taken", visit(&fresh) == 200);
    check.so("and ends well", next.finish_json()["sign_in"]["state"] == "signed_in");
    check.done();
}
