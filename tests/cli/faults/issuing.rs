//! Requests for tokens that go wrong between us and the platform, and input that no platform should
//! be asked about.

use std::thread;

use serde_json::Value;
use wayleave_sandbox::{Control, DEMO, Effect, ForeignToken, ServerToken};

use super::stage::{Check, Stage, TOKENS, WORKSPACE, until, wanted};

fn request(name: &str) -> [&str; 6] {
    ["token", "request", "-w", WORKSPACE, "--name", name]
}

/// The tokens on the platform that are not in the vault.
fn strays(stage: &Stage) -> Vec<ServerToken> {
    let vault = stage.vault().to_string();
    stage.sandbox.tokens().into_iter().filter(|token| !vault.contains(&token.id)).collect()
}

fn foreign(stage: &Stage, name: &str) -> String {
    let token = ForeignToken {
        username: DEMO.username.into(),
        workspace: WORKSPACE.into(),
        name: name.into(),
        age_seconds: 0,
        expires_in: 86_400,
    };
    let made = stage.sandbox.control(Control::AddToken(token)).expect("made elsewhere");
    made["id"].as_str().expect("an id").to_owned()
}

/// Runs a request while something happens between the arrival of its POST and the answer.
fn meanwhile(stage: &Stage, happens: impl FnOnce() + Send, run: impl FnOnce() -> Value) -> Value {
    let posted = stage.seen("POST", TOKENS);
    stage.slow(300);
    thread::scope(|scope| {
        scope.spawn(|| {
            until("the request is posted", || stage.seen("POST", TOKENS) > posted);
            happens();
        });
        run()
    })
}

#[test]
fn lost_answer_after_issuing() {
    let stage = Stage::with_key();
    let mut check = Check::new("lost_answer_after_issuing");
    let lost = wanted("outcome_unknown", 1);
    // No byte, a part of the header, the whole header, half of the content.
    let mut effects = vec![Effect::DropAnswer];
    effects.extend([1, 30, 100, 250].map(|after_bytes| Effect::Cut { after_bytes }));
    let html =
        Effect::Replace { status: 200, content_type: "text/html".into(), body: "<p>".into() };
    let fault = Effect::Replace { status: 502, content_type: String::new(), body: String::new() };
    effects.extend([html, fault]);
    for effect in effects {
        let before = stage.seen("POST", TOKENS);
        stage.sandbox.rule(Some("POST"), TOKENS, Some(1), effect);
        let error = check.refused(&stage, &request("lost"), lost);
        stage.calm();
        check.so("it was posted once", stage.seen("POST", TOKENS) == before + 1);
        check.so("it was revoked", error["params"]["revoked"] == "true");
        check.so("nothing is left behind", strays(&stage).is_empty());
    }
    the_id_is_lost(&stage, &mut check);
    the_client_is_lost(&stage, &mut check);
    the_list_is_lost_too(&stage, &mut check);
    check.done();
}

/// The answer lacks the id: the key is in the vault, with the id that the list tells.
fn the_id_is_lost(stage: &Stage, check: &mut Check) {
    stage.sandbox.rule(Some("POST"), TOKENS, Some(1), Effect::Strip { fields: vec!["id".into()] });
    let token = stage.home.json(&request("nameless"));
    stage.calm();
    let made = stage.sandbox.tokens();
    let one = made.iter().filter(|token| token.name == "nameless").collect::<Vec<_>>();
    check.so("exactly one was made", one.len() == 1);
    check.so("it is in the vault", token["platform_id"] == one[0].id.as_str());
    check.so("nothing is left behind", strays(stage).is_empty());
}

/// Who asked is killed before the answer: the agent goes on, and the token is in the vault.
fn the_client_is_lost(stage: &Stage, check: &mut Check) {
    let posted = stage.seen("POST", TOKENS);
    stage.slow(200);
    let mut client = stage.home.command(&request("orphaned")).spawn().expect("starts");
    until("the request is posted", || stage.seen("POST", TOKENS) > posted);
    client.kill().expect("is killed");
    client.wait().expect("ends");
    stage.calm();
    let held = || stage.vault().to_string().contains("\"orphaned\"");
    until("the token is in the vault", held);
    let made = stage.sandbox.tokens();
    let named = made.iter().filter(|token| token.name == "orphaned").count();
    check
        .so("exactly one was made, and it is in the vault", named == 1 && strays(stage).is_empty());
}

/// Neither answer nor list: what came of it is settled when the platform is back, at the next
/// unlock.
fn the_list_is_lost_too(stage: &Stage, check: &mut Check) {
    stage.sandbox.rule(Some("POST"), TOKENS, Some(1), Effect::DropAnswer);
    let gone = Effect::Answer {
        status: 500,
        content_type: String::new(),
        body: String::new(),
        headers: Vec::new(),
    };
    let breaks = || stage.sandbox.rule(Some("GET"), TOKENS, None, gone);
    let error = meanwhile(stage, breaks, || {
        check.refused(stage, &request("unlisted"), wanted("outcome_unknown", 1))
    });
    check.so("it is not said to be revoked", error["params"]["revoked"].is_null());
    check.so("one is left on the platform for now", strays(stage).len() == 1);
    stage.calm();
    stage.home.json(&["lock"]);
    stage.home.unlock();
    until("it is revoked once the platform answers", || strays(stage).is_empty());
    let told = || stage.home.json(&["status"])["alerts"].to_string().contains("outcome_unknown");
    until("and that is told", told);
}

