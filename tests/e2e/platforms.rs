//! The first run on every other platform, in the real window: from the first paint to a credential
//! in the vault. Pictures under target/screens, figures in the report `journey-platforms`.

use serde_json::{Value, json};

use crate::journey::WINDOW;
use crate::page::Page;
use crate::report::Report;
use crate::stage::Stage;
use crate::{desktop, picture, runtime, say};

/// The most presses that the first credential may cost: the platform, signing in, protecting the
/// vault and keeping the key, with one to spare.
const CLICKS: u64 = 6;

/// A platform whose sign-in is a key.
struct ByKey {
    name: &'static str,
    tile: &'static str,
    field: &'static str,
    /// What is typed into which field: the name of what the sandbox tells.
    typed: &'static [(&'static str, &'static str)],
    /// What the command line says of the credential.
    kind: &'static str,
    /// What the accounts page says of it.
    says: &'static str,
}

const BY_KEY: [ByKey; 3] = [
    ByKey {
        name: "dataos",
        tile: "DataOS",
        field: "DataOS address",
        typed: &[("API key", "dataos")],
        kind: "api_token",
        says: "Replace a key in one step",
    },
    ByKey {
        name: "opendatasoft",
        tile: "Opendatasoft",
        field: "Portal",
        typed: &[("API key", "opendatasoft")],
        kind: "api_token",
        says: "Change a key’s name and permissions",
    },
    ByKey {
        name: "ovh",
        tile: "OVHcloud Data Platform",
        field: "Project",
        typed: &[("API key", "ovh_key"), ("Secret key", "ovh_secret")],
        kind: "key_pair",
        says: "Only on the platform’s own page",
    },
];

#[test]
fn journey_platforms() {
    let mut report = Report::new("journey-platforms", "e2e");
    for platform in &BY_KEY {
        let stage = Stage::new(&desktop(), true);
        runtime().block_on(by_key(&stage, platform, &mut report));
    }
    let stage = Stage::new(&desktop(), true);
    runtime().block_on(by_device(&stage, &mut report));
    drop(stage);
    report.write();
}

async fn by_key(stage: &Stage, platform: &ByKey, report: &mut Report) {
    say(&format!("the first run on {}", platform.tile));
    let page = Page::open(stage, &desktop()).await.expect("the window opens");
    let shot = |what: &str| {
        let name = format!("platform-{}-{what}", platform.name);
        stage.picture(&stage.window(WINDOW), &picture(&name));
    };
    page.sees("Where is your data?").await;
    page.press_starting(platform.tile).await;
    page.sees(&format!("Sign in to {}", platform.tile)).await;
    write(&page, platform.field, &stage.hub.url).await;
    page.settled().await;
    shot("connect");
    page.press("Go on").await;
    page.sees("Protect your keys").await;
    page.press("Protect and go on").await;
    page.sees("Paste a key").await;
    let keys = &stage.hub.told["first_keys"];
    for (label, key) in platform.typed {
        let last = platform.typed.last().is_some_and(|(last, _)| last == label);
        // A wrong one first: it is refused, and nothing is stored.
        let wrong = if last { "bm90LWEta2V5" } else { text(&keys[*key]) };
        write(&page, label, wrong).await;
    }
    page.press("Keep this key").await;
    page.until("a refusal", || async { page.text().await.contains("The sign-in was refused") })
        .await;
    let stored = stage.wayleave(&["list"]).as_array().map_or(0, Vec::len);
    let refused = stored == 0;
    report.known_bad(&format!("{}_wrong_key_is_not_stored", platform.name), refused);
    let before = page.presses().await;
    for (label, key) in platform.typed {
        write(&page, label, text(&keys[*key])).await;
    }
    page.settled().await;
    shot("paste");
    page.press("Keep this key").await;
    page.until("a row", || async {
        page.run("return document.querySelectorAll('[data-row]').length").await == json!(1)
    })
    .await;
    // The press that was refused on purpose is none of the journey.
    let clicks = page.presses().await - 1;
    assert!(clicks >= before - 1, "presses are counted");
    page.settled().await;
    shot("credentials");
    let list = stage.wayleave(&["list"]);
    let right = list[0]["kind"] == platform.kind && list[0]["platform"] == platform.name;
    told(report, &format!("{}_credential_in_the_vault", platform.name), right);
    page.press("Accounts").await;
    page.sees(platform.says).await;
    page.settled().await;
    shot("account");
    let name = text(&list[0]["name"]).to_owned();
    page.press("Credentials").await;
    page.press(&name).await;
    page.sees("For tools").await;
    page.settled().await;
    shot("credential");
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    report.check(
        &format!("{}_first_credential_clicks", platform.name),
        clicks as f64,
        "clicks",
        "<=6",
        clicks <= CLICKS,
    );
    if platform.name == "dataos" {
        found_there(&page, stage, report).await;
    }
    page.0.close().await.expect("it closes");
}

