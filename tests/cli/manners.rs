//! Exit codes, errors as text and JSON, no prompt without a terminal, nothing left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::home::{Home, PASSPHRASE, WAYLEAVE};

#[test]
fn the_vault_is_made_opened_and_closed() {
    let home = Home::new();
    let first = home.json(&[]);
    assert_eq!((&first["vault"], &first["locked"]), (&"missing".into(), &true.into()));
    assert_eq!(first["next"]["command"], "wayleave account add eodh");
    home.fails(&["list"], 3, "no_vault");
    home.fails(&["init"], 2, "usage");
    home.init();
    home.fails_with(&["init", "--passphrase-stdin"], PASSPHRASE, 1, "vault_exists");
    assert_eq!(home.json(&["lock"])["locked"], true);
    home.fails(&["list"], 3, "vault_locked");
    home.fails(&["account", "list"], 3, "vault_locked");
    home.fails(&["unlock"], 2, "usage");
    home.fails_with(&["unlock", "--passphrase-stdin"], "wrong\n", 1, "wrong_passphrase");
    let open = home.json_with(&["unlock", "--passphrase-stdin"], &format!("{PASSPHRASE}\n"));
    assert_eq!(open["locked"], false);
    assert_eq!(home.json(&["list"]), serde_json::json!([]));
    assert_eq!(home.json(&["vault", "check"])["checked"], true);
}

#[test]
fn the_passphrase_is_changed() {
    let home = Home::new();
    home.init();
    let change = ["vault", "change-passphrase", "--old-passphrase-stdin", "--passphrase-stdin"];
    let fresh = "nine loud herons leave the estuary";
    let wrong = format!("not it at all\n{fresh}\n");
    home.fails_with(&change, &wrong, 1, "wrong_passphrase");
    home.json_with(&change, &format!("{PASSPHRASE}\n{fresh}\n"));
    home.json(&["lock"]);
    home.fails_with(&["unlock", "--passphrase-stdin"], PASSPHRASE, 1, "wrong_passphrase");
    home.json_with(&["unlock", "--passphrase-stdin"], fresh);
    assert_eq!(home.json(&["vault", "slots", "list"])[0]["kind"], "passphrase");
}

#[test]
fn what_is_wrong_on_the_command_line_ends_with_2() {
    let home = Home::new();
    home.fails(&["no-such-verb"], 2, "usage");
    home.fails(&["list", "--expiring", "soon"], 2, "usage");
    let text = home.run(&["list", "--expiring", "soon"]);
    assert_eq!((text.code, text.stdout.as_str()), (2, ""));
    assert!(text.stderr.starts_with("error: "), "{}", text.stderr);
    assert!(!home.json(&["agent", "status"])["running"].as_bool().unwrap(), "none was started");
}

#[test]
fn the_agent_keeps_nothing_that_its_starter_had_open() {
    let home = Home::new();
    let lock = home.path().join("lock");
    let script = "exec 9>\"$1\"; flock 9; \"$2\" status > \"$1.said\"";
    let ran = Command::new("sh")
        .args(["-c", script, "sh"])
        .args([lock.as_os_str(), WAYLEAVE.as_ref()])
        .env("WAYLEAVE_HOME", home.path().join("w"))
        .status();
    assert!(ran.expect("a shell").success());
    assert!(home.json(&["agent", "status"])["running"].as_bool().unwrap(), "one was started");
    let free = Command::new("flock").arg("--nonblock").arg(&lock).arg("true").status();
    assert!(free.expect("flock").success(), "the script's lock went with the script");
}

#[test]
fn errors_are_told_as_text_too() {
    let home = Home::new();
    home.init();
    let ran = home.run(&["show", "nothing"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, ""));
    let wanted = "error: there is no credential “nothing”\nhint: Nothing was changed. ";
    assert!(ran.stderr.starts_with(wanted), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "no colour outside a terminal");
}

#[test]
fn the_manual_needs_no_agent() {
    let home = Home::new();
    let codes = home.run(&["help", "exit-codes"]);
    assert_eq!(codes.stdout.lines().count(), 10, "{}", codes.stdout);
    assert!(home.run(&["help", "token", "request"]).stdout.contains("--expires"));
    assert!(home.run(&["man"]).stdout.contains(".SH \"EXIT STATUS\""));
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.run(&["completions", shell]).stdout.contains("wayleave"), "{shell}");
    }
    assert!(!home.path().join("w").exists(), "nothing was written");
}

#[test]
fn everything_is_for_this_user_only() {
    let home = Home::new();
    home.init();
    let mut folders = vec![home.path().join("w")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let meta = entry.metadata().expect("its mode");
            assert_eq!(meta.permissions().mode() & 0o077, 0, "{}", entry.path().display());
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn an_agent_that_ended_is_started_again() {
    let home = Home::new();
    home.init();
    let pid = home.json(&["agent", "status"])["pid"].as_u64().expect("runs");
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(killed.expect("kill").success());
    // While it dies and when it has died: none runs, and asking starts none.
    let mut status = home.json(&["agent", "status"]);
    for _ in 0..3000 {
        if status["running"] == false {
            break;
        }
        assert_eq!(status["pid"].as_u64(), Some(pid), "asking starts none");
        status = home.json(&["agent", "status"]);
    }
    assert_eq!(status["running"], false, "the kernel ends {pid}");
    let after = home.json(&["status"]);
    assert_ne!(after["agent"]["pid"].as_u64(), Some(pid));
    assert_eq!(after["locked"], true);
    assert_eq!(home.json(&["agent", "stop"])["stopped"], true);
    assert_eq!(home.json(&["agent", "stop"])["stopped"], false);
}
