//! Every screen by keyboard alone: its verbs by their keys, and the rest by Tab.

use serde_json::json;

use crate::journey::{WINDOW, tell};
use crate::keyboard::{reach, to};
use crate::page::Page;
use crate::report::Report;
use crate::stage::{Stage, until};

/// The vault is open and holds the first key, “QGIS”.
pub async fn each_screen(stage: &Stage, page: &Page, report: &mut Report) {
    let at = Keys { stage, page };
    at.list(report).await;
    at.qgis(report).await;
    at.credential(report).await;
    at.dialogs(report).await;
    at.accounts(report).await;
    at.settings(report).await;
    // The journey goes on with the name it knows.
    page.ask(json!({ "ask": "rename", "credential": at.id("Moor").await, "name": "QGIS" }))
        .await
        .expect("renamed");
}

struct Keys<'a> {
    stage: &'a Stage,
    page: &'a Page,
}

impl Keys<'_> {
    fn press(&self, keys: &[&str]) {
        self.stage.focus(&self.stage.window(WINDOW));
        self.stage.keys(keys);
    }

    /// Presses keys until the page says something: a key that comes before the page has settled
    /// is lost, as a person sees.
    async fn says(&self, keys: &[&str], text: &str) {
        self.page.settled().await;
        self.press(keys);
        self.page.sees(text).await;
    }

    async fn has_keyboard(&self, name: &str) {
        self.page
            .until(&format!("the keyboard on {name}"), || async {
                self.page.focused().await.contains(name)
            })
            .await;
    }

    /// Goes on with Tab to the list's one tab stop.
    async fn row(&self) {
        let is_row = "return document.activeElement.hasAttribute('data-open')";
        for _ in 0..40 {
            self.page.settled().await;
            if self.page.run(is_row).await == json!(true) {
                return;
            }
            self.press(&["Tab"]);
        }
        panic!("Tab never came to a row:\n{}", self.page.text().await);
    }

    async fn closed(&self) {
        let none = "return document.querySelector('[role=dialog], [role=alertdialog], [role=menu]') === null";
        self.page.until("no dialog", || async { self.page.run(none).await == json!(true) }).await;
    }

    async fn id(&self, name: &str) -> serde_json::Value {
        let snapshot = self.page.call("current_snapshot", json!({})).await.expect("a snapshot");
        let all = snapshot["credentials"].as_array().cloned().unwrap_or_default();
        all.iter().find(|c| c["name"] == name).map(|c| c["id"].clone()).unwrap_or_default()
    }

    /// Search, the row, its verbs, its menu.
    async fn list(&self, report: &mut Report) {
        self.page.quiet().await;
        self.says(&["ctrl+f"], "Credentials").await;
        self.has_keyboard("Search").await;
        self.stage.types("no such moor");
        self.page.sees("Nothing found").await;
        self.press(&["Escape"]);
        self.page.sees("30 days left").await;
        self.row().await;
        self.says(&["ctrl+j"], "Works: the platform accepts it").await;
        self.says(&["ctrl+shift+c"], "API Header value").await;
        let first = || async { self.page.focused().await == "API key" };
        self.page.until("the keyboard in the inner menu", first).await;
        self.press(&["Down", "Return"]);
        let name = self.stage.hub.username.clone();
        until("the user name on the clipboard", || {
            self.stage.clipboard("UTF8_STRING").filter(|text| *text == name)
        });
        tell(report, "list_by_keyboard", true);
    }

    /// QGIS is started with the script of a ticket; real ones run that in `make test-tools`.
    async fn qgis(&self, report: &mut Report) {
        self.closed().await;
        let started = format!("{}/qgis-was-started", self.stage.home());
        let program = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo 'QGIS 3.40.6-Bratislava'; exit; }}\n\
             printf '%s\\n' \"$@\" >{started}.new && mv {started}.new {started}\n"
        );
        self.stage.plant("qgis", &program);
        self.row().await;
        self.says(&["ctrl+u"], "QGIS is starting").await;
        let given = until("a started QGIS", || std::fs::read_to_string(&started).ok());
        let script = given.strip_prefix("--code\n").map(str::trim_end).unwrap_or_default();
        let script = std::fs::read_to_string(script).unwrap_or_default();
        let is_ours = script.contains("qgis") && !script.contains("454f4448");
        tell(report, "qgis_is_started_with_a_script", is_ours);
    }

    /// Its page, and back to the row.
    async fn credential(&self, report: &mut Report) {
        self.closed().await;
        self.row().await;
        self.says(&["Return"], "Copy into the QGIS plugin").await;
        reach(self.stage, self.page, "Show the key for 30 seconds").await;
        self.says(&["Return"], "Hides in").await;
        self.press(&["Escape"]);
        self.page
            .until("a hidden key", || async { !self.page.text().await.contains("Hides in") })
            .await;
        self.says(&["alt+Left"], "30 days left").await;
        self.has_keyboard("QGIS").await;
        tell(report, "credential_by_keyboard", true);
    }

    /// Rename, revoke (not done), request.
    async fn dialogs(&self, report: &mut Report) {
        self.says(&["F2"], "Here only").await;
        self.has_keyboard("Name").await;
        self.press(&["ctrl+a"]);
        self.stage.types("Moor");
        self.says(&["Return"], "Moor").await;
        self.closed().await;
        self.has_keyboard("Moor").await;
        self.says(&["Delete"], "It cannot be brought back").await;
        self.has_keyboard("Cancel").await;
        self.press(&["Escape"]);
        self.closed().await;
        self.says(&["ctrl+n"], "Request an API token").await;
        self.has_keyboard("Name").await;
        self.press(&["ctrl+a"]);
        self.stage.types("Fen");
        self.says(&["Return"], "“Fen” is in the vault").await;
        self.closed().await;
        self.says(&["F1"], "Shift F10").await;
        self.press(&["Escape"]);
        self.closed().await;
        tell(report, "dialogs_by_keyboard", true);
    }

    async fn accounts(&self, report: &mut Report) {
        self.says(&["ctrl+2"], "says about your keys").await;
        self.says(&["ctrl+3"], "Add account…").await;
        reach(self.stage, self.page, "More for").await;
        self.says(&["Return"], "Read the workspaces again").await;
        self.page.settled().await;
        // By its first letter, as in every menu.
        self.press(&["e"]);
        self.has_keyboard("Edit…").await;
        self.says(&["Return"], "Name shown here").await;
        self.press(&["Escape"]);
        self.closed().await;
        tell(report, "accounts_by_keyboard", true);
    }

    async fn settings(&self, report: &mut Report) {
        self.says(&["ctrl+comma"], "Locks after").await;
        reach(self.stage, self.page, "Warn on the desktop").await;
        self.press(&["space"]);
        self.page
            .until("notices that are off", || async {
                let now = self.page.call("current_snapshot", json!({})).await;
                now.is_ok_and(|now| now["settings"]["notices"] == false)
            })
            .await;
        to(self.stage, self.page, "Show keys").await;
        self.page.sees("Shift F10").await;
        self.press(&["Escape"]);
        self.closed().await;
        self.says(&["ctrl+1"], "Moor").await;
        tell(report, "settings_by_keyboard", true);
    }
}
