//! The tray: what it says is a value made from a snapshot; the rest only draws it.

use std::env;

use jiff::{SignedDuration, Timestamp};
use tauri::image::Image;
use tauri::menu::{Menu, MenuBuilder, MenuEvent, SubmenuBuilder};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager};
use wayleave_core::api::{
    CredentialKind, CredentialState, CredentialView, Field, Snapshot, Snippet, VaultState,
};
use wayleave_core::error::Error;

use crate::link::{Link, now};
use crate::{commands, quit, windows, words};

/// Id of the one tray icon.
const TRAY: &str = "wayleave";
/// Credentials named in the menu.
const NEXT: usize = 3;
/// Ends sooner than this are urgent; the agent says what ends soon.
const URGENT: SignedDuration = SignedDuration::from_hours(24);

/// Everything the tray shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tray {
    /// The picture.
    pub icon: Icon,
    /// The menu, from the top.
    pub lines: Vec<Line>,
}

/// The picture of the most urgent state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// Nothing ends soon.
    Ok,
    /// Something ends within its first lead.
    Soon,
    /// A key ends within a day.
    Urgent,
    /// The vault is closed, or there is none.
    Locked,
}

/// One line of the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Words only.
    Fact(String),
    /// A verb, by its id.
    Verb(String, String),
    /// A verb for each of several things.
    Verbs(String, Vec<(String, String)>),
    /// A rule.
    Rule,
}

impl Tray {
    /// What to show for a snapshot, and whether something of ours is on the clipboard.
    pub fn of(snapshot: &Snapshot, is_holding: bool, now: Timestamp) -> Self {
        let is_open = snapshot.vault.state == VaultState::Unlocked;
        let next: Vec<&CredentialView> = upcoming(snapshot, now).take(NEXT).collect();
        let mut lines = headline(snapshot, &next, now);
        lines.extend([Line::Rule, verb("open", "Open Wayleave")]);
        if !next.is_empty() {
            lines.push(Line::Verbs("Copy".to_owned(), next.iter().map(|c| copy(c)).collect()));
        }
        if is_holding {
            lines.push(verb("clear", "Clear the clipboard now"));
        }
        if is_open {
            lines.push(verb("lock", "Lock"));
        }
        lines.extend([Line::Rule, verb("quit", "Quit")]);
        Self { icon: icon(snapshot, now), lines }
    }
}

fn verb(id: &str, words: &str) -> Line {
    Line::Verb(id.to_owned(), words.to_owned())
}

fn copy(credential: &CredentialView) -> (String, String) {
    (format!("copy {}", credential.id), credential.name.clone())
}

/// What works now and has an end, the next end first.
fn upcoming(snapshot: &Snapshot, now: Timestamp) -> impl Iterator<Item = &CredentialView> {
    snapshot
        .credentials
        .iter()
        .filter(move |c| c.expires.is_some_and(|end| end > now))
        .filter(|c| matches!(c.state, CredentialState::Active | CredentialState::Expiring))
}

fn headline(snapshot: &Snapshot, next: &[&CredentialView], now: Timestamp) -> Vec<Line> {
    let fact = |words: &str| vec![Line::Fact(words.to_owned())];
    match snapshot.vault.state {
        VaultState::Missing => fact("No vault yet"),
        VaultState::Unusable => fact("The vault cannot be used"),
        VaultState::Locked | VaultState::Opening => fact("Locked. Warnings go on."),
        VaultState::Unlocked if next.is_empty() => fact("Nothing ends soon"),
        VaultState::Unlocked => next
            .iter()
            .map(|c| Line::Fact(format!("{} · {}", c.name, words::end(c.expires, now))))
            .collect(),
    }
}

fn icon(snapshot: &Snapshot, now: Timestamp) -> Icon {
    if snapshot.vault.state != VaultState::Unlocked {
        return Icon::Locked;
    }
    let soon: Vec<_> =
        upcoming(snapshot, now).filter(|c| c.state == CredentialState::Expiring).collect();
    match pressing(snapshot, now) {
        Some(_) => Icon::Urgent,
        None if soon.is_empty() => Icon::Ok,
        None => Icon::Soon,
    }
}

