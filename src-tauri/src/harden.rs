//! What this process gives up before it does anything else.

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit, setrlimit};

/// Variables through which another program could drive or inspect a WebView of this process.
const REMOTE_CONTROL: [&str; 3] =
    ["TAURI_WEBVIEW_AUTOMATION", "WEBKIT_INSPECTOR_SERVER", "WEBKIT_INSPECTOR_HTTP_SERVER"];

/// No core files, no remote control. The sign-in window has none even where WebDriver tests are
/// built in.
pub fn before_anything(signs_in: bool) -> Result<(), String> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .map_err(|e| format!("core files cannot be switched off: {e}"))?;
    if cfg!(feature = "e2e") && !signs_in { Ok(()) } else { without_remote_control() }
}

/// Starts this program again without the variables where one is set: removing one from a running
/// process is not safe, and WebKit may have read it already.
fn without_remote_control() -> Result<(), String> {
    if REMOTE_CONTROL.iter().all(|name| env::var_os(name).is_none()) {
        return Ok(());
    }
    let mut again = Command::new("/proc/self/exe");
    again.args(env::args_os().skip(1));
    for name in REMOTE_CONTROL {
        again.env_remove(name);
    }
    Err(format!("cannot start again without remote control: {}", again.exec()))
}

/// Says why nothing was started, on standard error.
pub fn fail(why: &str) -> ExitCode {
    // Nobody may be listening there, and there is nobody else to tell.
    let _ = writeln!(io::stderr(), "error: {why}");
    ExitCode::FAILURE
}
