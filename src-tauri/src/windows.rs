//! The two windows with a page of ours, what they may do, and what closing them means.

use std::env;
use std::path::PathBuf;

use gtk::gio::{self, BusType, Cancellable, DBusCallFlags, prelude::*};
use jiff::Timestamp;
use serde::Deserialize;
use tauri::webview::NewWindowResponse;
use tauri::{
    AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent,
};
use wayleave_core::api::{SlotKind, Snapshot, Theme};
use wayleave_core::error::{Error, Result};
use webkit2gtk::{HardwareAccelerationPolicy, HitTestResultExt, SettingsExt, WebViewExt};

use crate::link::{Link, hold, now};
use crate::{quit, tray, words};

/// Label of the main window; its capability is `main`.
pub const MAIN: &str = "main";
/// Label of the window that takes passphrases; its capability is `unlock`.
pub const UNLOCK: &str = "unlock";

/// The forms of the unlock window.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnlockForm {
    /// Opens the vault.
    Unlock,
    /// Makes the vault.
    Create,
    /// Replaces the passphrase.
    Change,
}

/// Makes the main window. It must be the first one: WebDriver drives the first, under `e2e`.
pub fn open_main(app: &AppHandle) -> Result<()> {
    let page = WebviewUrl::App("index.html".into());
    let builder = WebviewWindowBuilder::new(app, MAIN, page)
        .title("Wayleave")
        .inner_size(960.0, 640.0)
        .min_inner_size(480.0, 480.0);
    let window = closed_in(builder, folder(app, "page"))?;
    let handle = app.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::CloseRequested { api, .. } = event {
            api.prevent_close();
            close_main(&handle);
        }
    });
    Ok(())
}

/// Without a tray a hidden window could not be had back, so closing ends the program then. The
/// agent and its warnings go on either way.
fn close_main(app: &AppHandle) {
    match app.get_webview_window(MAIN) {
        Some(window) if has_tray_host() => drop(window.hide()),
        _ => quit(app),
    }
}

/// Brings the main window to the front.
pub fn raise_main(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        // Whatever of it the window manager does not allow is not ours to force.
        let _ = window.unminimize();
        let _ = window.show();
        let _ = window.set_focus();
    }
}

/// Opens the window that takes a passphrase, or brings it to the front.
pub fn open_unlock(app: &AppHandle, form: UnlockForm) -> Result<()> {
    if let Some(open) = app.get_webview_window(UNLOCK) {
        return open.set_focus().map_err(|e| Error::internal(e.to_string()));
    }
    let address = unlock_address(form, app.state::<Link>().latest().as_ref(), now());
    let builder = WebviewWindowBuilder::new(app, UNLOCK, WebviewUrl::App(address.into()))
        .title(words::form_title(form))
        .inner_size(400.0, 320.0)
        .resizable(false)
        .maximizable(false)
        .center();
    let window = closed_in(builder, folder(app, "unlock"))?;
    let handle = app.clone();
    window.on_window_event(move |event| {
        if let WindowEvent::Destroyed = event {
            hold(&handle.state::<Link>().unlocking).clear();
        }
    });
    Ok(())
}

/// Destroys the unlock window with its web process, because the page's strings cannot be wiped.
pub fn close_unlock(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(UNLOCK) {
        // Fails only when it is being destroyed already.
        let _ = window.destroy();
    }
}

/// Follows the setting; `System` gives the choice back to the desktop.
pub fn follow_theme(app: &AppHandle, theme: Theme) {
    let wanted = match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    };
    if let Some(window) = app.get_webview_window(MAIN) {
        let _ = window.set_theme(wanted);
    }
}

