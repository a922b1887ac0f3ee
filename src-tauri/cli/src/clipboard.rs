//! `copy`: a detached holder owns the clipboard until the time is over, the vault locks or the
//! agent ends. On X11 and Wayland the owner serves the text, so its end takes the text away, and
//! takes away nothing that somebody else has put there since.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use arboard::{Clipboard, SetExtLinux};
use clap::Args;
use jiff::SignedDuration;
use wayleave_core::api::{CredentialKind, CredentialView, Field, Purpose, VaultState};
use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::secret::Disclosed;

use crate::context::{Context, own_program};
use crate::credential::Selected;
use crate::disclose::{FieldName, Form, Revealed, parse_form, rendered};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::{output, prompt, when};

/// What the holder prints once the text is on the clipboard.
const HELD: &str = "held";
/// Seconds that a secret may stay on the clipboard (security.md 5).
const SECONDS: std::ops::RangeInclusive<u64> = 10..=120;

/// Flags of `copy`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    selected: Selected,
    /// This field; the key of an API token when left out
    #[arg(long, value_enum, conflicts_with = "form")]
    field: Option<FieldName>,
    /// In this ready form
    #[arg(long = "as", value_name = "FORM", value_parser = parse_form)]
    form: Option<Form>,
    /// How long it stays there: 10s to 120s
    #[arg(long, value_parser = when::parse_span, value_name = "30s")]
    clear_after: Option<SignedDuration>,
}

/// Flags of the holder.
#[derive(Debug, Args)]
pub struct HolderOptions {
    /// Seconds until it lets go
    #[arg(long)]
    seconds: u64,
}

impl Options {
    /// Puts the text on the clipboard.
    pub fn run(&self, context: &Context) -> Done {
        has_display()?;
        let seconds = self.seconds(context)?;
        let credential = context.credential(&self.selected.selector)?;
        let text = self.text(context, &credential)?;
        hold_detached(&text, seconds)?;
        if context.common.json {
            let told = serde_json::json!({ "copied": credential.id, "clear_after": seconds });
            return output::json(&told);
        }
        output::text(&format!("Copied. Leaves the clipboard in {seconds} seconds.\n"))
    }

    fn seconds(&self, context: &Context) -> Result<u64, Failure> {
        let seconds = match self.clear_after {
            Some(span) => span.as_secs().unsigned_abs(),
            None => context.open()?.settings.clear_clipboard_after.into(),
        };
        if SECONDS.contains(&seconds) {
            return Ok(seconds);
        }
        Err(Failure::usage(
            "a secret stays on the clipboard for 10 to 120 seconds",
            "Say `--clear-after 30s`.",
        ))
    }

    fn text(&self, context: &Context, credential: &CredentialView) -> Result<Disclosed, Failure> {
        if let Some(form) = &self.form {
            return rendered(context, credential.id, form, Purpose::Clipboard);
        }
        let field = match (self.field, credential.kind) {
            (Some(field), _) => Field::from(field),
            (None, CredentialKind::ApiToken) => Field::ApiKey,
            (None, CredentialKind::SessionToken) => Field::Token,
            (None, CredentialKind::S3 | CredentialKind::KeyPair) => {
                return Err(Failure::usage(
                    "this credential has several fields",
                    "Add `--as env`, or `--field` and its name.",
                ));
            }
        };
        let revealed = Revealed::ask(context, credential.id, Some(field), Purpose::Clipboard)?;
        let found = revealed.fields.into_iter().next();
        found.map(|(_, value)| value).ok_or_else(|| {
            Error::new(ErrorCode::NotFound, "the credential has no such field").into()
        })
    }
}

fn has_display() -> Result<(), Error> {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("WAYLAND_DISPLAY") || set("DISPLAY") {
        return Ok(());
    }
    Err(no_display("there is no display, and so no clipboard"))
}

fn no_display(message: &str) -> Error {
    Error::new(ErrorCode::NoDisplay, message)
}

/// Starts the holder, hands it the text on standard input, and waits until it holds it.
fn hold_detached(text: &Disclosed, seconds: u64) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Error::internal(format!("the clipboard's holder: {e}"));
    let mut holder = Command::new(own_program()?)
        .args(["--json", "clipboard-holder", "--seconds", &seconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = holder.stdin.take() {
        stdin.write_all(text.expose()).map_err(failed)?;
    }
    let mut word = String::new();
    if let Some(stdout) = holder.stdout.take() {
        BufReader::new(stdout).read_line(&mut word).map_err(failed)?;
    }
    if word.trim_end() == HELD {
        return Ok(());
    }
    // It ended without holding anything; its end is all that is left to wait for.
    let _ = holder.wait();
    let error: Option<Error> = serde_json::from_str(&word).ok();
    Err(error.unwrap_or_else(|| no_display("the display does not answer")).into())
}

/// The holder itself: `wayleave clipboard-holder`.
pub fn hold(context: &Context, options: &HolderOptions) -> Done {
    // Of its own session, so that closing the terminal does not end it before its time.
    let _ = rustix::process::setsid();
    let text = prompt::piped()?;
    let mut clipboard = match put(&text) {
        Ok(clipboard) => clipboard,
        Err(error) => return output::json(&error).map(|_| Exit::Other),
    };
    let let_go = when_to_let_go(context)?;
    output::text(&format!("{HELD}\n"))?;
    // Time is over, or the vault is locked, or the agent has ended: all mean the same.
    let _ = let_go.recv_timeout(Duration::from_secs(options.seconds));
    release(&mut clipboard, &text);
    Ok(Exit::Ok)
}

fn put(text: &Disclosed) -> Result<Clipboard, Error> {
    let told = |e: arboard::Error| no_display(&format!("the clipboard cannot be set: {e}"));
    let text = text.expose_text().ok_or_else(|| Error::internal("a secret is no text"))?;
    let mut clipboard = Clipboard::new().map_err(told)?;
    clipboard.set().exclude_from_history().text(text).map_err(told)?;
    Ok(clipboard)
}

/// Says once when the vault is not open any more or the agent has ended.
fn when_to_let_go(context: &Context) -> Result<mpsc::Receiver<()>, Failure> {
    let (say, hear) = mpsc::channel();
    let snapshots = context.client().subscribe()?;
    thread::spawn(move || {
        let open = |snapshot: &Result<wayleave_core::api::Snapshot, Error>| {
            snapshot.as_ref().is_ok_and(|s| s.vault.state == VaultState::Unlocked)
        };
        for _ in snapshots.take_while(open) {}
        // The holder may have let go by itself.
        let _ = say.send(());
    });
    Ok(hear)
}

/// Empties the clipboard if it is still ours. Where it cannot be read without the focus
/// (Wayland without data-control), the end of this process takes it away.
fn release(clipboard: &mut Clipboard, text: &Disclosed) {
    let ours = clipboard
        .get_text()
        .map(|now| Disclosed::from_bytes(now.into_bytes()))
        .is_ok_and(|now| now.expose() == text.expose());
    if ours {
        let _ = clipboard.clear();
    }
}
