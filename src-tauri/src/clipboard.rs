//! A secret on the clipboard: put there with the do-not-record hints, watched, and cleared when
//! its time is over, if it is still ours. Only a keyed hash of the text is kept.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};
use tauri_plugin_clipboard_manager::ClipboardExt;
use wayleave_core::api::Id;
use wayleave_core::error::{Error, Result};
use zeroize::Zeroizing;

use crate::link::{Link, hold, now};
use crate::windows;

/// Event: what is on the clipboard.
const CLIPBOARD: &str = "clipboard";
/// How often the wall clock is looked at while something is held: a sleeping computer stops
/// other clocks.
const LOOK: Duration = Duration::from_secs(1);

/// What the page knows of the clipboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClipboardView {
    /// Of which credential the text is.
    pub credential: Option<Id>,
    /// Which field or form of it.
    pub what: Option<String>,
    /// When it is cleared.
    pub until: Option<Timestamp>,
    /// Where it stands.
    pub state: State,
}

/// Where our text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there.
    Holding,
    /// It was there, and was taken away.
    Cleared,
    /// Something else took its place.
    Foreign,
    /// It is there and could not be taken away.
    Stuck,
}

/// The desktop's clipboard, as far as we use it. Not for the main thread: reading what this
/// program itself offers would wait for itself.
pub trait Board {
    /// Puts a secret there, with the hints.
    fn put(&self, text: &str) -> Result<()>;
    /// The text there, if it is text.
    fn read(&self) -> Option<Zeroizing<String>>;
    /// Takes away what is there.
    fn wipe(&self);
    /// Tells the page.
    fn tell(&self, view: &ClipboardView);
}

/// What of ours is on the clipboard.
#[derive(Default)]
pub struct Clipboard {
    held: Mutex<Option<Held>>,
    changed: Condvar,
    hash: RandomState,
}

struct Held {
    hash: u64,
    view: ClipboardView,
}

impl Clipboard {
    /// Puts a text there until `until`.
    pub fn hold(&self, board: &impl Board, text: &str, view: ClipboardView) -> Result<()> {
        let mut held = hold(&self.held);
        board.put(text)?;
        board.tell(&view);
        *held = Some(Held { hash: self.hash.hash_one(text), view });
        self.changed.notify_all();
        Ok(())
    }

    /// Clears the clipboard if what we put there is still there, and makes sure that it is gone.
    pub fn clear(&self, board: &impl Board) {
        let mut held = hold(&self.held);
        let Some(Held { hash, mut view }) = held.take() else { return };
        let is_ours = || board.read().is_some_and(|text| self.hash.hash_one(text.as_str()) == hash);
        view.until = None;
        view.state = State::Foreign;
        if is_ours() {
            board.wipe();
            view.state = if is_ours() { State::Stuck } else { State::Cleared };
        }
        board.tell(&view);
        // What is stuck stays known, so that it can be cleared by hand, on lock and on quit.
        if view.state == State::Stuck {
            *held = Some(Held { hash, view });
        }
    }

    /// Whether something of ours is there, as far as we know.
    pub fn is_holding(&self) -> bool {
        hold(&self.held).is_some()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let until = hold(&self.held).as_ref().and_then(|held| held.view.until);
        until.is_some_and(|until| until <= now)
    }

    fn wait(&self) {
        let held = hold(&self.held);
        // Either way the clock is looked at next.
        if held.as_ref().is_some_and(|held| held.view.until.is_some()) {
            drop(self.changed.wait_timeout(held, LOOK));
        } else {
            drop(self.changed.wait(held));
        }
    }
}

/// When a text put there now has to go.
pub fn until(seconds: u16) -> Timestamp {
    now().checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

/// Watches the clock for as long as the window lives.
pub fn watch(app: AppHandle) {
    thread::spawn(move || {
        loop {
            let clipboard = &app.state::<Link>().inner().clipboard;
            clipboard.wait();
            if clipboard.is_over(now()) {
                clipboard.clear(&app);
            }
        }
    });
}

impl Board for AppHandle {
    fn put(&self, text: &str) -> Result<()> {
        let written = self.clipboard().write_secret(text);
        written.map_err(|e| Error::internal(format!("the clipboard did not take it: {e}")))
    }

    fn read(&self) -> Option<Zeroizing<String>> {
        self.clipboard().read_text().ok().map(Zeroizing::new)
    }

    fn wipe(&self) {
        // Whether it worked is read back.
        let _ = self.clipboard().clear();
    }

    fn tell(&self, view: &ClipboardView) {
        let _ = self.emit_to(windows::MAIN, CLIPBOARD, view);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Default)]
    struct Fake {
        text: RefCell<Option<String>>,
        is_stubborn: bool,
        told: RefCell<Vec<State>>,
    }

    impl Board for Fake {
        fn put(&self, text: &str) -> Result<()> {
            self.text.replace(Some(text.to_owned()));
            Ok(())
        }
        fn read(&self) -> Option<Zeroizing<String>> {
            self.text.borrow().clone().map(Zeroizing::new)
        }
        fn wipe(&self) {
            if !self.is_stubborn {
                self.text.take();
            }
        }
        fn tell(&self, view: &ClipboardView) {
            self.told.borrow_mut().push(view.state);
        }
    }

    fn held(board: &Fake) -> Clipboard {
        let clipboard = Clipboard::default();
        let view = ClipboardView {
            credential: None,
            what: None,
            until: Some(Timestamp::UNIX_EPOCH),
            state: State::Holding,
        };
        clipboard.hold(board, "454f4448", view).expect("is put");
        clipboard
    }

    #[test]
    fn ours_is_cleared_once() {
        let board = Fake::default();
        let clipboard = held(&board);
        assert!(clipboard.is_over(Timestamp::UNIX_EPOCH), "its time is over");
        clipboard.clear(&board);
        clipboard.clear(&board);
        assert_eq!((board.text.take(), clipboard.is_holding()), (None, false));
        assert_eq!(board.told.take(), [State::Holding, State::Cleared]);
    }

    #[test]
    fn what_somebody_else_copied_stays() {
        let board = Fake::default();
        let clipboard = held(&board);
        board.text.replace(Some("a recipe".to_owned()));
        clipboard.clear(&board);
        assert_eq!(board.text.take().as_deref(), Some("a recipe"));
        assert_eq!(board.told.take(), [State::Holding, State::Foreign]);
    }

    #[test]
    fn a_clipboard_that_keeps_it_is_told_and_can_be_tried_again() {
        let board = Fake { is_stubborn: true, ..Fake::default() };
        let clipboard = held(&board);
        clipboard.clear(&board);
        assert_eq!(board.told.take(), [State::Holding, State::Stuck]);
        assert!(clipboard.is_holding());
        assert!(!clipboard.is_over(Timestamp::MAX), "it is not tried again by itself");
    }
}
