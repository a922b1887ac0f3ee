//! The suite `cli`: the whole journey with `--json`, once for each way to sign in, against a
//! sandbox. Browser, device and portal pages are driven by an HTTP client that follows forms.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;
use wayleave_sandbox::{Config, DEMO, Effect, Sandbox};

use crate::browser::{Browser, form_action};
use crate::home::{Home, Ran};
use crate::report::Report;

const WORKSPACE: &str = "demo-ws";

const CREDENTIAL: [&str; 15] = [
    "account",
    "created",
    "expires",
    "id",
    "installations",
    "kind",
    "name",
    "owner",
    "permissions",
    "platform",
    "platform_id",
    "state",
    "templates",
    "verified_at",
    "workspace",
];
const ACCOUNT: [&str; 8] =
    ["capabilities", "environment", "hub", "id", "name", "platform", "sign_in", "username"];
const REMOTE: [&str; 10] = [
    "created",
    "credential",
    "expires",
    "kind",
    "name",
    "permissions",
    "platform_id",
    "revoked",
    "state",
    "workspace",
];

/// One journey: a sandbox, a home, and every output but those that are to hold a secret.
struct Journey {
    sandbox: Sandbox,
    home: Home,
    steps: u32,
    outputs: Vec<String>,
}

impl Drop for Journey {
    /// Before the home ends and is searched.
    fn drop(&mut self) {
        self.home.watch.plant_all(&self.sandbox);
    }
}

impl Journey {
    fn new() -> Self {
        let sandbox = Sandbox::start(Config::default()).expect("a sandbox");
        Self { sandbox, home: Home::new(), steps: 0, outputs: Vec::new() }
    }

    fn json(&mut self, arguments: &[&str]) -> Value {
        self.json_with(arguments, "")
    }

    fn json_with(&mut self, arguments: &[&str], input: &str) -> Value {
        self.steps += 1;
        let value = self.home.json_with(arguments, input);
        self.outputs.push(value.to_string());
        value
    }

    fn fails(&mut self, arguments: &[&str], exit: i32, code: &str) -> Value {
        self.steps += 1;
        let error = self.home.fails(arguments, exit, code);
        self.outputs.push(error.to_string());
        error
    }

    /// Adds the account, with a client id, so that all four ways are there.
    fn add_account(&mut self) {
        let hub = self.sandbox.hub_url().to_owned();
        let client_id = self.sandbox.client_id().to_owned();
        let added = self.json(&[
            "account",
            "add",
            "eodh",
            "--name",
            "Sandbox",
            "--environment",
            "custom",
            "--hub",
            &hub,
            "--client-id",
            &client_id,
        ]);
        assert_eq!(keys(&added), ACCOUNT);
        assert_eq!(added["sign_in"]["state"], "signed_out");
        self.fails(&["workspaces"], 4, "not_signed_in");
    }

    fn init(&mut self) {
        self.steps += 1;
        self.home.init();
    }

