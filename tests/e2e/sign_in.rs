//! Signing in at the portal as a person does: keys and clicks in the sign-in window.

use std::time::Duration;

use serde_json::json;

use crate::picture;
use crate::stage::{Stage, until, within};

/// How the log-in page is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// Clicks into the page, then types.
    Pointer,
    /// Types only.
    Keyboard,
}

/// Signs the demo user in; the window closes by itself.
pub fn sign_in(stage: &Stage, with: With) {
    let window = stage.window("^Sign in · .*Wayleave$");
    let host = stage.hub.url.trim_start_matches("http://").to_owned();
    until("the hub's name in the title", || stage.title(&window).contains(&host).then_some(()));
    until("the log-in page", || asked(stage, "GET", "/auth").then_some(()));
    stage.focus(&window);
    stage.drawn(&window, 100);
    stage.picture(&window, &picture("sign-in-window"));
    // The focus comes a moment later, and keys before that are lost: a person would see that
    // nothing stands in the field and type again.
    until("a log-in", || {
        stage.focus(&window);
        if with == With::Pointer {
            stage.click_at(&window, 480, 300);
        }
        stage.keys(&["ctrl+a"]);
        type_log_in(stage);
        within(Duration::from_secs(8), || stage.window_now("^Sign in · ").is_none().then_some(()))
    });
}

fn type_log_in(stage: &Stage) {
    stage.types(&stage.hub.username);
    stage.keys(&["Tab"]);
    stage.types(&stage.hub.password);
    stage.keys(&["Return"]);
}

/// Whether the sandbox has seen a request.
pub fn asked(stage: &Stage, method: &str, path_part: &str) -> bool {
    let seen = stage.control(&json!({ "do": "list_seen" }));
    let seen = seen.as_array().or_else(|| seen["seen"].as_array()).cloned().unwrap_or_default();
    seen.iter().any(|s| {
        s["method"].as_str() == Some(method)
            && s["path"].as_str().is_some_and(|path| path.contains(path_part))
    })
}
