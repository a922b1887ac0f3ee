//! A computer without the comforts: no keyring, no bus, nobody to show a notice, no screen, a wrong
//! clock; and more than one client at once.

use std::path::Path;
use std::thread;

use super::stage::{Check, Stage, TOKENS, WORKSPACE, until, wanted};
use crate::home::{Home, PASSPHRASE, Ran, WAYLEAVE};
use crate::notice::{Bus, KEY, faketime};

#[test]
fn no_keyring_and_no_bus() {
    let mut none = Check::new("no_keyring");
    let mut no_bus = Check::new("no_dbus");
    // A bus on which nobody keeps keys, and no bus at all.
    let bus = Bus::without_anybody();
    for (check, address) in [(&mut none, bus.address()), (&mut no_bus, "unix:path=/nonexistent")] {
        let mut stage = Stage::without_vault();
        stage.home.set("DBUS_SESSION_BUS_ADDRESS", address);
        for verb in [&["init", "--keyring"][..], &["init", "--keyring", "--passphrase-stdin"]] {
            let ran = stage.home.run_with(&[verb, &["--json"]].concat(), PASSPHRASE);
            let error = check.told(&format!("{verb:?}"), &ran, wanted("no_keyring", 1));
            let advice = error["advice"].as_str().unwrap_or_default();
            check.so("it says what to do instead", advice.contains("passphrase"));
        }
        check.so("nothing was made", !stage.home.own().join("data/vault.db").exists());
        stage.home.init_cheaply();
        stage.add_account();
        stage.sign_in();
        let token = stage.home.json(&["token", "request", "-w", WORKSPACE, "--name", "kept"]);
        check.so("without it everything else works", token["state"] == "active");
    }
    none.done();
    no_bus.done();
}

/// A key that has ended, and nobody to show the notice: it is kept for later, and told elsewhere.
#[test]
fn no_notification_daemon() {
    let mut check = Check::new("no_notification_daemon");
    let bus = Bus::without_anybody();
    let mut stage = Stage::without_vault();
    stage.home.set("DBUS_SESSION_BUS_ADDRESS", bus.address());
    stage.home.init_cheaply();
    stage.home.json(&["account", "add", "eodh"]);
    #[allow(clippy::disallowed_methods, reason = "the agent looks at the real clock too")]
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(30)).to_string();
    let paste = ["sign-in", "--with", "paste", "--key-stdin", "-w", WORKSPACE, "--name", "soon"];
    stage.home.json_with(&[&paste[..], &["--expires", &soon]].concat(), KEY);
    // One that was stored just now is no news; to an agent that starts it is.
    stage.home.json(&["agent", "stop"]);
    let database = stage.home.own().join("state/state.db");
    std::fs::remove_file(database).expect("what was announced is forgotten");
    stage.home.unlock();
    until("the notice is tried", || stage.home.log().contains("not shown"));
    let status = stage.home.json(&["status"]);
    check.so("the agent goes on", status["credentials"] == 1);
    check.so("the end is told", status["next_expiry"]["name"] == "soon");
    check.so("in the exit code too", stage.home.run(&["status", "--exit-code"]).code == 8);
    let told = status["alerts"].to_string();
    check.so("that no notice can be shown is told", told.contains("notice_not_shown"));
    check.done();
}

/// The vault and its keys need no network; what needs it says what is missing.
#[test]
fn no_certificates() {
    let mut check = Check::new("no_certificates");
    let mut stage = Stage::without_vault();
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        stage.home.set(name, "/nonexistent");
    }
    stage.home.init_cheaply();
    stage.home.json(&["account", "add", "eodh"]);
    let paste = ["sign-in", "--with", "paste", "--key-stdin", "-w", WORKSPACE, "--name", "kept"];
    stage.home.json_with(&paste, KEY);
    check.so("a key is kept", stage.home.json(&["reveal", "kept"])["fields"]["api_key"] == KEY);
    let hub = ["--environment", "custom", "--hub", "https://127.0.0.1:9", "--name", "Other"];
    let add = [&["account", "add", "eodh"], &hub[..]].concat();
    let error = check.refused(&stage, &add, wanted("tls", 1));
    let told = error["params"]["hint"].as_str().unwrap_or_default();
    check.so("what to install is said", told.contains("ca-certificates"));
    check.done();
}

