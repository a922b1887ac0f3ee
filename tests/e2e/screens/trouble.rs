//! When the agent or the vault is not as it should be.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::camera::{Album, Camera};
use crate::desktop;
use crate::journey::tell;
use crate::other_agent::OtherAgent;
use crate::page::Page;
use crate::report::Report;
use crate::stage::Stage;

/// Each with a desktop of its own.
pub async fn all(album: &mut Album, report: &mut Report) {
    unreachable(album).await;
    silent(album).await;
    other_version(album, report).await;
    broken_settings(album).await;
    damaged_vault(album).await;
}

/// The window lies where no agent lies beside it.
async fn unreachable(album: &mut Album) {
    let stage = Stage::new(&desktop(), false);
    let alone = Path::new(&stage.home()).join("alone");
    fs::create_dir(&alone).expect("a folder");
    let program = alone.join("wayleave-desktop");
    fs::copy(desktop(), &program).expect("a copy");
    let page = Page::open(&stage, &program).await.expect("the window opens");
    let mut camera = Camera { stage: &stage, page: &page, album, agent: false };
    camera.shoot("agent-unreachable", "background part does not answer").await;
    page.0.close().await.expect("it closes");
}

async fn silent(album: &mut Album) {
    let stage = Stage::new(&desktop(), false);
    let _agent = OtherAgent::silent(&stage);
    let page = Page::open(&stage, &desktop()).await.expect("the window opens");
    let mut camera = Camera { stage: &stage, page: &page, album, agent: false };
    camera.shoot("loading", "Request…").await;
    page.0.close().await.expect("it closes");
}

/// An agent of another version is ended from the window, and the right one started.
async fn other_version(album: &mut Album, report: &mut Report) {
    let stage = Stage::new(&desktop(), false);
    let agent = OtherAgent::of_another_version(&stage);
    let page = Page::open(&stage, &desktop()).await.expect("the window opens");
    let mut camera = Camera { stage: &stage, page: &page, album, agent: false };
    camera.shoot("agent-version", "Two versions of Wayleave are running").await;
    page.press("Restart the agent").await;
    page.sees("Where is your data?").await;
    tell(report, "other_agent_was_told_to_end", agent.was_told_to_end());
    let status = stage.wayleave(&["agent", "status"]);
    tell(report, "the_right_agent_runs", status["running"] == true);
    page.0.close().await.expect("it closes");
}

async fn broken_settings(album: &mut Album) {
    let stage = Stage::new(&desktop(), true);
    fs::write(stage.vault_home().join("config/settings.json"), "{").expect("broken settings");
    stage.wayleave(&["init", "--keyring"]);
    let page = Page::open(&stage, &desktop()).await.expect("the window opens");
    let mut camera = super::camera(&stage, &page, album);
    camera.shoot("alert", "A file could not be read or written").await;
    page.0.close().await.expect("it closes");
}

async fn damaged_vault(album: &mut Album) {
    let stage = Stage::new(&desktop(), true);
    stage.wayleave(&["init", "--keyring"]);
    let info = stage.wayleave(&["vault", "info"]);
    stage.wayleave(&["agent", "stop"]);
    let file = info["path"].as_str().expect("its path");
    let mut bytes = fs::read(file).expect("the vault");
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x5a);
    fs::write(file, bytes).expect("a damaged vault");
    let page = Page::open(&stage, &desktop()).await.expect("the window opens");
    // What is wrong shows when it is opened, at the latest.
    let _ = page.ask(json!({ "ask": "unlock_with_keyring" })).await;
    let mut camera = super::camera(&stage, &page, album);
    camera.shoot("error", "Happened").await;
    page.0.close().await.expect("it closes");
}
