//! The list, a credential, requesting and ending, accounts and settings, with credentials in every
//! state.

use serde_json::{Value, json};

use super::camera::Camera;
use crate::journey::WINDOW;
use crate::page::Page;
use crate::stage::Stage;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The platform answers with a status whenever it is asked so.
pub fn fault(method: &str, status: u16) -> Value {
    json!({ "do": "rule", "method": method, "path": "*",
            "effect": { "answer": { "status": status, "body": "" } } })
}

/// The platform does what it is asked, and says so late.
pub fn slow(method: &str, millis: u64) -> Value {
    json!({ "do": "rule", "method": method, "path": "*", "effect": { "delay": { "millis": millis } } })
}

/// All of them; the vault is open and holds one key.
pub async fn all(camera: &mut Camera<'_>) {
    empty(camera).await;
    populate(camera).await;
    list(camera).await;
    filters(camera).await;
    token(camera).await;
    others(camera).await;
    ending(camera).await;
    requesting(camera).await;
    accounts(camera).await;
    settings(camera).await;
}

async fn empty(camera: &mut Camera<'_>) {
    let page = camera.page;
    page.press("Needs you 0").await;
    camera.shoot("credentials-none-here", "Nothing here").await;
    page.press("Show all").await;
    forget_all(camera, "revoke").await;
    camera.shoot("empty", "No credentials yet").await;
}

/// Takes every credential out of the vault.
pub async fn forget_all(camera: &Camera<'_>, unexpired: &str) {
    for credential in credentials(camera.stage) {
        let forget =
            json!({ "ask": "forget", "credential": credential["id"], "unexpired": unexpired });
        camera.page.ask(forget).await.expect("it is forgotten");
    }
}

fn credentials(stage: &Stage) -> Vec<Value> {
    stage.wayleave(&["list"]).as_array().cloned().unwrap_or_default()
}

/// The first account.
pub async fn account(page: &Page) -> Value {
    let snapshot = page.call("current_snapshot", json!({})).await.expect("a snapshot");
    snapshot["accounts"][0]["id"].clone()
}

