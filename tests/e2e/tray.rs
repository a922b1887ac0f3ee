//! The tray as a panel sees it, and what closing the window means with one and without.

use serde_json::json;

use crate::journey::{WINDOW, tell};
use crate::page::Page;
use crate::panel::{Line, Panel};
use crate::report::Report;
use crate::stage::{Stage, until};
use crate::{desktop, runtime};

/// Its lines, its verbs, its icon; close hides, *Open* brings back, *Quit* ends. Without a panel
/// closing ends it.
#[test]
fn tray() {
    let mut report = Report::new("tray", "e2e");
    let stage = Stage::new(&desktop(), true);
    let panel = Panel::new(&stage);
    stage.wayleave(&["init", "--keyring"]);
    runtime().block_on(async {
        let page = Page::open(&stage, &desktop()).await.expect("the window opens");
        says_what_ends(&page, &panel, &mut report).await;
        copies(&stage, &panel, &mut report);
        hides_and_comes_back(&stage, &panel, &mut report);
        locks(&page, &panel, &mut report).await;
        press(&panel, "Quit");
        stage.window_gone(WINDOW);
        tell(&mut report, "quit_ends_it", true);
        let status = stage.wayleave(&["agent", "status"]);
        tell(&mut report, "agent_goes_on", status["running"] == true);
    });
    drop(panel);
    drop(stage);
    closes_without_a_panel(&mut report);
    report.write();
}

async fn says_what_ends(page: &Page, panel: &Panel, report: &mut Report) {
    until("a menu", || labels(panel).contains(&"Nothing ends soon".to_owned()).then_some(()));
    let connection = json!({ "environment": "custom", "hub": "http://127.0.0.1:9" });
    let add =
        json!({ "ask": "add_account", "platform": "eodh", "connection": connection, "name": null });
    let account = page.ask(add).await.expect("an account")["value"]["id"].clone();
    let end = page.run("return new Date(Date.now() + 22.5 * 3600e3).toISOString()").await;
    let about = json!({ "account": account, "workspace": "moor", "username": null,
                        "name": "Field notes", "token_id": null, "made": null, "expires": end });
    let key = format!("454f4448{}", "5".repeat(24));
    page.call("paste_key", json!({ "key": key, "about": about })).await.expect("a pasted key");
    let wanted =
        ["Field notes · ends in 22 hours", "", "Open Wayleave", "Copy", "Lock", "", "Quit"];
    until("what ends", || (labels(panel) == wanted).then_some(()));
    tell(report, "menu_says_what_ends", true);
    let menu = panel.menu();
    tell(report, "a_fact_cannot_be_pressed", !menu[0].is_verb);
    report.known_bad("another menu", labels(panel) != ["Open Wayleave", "Quit"]);
}

fn copies(stage: &Stage, panel: &Panel, report: &mut Report) {
    let menu = panel.menu();
    let copy = menu.iter().find(|line| line.words == "Copy").expect("it copies");
    let [field_notes] = &copy.inner[..] else { panic!("one thing to copy: {copy:?}") };
    panel.press(field_notes.id);
    let copied = until("the key on the clipboard", || stage.clipboard("UTF8_STRING"));
    tell(report, "copies_from_the_tray", copied.starts_with("454f4448"));
    press(panel, "Clear the clipboard now");
    until("a cleared clipboard", || stage.clipboard("UTF8_STRING").is_none().then_some(()));
    tell(report, "clears_from_the_tray", true);
}

fn hides_and_comes_back(stage: &Stage, panel: &Panel, report: &mut Report) {
    stage.close(&stage.window(WINDOW));
    stage.window_gone(WINDOW);
    // Still there to be asked: its menu answers.
    tell(report, "close_hides", labels(panel).contains(&"Open Wayleave".to_owned()));
    press(panel, "Open Wayleave");
    stage.window(WINDOW);
    tell(report, "open_brings_it_back", true);
}

async fn locks(page: &Page, panel: &Panel, report: &mut Report) {
    press(panel, "Lock");
    page.sees("The vault is locked").await;
    let wanted = ["Locked. Warnings go on.", "", "Open Wayleave", "", "Quit"];
    until("a locked menu", || (labels(panel) == wanted).then_some(()));
    tell(report, "locked_menu_names_nothing", true);
}

fn closes_without_a_panel(report: &mut Report) {
    let stage = Stage::new(&desktop(), false);
    let mut window = stage.command(desktop()).spawn().expect("it starts");
    let shown = stage.window(WINDOW);
    stage.drawn(&shown, 100);
    stage.close(&shown);
    let ended = until("its end", || window.try_wait().expect("it can be asked"));
    tell(report, "close_ends_without_a_panel", ended.success());
}

fn labels(panel: &Panel) -> Vec<String> {
    panel.menu().into_iter().map(|line| line.words).collect()
}

fn press(panel: &Panel, words: &str) {
    let find = || panel.menu().into_iter().find(|line: &Line| line.words == words && line.is_verb);
    let line = until(words, find);
    panel.press(line.id);
}
