//! The same journey by keyboard alone, with a passphrase; then locked, closed, and opened again.

use std::time::Duration;

use crate::journey::{WINDOW, clear_soon, tell};
use crate::keyboard_screens::each_screen;
use crate::page::Page;
use crate::report::Report;
use crate::sign_in::{With, sign_in};
use crate::stage::{Stage, until, within};
use crate::{desktop, picture, runtime, say};

const PASSPHRASE: &str = "seven wet walkers on a moor";
/// Title of the unlock window.
const UNLOCK: &str = "^Unlock · Wayleave$";

/// Adds its checks to the journey's report.
pub fn journey(report: &mut Report) {
    let stage = Stage::new(&desktop(), false);
    clear_soon(&stage);
    runtime().block_on(async {
        let page = Page::open(&stage, &desktop()).await.expect("the window opens");
        first_key(&stage, &page).await;
        let presses = page.presses().await;
        #[allow(clippy::cast_precision_loss, reason = "none")]
        report.check("first_key_by_keyboard", presses as f64, "clicks", "0", presses == 0);
        each_screen(&stage, &page, report).await;
        let presses = page.presses().await;
        #[allow(clippy::cast_precision_loss, reason = "none")]
        report.check("each_screen_by_keyboard", presses as f64, "clicks", "0", presses == 0);
        locked_by_key(&stage, &page, report).await;
        page.0.close().await.expect("it closes");
        stage.wayleave(&["agent", "stop"]);
        started_locked(&stage, report).await;
    });
}

async fn first_key(stage: &Stage, page: &Page) {
    say("by keyboard: choose the platform");
    page.sees("Where is your data?").await;
    to(stage, page, "Sandbox").await;
    page.sees("Sign in to Sandbox").await;
    to(stage, page, "Open the sign-in window").await;
    say("by keyboard: sign in");
    sign_in(stage, With::Keyboard);
    page.sees("Protect your keys").await;
    to(stage, page, "Choose a passphrase…").await;
    say("by keyboard: choose a passphrase");
    let form = stage.window("^Choose a passphrase · Wayleave$");
    typed_twice(stage, &form);
    page.sees("Create a key").await;
    say("by keyboard: create a key and copy it");
    to(stage, page, "Create and copy").await;
    until("the key on the clipboard", || {
        stage.clipboard("UTF8_STRING").filter(|text| text.starts_with("454f4448"))
    });
}

/// Goes on with Tab until the control has the keyboard, then presses Enter.
pub async fn to(stage: &Stage, page: &Page, name: &str) {
    reach(stage, page, name).await;
    stage.keys(&["Return"]);
}

/// Goes on with Tab until the control has the keyboard.
pub async fn reach(stage: &Stage, page: &Page, name: &str) {
    stage.focus(&stage.window(WINDOW));
    page.settled().await;
    for _ in 0..40 {
        if page.focused().await.contains(name) {
            return;
        }
        stage.keys(&["Tab"]);
    }
    panic!("Tab never came to “{name}”:\n{}", page.text().await);
}

/// The form is typed until it is taken: keys before its first paint are lost.
fn typed_twice(stage: &Stage, form: &str) {
    stage.drawn(form, 0);
    until("a vault", || {
        stage.focus(form);
        stage.keys(&["ctrl+a"]);
        stage.types(PASSPHRASE);
        stage.keys(&["Tab", "ctrl+a"]);
        stage.types(PASSPHRASE);
        stage.picture(form, &picture("unlock-create"));
        stage.keys(&["Return"]);
        gone(stage, "^Choose a passphrase")
    });
}

fn gone(stage: &Stage, title: &str) -> Option<()> {
    within(Duration::from_secs(8), || stage.window_now(title).is_none().then_some(()))
}

async fn locked_by_key(stage: &Stage, page: &Page, report: &mut Report) {
    say("lock; the clipboard is cleared with it");
    stage.focus(&stage.window(WINDOW));
    stage.keys(&["ctrl+l"]);
    page.sees("The vault is locked").await;
    let gone =
        until("a cleared clipboard", || stage.clipboard("UTF8_STRING").is_none().then_some(true));
    tell(report, "lock_clears_the_clipboard", gone);
    let text = page.text().await;
    tell(report, "locked_shows_no_name", !text.contains("QGIS") && !text.contains("-ws"));
    stage.picture(&stage.window(WINDOW), &picture("locked"));
}

async fn started_locked(stage: &Stage, report: &mut Report) {
    say("start with a locked vault; a wrong passphrase, then the right one");
    let page = Page::open(stage, &desktop()).await.expect("the window opens again");
    page.sees("The vault is locked").await;
    to(stage, &page, "Unlock").await;
    let form = stage.window(UNLOCK);
    stage.drawn(&form, 0);
    stage.picture(&form, &picture("unlock"));
    let apart = stage.web_processes() == 2;
    tell(report, "unlock_has_its_own_process", apart);
    let refused = until("a refused passphrase", || {
        typed(stage, &form, "not the passphrase");
        within(Duration::from_secs(8), || stage.warns(&form).then_some(()))?;
        stage.wayleave(&["status"])["locked"].as_bool()
    });
    stage.picture(&form, &picture("unlock-wrong"));
    tell(report, "wrong_passphrase_stays_locked", refused);
    until("an open vault", || {
        typed(stage, &form, PASSPHRASE);
        gone(stage, "^Unlock")
    });
    page.sees("QGIS").await;
    tell(report, "unlocked_in_its_window", true);
    let left = until("the end of its process", || (stage.web_processes() == 1).then_some(true));
    tell(report, "unlock_process_ends", left);
    let second = stage.command(desktop()).output().expect("a second window starts");
    let one = stage.run("xdotool", &["search", "--onlyvisible", "--name", WINDOW]);
    let is_one = second.status.success() && one.lines().count() == 1;
    tell(report, "a_second_start_finds_the_first", is_one);
    quit_clears(stage, &page, report).await;
}

fn typed(stage: &Stage, form: &str, text: &str) {
    stage.focus(form);
    stage.keys(&["ctrl+a"]);
    stage.types(text);
    stage.keys(&["Return"]);
}

async fn quit_clears(stage: &Stage, page: &Page, report: &mut Report) {
    say("copy, and quit: the clipboard is cleared");
    page.press("Copy QGIS").await;
    until("the key on the clipboard", || stage.clipboard("UTF8_STRING"));
    page.press("Settings").await;
    // The vault's facts come a moment later and move what is below them.
    page.sees("Argon2id").await;
    page.press_last("Quit").await;
    stage.window_gone(WINDOW);
    let empty = stage.clipboard("UTF8_STRING").is_none();
    tell(report, "quit_clears_the_clipboard", empty);
    let status = stage.wayleave(&["agent", "status"]);
    tell(report, "agent_goes_on_after_quit", status["running"] == true);
}
