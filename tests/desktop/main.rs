//! The window's configuration, read as it is built in: which window may call what.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where it finds trouble")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn configuration() -> Value {
    serde_json::from_str(&read("tauri.conf.json")).expect("JSON")
}

/// The commands of a permission in app.toml, by its identifier.
fn commands(permission: &str) -> BTreeSet<String> {
    let text = read("src-tauri/permissions/app.toml");
    let part = text
        .split("[[permission]]")
        .find(|part| part.contains(&format!("identifier = \"{permission}\"")))
        .expect("a permission");
    let (_, list) = part.split_once("commands.allow = [").expect("its commands");
    let (list, _) = list.split_once(']').expect("an end");
    list.split(',')
        .map(|c| c.trim().trim_matches('"').to_owned())
        .filter(|c| !c.is_empty())
        .collect()
}

/// The commands that the shell registers.
fn registered() -> BTreeSet<String> {
    let text = read("src-tauri/src/lib.rs");
    let (_, list) = text.split_once("generate_handler![").expect("the handler");
    let (list, _) = list.split_once(']').expect("an end");
    list.split(',').filter_map(|c| c.trim().strip_prefix("commands::")).map(str::to_owned).collect()
}

#[test]
fn every_command_belongs_to_exactly_one_window() {
    let (main, unlock) = (commands("main-window"), commands("unlock-window"));
    assert!(main.is_disjoint(&unlock), "no command is for both windows");
    let allowed: BTreeSet<String> = main.union(&unlock).cloned().collect();
    assert_eq!(allowed, registered(), "what is allowed is what there is");
    for secret in ["unlock", "create_vault", "change_passphrase"] {
        assert!(unlock.contains(secret), "{secret} is the unlock window's");
    }
}

#[test]
fn each_window_has_its_own_permission_and_nothing_of_the_plugins() {
    let conf = configuration();
    let capabilities = conf["app"]["security"]["capabilities"].as_array().expect("capabilities");
    assert_eq!(capabilities.len(), 2);
    for capability in capabilities {
        let window = capability["identifier"].as_str().expect("a name");
        assert_eq!(capability["windows"], serde_json::json!([window]));
        assert!(capability["remote"].is_null(), "{window}: no foreign page");
        for permission in capability["permissions"].as_array().expect("permissions") {
            let name = permission.as_str().expect("a name");
            let events = window == "main" && name.starts_with("core:event:allow-");
            assert!(name == format!("{window}-window") || events, "{window}: {name}");
        }
    }
}

#[test]
fn the_page_is_shut_in() {
    let security = &configuration()["app"]["security"];
    let csp = security["csp"].as_str().expect("a policy");
    for rule in ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"] {
        assert!(csp.contains(rule), "{rule}");
    }
    assert!(!csp.contains("unsafe") && !csp.contains("https:"), "{csp}");
    assert_eq!(security["freezePrototype"], true);
    assert_eq!(configuration()["app"]["windows"], serde_json::json!([]), "made in Rust");
}
