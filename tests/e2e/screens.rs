//! Every screen of the running window in both themes and both widths: a picture to look at, and
//! axe-core's word on each.

use serde_json::json;

use crate::journey::{WINDOW, clear_soon, first_key};
use crate::page::Page;
use crate::report::{Report, root};
use crate::stage::Stage;
use crate::{desktop, picture, runtime};

/// Widths and heights of the drawings.
const SIZES: [(u32, u32); 2] = [(960, 640), (480, 800)];
const THEMES: [&str; 2] = ["light", "dark"];

/// Dismisses the messages on show; returns how many there were.
const CLOSE_MESSAGES: &str = "const all = document.querySelectorAll('button[aria-label=\"Dismiss\"]'); \
     all.forEach((button) => button.click()); return all.length;";

/// Stands for the key where a screen has no button to go back.
const ESCAPE: &str = "Esc";

/// What is pressed, one after the other, to come to a screen from the list; then what is pressed
/// to come back to it.
const SCREENS: [(&str, &[&str], &[&str]); 11] = [
    ("credentials", &[], &[]),
    ("credentials-menu", &["More for QGIS"], &[ESCAPE]),
    ("credential", &["QGIS"], &[]),
    ("credential-reveal", &["QGIS", "Show the key for 30 seconds"], &[]),
    ("s3", &["Files of demo-lab"], &[]),
    ("request", &["Request…"], &["Cancel"]),
    ("request-s3", &["More ways to get a key", "Get S3 credentials"], &["Cancel"]),
    ("revoke", &["QGIS", "Revoke…"], &["Cancel"]),
    ("forget", &["QGIS", "Forget…"], &["Cancel"]),
    ("accounts", &["Accounts"], &[]),
    ("settings", &["Settings"], &[]),
];

/// Pictures under target/screens, findings in the report `screens`.
#[test]
fn screens() {
    let stage = Stage::new(&desktop(), true);
    clear_soon(&stage);
    let mut report = Report::new("screens", "e2e");
    let mut found = Vec::new();
    runtime().block_on(async {
        let page = Page::open(&stage, &desktop()).await.expect("the window opens");
        first_key(&stage, &page).await;
        page.press("More ways to get a key").await;
        page.press("Get S3 credentials").await;
        page.press("Get credentials").await;
        page.sees("Files of demo-lab").await;
        // Messages would lie over what is pictured.
        page.until("no message", || async { page.run(CLOSE_MESSAGES).await == json!(0) }).await;
        for theme in THEMES {
            for size in SIZES {
                found.extend(all_at(&stage, &page, theme, size).await);
            }
        }
        page.run("document.body.append(document.createElement('button'))").await;
        report.known_bad("a button without a name", !findings(&page).await.is_empty());
        page.0.close().await.expect("it closes");
    });
    let cases = (SCREENS.len() * SIZES.len() * THEMES.len()) as u64;
    let failed = found.len() as u64;
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    report.cases("axe_findings", failed as f64, "findings", "0", (cases, failed), failed == 0);
    report.write();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

async fn all_at(stage: &Stage, page: &Page, theme: &str, size: (u32, u32)) -> Vec<String> {
    let window = stage.window(WINDOW);
    stage.run("xdotool", &["windowsize", &window, &size.0.to_string(), &size.1.to_string()]);
    page.until("the size", || async { page.run("return innerWidth").await == json!(size.0) }).await;
    look_like(page, theme).await;
    let mut found = Vec::new();
    for (name, there, back) in SCREENS {
        stage.focus(&window);
        page.press("Credentials").await;
        for verb in there {
            page.press(verb).await;
        }
        if name == "credential-reveal" {
            // Shown only in a window that has the keyboard.
            page.sees("Hides in").await;
        }
        page.settled().await;
        let name = format!("{name}-{theme}-{}", size.0);
        stage.picture(&window, &picture(&name));
        found.extend(findings(page).await.into_iter().map(|finding| format!("{name}: {finding}")));
        for verb in back {
            match *verb {
                ESCAPE => page.escape().await,
                name => page.press(name).await,
            }
        }
    }
    found
}

async fn look_like(page: &Page, theme: &str) {
    let order = json!({ "ask": "set_settings", "theme": theme, "clear_clipboard_after": 10,
                        "lock_after": null, "notices": true });
    let script = "const [ask, done] = arguments; \
         window.__TAURI_INTERNALS__.invoke('ask', { ask }).then(() => done(1), (e) => done(String(e)))";
    let said = page.0.execute_async(script, vec![order]).await.expect("the script runs");
    assert_eq!(said, json!(1), "the theme is set");
    page.until("the theme", || async {
        page.run("return document.documentElement.dataset.theme").await == json!(theme)
    })
    .await;
}

/// Rules that the page breaks, with the first element that does.
async fn findings(page: &Page) -> Vec<String> {
    let axe = std::fs::read_to_string(root().join("ui/node_modules/axe-core/axe.min.js"));
    page.run(&format!("if (!window.axe) {{ {} }}", axe.expect("`make ui` installs axe-core")))
        .await;
    let script = "const done = arguments[0]; window.axe.run(document, { resultTypes: ['violations'] })\
         .then((r) => done(r.violations.map((v) => v.id + ' ' + v.nodes[0].html.slice(0, 120))))";
    let found = page.0.execute_async(script, vec![]).await.expect("axe runs");
    found.as_array().expect("a list").iter().map(ToString::to_string).collect()
}