async fn populate(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    let account = account(page).await;
    let tokens = [
        ("QGIS, office PC", "demo-ws", 22 * HOUR + 1800),
        ("Nightly peat index", "demo-ws", 12 * DAY + HOUR),
        ("Flood notebooks", "demo-lab", 5 * DAY + HOUR),
        ("QGIS, field laptop", "demo-lab", 24 * DAY + HOUR),
        ("QGIS, spare laptop", "demo-lab", 24 * DAY + 2 * HOUR),
        ("Workshop", "demo-lab", 1),
    ];
    for (name, workspace, seconds) in tokens {
        stage.control(&json!({ "do": "token_lifetime", "seconds": seconds }));
        let ask = json!({ "ask": "request_token", "account": account, "workspace": workspace,
                          "name": name, "lifetime": 30, "permissions": [], "activity": null });
        page.ask(ask).await.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    stage.control(&json!({ "do": "token_lifetime", "seconds": null }));
    for (workspace, seconds) in [("demo-ws", None), ("demo-lab", Some(2))] {
        stage.control(&json!({ "do": "s3_lifetime", "seconds": seconds }));
        let ask = json!({ "ask": "request_s3", "account": account, "workspace": workspace, "activity": null });
        page.ask(ask).await.unwrap_or_else(|e| panic!("S3 of {workspace}: {e}"));
    }
    stage.control(&json!({ "do": "s3_lifetime", "seconds": null }));
    let about = json!({ "account": account, "workspace": "demo-ws", "username": null,
                        "name": "Dataset sync", "token_id": null, "made": null, "expires": null });
    let key = format!("454f4448{}", "0".repeat(24));
    page.call("paste_key", json!({ "key": key, "about": about })).await.expect("a pasted key");
    page.sees("Dataset sync").await;
    page.sees("Ended").await;
}

async fn list(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    page.quiet().await;
    camera.shoot("credentials", "Ends in 22 hours").await;
    camera.shoot_at("credentials-hover", "Nightly peat index", Some("[data-row]")).await;
    focus_row(camera).await;
    camera.shoot("credentials-focus", "Nightly peat index").await;
    stage.focus(&stage.window(WINDOW));
    stage.keys(&["ctrl+shift+c"]);
    camera.shoot("credentials-copy-as", "API Header value").await;
    stage.keys(&["Escape", "Escape"]);
    page.press("More for QGIS, office PC").await;
    camera.shoot("credentials-menu", "Revoke on the platform…").await;
    page.escape().await;
    page.press("More ways to get a key").await;
    camera.shoot("credentials-ways", "Get S3 credentials").await;
    page.escape().await;
    page.press("Copy Nightly peat index").await;
    camera.shoot("credentials-copied", "Nightly peat index").await;
    working(camera).await;
}

/// Tab goes to the rows, the arrow to one of them.
async fn focus_row(camera: &Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    stage.focus(&stage.window(WINDOW));
    let first = "return document.activeElement.hasAttribute('data-open')";
    for _ in 0..30 {
        if page.focused().await == "QGIS, office PC" {
            return;
        }
        let is_row = page.run(first).await == json!(true);
        stage.keys(&[if is_row { "Down" } else { "Tab" }]);
        page.settled().await;
    }
    panic!("Tab never came to a row");
}

async fn working(camera: &mut Camera<'_>) {
    let page = camera.page;
    let all = credentials(camera.stage);
    let one = all.iter().find(|c| c["name"] == "Nightly peat index").expect("it is there");
    camera.stage.control(&slow("GET", 25_000));
    page.begin(json!({ "ask": "verify", "credential": one["id"] })).await;
    camera.shoot("credentials-working", "Working…").await;
    camera.stage.control(&json!({ "do": "clear_rules" }));
    page.until("the end of the work", || async { !page.text().await.contains("Working…") }).await;
}

async fn filters(camera: &mut Camera<'_>) {
    let page = camera.page;
    page.fill("search", "a moor that is not there").await;
    camera.shoot("credentials-no-hits", "Nothing found").await;
    page.press("Show all").await;
}

async fn token(camera: &mut Camera<'_>) {
    let page = camera.page;
    page.press("QGIS, office PC").await;
    page.sees("Requested").await;
    camera.shoot("credential", "Ends in 22 hours").await;
    page.press("More for QGIS, office PC").await;
    camera.shoot("credential-menu", "Open QGIS with EODH").await;
    page.escape().await;
    camera.stage.focus(&camera.stage.window(WINDOW));
    page.press("Show the key for 30 seconds").await;
    camera.shoot("credential-reveal", "Hides in").await;
    page.escape().await;
    page.press("Verify now").await;
    camera.shoot("credential-verified", "Works: the platform accepts it").await;
    page.quiet().await;
    page.run("document.querySelector('.body').scrollTo(0, 1e6)").await;
    camera.shoot("credential-history", "End it").await;
}

async fn others(camera: &mut Camera<'_>) {
    for (id, name, sees) in [
        ("credential-ended", "Workshop", "Forget it here"),
        ("credential-no-end", "Dataset sync", "No end known"),
        ("credential-s3", "Files of demo-ws", "AWS_SESSION_TOKEN"),
        ("credential-s3-ended", "Files of demo-lab", "It opens nothing"),
    ] {
        camera.page.press_starting("Credentials").await;
        camera.page.press(name).await;
        camera.shoot(id, sees).await;
    }
}

async fn ending(camera: &mut Camera<'_>) {
    let page = camera.page;
    page.press("Forget…").await;
    camera.shoot("forget-ended", "Forget “Files of demo-lab”?").await;
    page.press("Cancel").await;
    page.press_starting("Credentials").await;
    page.press("QGIS, office PC").await;
    page.press("Forget…").await;
    camera.shoot("forget", "Leave it alive on the platform").await;
    page.press("Cancel").await;
    page.press("Revoke…").await;
    camera.shoot("revoke", "It cannot be brought back").await;
    camera.stage.control(&fault("DELETE", 503));
    page.press("Revoke on the platform").await;
    camera.shoot("revoke-failed", "The platform has a fault of its own").await;
    camera.stage.control(&json!({ "do": "clear_rules" }));
    page.press("Cancel").await;
    page.press("More for QGIS, office PC").await;
    page.press_item("Rename…").await;
    camera.shoot("rename", "Here only").await;
    page.press("Cancel").await;
    page.press_starting("Credentials").await;
}

async fn requesting(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    page.press("Request…").await;
    camera.shoot("request", "the longest the hub allows").await;
    page.fill("days-number", "31").await;
    camera.shoot("request-days", "The hub allows 30 days at most").await;
    page.fill("days-number", "30").await;
    stage.control(&fault("POST", 429));
    page.press("Request token").await;
    camera.shoot("request-failed", "Too many requests for now").await;
    stage.control(&json!({ "do": "clear_rules" }));
    stage.control(&slow("POST", 25_000));
    page.press("Request token").await;
    camera.shoot("request-working", "this cannot be cut").await;
    stage.control(&json!({ "do": "clear_rules" }));
    page.sees("is in the vault").await;
    page.quiet().await;
    page.press("More ways to get a key").await;
    page.press("Get S3 credentials").await;
    camera.shoot("request-s3", "for 1 hour at a time").await;
    page.press("Cancel").await;
    page.press("More ways to get a key").await;
    page.press("Paste a key…").await;
    camera.shoot("paste", "It goes straight into the vault").await;
    page.fill("key", "9f1c2e7a-41d0-4b7e-a3c5-60d2f1e88b14").await;
    camera.shoot("paste-token-id", "That is a Token ID").await;
    page.press("Cancel").await;
}

/// One key made elsewhere, one deleted there.
async fn lives_there(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    let made = json!({ "do": "add_token", "username": "demo", "workspace": "demo-lab",
                       "name": "API Token", "age_seconds": 2 * DAY, "expires_in": 28 * DAY });
    stage.control(&made);
    let listed = credentials(stage);
    let spare = listed.iter().find(|row| row["name"] == "QGIS, spare laptop").expect("a key");
    stage.control(&json!({ "do": "delete_token", "id": spare["platform_id"] }));
    page.press("On the platform").await;
    camera.shoot("platform", "Gone from the platform").await;
}

async fn accounts(camera: &mut Camera<'_>) {
    let page = camera.page;
    lives_there(camera).await;
    page.press("Accounts").await;
    camera.shoot("accounts", "Signed in").await;
    page.press_more().await;
    camera.shoot("accounts-menu", "Read the workspaces again").await;
    page.press_item("Edit…").await;
    camera.shoot("accounts-edit", "Name shown here").await;
    page.press("Cancel").await;
    page.press_more().await;
    page.press_item("Remove…").await;
    camera.shoot("accounts-remove", "They stay in the list").await;
    page.press("Cancel").await;
}

async fn settings(camera: &mut Camera<'_>) {
    let page = camera.page;
    page.press("Settings").await;
    page.sees("Format 1").await;
    camera.shoot("settings", "Check the vault").await;
    page.run("document.querySelector('.body').scrollTo(0, 1e6)").await;
    camera.shoot("settings-end", "Quit Wayleave").await;
    page.press("Show keys").await;
    camera.shoot("keys", "Shift F10").await;
    page.escape().await;
    page.press_starting("Credentials").await;
}
