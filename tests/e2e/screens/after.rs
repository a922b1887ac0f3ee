//! When the platform is out of reach, when nobody is signed in, and when the vault is closed.

use serde_json::json;

use super::camera::Camera;
use super::daily::{account, forget_all};
use crate::journey::WINDOW;

/// All of them; the sandbox is gone.
pub async fn all(camera: &mut Camera<'_>) {
    offline(camera).await;
    locked(camera).await;
    signed_out(camera).await;
    nobody(camera).await;
}

async fn offline(camera: &mut Camera<'_>) {
    let page = camera.page;
    page.press("Nightly peat index").await;
    page.press("Verify now").await;
    page.press_starting("Credentials").await;
    page.sees("What needs the platform waits").await;
    page.quiet().await;
    camera.shoot("offline", "What needs the platform waits").await;
    page.press("QGIS, office PC").await;
    camera.shoot("credential-offline", "Ends in 22 hours").await;
    page.press_starting("Credentials").await;
    page.press("Request…").await;
    page.press("Request token").await;
    camera.shoot("request-offline", "cannot be reached").await;
    page.press("Cancel").await;
}

async fn locked(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    stage.focus(&stage.window(WINDOW));
    stage.keys(&["ctrl+l"]);
    page.sees("The vault is locked").await;
    camera.shoot("locked", "The vault is locked").await;
    page.press("Settings").await;
    camera.shoot("settings-locked", "Unlock to see the vault’s facts").await;
    page.press_starting("Credentials").await;
    page.press("Unlock…").await;
    page.sees("QGIS, office PC").await;
}

async fn signed_out(camera: &mut Camera<'_>) {
    let page = camera.page;
    let account = account(page).await;
    let out = json!({ "ask": "sign_out", "account": account, "everywhere": false });
    page.ask(out).await.expect("signed out");
    page.press("Request…").await;
    camera.shoot("request-signed-out", "Nobody is signed in").await;
    page.press("Sign in").await;
    camera.shoot("sign-in", "In a window of the hub").await;
    page.press("Cancel").await;
    page.press("Accounts").await;
    page.quiet().await;
    camera.shoot("accounts-signed-out", "Once signed in").await;
}

async fn nobody(camera: &mut Camera<'_>) {
    let page = camera.page;
    forget_all(camera, "keep").await;
    page.press_starting("Credentials").await;
    camera.shoot("empty-signed-out", "No credentials yet").await;
    let account = account(page).await;
    let remove = json!({ "ask": "remove_account", "account": account, "credentials": "keep" });
    page.ask(remove).await.expect("removed");
    page.sees("Choose a platform").await;
    camera.shoot("empty-nobody", "Choose a platform").await;
    page.press("Accounts").await;
    camera.shoot("accounts-empty", "No account yet").await;
}
