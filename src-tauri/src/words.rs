//! The words of the native parts: sign-in window and tray. The page has its own catalogue.

use jiff::Timestamp;
use wayleave_core::clock::span;

use crate::windows::UnlockForm;

/// Title of the sign-in window before its first page.
pub const SIGN_IN_TITLE: &str = "Sign in · Wayleave";
/// What the user is to do in it.
pub const SIGN_IN_HINT: &str =
    "Below is the hub’s own page. Sign in as you always do; this window then closes by itself.";
/// Stands beside the hub's own origin.
pub const THE_HUB: &str = "the hub";
/// Stands beside every other origin.
pub const ANOTHER_SITE: &str = "another site: its own log-in page";
/// A log-in page does not accept a window inside a program.
pub const LOG_IN_REFUSES: &str = "This log-in does not allow a window like this one (Google, \
     passkeys). Nothing was sent. Cancel, then sign in with your browser or paste a key.";
/// Ends without a result.
pub const CANCEL: &str = "Cancel";

/// Title of the sign-in window with the host on show.
pub fn sign_in_title(host: &str) -> String {
    format!("Sign in · {host} · Wayleave")
}

/// Title of the window that takes a passphrase.
pub fn form_title(form: UnlockForm) -> &'static str {
    match form {
        UnlockForm::Unlock => "Unlock · Wayleave",
        UnlockForm::Create => "Choose a passphrase · Wayleave",
        UnlockForm::Change => "Change the passphrase · Wayleave",
    }
}

/// How long the sign-in window stays.
pub fn time_left(minutes: u32) -> String {
    format!("Private · {minutes} min left")
}

/// `ends in 22 hours`, `ended`, `no end known`.
pub fn end(expires: Option<Timestamp>, now: Timestamp) -> String {
    match expires {
        Some(end) if end > now => format!("ends in {}", span(end.duration_since(now))),
        Some(_) => "ended".to_owned(),
        None => "no end known".to_owned(),
    }
}
