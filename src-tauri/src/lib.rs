//! The window of Wayleave: a client of the agent with a page, a tray and the clipboard.
//!
//! Nothing is decided here. What the page may call is in [`commands`]; it goes to the agent
//! through [`link`]. The sign-in window ([`sign_in`]) is another process of the same program.

mod clipboard;
mod commands;
pub mod harden;
mod link;
mod open;
mod portal;
mod reveal;
pub mod sign_in;
mod tray;
mod windows;
mod words;

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::hash::{Hash, Hasher};
use std::process::ExitCode;

use tauri::plugin::TauriPlugin;
use tauri::{App, AppHandle, Manager, Wry};
use tauri_plugin_window_state::StateFlags;

use link::Link;

/// The program's name on the session bus, also in tauri.conf.json.
const BUS_NAME: &str = "org.wayleave.desktop";

/// Runs the window to its end.
pub fn run() -> ExitCode {
    log_to_stderr();
    if gtk::init().is_err() {
        return harden::fail("there is no display to show a window on; `wayleave` works without");
    }
    let link = match Link::new() {
        Ok(link) => link,
        Err(error) => return harden::fail(&error.to_string()),
    };
    let app = tauri::Builder::default()
        .plugin(one_instance())
        .plugin(tauri_plugin_clipboard_manager::init())
        .plugin(tauri_plugin_opener::Builder::new().open_js_links_on_click(false).build())
        .manage(link)
        .invoke_handler(tauri::generate_handler![
            commands::ask,
            commands::current_snapshot,
            commands::copy,
            commands::copy_snippet,
            commands::copy_template,
            commands::clear_clipboard,
            commands::reveal,
            commands::portal_sign_in,
            commands::open_flow_url,
            commands::paste_key,
            commands::open_key_page,
            commands::open_unlock,
            commands::open_qgis,
            commands::copy_qgis_line,
            commands::restart_agent,
            commands::quit,
            commands::drawn,
            commands::unlock,
            commands::create_vault,
            commands::change_passphrase,
            commands::close_unlock,
        ])
        .setup(set_up)
        .build(tauri::generate_context!());
    match app {
        Ok(app) => ExitCode::from(u8::try_from(app.run_return(|_, _| {})).unwrap_or(1)),
        Err(error) => harden::fail(&error.to_string()),
    }
}

/// `WAYLEAVE_LOG`, as for the agent: what this window does, no names, nothing of a library.
fn log_to_stderr() {
    let Some(level) = env::var("WAYLEAVE_LOG").ok().and_then(|level| level.parse().ok()) else {
        return;
    };
    let mut logger = env_logger::Builder::new();
    logger.filter_level(log::LevelFilter::Off).filter_module("wayleave_desktop", level);
    // A second logger cannot be set; there is none.
    let _ = logger.try_init();
}

fn set_up(app: &mut App) -> Result<(), Box<dyn std::error::Error>> {
    let app = app.handle();
    app.plugin(window_state(app))?;
    windows::open_main(app)?;
    tray::make(app)?;
    clipboard::watch(app.clone());
    link::follow(app.clone());
    Ok(())
}

/// Takes what is ours off the clipboard, then ends the window. The agent goes on.
pub(crate) fn quit(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn_blocking(move || {
        app.state::<Link>().clipboard.clear(&app);
        app.exit(0);
    });
}

/// A second start brings the first window to the front; its arguments are not looked at. A vault
/// elsewhere (`WAYLEAVE_HOME`) has a window of its own.
fn one_instance() -> TauriPlugin<Wry> {
    let mut name = BUS_NAME.to_owned();
    if let Some(home) = env::var_os("WAYLEAVE_HOME") {
        let mut hash = DefaultHasher::new();
        home.hash(&mut hash);
        name.extend([".home", &hash.finish().to_string()]);
    }
    tauri_plugin_single_instance::Builder::new()
        .callback(|app, _, _| windows::raise_main(app))
        .dbus_id(name)
        .build()
}

/// The main window opens where and as it was.
fn window_state(app: &AppHandle) -> TauriPlugin<Wry> {
    let builder = tauri_plugin_window_state::Builder::default()
        .with_state_flags(StateFlags::POSITION | StateFlags::SIZE | StateFlags::MAXIMIZED)
        .with_denylist(&[windows::UNLOCK]);
    match windows::folder(app, "place.json") {
        Some(file) => builder.with_filename(file.to_string_lossy()).build(),
        None => builder.build(),
    }
}
