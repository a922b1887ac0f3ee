//! The journey of a newcomer, with the pointer and with the keyboard alone.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::leaks;
use crate::page::Page;
use crate::report::Report;
use crate::s3::{put_and_get, variables};
use crate::sign_in::{With, sign_in};
use crate::stage::{Stage, until, until_within};
use crate::{command_line, desktop, keyboard, picture, runtime, say};

/// Title of the main window.
pub const WINDOW: &str = "^Wayleave$";
/// Seconds in the clipboard, as short as the settings allow.
const CLEARED_AFTER: u64 = 10;
/// The most that the first key may cost.
const CLICKS: u64 = 6;

/// First run to the first key, its copy, S3 credentials, and their use.
#[test]
fn journey() {
    let stage = Stage::new(&desktop(), true);
    clear_soon(&stage);
    let mut report = Report::new("journey", "e2e");
    runtime().block_on(async {
        let page = Page::open(&stage, &desktop()).await.expect("the window opens");
        let clicks = first_key(&stage, &page).await;
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        report.check("first_key_clicks", clicks as f64, "clicks", "<=6", clicks <= CLICKS);
        copied_and_cleared(&stage, &page, &mut report).await;
        lives_there(&stage, &page, &mut report).await;
        s3_is_used(&stage, &page, &mut report).await;
        foreign_text_stays(&stage, &page, &mut report).await;
        shown_for_a_while(&stage, &page, &mut report).await;
        page.0.close().await.expect("it closes");
    });
    drop(stage);
    keyboard::journey(&mut report);
    command_line::journey(&mut report);
    report.write();
}

pub fn clear_soon(stage: &Stage) {
    let settings = stage.vault_home().join("config/settings.json");
    let text = json!({ "clear_clipboard_after": CLEARED_AFTER }).to_string();
    fs::write(settings, text).expect("settings");
}

/// From the first paint to a key in the vault and on the clipboard; returns the presses.
pub async fn first_key(stage: &Stage, page: &Page) -> u64 {
    page.sees("Where is your data?").await;
    page.settled().await;
    stage.picture(&stage.window(WINDOW), &picture("welcome"));
    say("choose the platform");
    page.press_starting("Sandbox").await;
    page.sees("Sign in to Sandbox").await;
    stage.picture(&stage.window(WINDOW), &picture("welcome-sign-in"));
    say("open the sign-in window, and sign in there");
    page.press("Open the sign-in window").await;
    sign_in(stage, With::Pointer);
    page.sees("Protect your keys").await;
    page.settled().await;
    stage.picture(&stage.window(WINDOW), &picture("protect"));
    say("protect the vault");
    page.press("Protect and go on").await;
    page.sees("Create a key").await;
    page.settled().await;
    stage.picture(&stage.window(WINDOW), &picture("create"));
    say("create a key and copy it");
    page.press("Create and copy").await;
    until("the key on the clipboard", || stage.clipboard("UTF8_STRING"));
    page.sees("API token").await;
    page.settled().await;
    stage.picture(&stage.window(WINDOW), &picture("credentials-first"));
    page.presses().await
}

async fn copied_and_cleared(stage: &Stage, page: &Page, report: &mut Report) {
    let key = stage.clipboard("UTF8_STRING").unwrap_or_default();
    let revealed = stage.wayleave(&["reveal", "QGIS"]);
    let is_key = Some(key.as_str()) == revealed["fields"]["api_key"].as_str();
    tell(report, "clipboard_holds_the_key", is_key && key.starts_with("454f4448"));
    let hint = stage.clipboard("x-kde-passwordManagerHint");
    let named = stage.clipboard_forms().contains("x-kde-passwordManagerHint");
    tell(report, "clipboard_hint", named && hint.as_deref() == Some("secret"));
    let gone = until_within("a cleared clipboard", Duration::from_secs(40), || {
        (stage.clipboard("UTF8_STRING").as_deref() != Some(key.as_str())).then_some(true)
    });
    tell(report, "clipboard_cleared", gone);
    page.sees("Cleared from the clipboard").await;
    let row = page.run("return document.querySelectorAll('[data-row]').length").await;
    tell(report, "row_appears", row == json!(1));
}

async fn s3_is_used(stage: &Stage, page: &Page, report: &mut Report) {
    say("get S3 credentials, and copy them as .env");
    page.press("More ways to get a key").await;
    page.press("Get S3 credentials").await;
    page.press("Get credentials").await;
    page.until("a second row", || async {
        page.run("return document.querySelectorAll('[data-row]').length").await == json!(2)
    })
    .await;
    let list = stage.wayleave(&["list", "--kind", "s3"]);
    let files = &list[0];
    let name = files["name"].as_str().expect("a name");
    page.press(name).await;
    page.press("Copy all three").await;
    let env = until("the .env on the clipboard", || {
        stage.clipboard("UTF8_STRING").filter(|text| text.contains("AWS_SESSION_TOKEN="))
    });
    stage.picture(&stage.window(WINDOW), &picture("s3"));
    boto3(stage, report, &env, &place(stage, files));
}