/// Keys that are on the platform and not here: one is taken in, one is revoked.
async fn found_there(page: &Page, stage: &Stage, report: &mut Report) {
    say("keys that the platform has and nobody here");
    let account = stage.wayleave(&["account", "list"])[0]["id"].clone();
    for name in ["nightly", "spare"] {
        let ask = json!({ "ask": "request_token", "account": account, "workspace": "demo", "name": name,
                          "lifetime": 24, "permissions": [], "activity": null });
        let made = page.ask(ask).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let id = &made["value"]["id"];
        let forget = json!({ "ask": "forget", "credential": id, "unexpired": "keep" });
        page.ask(forget).await.unwrap_or_else(|error| panic!("{name} is forgotten: {error}"));
    }
    let listed = || stage.wayleave(&["token", "list", "--on-platform"]);
    let stands = |name: &str| {
        let rows = listed();
        let row = rows.as_array().into_iter().flatten().find(|row| row["name"] == name).cloned();
        row.map_or(Value::Null, |row| row["state"].clone())
    };
    assert_eq!((stands("nightly"), stands("spare")), (json!("orphan"), json!("orphan")));
    page.press("On the platform").await;
    page.sees("Nobody here has these").await;
    page.settled().await;
    stage.picture(&stage.window(WINDOW), &picture("platform-dataos-found-there"));
    page.press("Keep it here nightly").await;
    page.sees("“nightly” is in the vault.").await;
    page.control_gone("Keep it here nightly").await;
    told(report, "dataos_key_found_there_is_kept_here", stands("nightly") == json!("ours"));
    page.press("Revoke… spare").await;
    page.sees("It cannot be brought back").await;
    told(report, "dataos_revoking_asks_first", stands("spare") == json!("orphan"));
    page.press("Revoke on the platform").await;
    page.sees("“spare” is revoked.").await;
    page.control_gone("Revoke… spare").await;
    told(report, "dataos_key_found_there_is_revoked", stands("spare").is_null());
    // Opened from here, it is the key's own page.
    page.press_starting("nightly").await;
    page.sees("A name for it, not the key itself").await;
}

/// Signing in by a code, and S3 credentials of the token service.
async fn by_device(stage: &Stage, report: &mut Report) {
    say("the first run on OpenID Connect and S3");
    let page = Page::open(stage, &desktop()).await.expect("the window opens");
    let shot = |what: &str| {
        let name = format!("platform-oidc-sts-{what}");
        stage.picture(&stage.window(WINDOW), &picture(&name));
    };
    page.press_starting("OpenID Connect and S3").await;
    let told_by = |name: &str| text(&stage.hub.told[name]).to_owned();
    write(&page, "Issuer", &told_by("issuer")).await;
    write(&page, "Client ID", &told_by("client_id")).await;
    write(&page, "STS endpoint", &told_by("s3")).await;
    page.press("More settings").await;
    write(&page, "Role", "arn:aws:iam::000000000000:role/demo-ws").await;
    write(&page, "S3 endpoint", &told_by("s3")).await;
    page.settled().await;
    shot("connect");
    page.press("With a code on another device").await;
    page.press("Get a code").await;
    let code = code_of(&page).await;
    stage.control(&json!({
        "do": "answer_device", "username": stage.hub.username, "user_code": code, "allow": true,
    }));
    page.sees("Protect your keys").await;
    page.press("Protect and go on").await;
    page.press("Get S3 credentials").await;
    page.press("Get credentials").await;
    page.until("a row", || async {
        page.run("return document.querySelectorAll('[data-row]').length").await == json!(1)
    })
    .await;
    let clicks = page.presses().await;
    page.settled().await;
    shot("credentials");
    let list = stage.wayleave(&["list"]);
    let right = list[0]["kind"] == "s3" && list[0]["workspace"] == "demo-ws";
    told(report, "oidc_sts_credential_in_the_vault", right);
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    report.check(
        "oidc_sts_first_credential_clicks",
        clicks as f64,
        "clicks",
        "<=9",
        clicks <= CLICKS + 3,
    );
    page.0.close().await.expect("it closes");
}

/// The code that the page shows.
async fn code_of(page: &Page) -> String {
    let script = "const m = document.body.innerText.match(/\\b[A-Z0-9]{4}-[A-Z0-9]{4}\\b/); \
                  return m ? m[0] : null;";
    page.until("a code", || async { page.run(script).await.is_string() }).await;
    text(&page.run(script).await).to_owned()
}

/// Types into a field, in the place of what is there.
async fn write(page: &Page, label: &str, text: &str) {
    let field = page.control(label).await;
    field.clear().await.expect("it can be emptied");
    field.send_keys(text).await.expect("it takes keys");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn told(report: &mut Report, name: &str, ok: bool) {
    report.check(name, f64::from(u8::from(ok)), "", "1", ok);
    assert!(ok, "{name}");
}
