//! What the pages may call, one thin function each. Which window may call which is said in
//! tauri.conf.json and src-tauri/permissions/app.toml, and nowhere else.

use std::sync::mpsc;

use serde::Serialize;
use tauri::{AppHandle, Manager, State};
use wayleave_core::api::{
    AccountId, AccountView, Answer, Ask, Confide, CredentialId, CredentialView, Disclosure, Field,
    Id, PastedKey, Purpose, QgisReady, Snapshot, Snippet, misplaced,
};
use wayleave_core::error::{Error, Result};
use wayleave_core::secret::Disclosed;

use crate::clipboard::{ClipboardView, State as Held, until};
use crate::link::{Link, blocking, hold, now};
use crate::windows::{self, UnlockForm};
use crate::{open, portal, reveal, tray};

/// How long a copied secret stays on the clipboard.
#[derive(Debug, Serialize)]
pub struct Copied {
    seconds: u16,
}

/// A secret for the screen, the one that ever reaches the page.
#[derive(Serialize)]
pub struct Revealed {
    text: String,
    seconds: i64,
}

// --- the main window -----------------------------------------------------------------------------

/// Every verb without a secret in it.
#[tauri::command]
pub async fn ask(link: State<'_, Link>, ask: Ask) -> Result<Answer> {
    let client = link.client.clone();
    blocking(move || client.ask(ask)).await
}

/// The whole visible state.
#[tauri::command]
pub async fn current_snapshot(link: State<'_, Link>) -> Result<Snapshot> {
    let answer = ask(link, Ask::Snapshot).await?;
    let Answer::Snapshot(snapshot) = answer else { return Err(misplaced("what the state is")) };
    Ok(*snapshot)
}

/// Puts one field on the clipboard.
#[tauri::command]
pub async fn copy(app: AppHandle, id: CredentialId, field: Field) -> Result<Copied> {
    blocking(move || copy_field(&app, id, field)).await
}

/// Puts a ready form on the clipboard.
#[tauri::command]
pub async fn copy_snippet(app: AppHandle, id: CredentialId, snippet: Snippet) -> Result<Copied> {
    blocking(move || copy_form(&app, id, snippet)).await
}

/// Puts one of the platform's forms on the clipboard.
#[tauri::command]
pub async fn copy_template(app: AppHandle, id: CredentialId, template: String) -> Result<Copied> {
    blocking(move || {
        let purpose = Purpose::Clipboard;
        let form = template.clone();
        let ask = Confide::RenderTemplate { credential: id, template: form, purpose };
        let rendered = app.state::<Link>().client.confide(ask)?;
        let Disclosure::Text(text) = rendered else { return Err(misplaced("a ready form")) };
        put(&app, text_of(&text)?, id, &format!("template:{template}"))
    })
    .await
}

/// Clears the clipboard now, if it is still ours.
#[tauri::command]
pub async fn clear_clipboard(app: AppHandle) -> Result<()> {
    blocking(move || {
        app.state::<Link>().clipboard.clear(&app);
        tray::refresh(&app);
        Ok(())
    })
    .await
}

/// Shows one field of one record.
#[tauri::command]
pub async fn reveal(app: AppHandle, id: CredentialId, field: Field) -> Result<Revealed> {
    blocking(move || {
        hold(&app.state::<Link>().reveals).pass(id, now())?;
        let secret = one_field(&app, id, field, Purpose::Reveal)?;
        Ok(Revealed { text: text_of(&secret)?.to_owned(), seconds: reveal::SHOWN.as_secs() })
    })
    .await
}

/// Signs in with the portal's own window; ends when that does.
#[tauri::command]
pub async fn portal_sign_in(link: State<'_, Link>, account: AccountId) -> Result<AccountView> {
    let (client, theme) = (link.client.clone(), link.theme());
    blocking(move || portal::sign_in(&client, account, theme)).await
}

/// Opens the page of a sign-in by browser or by code.
#[tauri::command]
pub async fn open_flow_url(app: AppHandle, flow: Id) -> Result<()> {
    let url = app.state::<Link>().flow(flow)?.url;
    blocking(move || open::browse(&app, &url)).await
}

/// Stores a key that the user has.
#[tauri::command]
pub async fn paste_key(
    link: State<'_, Link>,
    key: String,
    secret_key: Option<String>,
    about: PastedKey,
) -> Result<CredentialView> {
    let (client, key) = (link.client.clone(), Disclosed::from_bytes(key.into_bytes()));
    let secret_key = secret_key.map(|text| Disclosed::from_bytes(text.into_bytes()));
    let paste = Confide::PasteKey { key, secret_key, about };
    let stored = blocking(move || client.confide(paste)).await?;
    let Disclosure::Credential(credential) = stored else { return Err(misplaced("a pasted key")) };
    Ok(credential)
}

/// Opens the platform's page of keys.
#[tauri::command]
pub async fn open_key_page(
    app: AppHandle,
    account: AccountId,
    workspace: Option<String>,
) -> Result<()> {
    let url = app.state::<Link>().account(account)?.manage_url.unwrap_or_default();
    let url = open::key_page(&url, workspace.as_deref())?;
    blocking(move || open::browse(&app, &url)).await
}

/// Opens the window that takes a passphrase; ends when that does, whatever came of it.
#[tauri::command]
pub async fn open_unlock(app: AppHandle, form: UnlockForm) -> Result<()> {
    let (closed, gone) = mpsc::channel();
    hold(&app.state::<Link>().unlocking).push(closed);
    windows::open_unlock(&app, form)?;
    blocking(move || {
        // Nothing is ever sent: the end is that the other side is dropped.
        let _ = gone.recv();
        Ok(())
    })
    .await
}