#[test]
fn a_token_made_elsewhere_survives() {
    let stage = Stage::with_key();
    let mut check = Check::new("foreign_token_of_the_same_name");
    let unknown = wanted("outcome_unknown", 1);
    // Before the request: it is on the list that was read first.
    let before = foreign(&stage, "twin");
    stage.sandbox.rule(Some("POST"), TOKENS, Some(1), Effect::DropAnswer);
    let error = check.refused(&stage, &request("twin"), unknown);
    stage.calm();
    check.so("ours was revoked", error["params"]["revoked"] == "true");
    let left: Vec<String> = strays(&stage).into_iter().map(|token| token.id).collect();
    check.so("theirs survives", left == [before.clone()]);
    // During the request: nobody can tell whose is whose.
    let during = std::sync::Mutex::new(String::new());
    stage.sandbox.rule(Some("POST"), TOKENS, Some(1), Effect::DropAnswer);
    let made = || *during.lock().expect("noted") = foreign(&stage, "twins");
    let error = meanwhile(&stage, made, || check.refused(&stage, &request("twins"), unknown));
    stage.calm();
    let during = during.into_inner().expect("noted");
    let candidates = error["params"]["candidates"].as_str().unwrap_or_default();
    check.so("theirs is among the candidates", candidates.contains(&during));
    check.so("both are shown", candidates.split_whitespace().count() == 2);
    let left: Vec<String> = strays(&stage).into_iter().map(|token| token.id).collect();
    check.so("nothing was revoked", left.len() == 3 && left.contains(&during));
    check.done();
}

#[test]
fn names() {
    let stage = Stage::with_key();
    let longest = "n".repeat(128);
    let too_long = "n".repeat(129);
    let mut bad = Check::new("name_empty_or_129_characters");
    let posted = stage.seen("POST", TOKENS);
    for name in ["", " ", "\t", &too_long, "\u{e9}".repeat(129).as_str(), "two\nlines", "a\u{0}b"] {
        if !name.contains('\u{0}') {
            bad.refused(&stage, &request(name), wanted("invalid_name", 2));
            bad.refused(&stage, &["rename", "kept", name], wanted("invalid_name", 2));
        }
    }
    bad.so("the platform was not asked", stage.seen("POST", TOKENS) == posted);
    bad.done();
    let mut odd = Check::new("name_with_quotes_slashes_emoji");
    for name in [
        "it's \"quoted\" `so`",
        "a/b\\c/../d",
        "%2e%2e%2f?x=1&y=2#z",
        "\u{1f6f0}\u{fe0f} satellite \u{1f469}\u{200d}\u{1f680}",
        "'; DROP TABLE record; --",
        "<script>alert(1)</script>",
        "$(touch /tmp/x) ${HOME}",
        "--json",
        &longest,
    ] {
        let flag = format!("--name={name}");
        let token = stage.home.json(&["token", "request", "-w", WORKSPACE, &flag]);
        odd.so("the vault has the name", token["name"] == name);
        let id = token["id"].as_str().expect("an id");
        let made = stage.sandbox.tokens();
        odd.so("the platform has the name", made.iter().any(|token| token.name == name));
        odd.so("it is shown", stage.home.json(&["show", id])["name"] == name);
        let revoked = stage.home.json(&["token", "revoke", id, "--yes"]);
        odd.so("it is revoked", revoked["state"] == "revoked" && strays(&stage).is_empty());
    }
    odd.done();
}

#[test]
fn lifetimes() {
    let stage = Stage::with_key();
    let mut check = Check::new("lifetime_0_or_31_days");
    let posted = stage.seen("POST", TOKENS);
    for days in ["0d", "31d", "365d", "36000d"] {
        let verb = [&request("life")[..], &["--expires", days]].concat();
        let error = check.refused(&stage, &verb, wanted("invalid_lifetime", 2));
        check.so("it says the range", error["params"]["max"] == "30");
    }
    for nonsense in ["-1d", "soon", "30", "1e3d", "99999d", "unknown", ""] {
        let verb = [&request("life")[..], &["--expires", nonsense]].concat();
        check.refused(&stage, &verb, wanted("usage", 2));
    }
    check.so("the platform was not asked", stage.seen("POST", TOKENS) == posted);
    check.done();
}

#[test]
fn uuid_pasted_as_key() {
    let stage = Stage::with_key();
    let mut check = Check::new("uuid_pasted_as_key");
    let id = stage.sandbox.tokens()[0].id.clone();
    let paste = ["sign-in", "--with", "paste", "--key-stdin", "-w", WORKSPACE, "--name", "pasted"];
    for text in [id.clone(), id.to_uppercase(), format!("  {id}\n")] {
        let error = check.refused_with(&stage, &paste, &text, wanted("token_id_not_key", 2));
        let advice = error["advice"].as_str().unwrap_or_default();
        check.so("it says what a key looks like", advice.contains("454f4448"));
    }
    for text in ["", "\n", "two words", "\u{1b}[2J"] {
        let ran = stage.home.run_with(&[&paste[..], &["--json"]].concat(), text);
        let code = serde_json::from_str::<Value>(&ran.stderr).unwrap_or_default();
        let code = code["error"]["code"].as_str().unwrap_or_default().to_owned();
        check.so(&format!("{text:?} is refused: {code}"), ran.code == 2);
    }
    check.done();
}