/// What somebody else copies is not taken away from them.
async fn foreign_text_stays(stage: &Stage, page: &Page, report: &mut Report) {
    say("copy something else meanwhile");
    page.press("Copy access key ID").await;
    until("the key id", || stage.clipboard("UTF8_STRING").filter(|text| text.starts_with("ASIA")));
    stage.copy_elsewhere("a recipe");
    page.sees("Something else is in the clipboard now").await;
    let text = stage.clipboard("UTF8_STRING");
    tell(report, "foreign_text_stays", text.as_deref() == Some("a recipe"));
}

/// A key that somebody made elsewhere, and one that was deleted there, are told.
async fn lives_there(stage: &Stage, page: &Page, report: &mut Report) {
    say("look at what lives on the platform");
    let made = json!({ "do": "add_token", "username": "demo", "workspace": "demo-ws",
                       "name": "Made elsewhere", "age_seconds": 2 * 86_400, "expires_in": 28 * 86_400 });
    stage.control(&made);
    let account = stage.wayleave(&["account", "list"])[0]["id"].clone();
    let wish = json!({ "ask": "request_token", "account": account, "workspace": "demo-ws",
                       "name": "Deleted there", "lifetime": 30, "permissions": [], "activity": null });
    let ours = page.ask(wish).await.expect("a key")["value"].clone();
    page.press("On the platform").await;
    page.sees("Nobody here has these").await;
    page.sees("On both sides and in order.").await;
    page.settled().await;
    stage.picture(&stage.window(WINDOW), &picture("on-the-platform"));
    page.press("I have it… Made elsewhere").await;
    page.sees("It goes straight into the vault").await;
    let asked = page.run("return document.getElementById('name').value").await;
    tell(report, "a_key_found_there_can_be_pasted", asked == "Made elsewhere");
    page.press("Cancel").await;
    stage.control(&json!({ "do": "delete_token", "id": ours["platform_id"] }));
    page.press("Look again").await;
    page.sees("Gone from the platform").await;
    page.press("Request again Deleted there").await;
    page.sees("Request an API token").await;
    let wanted = page.run("return document.getElementById('name').value").await;
    tell(report, "a_key_gone_there_can_be_requested_again", wanted == "Deleted there");
    page.press("Cancel").await;
    page.press("Forget Deleted there").await;
    page.sees("It leaves the vault").await;
    let script = "[...document.querySelectorAll('[role=alertdialog] button')].at(-1).click()";
    page.run(script).await;
    page.sees("“Deleted there” is forgotten.").await;
    page.control_gone("Forget Deleted there").await;
    tell(report, "a_key_gone_there_is_forgotten", stage.wayleave(&["list"])[1].is_null());
    page.press("Credentials").await;
}

/// The key is on the page while it is shown, where the suite `canary-window` has to find it, and
/// nowhere on it afterwards.
async fn shown_for_a_while(stage: &Stage, page: &Page, report: &mut Report) {
    say("show the key for a moment");
    page.press("Credentials").await;
    page.press("QGIS").await;
    page.sees("Copy into the QGIS plugin").await;
    stage.focus(&stage.window(WINDOW));
    page.press("Show the key for 30 seconds").await;
    page.sees("Hides in").await;
    leaks::must_find(stage, "a key on the page", &page.held().await);
    page.escape().await;
    page.sees("The key is hidden again").await;
    page.settled().await;
    let held = page.held().await;
    tell(report, "shown_key_leaves_the_page", !held.contains("454f4448"));
}

/// Bucket and key of an object in the credential's workspace.
fn place(stage: &Stage, files: &Value) -> (String, String) {
    let workspaces = stage.wayleave(&["workspaces"]);
    let named = |w: &&Value| w["name"] == files["workspace"];
    let s3 =
        workspaces.as_array().and_then(|all| all.iter().find(named)).expect("it")["s3"].clone();
    let said = |name: &str| s3[name].as_str().expect("it is said").to_owned();
    (said("bucket"), said("prefix") + "walk.txt")
}

fn boto3(stage: &Stage, report: &mut Report, env: &str, place: &(String, String)) {
    let at = (place.0.as_str(), place.1.as_str());
    let mut env = variables(env);
    let said = put_and_get(stage, &env, at);
    tell(report, "boto3_puts_and_gets", said == "a walk over the moor");
    let token = env.remove("AWS_SESSION_TOKEN").expect("it is there");
    let said = put_and_get(stage, &env, at);
    report.known_bad("no session token", said.starts_with("refused"));
    env.insert("AWS_SESSION_TOKEN".to_owned(), token);
    stage.control(&json!({ "do": "advance_clock", "seconds": 3700 }));
    let said = put_and_get(stage, &env, at);
    tell(report, "boto3_refused_after_the_end", said.starts_with("refused ExpiredToken"));
}

/// One yes-or-no check.
pub fn tell(report: &mut Report, name: &str, ok: bool) {
    report.check(name, f64::from(u8::from(ok)), "", "1", ok);
    assert!(ok, "{name}");
}
