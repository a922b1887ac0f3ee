//! The command line at a desktop: `wayleave sign-in --with portal` shows the sign-in window itself.

use std::process::{Child, Stdio};

use serde_json::Value;

use crate::desktop;
use crate::journey::tell;
use crate::report::Report;
use crate::say;
use crate::sign_in::{With, sign_in};
use crate::stage::{Stage, until};

const TITLE: &str = "^Sign in · .*Wayleave$";
/// `cancelled`, as `wayleave --help` numbers it.
const CANCELLED: i32 = 9;

/// Adds its checks to the journey's report.
pub fn journey(report: &mut Report) {
    let stage = Stage::new(&desktop(), true);
    stage.wayleave(&["init", "--keyring"]);
    let hub = stage.hub.url.clone();
    stage.wayleave(&["account", "add", "eodh", "--environment", "custom", "--hub", &hub]);
    say("from the command line: open the sign-in window, and close it");
    let (code, told) = ended(closed(&stage));
    tell(
        report,
        "cli_window_closed_cancels",
        code == CANCELLED && told["error"]["code"] == "cancelled",
    );
    say("from the command line: sign in at the portal");
    let run = started(&stage);
    sign_in(&stage, With::Keyboard);
    let (code, account) = ended(run);
    let session = &account["sign_in"];
    let is_in = code == 0 && session["state"] == "signed_in" && session["with"] == "portal";
    tell(report, "cli_signs_in_at_the_portal", is_in);
    let workspaces = stage.wayleave(&["workspaces"]);
    tell(report, "cli_session_works", workspaces.as_array().is_some_and(|all| !all.is_empty()));
}

fn started(stage: &Stage) -> Child {
    stage
        .command(stage.program("wayleave"))
        .args(["sign-in", "--with", "portal", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// A run whose window was ended before anybody signed in.
fn closed(stage: &Stage) -> Child {
    let run = started(stage);
    stage.window(TITLE);
    let parent = run.id().to_string();
    let window = until("the window's process", || {
        let found = stage.try_run("pgrep", &["-P", &parent]);
        let text = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        (!text.is_empty()).then_some(text)
    });
    stage.run("kill", &[&window]);
    run
}

/// Exit code, and the JSON that was told: on standard output, or as the last line of standard error.
fn ended(run: Child) -> (i32, Value) {
    let output = run.wait_with_output().expect("it ends");
    let text = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    let text = String::from_utf8_lossy(text);
    let told = text.find('{').and_then(|start| serde_json::from_str(&text[start..]).ok());
    (output.status.code().unwrap_or(-1), told.unwrap_or_default())
}