/// The next end of a key within a day, locked or not. S3 credentials always end within the hour
/// and are no reason for alarm.
pub fn pressing(snapshot: &Snapshot, now: Timestamp) -> Option<Timestamp> {
    let named = snapshot.credentials.iter().map(|c| (c.kind, c.expires));
    let watched = snapshot.watched.iter().map(|w| (w.kind, w.expires));
    let ends = named.chain(watched).filter(|(kind, _)| kind.is_lasting());
    let coming = ends.filter_map(|(_, end)| end).filter(|end| *end > now);
    coming.filter(|end| end.duration_since(now) < URGENT).min()
}

/// Makes the icon. On a desktop without a tray nothing is seen of it, and nothing is missed.
pub fn make(app: &AppHandle) -> tauri::Result<()> {
    TrayIconBuilder::with_id(TRAY)
        .icon(picture(Icon::Locked, is_panel_light(app)))
        .tooltip("Wayleave")
        .menu(&MenuBuilder::new(app).text("open", "Open Wayleave").text("quit", "Quit").build()?)
        .on_menu_event(|app, event| press(app, &event))
        .build(app)
        .map(drop)
}

/// Shows the state of a snapshot.
pub fn show(app: &AppHandle, snapshot: &Snapshot) {
    let is_holding = app.state::<Link>().clipboard.is_holding();
    let tray = Tray::of(snapshot, is_holding, now());
    let handle = app.clone();
    // GTK's menus are made on the main thread. A tray that cannot be drawn is left as it was.
    let _ = app.run_on_main_thread(move || {
        let Some(icon) = handle.tray_by_id(TRAY) else { return };
        let _ = menu_of(&handle, &tray).and_then(|menu| icon.set_menu(Some(menu)));
        let _ = icon.set_icon(Some(picture(tray.icon, is_panel_light(&handle))));
    });
}

/// Shows the newest snapshot again, after something else changed.
pub fn refresh(app: &AppHandle) {
    let snapshot = app.state::<Link>().latest().clone();
    if let Some(snapshot) = snapshot {
        show(app, &snapshot);
    }
}

fn menu_of(app: &AppHandle, tray: &Tray) -> tauri::Result<Menu<tauri::Wry>> {
    let mut menu = MenuBuilder::new(app);
    for line in &tray.lines {
        menu = match line {
            Line::Fact(words) => {
                let fact = tauri::menu::MenuItemBuilder::new(words).enabled(false).build(app)?;
                menu.item(&fact)
            }
            Line::Verb(id, words) => menu.text(id, words),
            Line::Verbs(words, verbs) => {
                let all = verbs
                    .iter()
                    .fold(SubmenuBuilder::new(app, words), |all, (id, words)| all.text(id, words));
                menu.item(&all.build()?)
            }
            Line::Rule => menu.separator(),
        };
    }
    menu.build()
}

fn press(app: &AppHandle, event: &MenuEvent) {
    match event.id().as_ref() {
        "open" => windows::raise_main(app),
        "quit" => quit(app),
        "lock" => commands::lock(app.clone()),
        "clear" => commands::clear(app.clone()),
        other => {
            if let Some(id) = other.strip_prefix("copy ").and_then(|id| id.parse().ok()) {
                copy_from_tray(app, id);
            }
        }
    }
}

fn copy_from_tray(app: &AppHandle, id: wayleave_core::api::Id) {
    let kind = app
        .state::<Link>()
        .latest()
        .as_ref()
        .and_then(|s| s.credentials.iter().find(|c| c.id == id).map(|c| c.kind));
    let app = app.clone();
    // A failure comes back as an alert of the agent or is seen in the window; a menu has no place.
    tauri::async_runtime::spawn_blocking(move || match kind {
        Some(CredentialKind::ApiToken) => commands::copy_field(&app, id, Field::ApiKey).map(drop),
        // The public half alone is of no use: the secret one is what is asked for.
        Some(CredentialKind::KeyPair) => commands::copy_field(&app, id, Field::SecretKey).map(drop),
        Some(CredentialKind::SessionToken) => {
            commands::copy_field(&app, id, Field::Token).map(drop)
        }
        Some(CredentialKind::S3) => commands::copy_form(&app, id, Snippet::Env).map(drop),
        None => Err(Error::internal("it is gone")),
    });
}

/// GNOME's panel is dark whatever the theme; elsewhere the panel follows it.
fn is_panel_light(app: &AppHandle) -> bool {
    let is_gnome = env::var("XDG_CURRENT_DESKTOP").is_ok_and(|name| name.contains("GNOME"));
    let theme = app.get_webview_window(windows::MAIN).and_then(|window| window.theme().ok());
    !is_gnome && theme == Some(tauri::Theme::Light)
}