/// What the form has to know before there is any connection: nothing secret, no name.
fn unlock_address(form: UnlockForm, snapshot: Option<&Snapshot>, now: Timestamp) -> String {
    let name = match form {
        UnlockForm::Unlock => "unlock",
        UnlockForm::Create => "create",
        UnlockForm::Change => "change",
    };
    let mut address = format!("unlock.html?form={name}");
    let Some(snapshot) = snapshot else { return address };
    if !snapshot.vault.keyring {
        address += "&keyring=0";
    }
    if snapshot.vault.slots == [SlotKind::Keyring] {
        address += "&slots=keyring";
    }
    if let Some(end) = tray::pressing(snapshot, now) {
        address.extend(["&ends=", &end.to_string()]);
    }
    match snapshot.settings.theme {
        Theme::System => {}
        Theme::Light => address += "&theme=light",
        Theme::Dark => address += "&theme=dark",
    }
    address
}

/// What holds for every page of ours: it stays where it is, opens nothing, downloads nothing,
/// takes no files, and its WebView keeps what little it keeps in a folder (and process) of its
/// own.
fn closed_in(
    builder: WebviewWindowBuilder<'_, tauri::Wry, AppHandle>,
    folder: Option<PathBuf>,
) -> Result<WebviewWindow> {
    let builder = match folder {
        Some(folder) => builder.data_directory(folder),
        None => builder,
    };
    let window = builder
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_download(|_, _| false)
        .disable_drag_drop_handler()
        .zoom_hotkeys_enabled(true)
        .build()
        .and_then(|window| window.with_webview(furnish).map(|()| window));
    window.map_err(|e| Error::internal(format!("the window cannot be made: {e}")))
}

/// The context menu is WebKit's, not ours; in a text field it has paste. And pages of text and
/// fields are drawn without the graphics card: starting its driver in the web process takes longer
/// than drawing them (CHANGELOG has the figures of `make bench`).
fn furnish(webview: tauri::webview::PlatformWebview) {
    let view = webview.inner();
    view.connect_context_menu(|_, _, _, hit| !hit.context_is_editable());
    if let Some(settings) = view.settings() {
        settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
    }
}

fn is_own_page(url: &Url) -> bool {
    let is_built_in = url.scheme() == "tauri" && url.host_str() == Some("localhost");
    is_built_in || (cfg!(dev) && url.origin().ascii_serialization() == "http://localhost:1420")
}

/// Where the WebView `name` keeps its files.
pub fn folder(app: &AppHandle, name: &str) -> Option<PathBuf> {
    let home = env::var_os("WAYLEAVE_HOME").filter(|home| !home.is_empty());
    let base = match home {
        Some(home) => PathBuf::from(home).join("window"),
        None => app.path().app_local_data_dir().ok()?,
    };
    Some(base.join(name))
}

/// Whether some panel shows tray icons (the StatusNotifier host of the session).
fn has_tray_host() -> bool {
    let asked = gio::bus_get_sync(BusType::Session, Cancellable::NONE).and_then(|bus| {
        let what = ("org.kde.StatusNotifierWatcher", "IsStatusNotifierHostRegistered");
        bus.call_sync(
            Some("org.kde.StatusNotifierWatcher"),
            "/StatusNotifierWatcher",
            "org.freedesktop.DBus.Properties",
            "Get",
            Some(&what.to_variant()),
            None,
            DBusCallFlags::NO_AUTO_START,
            500,
            Cancellable::NONE,
        )
    });
    asked.is_ok_and(|answer| {
        answer.try_child_value(0).and_then(|v| v.as_variant()).and_then(|v| v.get()) == Some(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stays_where_it_is() {
        let is_own = |text: &str| is_own_page(&text.parse().expect("an address"));
        assert!(is_own("tauri://localhost/index.html") && is_own("tauri://localhost/unlock.html"));
        for other in ["https://localhost/", "tauri://evil.example/", "file:///etc/passwd"] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn the_form_is_named_in_the_address() {
        let address = unlock_address(UnlockForm::Change, None, Timestamp::UNIX_EPOCH);
        assert_eq!(address, "unlock.html?form=change");
    }
}
