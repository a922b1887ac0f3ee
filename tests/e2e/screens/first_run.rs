//! The first run, step by step, with a keyring.

use serde_json::json;

use super::camera::Camera;
use super::states::{SIZES, THEMES};
use crate::journey::tell;
use crate::report::Report;
use crate::sign_in::{With, asked, sign_in};
use crate::stage::until;

/// Title of the form that makes a passphrase.
pub const CREATE: &str = "^Choose a passphrase · Wayleave$";
const SIGN_IN: &str = "^Sign in · .*Wayleave$";

/// From the first paint to the first key.
pub async fn all(camera: &mut Camera<'_>, report: &mut Report) {
    platform_and_ways(camera).await;
    by_device(camera).await;
    by_browser(camera, report).await;
    by_portal(camera).await;
    protect(camera).await;
    create(camera).await;
}

async fn platform_and_ways(camera: &mut Camera<'_>) {
    camera.shoot("welcome", "Where is your data?").await;
    camera.page.press_starting("Sandbox").await;
    camera.shoot("welcome-sign-in", "What will happen").await;
    camera.page.press("Use another environment or your own hub").await;
    camera.shoot("welcome-own-hub", "Environment").await;
}

async fn by_device(camera: &mut Camera<'_>) {
    let page = camera.page;
    page.choose("With a code on another device").await;
    page.fill("client", "wayleave-desktop").await;
    page.press("Get a code").await;
    camera.shoot("welcome-device", "Type this code").await;
    page.press("Cancel sign-in").await;
}

/// The address reaches the system browser, by way of the real xdg-open.
async fn by_browser(camera: &mut Camera<'_>, report: &mut Report) {
    let (page, stage) = (camera.page, camera.stage);
    page.choose("In your own browser").await;
    page.press("Open the browser").await;
    camera.shoot("welcome-browser", "Waiting for you in the browser").await;
    let opened = until("an address in the browser", || stage.browsed().pop());
    let is_flow = opened.starts_with(&stage.hub.url) || opened.starts_with("http://127.0.0.1:");
    let is_request = opened.contains("code_challenge=") && opened.contains("state=");
    tell(report, "browser_gets_the_sign_in", is_flow && is_request);
    page.press("Cancel sign-in").await;
}

async fn by_portal(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    page.choose("In a window of the hub").await;
    let broken = json!({ "do": "rule", "path": "*/api/workspaces*",
        "effect": { "answer": { "status": 503, "body": "" } } });
    stage.control(&broken);
    page.press("Open the sign-in window").await;
    sign_in(stage, With::Pointer);
    camera.shoot("welcome-failed", "The platform has a fault of its own").await;
    stage.control(&json!({ "do": "clear_rules" }));
    for theme in THEMES {
        camera.dress(theme, SIZES[0]).await;
        stage.control(&json!({ "do": "clear_seen" }));
        page.press("Open the sign-in window").await;
        let window = stage.window(SIGN_IN);
        until("the log-in page", || asked(stage, "GET", "/auth").then_some(()));
        stage.drawn(&window, 100);
        camera.window("sign-in-window", SIGN_IN, theme);
        if theme == THEMES[0] {
            page.press("Cancel sign-in").await;
            stage.window_gone(SIGN_IN);
        }
    }
    camera.shoot("welcome-waiting", "Waiting for you in the sign-in window").await;
    sign_in(stage, With::Pointer);
}

async fn protect(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    camera.shoot("protect", "Protect your keys").await;
    page.choose("With a passphrase").await;
    for theme in THEMES {
        camera.dress(theme, SIZES[0]).await;
        page.press("Choose a passphrase…").await;
        let form = stage.window(CREATE);
        stage.drawn(&form, 0);
        camera.window("unlock-create", CREATE, theme);
        if theme == THEMES[0] {
            camera.shoot("protect-waiting", "Waiting for the passphrase").await;
        }
        stage.focus(&form);
        stage.keys(&["Escape"]);
        stage.window_gone(CREATE);
        // Closed without a result, nothing is waited for any more.
        let waits = || async { !page.text().await.contains("Waiting for the passphrase") };
        page.until("the end of the waiting", waits).await;
    }
    page.choose("When I log in to this computer").await;
    page.press("Protect and go on").await;
}

async fn create(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    page.sees("QGIS 3.40.6").await;
    camera.shoot("create", "Found on this computer").await;
    stage.control(&super::daily::fault("POST", 429));
    page.press("Only create").await;
    camera.shoot("create-failed", "Too many requests for now").await;
    stage.control(&json!({ "do": "clear_rules" }));
    stage.control(&super::daily::slow("POST", 25_000));
    page.press("Only create").await;
    camera.shoot("create-working", "Asking the platform for a key").await;
    stage.control(&json!({ "do": "clear_rules" }));
    page.sees("30 days left").await;
    page.quiet().await;
    camera.shoot("credentials-first", "30 days left").await;
}
