//! What is started outside: the system browser and QGIS. Nothing else ever is.

use std::process::{Command, Stdio};
use std::thread;

use tauri::{AppHandle, Manager};
use tauri_plugin_opener::OpenerExt;
use url::Url;
use wayleave_core::api::{Answer, Ask, CredentialId, QgisReady, misplaced};
use wayleave_core::error::{Error, ErrorCode, Result};

use crate::link::Link;
use crate::sign_in::is_loopback;

/// Opens an address in the system browser: https, or http on this computer.
pub fn browse(app: &AppHandle, address: &str) -> Result<()> {
    let url = browsable(address)?;
    let opened = app.opener().open_url(url, None::<&str>);
    opened.map_err(|e| {
        Error::new(ErrorCode::ToolMissing, format!("the browser cannot be opened: {e}"))
            .with("tool", "xdg-open")
    })
}

fn browsable(address: &str) -> Result<Url> {
    let url = Url::parse(address)
        .ok()
        .filter(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)));
    url.ok_or_else(|| Error::new(ErrorCode::InvalidAddress, "only https addresses are opened"))
}

/// The platform's page of keys, at a workspace where one is given.
pub fn key_page(manage_url: &str, workspace: Option<&str>) -> Result<String> {
    let mut url = browsable(manage_url)?;
    if let Some(workspace) = workspace {
        url.query_pairs_mut().append_pair("workspace", workspace);
    }
    Ok(url.into())
}

/// Makes a ticket for a key; the script that redeems it holds no secret.
pub fn prepare_qgis(app: &AppHandle, credential: CredentialId) -> Result<QgisReady> {
    let answer = app.state::<Link>().client.ask(Ask::PrepareQgis { credential })?;
    let Answer::QgisReady(ready) = answer else { return Err(misplaced("how QGIS is told")) };
    Ok(ready)
}

/// Starts one of the QGIS programs that the agent found, with the script of a fresh ticket.
pub fn start_qgis(app: &AppHandle, credential: CredentialId, program: &str) -> Result<QgisReady> {
    let Answer::Qgis(installs) = app.state::<Link>().client.ask(Ask::QgisInstalls)? else {
        return Err(misplaced("the search for QGIS"));
    };
    // The page names a program, so only one that was found here is ever started.
    if !installs.iter().any(|q| q.can_apply && q.program.as_deref() == Some(program)) {
        return Err(missing(program));
    }
    let ready = prepare_qgis(app, credential)?;
    let mut qgis = Command::new(program)
        .args(["--code", &ready.script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| missing(program))?;
    thread::spawn(move || qgis.wait());
    Ok(ready)
}

fn missing(program: &str) -> Error {
    Error::new(ErrorCode::ToolMissing, "this QGIS cannot be started").with("tool", program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_opened() {
        for good in ["https://hub.example/x", "http://127.0.0.1:9/", "http://localhost:9/"] {
            assert!(browsable(good).is_ok(), "{good}");
        }
        for bad in ["http://hub.example/", "file:///etc/passwd", "qgis://x", "--help", ""] {
            assert!(browsable(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_key_page_opens_at_the_workspace() {
        let page = key_page("https://hub.example/workspaces/", Some("a b&c")).expect("is good");
        assert_eq!(page, "https://hub.example/workspaces/?workspace=a+b%26c");
    }
}