#[test]
fn no_display() {
    let stage = Stage::with_key();
    let mut check = Check::new("no_display");
    check.refused(&stage, &["copy", "kept"], wanted("no_display", 1));
    check.refused(&stage, &["sign-in", "--with", "portal"], wanted("no_display", 1));
    let window = Path::new(WAYLEAVE).with_file_name("wayleave-desktop");
    // Where the whole workspace was built, as `make test-rust` does.
    if window.is_file() {
        let ran = run_window(&stage.home, &window);
        let clear = ran.stderr.contains("no display") && ran.stderr.starts_with("error: ");
        check.so(&format!("the window says so: {}", ran.stderr), clear);
        check.so("and ends", ran.code > 0 && ran.stdout.is_empty());
    }
    check.done();
}

fn run_window(home: &Home, window: &Path) -> Ran {
    let output = std::process::Command::new(window)
        .env_clear()
        .env("HOME", home.path())
        .env("WAYLEAVE_HOME", home.own())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("starts");
    home.watch.hear("the window's stderr", &output.stderr);
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn clock_an_hour_off() {
    let mut check = Check::new("clock_an_hour_off");
    for (offset, word) in [("+3600s", "ahead"), ("-3600s", "behind")] {
        let mut stage = Stage::without_vault();
        for (name, value) in [
            ("LD_PRELOAD", faketime().as_str()),
            ("FAKETIME", offset),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ] {
            stage.home.set(name, value);
        }
        stage.home.init_cheaply();
        stage.add_account();
        stage.sign_in();
        let token = stage.home.json(&["token", "request", "-w", WORKSPACE, "--name", "kept"]);
        check.so("a token is requested all the same", token["state"] == "active");
        let made = stage.sandbox.tokens();
        check
            .so("with the end that the platform said", token["expires"] == made[0].expiry.as_str());
        let alerts = stage.home.json(&["status"])["alerts"].clone();
        let told = alerts.as_array().into_iter().flatten().find(|a| a["code"] == "clock_off");
        let message = told.map(|alert| alert["message"].to_string()).unwrap_or_default();
        check.so(&format!("it is told: {alerts}"), message.contains(word));
        // A lost answer is judged by the platform's clock: ours is found, and revoked.
        stage.sandbox.rule(Some("POST"), TOKENS, Some(1), wayleave_sandbox::Effect::DropAnswer);
        let lost = ["token", "request", "-w", WORKSPACE, "--name", "lost"];
        let error = check.refused(&stage, &lost, wanted("outcome_unknown", 1));
        stage.calm();
        check.so("ours was found", error["params"]["revoked"] == "true");
        check.so("and revoked", stage.sandbox.tokens().len() == 1);
        let verified = stage.home.json(&["verify", "kept"]);
        check.so("the key works", verified[0]["ok"] == true);
    }
    check.done();
}

/// Runs all at once.
fn at_once(home: &Home, runs: &[(Vec<&str>, &str)]) -> Vec<Ran> {
    thread::scope(|scope| {
        let start = |(arguments, input): &(Vec<&str>, &str)| {
            let words = [&arguments[..], &["--json"]].concat();
            let input = (*input).to_owned();
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            scope.spawn(move || {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                home.run_with(&words, &input)
            })
        };
        let started: Vec<_> = runs.iter().map(start).collect();
        started.into_iter().map(|run| run.join().expect("ends")).collect()
    })
}

#[test]
fn two_clients_at_once() {
    let mut check = Check::new("two_clients_at_once");
    // None has an agent yet: one is started, and serves them all.
    let stage = Stage::without_vault();
    let all = at_once(&stage.home, &vec![(vec!["agent", "status"], ""); 2]);
    check.so("looking starts none", all.iter().all(|r| r.stdout.contains("\"running\":false")));
    let all = at_once(&stage.home, &vec![(vec!["status"], ""); 8]);
    check.so("all are served", all.iter().all(|ran| ran.code == 0));
    let init = vec!["init", "--passphrase-stdin"];
    let all = at_once(&stage.home, &[(init.clone(), PASSPHRASE), (init, PASSPHRASE)]);
    let made = all.iter().filter(|ran| ran.code == 0).count();
    check.so("one makes the vault", made == 1);
    for ran in all.iter().filter(|ran| ran.code != 0) {
        check.told("the other is told", ran, wanted("vault_exists", 1));
    }
    stage.add_account();
    stage.sign_in();
    let request = |name| vec!["token", "request", "-w", WORKSPACE, "--name", name];
    let both = at_once(
        &stage.home,
        &[(request("same"), ""), (request("same"), ""), (request("other"), "")],
    );
    check.so("each gets a token", both.iter().all(|ran| ran.code == 0));
    let (vault, platform) = (stage.vault(), stage.sandbox.tokens());
    let held = |id: &String| vault.to_string().contains(id.as_str());
    check.so("three were made", platform.len() == 3);
    check.so("and all are in the vault", platform.iter().all(|token| held(&token.id)));
    let forget = vec!["forget", "other", "--leave-valid"];
    let all = at_once(&stage.home, &[(forget.clone(), ""), (forget, "")]);
    check.so("one forgets it", all.iter().filter(|ran| ran.code == 0).count() >= 1);
    for ran in all.iter().filter(|ran| ran.code != 0) {
        check.told("the other is told", ran, wanted("not_found", 7));
    }
    check.so("two are left", stage.vault().as_array().is_some_and(|list| list.len() == 2));
    check.done();
}

#[test]
fn agent_killed_during_a_request() {
    let mut check = Check::new("agent_killed_during_a_request");
    let stage = Stage::with_key();
    let before = stage.vault();
    stage.home.json(&["agent", "stop"]);
    for (path, verb) in [
        (TOKENS, &["token", "request", "-w", WORKSPACE, "--name", "cut"][..]),
        (super::stage::S3, &["s3", "request", "-w", WORKSPACE]),
    ] {
        let mut agent = stage.home.start_agent();
        stage.home.unlock();
        let posted = stage.seen("POST", path);
        stage.slow(200);
        let ran = thread::scope(|scope| {
            scope.spawn(|| {
                until("the request is posted", || stage.seen("POST", path) > posted);
                agent.kill();
            });
            stage.home.run(&[verb, &["--json"]].concat())
        });
        stage.calm();
        check.told(&format!("{verb:?}"), &ran, wanted("agent_unreachable", 1));
        check.so("it was posted once", stage.seen("POST", path) == posted + 1);
        stage.home.unlock();
        check.so("the vault is as it was", stage.vault() == before);
        // The one that may have been made is found by its intent, and revoked.
        until("nothing is left on the platform", || stage.sandbox.tokens().len() == 1);
        stage.home.json(&["agent", "stop"]);
    }
    a_dying_agent_is_not_noticed(&stage, &mut check);
    check.done();
}

/// What only looks is asked of the next agent: whoever looks while an agent dies gets an answer.
fn a_dying_agent_is_not_noticed(stage: &Stage, check: &mut Check) {
    for _ in 0..15 {
        let mut agent = stage.home.start_agent();
        let ran = thread::scope(|scope| {
            let asked = scope.spawn(|| stage.home.run(&["status", "--json"]));
            let pid = agent.pid().to_string();
            let kill = std::process::Command::new("kill").args(["-KILL", &pid]).status();
            assert!(kill.expect("kill").success());
            asked.join().expect("ends")
        });
        agent.wait();
        check.so(&format!("an answer: {}", ran.stderr), ran.code == 0);
        stage.home.json(&["agent", "stop"]);
    }
}