fn picture(icon: Icon, is_light: bool) -> Image<'static> {
    match (icon, is_light) {
        (Icon::Ok, false) => tauri::include_image!("icons/tray-ok-on-dark.png"),
        (Icon::Soon, false) => tauri::include_image!("icons/tray-soon-on-dark.png"),
        (Icon::Urgent, false) => tauri::include_image!("icons/tray-urgent-on-dark.png"),
        (Icon::Locked, false) => tauri::include_image!("icons/tray-locked-on-dark.png"),
        (Icon::Ok, true) => tauri::include_image!("icons/tray-ok-on-light.png"),
        (Icon::Soon, true) => tauri::include_image!("icons/tray-soon-on-light.png"),
        (Icon::Urgent, true) => tauri::include_image!("icons/tray-urgent-on-light.png"),
        (Icon::Locked, true) => tauri::include_image!("icons/tray-locked-on-light.png"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T10:42:00Z".parse().expect("a time")
    }

    fn key(name: &str, kind: &str, expires: &str, state: &str) -> Value {
        let id = format!("{:0>32}", name.len());
        json!({ "id": id, "kind": kind, "name": name, "account": id, "platform": "eodh",
                "workspace": "w", "platform_id": null, "created": null, "expires": expires,
                "end_confirmed": true, "state": state, "installations": 0, "verified_at": null,
                "s3": null, "fields": [], "snippets": [], "templates": [], "permissions": [],
                "owner": null })
    }

    fn snapshot(vault: &str, credentials: &[Value]) -> Snapshot {
        let settings = json!({});
        serde_json::from_value(json!({
            "revision": 1, "agent": { "pid": 1, "version": "0", "since": "2026-11-20T10:00:00Z" },
            "vault": { "state": vault, "path": "", "slots": [], "keyring": true, "problem": null },
            "accounts": [], "credentials": credentials, "watched": [], "flows": [],
            "activities": [], "alerts": [], "offline": false, "settings": settings }))
        .expect("a snapshot")
    }

    #[test]
    fn the_next_three_ends_are_named_and_can_be_copied() {
        let keys = [
            key("ended", "api_token", "2026-11-19T00:00:00Z", "expired"),
            key("QGIS", "api_token", "2026-11-21T08:42:00Z", "expiring"),
            key("notebook", "api_token", "2026-11-23T11:00:00Z", "expiring"),
            key("server", "api_token", "2026-12-10T00:00:00Z", "active"),
            key("fourth one", "api_token", "2026-12-19T00:00:00Z", "active"),
        ];
        let tray = Tray::of(&snapshot("unlocked", &keys), true, now());
        let fact = |words: &str| Line::Fact(words.to_owned());
        let copies = ["QGIS", "notebook", "server"]
            .map(|name| (format!("copy {:0>32}", name.len()), name.to_owned()));
        let expected = [
            fact("QGIS · ends in 22 hours"),
            fact("notebook · ends in 3 days"),
            fact("server · ends in 19 days"),
            Line::Rule,
            verb("open", "Open Wayleave"),
            Line::Verbs("Copy".to_owned(), copies.to_vec()),
            verb("clear", "Clear the clipboard now"),
            verb("lock", "Lock"),
            Line::Rule,
            verb("quit", "Quit"),
        ];
        assert_eq!((tray.icon, tray.lines.as_slice()), (Icon::Urgent, expected.as_slice()));
    }

    #[test]
    fn the_icon_is_the_most_urgent_state() {
        let icon = |keys: &[Value]| Tray::of(&snapshot("unlocked", keys), false, now()).icon;
        let days = key("d", "api_token", "2026-11-23T10:42:00Z", "expiring");
        let month = key("m", "api_token", "2026-12-19T10:42:00Z", "active");
        let hour = key("h", "s3", "2026-11-20T11:30:00Z", "active");
        assert_eq!(icon(&[]), Icon::Ok);
        assert_eq!(icon(&[hour, month]), Icon::Ok, "S3 always ends within the hour");
        assert_eq!(icon(&[days]), Icon::Soon);
    }

    #[test]
    fn a_locked_vault_names_nothing() {
        let tray = Tray::of(&snapshot("locked", &[]), false, now());
        assert_eq!(tray.icon, Icon::Locked);
        assert_eq!(tray.lines[0], Line::Fact("Locked. Warnings go on.".to_owned()));
        assert!(!tray.lines.contains(&verb("lock", "Lock")));
    }
}
