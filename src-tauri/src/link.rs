//! The one way to the agent, and what the window keeps of what it says.

use std::env;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread::{self, Thread};
use std::time::Duration;

use jiff::Timestamp;
use tauri::async_runtime::spawn_blocking;
use tauri::{AppHandle, Emitter, Manager};
use wayleave_core::agent::client::Client;
use wayleave_core::api::{AccountView, Ask, FlowView, Id, Snapshot, Theme, VaultState};
use wayleave_core::clock::{Clock, SystemClock};
use wayleave_core::error::{Error, ErrorCode, Result};

use crate::clipboard::Clipboard;
use crate::reveal::Gate;
use crate::{tray, windows};

/// Event: a whole snapshot.
const SNAPSHOT: &str = "snapshot";
/// Event: no snapshots come, and why.
const CUT_OFF: &str = "cut_off";
/// First and longest wait before the agent is started again after it ended.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What every command of the main window may use.
pub struct Link {
    /// To the agent.
    pub client: Client,
    /// What of ours is on the clipboard.
    pub clipboard: Clipboard,
    /// Limits what is shown.
    pub reveals: Mutex<Gate>,
    /// Who waits for the end of the window that takes a passphrase.
    pub unlocking: Mutex<Vec<mpsc::Sender<()>>>,
    latest: Mutex<Option<Snapshot>>,
    follower: OnceLock<Thread>,
}

impl Link {
    /// A link that nothing has come through yet.
    pub fn new() -> Result<Self> {
        Ok(Self {
            client: client()?,
            clipboard: Clipboard::default(),
            reveals: Mutex::default(),
            unlocking: Mutex::default(),
            latest: Mutex::default(),
            follower: OnceLock::new(),
        })
    }

    /// A sign-in under way.
    pub fn flow(&self, id: Id) -> Result<FlowView> {
        self.find(|s| s.flows.iter().find(|flow| flow.id == id).cloned(), ErrorCode::FlowUnknown)
    }

    /// An account.
    pub fn account(&self, id: Id) -> Result<AccountView> {
        self.find(|s| s.accounts.iter().find(|a| a.id == id).cloned(), ErrorCode::NotFound)
    }

    /// Seconds until a copied secret is cleared.
    pub fn clear_after(&self) -> u16 {
        self.latest().as_ref().map_or(30, |s| s.settings.clear_clipboard_after)
    }

    /// How the user wants it to look.
    pub fn theme(&self) -> Theme {
        self.latest().as_ref().map_or(Theme::System, |s| s.settings.theme)
    }

    /// The newest snapshot, once there is one.
    pub fn latest(&self) -> MutexGuard<'_, Option<Snapshot>> {
        hold(&self.latest)
    }

    /// Ends the agent, of whatever version it is, and starts the one beside this program.
    pub fn restart_agent(&self) -> Result<()> {
        self.client.stop()?;
        self.client.ask(Ask::Snapshot)?;
        if let Some(follower) = self.follower.get() {
            follower.unpark();
        }
        Ok(())
    }

    fn find<T>(&self, look: impl FnOnce(&Snapshot) -> Option<T>, missing: ErrorCode) -> Result<T> {
        let found = self.latest().as_ref().and_then(look);
        found.ok_or_else(|| Error::new(missing, "it is not there any more"))
    }
}

/// A mutex whose holder panicked still holds whole values here.
pub fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client of the agent that lies beside this program.
pub fn client() -> Result<Client> {
    Client::from_env(beside("wayleave")?)
}

/// A program in this program's own folder; never one from PATH.
pub fn beside(name: &str) -> Result<PathBuf> {
    let own = env::current_exe().map_err(|e| Error::internal(format!("no own path: {e}")))?;
    Ok(own.with_file_name(name))
}

/// The machine's clock.
pub fn now() -> Timestamp {
    SystemClock.now()
}

/// Runs work that waits for the agent where it holds nobody up.
pub async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Error::internal(format!("the work ended early: {e}"))))
}

/// Follows the agent for as long as the window lives, and starts it again when it ends.
pub fn follow(app: AppHandle) {
    thread::spawn(move || {
        // Nobody else sets it.
        let _ = app.state::<Link>().follower.set(thread::current());
        let mut wait = WAITS.0;
        loop {
            match follow_one(&app) {
                Ok(()) => wait = WAITS.0,
                // A window that is just closing does not hear it, and needs not.
                Err(error) => drop(app.emit_to(windows::MAIN, CUT_OFF, error)),
            }
            thread::park_timeout(wait);
            wait = (wait * 2).min(WAITS.1);
        }
    });
}

/// Follows one agent to its end; the error is that there is none to follow.
fn follow_one(app: &AppHandle) -> Result<()> {
    let mut is_first = true;
    for snapshot in app.state::<Link>().client.subscribe()? {
        match snapshot {
            Ok(snapshot) => accept(app, snapshot),
            Err(error) if is_first => return Err(error),
            Err(_) => break,
        }
        is_first = false;
    }
    Ok(())
}

/// Keeps a snapshot and passes it on: page, tray, clipboard, unlock window.
fn accept(app: &AppHandle, snapshot: Snapshot) {
    let link = app.state::<Link>();
    let is_open = snapshot.vault.state == VaultState::Unlocked;
    let before = link.latest().replace(snapshot.clone());
    if !is_open && before.is_some_and(|s| s.vault.state == VaultState::Unlocked) {
        link.clipboard.clear(app);
        windows::close_unlock(app);
    }
    tray::show(app, &snapshot);
    windows::follow_theme(app, snapshot.settings.theme);
    // A window that is just closing does not hear it, and needs not.
    let _ = app.emit_to(windows::MAIN, SNAPSHOT, snapshot);
}
