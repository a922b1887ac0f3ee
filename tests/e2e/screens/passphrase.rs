//! A vault that only a passphrase opens, and the window that takes it.

use std::time::Duration;

use serde_json::json;

use super::camera::{Album, Camera};
use super::first_run::CREATE;
use super::states::{SIZES, THEMES};
use crate::desktop;
use crate::journey::tell;
use crate::page::Page;
use crate::report::Report;
use crate::stage::{Stage, until, within};

const PASSPHRASE: &str = "seven wet walkers on a moor";
const UNLOCK: &str = "^Unlock · Wayleave$";
const CHANGE: &str = "^Change the passphrase · Wayleave$";

/// The first run without a keyring, then locked, unlocked, changed, and at last damaged.
pub async fn all(album: &mut Album, report: &mut Report) {
    let stage = Stage::new(&desktop(), false);
    let page = Page::open(&stage, &desktop()).await.expect("the window opens");
    let mut camera = super::camera(&stage, &page, album);
    create(&mut camera).await;
    lock(&camera).await;
    camera.shoot("locked-calm", "The vault is locked").await;
    unlock(&mut camera, "unlock-calm", false).await;
    add_an_urgent_key(&camera).await;
    lock(&camera).await;
    unlock(&mut camera, "unlock", true).await;
    change(&mut camera).await;
    forms_pass_axe(&mut camera, report).await;
    page.0.close().await.expect("it closes");
}

async fn create(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    page.press_starting("Sandbox").await;
    page.choose("With a key you already have").await;
    camera.shoot("welcome-paste", "Paste it in a moment").await;
    page.press("Go on").await;
    camera.shoot("protect-no-keyring", "No keyring answers").await;
    for theme in THEMES {
        camera.dress(theme, SIZES[0]).await;
        page.press("Choose a passphrase…").await;
        let form = stage.window(CREATE);
        stage.drawn(&form, 0);
        until("two that differ", || {
            type_two(stage, &form, PASSPHRASE, "another one than that");
            within(Duration::from_secs(8), || reddens(stage, &form, 0).then_some(()))
        });
        camera.window("unlock-create-differ", CREATE, theme);
        if theme == THEMES[0] {
            stage.keys(&["Escape"]);
            stage.window_gone(CREATE);
        }
    }
    let form = stage.window(CREATE);
    until("a vault", || {
        type_two(stage, &form, PASSPHRASE, PASSPHRASE);
        gone(stage, CREATE)
    });
    page.sees("Paste a key").await;
    page.press("Cancel").await;
}

fn type_two(stage: &Stage, form: &str, first: &str, again: &str) {
    stage.focus(form);
    // Tab goes round the form; the first field is the first control.
    stage.keys(&["ctrl+a"]);
    stage.types(first);
    stage.keys(&["Tab", "ctrl+a"]);
    stage.types(again);
    stage.keys(&["Return"]);
}

fn gone(stage: &Stage, title: &str) -> Option<()> {
    let look = || stage.window_now(title).is_none().then_some(());
    within(Duration::from_secs(8), look)
}

async fn lock(camera: &Camera<'_>) {
    camera.page.ask(json!({ "ask": "lock" })).await.expect("locked");
    camera.page.sees("The vault is locked").await;
}

/// The form in both themes, with and without a wrong passphrase; then the right one.
async fn unlock(camera: &mut Camera<'_>, id: &str, and_wrong: bool) {
    let (page, stage) = (camera.page, camera.stage);
    for theme in THEMES {
        camera.dress(theme, SIZES[0]).await;
        page.press("Unlock…").await;
        let form = stage.window(UNLOCK);
        stage.drawn(&form, 0);
        camera.window(id, UNLOCK, theme);
        if and_wrong {
            stage.focus(&form);
            stage.types("not the passphrase");
            stage.keys(&["Return"]);
            page.until("a refusal", || async { reddens(stage, &form, 215) }).await;
            camera.window("unlock-wrong", UNLOCK, theme);
        }
        if theme == THEMES[0] {
            stage.focus(&form);
            stage.keys(&["Escape"]);
            stage.window_gone(UNLOCK);
        }
    }
    let form = stage.window(UNLOCK);
    until("an open vault", || {
        stage.focus(&form);
        stage.keys(&["ctrl+a"]);
        stage.types(PASSPHRASE);
        stage.keys(&["Return"]);
        gone(stage, UNLOCK)
    });
    page.sees("Credentials").await;
}

/// Below `top` something is said in the colour of warnings, of either theme.
fn reddens(stage: &Stage, form: &str, top: u32) -> bool {
    let file = format!("{}/reddens.png", stage.home());
    stage.run("import", &["-window", form, &file]);
    let part = format!("{file}[400x{}+0+{top}]", 320 - top - 45);
    let red = "(r>0.55&&g<0.65&&r-g>0.25)?1:0";
    let share = ["-fx", red, "-format", "%[fx:mean>0.002]", "info:"];
    stage.run("convert", &[&[part.as_str()], &share[..]].concat()).trim() == "1"
}

async fn add_an_urgent_key(camera: &Camera<'_>) {
    let page = camera.page;
    let account = super::daily::account(page).await;
    let end = page.run("return new Date(Date.now() + 22.5 * 3600e3).toISOString()").await;
    let about = json!({ "account": account, "workspace": "demo-ws", "username": null,
                        "name": "Field notes", "token_id": null, "made": null, "expires": end });
    let key = format!("454f4448{}", "0".repeat(24));
    page.call("paste_key", json!({ "key": key, "about": about })).await.expect("a pasted key");
    page.sees("Ends in 22 hours").await;
}

async fn change(camera: &mut Camera<'_>) {
    let (page, stage) = (camera.page, camera.stage);
    page.press("Settings").await;
    for theme in THEMES {
        camera.dress(theme, SIZES[0]).await;
        page.press("Change…").await;
        let form = stage.window(CHANGE);
        stage.drawn(&form, 0);
        camera.window("unlock-change", CHANGE, theme);
        stage.focus(&form);
        stage.types("not the passphrase");
        stage.keys(&["Tab"]);
        stage.types("eight dry walkers on a fell");
        stage.keys(&["Tab"]);
        stage.types("eight dry walkers on a fell");
        stage.keys(&["Return"]);
        page.until("a refusal", || async { reddens(stage, &form, 0) }).await;
        camera.window("unlock-change-wrong", CHANGE, theme);
        stage.keys(&["Escape"]);
        stage.window_gone(CHANGE);
    }
}

/// The forms are in a window that WebDriver cannot see; their page is looked at in the main one,
/// where it can show itself and do nothing else.
async fn forms_pass_axe(camera: &mut Camera<'_>, report: &mut Report) {
    let page = camera.page;
    let mut refused = true;
    for form in ["unlock", "create", "change"] {
        for theme in THEMES {
            let address = format!("tauri://localhost/unlock.html?form={form}&theme={theme}");
            page.0.goto(&address).await.expect("the form is shown");
            page.settled().await;
            camera.album.looked += 1;
            let found = super::camera::findings(page).await;
            let named = found.into_iter().map(|f| format!("unlock {form} {theme}: {f}"));
            camera.album.findings.extend(named);
        }
        let tried = page.call("unlock", json!({ "passphrase": "x" })).await;
        refused &= tried.is_err_and(|said| said.contains("not allowed"));
    }
    tell(report, "main_window_cannot_unlock", refused);
}
