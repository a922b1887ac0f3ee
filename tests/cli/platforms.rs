//! The other platforms through the command line: what their own pages let a user do, in JSON.

use serde_json::Value;
use wayleave_sandbox::{Config, DEMO, Sandbox};

use crate::home::Home;

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}"))
}

/// A home with a vault and an account, signed in by the first key.
fn signed_in(
    platform: &str,
    field: &str,
    wrong: &str,
    keys: impl Fn(&Sandbox) -> String,
) -> (Sandbox, Home, Value) {
    let sandbox = Sandbox::start(Config::default()).expect("a sandbox");
    let home = Home::new();
    home.init();
    let set = format!("{field}={}", sandbox.hub_url());
    let account = home.json(&["account", "add", platform, "--set", &set]);
    assert_eq!(account["sign_in"]["state"], "signed_out");
    let paste = ["sign-in", "--with", "paste", "--key-stdin"];
    home.fails_with(&paste, wrong, 9, "sign_in_refused");
    assert_eq!(home.json(&["list"]), serde_json::json!([]), "a refused key is not kept");
    let pasted = home.json_with(&paste, &keys(&sandbox));
    let account = home.json(&["account", "show"]);
    assert_eq!(account["sign_in"]["state"], "signed_in");
    (sandbox, home, pasted)
}

#[test]
fn dataos_in_json() {
    let (_sandbox, home, first) =
        signed_in("dataos", "host", "bm90LWEta2V5", |s| s.first_keys(DEMO).dataos);
    assert_eq!((text(&first, "kind"), text(&first, "workspace")), ("api_token", "demo"));
    let made = home.json(&["token", "request", "--name", "nightly", "--expires", "48h"]);
    let key = home.json(&["reveal", "nightly"])["fields"]["api_key"].clone();
    home.fails(&["token", "request", "--name", "Not A Name"], 2, "invalid_name");
    home.fails(&["token", "edit", "nightly", "--name", "x"], 5, "not_supported");
    let rotated = home.json(&["token", "rotate", "nightly", "--expires", "24h", "--yes"]);
    assert_eq!(rotated["id"], made["id"]);
    let new = home.json(&["reveal", "nightly"])["fields"]["api_key"].clone();
    assert_ne!(new, key);
    let listed = home.json(&["token", "list", "--on-platform"]);
    let row = listed.as_array().expect("a list").iter().find(|row| row["name"] == "nightly");
    let row = row.expect("the row");
    // What the platform's own page lists: token, type, expiration, name.
    assert_eq!((text(row, "kind"), text(row, "state")), ("apikey", "ours"));
    assert!(row["expires"].is_string());
    home.json(&["forget", "nightly", "--leave-valid"]);
    let adopted = home.json(&["token", "adopt", "nightly"]);
    assert_eq!(text(&adopted, "name"), "nightly");
    assert_eq!(home.json(&["reveal", "nightly"])["fields"]["api_key"], new, "shown again");
    let form = home.json(&["render", "nightly", "--as", "apikey-header"]);
    assert_eq!(text(&form, "text"), format!("apikey: {}", new.as_str().expect("a key")));
    home.fails(&["render", "nightly", "--as", "nothing"], 7, "not_found");
}

#[test]
fn opendatasoft_in_json() {
    let (_sandbox, home, first) =
        signed_in("opendatasoft", "domain", "bm90LWEta2V5", |s| s.first_keys(DEMO).opendatasoft);
    assert_eq!(text(&first, "name"), "First key");
    home.fails(&["token", "request", "--name", "x", "--expires", "30d"], 2, "usage");
    let permission = ["--permission", "explore_restricted_dataset"];
    let made = home.json(&[&["token", "request", "--name", "QGIS"], &permission[..]].concat());
    assert_eq!(made["permissions"], serde_json::json!(["explore_restricted_dataset"]));
    assert_eq!(made["expires"], Value::Null);
    let edited = home.json(&["token", "edit", "QGIS", "--permission", "edit_dataset"]);
    assert_eq!(edited["permissions"], serde_json::json!(["edit_dataset"]));
    let too_much = ["token", "edit", "QGIS", "--permission", "edit_theme"];
    home.fails(&too_much, 5, "rejected");
    let revoked = home.json(&["token", "revoke", "QGIS", "--yes"]);
    assert_eq!(text(&revoked, "state"), "revoked");
    let listed = home.json(&["token", "list", "--on-platform"]);
    let row = listed.as_array().expect("a list").iter().find(|row| row["name"] == "QGIS");
    assert_eq!(row.expect("the row stays")["revoked"]["reason"], "No longer needed");
    let account = home.json(&["account", "try-again"]);
    assert_eq!(account["capabilities"]["issue"], "yes", "what works stays known");
}

#[test]
fn ovh_in_json() {
    let (sandbox, home, pair) = signed_in("ovh", "project", "bm90LWEta2V5\nwrong", |s| {
        let keys = s.first_keys(DEMO);
        format!("{}\n{}\n", keys.ovh_key, keys.ovh_secret)
    });
    assert_eq!(text(&pair, "kind"), "key_pair");
    let keys = sandbox.first_keys(DEMO);
    let fields = home.json(&["reveal", text(&pair, "id")])["fields"].clone();
    assert_eq!(fields["secret_key"], keys.ovh_secret.as_str());
    let token = home.json(&["session", "request"]);
    assert_eq!(text(&token, "kind"), "session_token");
    let shown = home.json(&["reveal", text(&token, "id")])["fields"]["token"].clone();
    assert!(shown.as_str().is_some_and(|token| !token.is_empty()));
    let ended = home.json(&["session", "end", text(&token, "id")]);
    assert_eq!(text(&ended, "state"), "revoked");
    let refused = home.fails(&["token", "revoke", text(&pair, "id"), "--yes"], 5, "not_supported");
    assert!(refused["params"]["url"].as_str().is_some_and(|url| url.ends_with("/iam")));
    let env = home.run(&["env", text(&pair, "id")]);
    assert!(env.stdout.contains("AWS_DEFAULT_REGION=forepaas\n"), "{}", env.stderr);
    assert!(!env.stdout.contains("AWS_SESSION_TOKEN"));
}