    fn reveal(&mut self, selector: &str, field: &str) -> String {
        self.steps += 1;
        let ran = self.home.run(&["reveal", selector, "--field", field]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        ran.stdout.strip_suffix('\n').expect("a newline").to_owned()
    }

    /// Whether the platform itself takes a key: a request that bypasses the program.
    fn platform_takes(&self, key: &str) -> bool {
        let url = format!("{}/api/workspaces/{WORKSPACE}", self.sandbox.hub_url());
        let asked = async { crate::client().get(url).bearer_auth(key).send().await };
        wait(asked).expect("an answer").status().is_success()
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> =
        value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn portal(journey: &mut Journey) {
    let mut browser = Browser::new(&journey.sandbox);
    wait(browser.sign_in(DEMO, "/workspaces"));
    let cookies = format!("Cookie: {}\n", browser.session());
    let sign_in = ["sign-in", "--with", "portal", "--cookies-stdin"];
    let account = journey.json_with(&sign_in, &cookies);
    assert_eq!(account["sign_in"]["state"], "signed_in");
    assert_eq!(account["sign_in"]["with"], "portal");
}

fn system_browser(journey: &mut Journey) {
    let mut waiting = journey.home.begin(&["sign-in", "--with", "browser", "--no-open"]);
    let address = waiting.told("open");
    let mut browser = Browser::new(&journey.sandbox);
    let back = wait(async {
        let login = browser.go(&address, None).await;
        let done = browser.log_in(&login, DEMO.username, DEMO.password).await;
        done.location.expect("leads back to the agent")
    });
    let page = wait(async { crate::client().get(&back).send().await }).expect("the agent listens");
    assert!(page.status().is_success());
    let account = waiting.finish_json();
    journey.steps += 1;
    assert_eq!(account["sign_in"]["with"], "browser");
    journey.outputs.push(account.to_string());
}

fn device(journey: &mut Journey) {
    let mut waiting = journey.home.begin(&["sign-in", "--with", "device"]);
    let (address, code) = (waiting.told("open"), waiting.told("code"));
    let mut browser = Browser::new(&journey.sandbox);
    wait(async {
        let mut page = browser.go(&address, None).await;
        if page.body.contains("device_user_code") {
            page = browser.go(&form_action(&page), Some(&[("device_user_code", &code)])).await;
        }
        let consent = browser.log_in(&page, DEMO.username, DEMO.password).await;
        let pressed = [("code", code.as_str()), ("accept", "Yes")];
        let done = browser.go(&form_action(&consent), Some(&pressed)).await;
        assert!(done.body.contains("Device Login Successful"), "{}", done.body);
    });
    let account = waiting.finish_json();
    journey.steps += 1;
    assert_eq!(account["sign_in"]["with"], "device");
    journey.outputs.push(account.to_string());
}

/// From a session to a key, its use, and its end.
fn with_session(sign_in: fn(&mut Journey)) -> Journey {
    let mut journey = Journey::new();
    journey.add_account();
    sign_in(&mut journey);
    journey.fails(&["list"], 3, "no_vault");
    journey.init();
    let workspaces = journey.json(&["workspaces"]);
    let names: Vec<_> = workspaces.as_array().unwrap().iter().map(|w| w["name"].clone()).collect();
    assert!(names.contains(&WORKSPACE.into()), "{names:?}");
    request_and_use(&mut journey);
    request_s3(&mut journey);
    end_it(&mut journey);
    let out = journey.json(&["sign-out", "--everywhere"]);
    assert_eq!(out["sign_in"]["state"], "signed_out");
    journey
}

fn request_and_use(journey: &mut Journey) {
    let request = ["token", "request", "-w", WORKSPACE, "--name", "qgis", "--expires", "30d"];
    let token = journey.json(&request);
    assert_eq!(keys(&token), CREDENTIAL);
    assert_eq!((&token["kind"], &token["state"]), (&"api_token".into(), &"active".into()));
    assert_eq!(journey.json(&["list", "--kind", "api_token"])[0]["id"], token["id"]);
    assert_eq!(journey.json(&["show", &format!("{WORKSPACE}/qgis")])["id"], token["id"]);
    let id = token["id"].as_str().expect("an id").to_owned();
    let key = journey.reveal(&id[..8], "api_key");
    assert!(journey.platform_takes(&key), "the revealed key is the one that was issued");
    assert_eq!(journey.reveal("qgis", "bearer_header"), format!("Bearer {key}"));
    let issued = journey.sandbox.tokens();
    assert_eq!(issued.len(), 1, "one request, one token");
    assert_eq!(token["platform_id"], issued[0].id.as_str());
    let verified = journey.json(&["verify", "qgis"]);
    assert_eq!((&verified[0]["ok"], &verified[0]["cause"]), (&true.into(), &"ok".into()));
    let remote = journey.json(&["token", "list", "--on-platform", "-w", WORKSPACE]);
    assert_eq!(keys(&remote[0]), REMOTE);
    assert_eq!((&remote[0]["state"], &remote[0]["credential"]), (&"ours".into(), &token["id"]));
    let status = journey.json(&["status"]);
    assert_eq!(status["next_expiry"]["id"], token["id"]);
    assert_eq!(journey.home.run(&["status", "--exit-code"]).code, 0);
    assert_eq!(journey.home.run(&["status", "--exit-code", "--within", "31d"]).code, 8);
    no_output_holds(journey, &key);
}

fn request_s3(journey: &mut Journey) {
    let s3 = journey.json(&["s3", "request", "-w", WORKSPACE]);
    assert_eq!((keys(&s3), &s3["kind"]), (CREDENTIAL.to_vec(), &"s3".into()));
    let id = s3["id"].as_str().expect("an id").to_owned();
    journey.steps += 1;
    let env = journey.home.run(&["env", &id]);
    assert_eq!(env.code, 0, "{}", env.stderr);
    for (variable, field) in [
        ("AWS_ACCESS_KEY_ID", "access_key_id"),
        ("AWS_SECRET_ACCESS_KEY", "secret_access_key"),
        ("AWS_SESSION_TOKEN", "session_token"),
    ] {
        let value = journey.reveal(&id, field);
        let held = |line: &str| {
            line.strip_prefix(variable)
                .and_then(|l| l.strip_prefix('='))
                .map(|v| v.trim_matches('\'').trim_matches('"') == value)
        };
        assert!(env.stdout.lines().any(|l| held(l) == Some(true)), "{variable} in the .env");
        no_output_holds(journey, &value);
    }
}

fn end_it(journey: &mut Journey) {
    journey.fails(&["forget", "qgis"], 1, "still_valid");
    journey.fails(&["token", "revoke", "qgis"], 2, "usage");
    let revoked = journey.json(&["token", "revoke", "qgis", "--yes"]);
    assert_eq!(revoked["state"], "revoked");
    assert!(journey.sandbox.tokens().is_empty(), "it is gone from the platform");
    journey.steps += 1;
    let refused = journey.home.run(&["verify", "qgis", "--json"]);
    assert_eq!(refused.code, 5, "{}{}", refused.stdout, refused.stderr);
    let id = revoked["id"].as_str().expect("an id").to_owned();
    journey.json(&["forget", &id]);
    journey.fails(&["show", "qgis"], 7, "not_found");
    let history = journey.json(&["history", &id]);
    let events: Vec<_> = history.as_array().unwrap().iter().map(|e| e["event"].clone()).collect();
    for event in ["requested", "revealed", "revoked", "forgotten"] {
        assert!(events.contains(&event.into()), "{event} in {events:?}");
    }
    assert!(history[0]["expires"].is_string() && history[0]["name"] == "qgis", "{history}");
}

/// A key that the user already has, and nobody signed in.
fn with_pasted_key() -> Journey {
    let mut journey = Journey::new();
    let made = journey.sandbox.make_token(DEMO, WORKSPACE, "made elsewhere", 30.0);
    let (token_id, key) = made.expect("a token");
    journey.add_account();
    journey.init();
    let paste = [
        "sign-in",
        "--with",
        "paste",
        "--key-stdin",
        "-w",
        WORKSPACE,
        "--username",
        DEMO.username,
        "--name",
        "qgis",
        "--expires",
        "30d",
    ];
    journey.steps += 1;
    let told = journey.home.fails_with(&paste, &token_id, 2, "token_id_not_key");
    journey.outputs.push(told.to_string());
    let stored = journey.json_with(&paste, &format!("{key}\n"));
    assert_eq!((keys(&stored), &stored["name"]), (CREDENTIAL.to_vec(), &"qgis".into()));
    assert_eq!(journey.reveal("qgis", "api_key"), key);
    assert_eq!(journey.reveal("qgis", "username"), DEMO.username);
    let verified = journey.json(&["verify", "qgis"]);
    assert_eq!(verified[0]["ok"], true);
    no_output_holds(&journey, &key);
    journey.fails(&["forget", "qgis"], 1, "still_valid");
    journey.json(&["forget", "qgis", "--leave-valid"]);
    assert!(journey.platform_takes(&key), "it was left valid");
    journey.json(&["history", "qgis"]);
    journey
}

/// Fails when a secret is in an output that is to hold none.
fn no_output_holds(journey: &Journey, secret: &str) {
    assert!(!secret.is_empty());
    for output in &journey.outputs {
        assert!(!output.contains(secret), "a secret in an output that is to hold none");
    }
}

/// A check's name and the journey behind it.
type Way = (&'static str, fn() -> Journey);

#[test]
fn the_journey_with_each_way_to_sign_in() {
    let mut report = Report::new("cli", "test-rust");
    let ways: [Way; 4] = [
        ("journey_portal", || with_session(portal)),
        ("journey_browser", || with_session(system_browser)),
        ("journey_device", || with_session(device)),
        ("journey_paste", with_pasted_key),
    ];
    let mut broken = Vec::new();
    for (name, travel) in ways {
        let steps = catch_unwind(travel).map(|journey| journey.steps);
        report.check(name, f64::from(*steps.as_ref().unwrap_or(&0)), "steps", ">=8", steps.is_ok());
        if steps.is_err() {
            broken.push(name);
        }
    }
    report.known_bad("another_key_is_stored", another_key_is_noticed());
    report.known_bad("a_secret_in_an_output", a_leak_is_noticed());
    report.write();
    assert!(broken.is_empty(), "{broken:?}");
}

/// The platform hands out a key that it does not take: the comparison must see it.
fn another_key_is_noticed() -> bool {
    let mut journey = Journey::new();
    journey.add_account();
    portal(&mut journey);
    journey.init();
    let swapped = "454f4448".repeat(8);
    let answer = serde_json::json!({
        "id": "7b0f1c64-0000-4000-8000-000000000000", "token": swapped, "workspace": WORKSPACE,
        "name": "qgis", "created": "2026-01-01T00:00:00Z", "expiry": "2099-01-01T00:00:00Z",
    });
    let effect = Effect::Replace {
        status: 200,
        content_type: "application/json".into(),
        body: answer.to_string(),
    };
    let path = format!("/api/workspaces/{WORKSPACE}/me/tokens");
    journey.sandbox.rule(Some("POST"), &path, Some(1), effect);
    catch_unwind(AssertUnwindSafe(|| request_and_use(&mut journey))).is_err()
}

/// The output of `reveal` among those that are to hold no secret: the search must see it.
fn a_leak_is_noticed() -> bool {
    let mut journey = Journey::new();
    journey.add_account();
    portal(&mut journey);
    journey.init();
    journey.json(&["token", "request", "-w", WORKSPACE, "--name", "qgis"]);
    let key = journey.reveal("qgis", "api_key");
    no_output_holds(&journey, &key);
    journey.json(&["reveal", "qgis"]);
    catch_unwind(AssertUnwindSafe(|| no_output_holds(&journey, &key))).is_err()
}

#[test]
fn a_sign_in_is_cancelled_with_ctrl_c() {
    let mut journey = Journey::new();
    journey.add_account();
    let mut waiting = journey.home.begin(&["sign-in", "--with", "browser", "--no-open"]);
    waiting.told("open");
    journey.fails(&["sign-in", "--with", "device"], 1, "sign_in_open");
    let pid = waiting.pid().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("kill").success());
    let Ran { code, stdout, stderr } = waiting.finish();
    assert_eq!((code, stdout.as_str()), (9, ""), "{stderr}");
    assert!(stderr.contains("\"cancelled\""), "{stderr}");
}

#[test]
fn without_a_network_it_says_so() {
    let mut journey = Journey::new();
    journey.add_account();
    portal(&mut journey);
    journey.init();
    let gone = Sandbox::start(Config::default()).expect("another");
    std::mem::replace(&mut journey.sandbox, gone).shutdown();
    let error = journey.fails(&["workspaces"], 6, "offline");
    assert!(error["params"]["host"].is_string(), "{error}");
}