/// Starts QGIS with the script that fetches the key.
#[tauri::command]
pub async fn open_qgis(
    app: AppHandle,
    credential: CredentialId,
    program: String,
) -> Result<QgisReady> {
    blocking(move || open::start_qgis(&app, credential, &program)).await
}

/// Puts the line for QGIS' Python Console on the clipboard; there is no secret in it.
#[tauri::command]
pub async fn copy_qgis_line(app: AppHandle, credential: CredentialId) -> Result<QgisReady> {
    blocking(move || {
        let ready = open::prepare_qgis(&app, credential)?;
        put(&app, &ready.one_liner, credential, "qgis_line")?;
        Ok(ready)
    })
    .await
}

/// Puts the agent that belongs to this window in the place of whichever runs.
#[tauri::command]
pub async fn restart_agent(app: AppHandle) -> Result<()> {
    blocking(move || app.state::<Link>().restart_agent()).await
}

/// Ends the window; the agent goes on.
#[tauri::command]
pub async fn quit(app: AppHandle) {
    crate::quit(&app);
}

/// The page is on the screen: for the log, where its way there is measured (tests/bench).
#[tauri::command]
pub async fn drawn() {
    log::debug!("the page is drawn");
}

// --- the unlock window ---------------------------------------------------------------------------

/// Opens the vault.
#[tauri::command]
pub async fn unlock(app: AppHandle, passphrase: String) -> Result<()> {
    let passphrase = Disclosed::from_bytes(passphrase.into_bytes());
    settle(app, Confide::Unlock { passphrase }).await
}

/// Makes the vault.
#[tauri::command]
pub async fn create_vault(app: AppHandle, passphrase: String, keyring: bool) -> Result<()> {
    let passphrase = Disclosed::from_bytes(passphrase.into_bytes());
    settle(app, Confide::Create { passphrase, keyring }).await
}

/// Replaces the passphrase, or sets the first one.
#[tauri::command]
pub async fn change_passphrase(app: AppHandle, old: Option<String>, new: String) -> Result<()> {
    let old = old.map(|old| Disclosed::from_bytes(old.into_bytes()));
    let new = Disclosed::from_bytes(new.into_bytes());
    settle(app, Confide::ChangePassphrase { old, new }).await
}

/// Closes the unlock window without a result.
#[tauri::command]
pub async fn close_unlock(app: AppHandle) {
    windows::close_unlock(&app);
}

/// After success the window goes with all that was typed in it.
async fn settle(app: AppHandle, confide: Confide) -> Result<()> {
    let client = app.state::<Link>().client.clone();
    blocking(move || client.confide(confide)).await?;
    windows::close_unlock(&app);
    windows::raise_main(&app);
    Ok(())
}

// --- shared with the tray ------------------------------------------------------------------------

/// Copies one field. Blocks.
pub fn copy_field(app: &AppHandle, credential: CredentialId, field: Field) -> Result<Copied> {
    let secret = one_field(app, credential, field, Purpose::Clipboard)?;
    put(app, text_of(&secret)?, credential, &name_of(&field)?)
}

/// Copies a ready form. Blocks.
pub fn copy_form(app: &AppHandle, credential: CredentialId, snippet: Snippet) -> Result<Copied> {
    let ask = Confide::Render { credential, snippet, purpose: Purpose::Clipboard };
    let rendered = app.state::<Link>().client.confide(ask)?;
    let Disclosure::Text(text) = rendered else { return Err(misplaced("a ready form")) };
    put(app, text_of(&text)?, credential, &name_of(&snippet)?)
}

fn one_field(
    app: &AppHandle,
    credential: CredentialId,
    field: Field,
    purpose: Purpose,
) -> Result<Disclosed> {
    let reveal = Confide::Reveal { credential, field: Some(field), purpose };
    let revealed = app.state::<Link>().client.confide(reveal)?;
    let Disclosure::Fields { fields, .. } = revealed else { return Err(misplaced("a field")) };
    let found = fields.into_iter().find_map(|(name, secret)| (name == field).then_some(secret));
    found.ok_or_else(|| misplaced("a field"))
}

fn put(app: &AppHandle, text: &str, credential: CredentialId, what: &str) -> Result<Copied> {
    let link = app.state::<Link>();
    let seconds = link.clear_after();
    let view = ClipboardView {
        credential: Some(credential),
        what: Some(what.to_owned()),
        until: Some(until(seconds)),
        state: Held::Holding,
    };
    link.clipboard.hold(app, text, view)?;
    tray::refresh(app);
    Ok(Copied { seconds })
}

fn text_of(secret: &Disclosed) -> Result<&str> {
    secret.expose_text().ok_or_else(|| Error::internal("a secret that is no text"))
}

/// The protocol's name of a field or form.
fn name_of(value: &impl Serialize) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        Ok(_) | Err(_) => Err(Error::internal("a field without a name")),
    }
}

/// Locks the vault, from the tray.
pub fn lock(app: AppHandle) {
    tauri::async_runtime::spawn(async move { ask(app.state::<Link>(), Ask::Lock).await });
}

/// Clears the clipboard, from the tray.
pub fn clear(app: AppHandle) {
    tauri::async_runtime::spawn(clear_clipboard(app));
}
