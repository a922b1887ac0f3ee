//! What was kept and what to do, per error: the command line's half of every error's words.
//! A total table by exhaustive match; the window's is `ui/src/lib/errors.ts`.

use wayleave_core::api::VerifyCause;
use wayleave_core::error::{Error, ErrorCode};

/// The words beside an error's sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// What is as it was.
    pub kept: &'static str,
    /// What to do.
    pub advice: &'static str,
}

const NOTHING_LOST: &str = "Nothing is lost.";
const NOTHING_CHANGED: &str = "Nothing was changed.";
const NOTHING_SENT: &str = "Nothing was sent.";
const KEYS_UNCHANGED: &str = "Your keys are unchanged.";
const VAULT_UNTOUCHED: &str = "The vault was not touched.";

/// The row of a code.
pub const fn of(code: ErrorCode) -> Words {
    let (kept, advice) = row(code);
    Words { kept, advice }
}

/// The words of an error: its code's, but where its facts say otherwise.
pub fn about(error: &Error) -> Words {
    let fact = |name: &str| error.params.get(name).map(String::as_str);
    if fact("signed_out_here") == Some("true") {
        return Words {
            kept: "You are signed out here; the session may live on at the platform.",
            advice: "End it on the platform's own page.",
        };
    }
    match (error.code, fact("revoked")) {
        (ErrorCode::IssuedButNotStored, Some("false")) => Words {
            kept: "The key could not be stored, and revoking it failed: it may live on.",
            advice: "Free some disk space, then revoke it: `wayleave token list --on-platform`.",
        },
        (ErrorCode::OutcomeUnknown, Some("true")) => Words {
            kept: "The token that was made was revoked; nothing is sent twice.",
            advice: "Request it again: `wayleave token request`.",
        },
        _ => of(error.code),
    }
}

const fn row(code: ErrorCode) -> (&'static str, &'static str) {
    use ErrorCode as E;
    match code {
        E::NoVault
        | E::VaultExists
        | E::VaultLocked
        | E::WrongPassphrase
        | E::WeakPassphrase
        | E::VaultDamaged
        | E::VaultNewer
        | E::VaultForeign
        | E::VaultInUse
        | E::VaultUnwritable
        | E::NoKeyring => vault(code),
        E::NotSignedIn
        | E::SessionEnded
        | E::SignInRefused
        | E::SignInFailed
        | E::SignInOpen
        | E::FlowUnknown
        | E::NoClientId
        | E::Cancelled => sign_in(code),
        E::Forbidden
        | E::Rejected
        | E::NotFound
        | E::Ambiguous
        | E::NotSupported
        | E::RateLimited
        | E::PlatformUnavailable
        | E::Offline
        | E::TimedOut
        | E::Tls
        | E::ClockOff
        | E::UnexpectedAnswer
        | E::OutcomeUnknown
        | E::IssuedButNotStored => platform(code),
        E::InvalidInput
        | E::InvalidName
        | E::InvalidLifetime
        | E::InvalidAddress
        | E::NotThisPlatform
        | E::TokenIdNotKey
        | E::NoUsername
        | E::StillValid
        | E::Expired
        | E::TicketSpent => input(code),
        E::AgentUnreachable
        | E::AgentVersion
        | E::AgentBusy
        | E::NoDisplay
        | E::NoticeNotShown
        | E::ToolMissing
        | E::FileProblem
        | E::Internal => machine(code),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "row() is the exhaustive match")]
const fn vault(code: ErrorCode) -> (&'static str, &'static str) {
    use ErrorCode as E;
    match code {
        E::NoVault => (
            "There is no vault yet, and a sign-in is kept until the agent ends.",
            "Make one with `wayleave init`.",
        ),
        E::VaultExists => {
            (VAULT_UNTOUCHED, "Open it with `wayleave unlock`, or set WAYLEAVE_HOME for another.")
        }
        E::VaultLocked => (KEYS_UNCHANGED, "Open the vault with `wayleave unlock`."),
        E::WrongPassphrase => (NOTHING_LOST, "Try again; capitals and spaces count."),
        E::WeakPassphrase => {
            (NOTHING_CHANGED, "Take a longer one: several words are easy to keep in mind.")
        }
        E::VaultDamaged => {
            ("The file was left as it is.", "Put a copy of it from a backup in its place.")
        }
        E::VaultNewer => (VAULT_UNTOUCHED, "Use the newer Wayleave that wrote it."),
        E::VaultForeign => (
            "The file was left as it is.",
            "Move it away, or set WAYLEAVE_HOME, then `wayleave init`.",
        ),
        E::VaultInUse => (VAULT_UNTOUCHED, "End the other process, then try again."),
        E::VaultUnwritable => (
            "The vault is as it was before.",
            "Free some space on its disk, or make its folder writable, then try again.",
        ),
        E::NoKeyring => {
            (NOTHING_CHANGED, "Use a passphrase: `--passphrase-stdin`, or type it when asked.")
        }
        _ => machine(code),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "row() is the exhaustive match")]
const fn sign_in(code: ErrorCode) -> (&'static str, &'static str) {
    use ErrorCode as E;
    match code {
        E::NotSignedIn => (KEYS_UNCHANGED, "Sign in with `wayleave sign-in`."),
        E::SessionEnded => {
            ("Nothing is lost; your keys keep working.", "Sign in again: `wayleave sign-in`.")
        }
        E::SignInRefused => (KEYS_UNCHANGED, "Try again, or another way: `--with`."),
        E::SignInFailed => (
            "Nothing was kept of it.",
            "Try again, or another way: `--with portal|browser|device|paste`.",
        ),
        E::SignInOpen => {
            ("The other sign-in goes on.", "Finish it, or end it and start anew with `--replace`.")
        }
        E::FlowUnknown => ("Nothing was kept of it.", "Start again: `wayleave sign-in`."),
        E::NoClientId => (
            NOTHING_SENT,
            "Set one with `wayleave account edit --client-id ID`, or sign in `--with portal`.",
        ),
        E::Cancelled => (NOTHING_LOST, "Start again when you like."),
        _ => machine(code),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "row() is the exhaustive match")]
const fn platform(code: ErrorCode) -> (&'static str, &'static str) {
    use ErrorCode as E;
    match code {
        E::Forbidden => {
            (KEYS_UNCHANGED, "Ask the owner of the workspace, or choose another: `-w`.")
        }
        E::Rejected => (NOTHING_CHANGED, "Change what was asked for and try again."),
        E::NotFound => {
            (NOTHING_CHANGED, "See what there is: `wayleave list`, `wayleave account list`.")
        }
        E::Ambiguous => (NOTHING_CHANGED, "Give the id, or WORKSPACE/NAME."),
        E::NotSupported => (NOTHING_CHANGED, "Do it on the platform's own page."),
        E::RateLimited => (NOTHING_CHANGED, "Wait a little, then try again."),
        E::PlatformUnavailable => (KEYS_UNCHANGED, "The fault is the platform's. Try again later."),
        E::Offline => (KEYS_UNCHANGED, "Try again when you are back online."),
        E::TimedOut => (KEYS_UNCHANGED, "Try again; the platform is slow or not there."),
        E::Tls => (
            NOTHING_SENT,
            "Check the clock and the network: a proxy may stand between. There is no way round.",
        ),
        E::ClockOff => (
            KEYS_UNCHANGED,
            "Set this computer's clock: S3 refuses requests that are signed minutes off.",
        ),
        E::UnexpectedAnswer => {
            (NOTHING_CHANGED, "Check the hub's address; the platform may have changed.")
        }
        E::OutcomeUnknown => {
            ("Nothing is sent twice.", "See what came of it: `wayleave token list --on-platform`.")
        }
        E::IssuedButNotStored => (
            "The key could not be stored, so it was revoked again.",
            "Free some disk space and request a new one.",
        ),
        _ => machine(code),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "row() is the exhaustive match")]
const fn input(code: ErrorCode) -> (&'static str, &'static str) {
    use ErrorCode as E;
    match code {
        E::InvalidInput => (NOTHING_CHANGED, "Correct the value; `wayleave help VERB` tells more."),
        E::InvalidName => (NOTHING_CHANGED, "Give a name of 1 to 128 characters: `--name`."),
        E::InvalidLifetime => (NOTHING_CHANGED, "Give `--expires` such a life, or leave it out."),
        E::InvalidAddress => {
            (NOTHING_SENT, "Give an https address; plain http is for this computer only.")
        }
        E::NotThisPlatform => {
            (NOTHING_CHANGED, "Check the hub's address; `wayleave platforms` lists what is known.")
        }
        E::TokenIdNotKey => (
            NOTHING_CHANGED,
            "That is a Token ID, the name of a key. The key is shorter and starts with 454f4448.",
        ),
        E::NoUsername => (
            NOTHING_CHANGED,
            "Give your user name at the platform: `wayleave account edit --username NAME`.",
        ),
        E::StillValid => (
            "It is still in the vault and works until its end.",
            "Revoke it first with `--revoke`, or leave it valid with `--leave-valid`.",
        ),
        E::Expired => ("It is still in the vault.", "Request a new one: `wayleave token request`."),
        E::TicketSpent => {
            (NOTHING_CHANGED, "Make a new one: `wayleave qgis apply`. A ticket lasts 5 minutes.")
        }
        _ => machine(code),
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "row() is the exhaustive match")]
const fn machine(code: ErrorCode) -> (&'static str, &'static str) {
    use ErrorCode as E;
    match code {
        E::AgentUnreachable => (
            "What was acknowledged before is in the vault.",
            "Look with `wayleave list`; if no agent starts, `wayleave agent run` shows why.",
        ),
        E::AgentVersion => {
            (VAULT_UNTOUCHED, "End the older agent with `wayleave agent stop`, then try again.")
        }
        E::AgentBusy => (NOTHING_CHANGED, "Try again in a moment."),
        E::NoDisplay => (NOTHING_CHANGED, "Do it where there is a screen, or use `reveal`."),
        E::NoticeNotShown => (
            "The notice is kept and tried again every minute.",
            "Start a notification service, or look with `wayleave status --exit-code`.",
        ),
        E::ToolMissing => (NOTHING_CHANGED, "Install what is missing, then try again."),
        E::FileProblem => {
            (NOTHING_CHANGED, "Check the file and its folder: owner, permissions, space.")
        }
        _ => (
            VAULT_UNTOUCHED,
            "This is a fault of Wayleave. `wayleave vault check` tells whether all is well.",
        ),
    }
}

/// What to do about a credential that was asked about; empty when it works.
pub const fn verify(cause: VerifyCause) -> &'static str {
    match cause {
        VerifyCause::Ok => "",
        VerifyCause::Expired => "It has ended. Request a new one: `wayleave token request`.",
        VerifyCause::Revoked => {
            "The platform does not know it any more. Request a new one: `wayleave token request`."
        }
        VerifyCause::WrongWorkspace => "It opens another workspace. Request one for this one.",
        VerifyCause::WrongEnvironment => {
            "It belongs to another environment of the platform. Add that as an account."
        }
        VerifyCause::Clock => "Set this computer's clock, then try again.",
        VerifyCause::Tls => "Check the network: the server's certificate was not accepted.",
        VerifyCause::Offline => "Offline. The key is unchanged; try again when you are back.",
        VerifyCause::Server => "The platform has a fault of its own. Try again later.",
        VerifyCause::NotPermitted => {
            "The key is known, and may not do this. Ask the owner of the workspace."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code, by way of its name: the list is checked against the table of `Exit`.
    fn all() -> Vec<ErrorCode> {
        let source = include_str!("exit.rs");
        let start = source.find("impl From<ErrorCode> for Exit").expect("is there");
        let body = &source[start..start + source[start..].find("\n}").expect("ends")];
        let names = body
            .split("E::")
            .skip(1)
            .map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>());
        let mut codes: Vec<ErrorCode> = names
            .map(|name| {
                let snake: String = name.char_indices().fold(String::new(), |text, (at, c)| {
                    let gap = if at > 0 && c.is_ascii_uppercase() { "_" } else { "" };
                    format!("{text}{gap}{}", c.to_ascii_lowercase())
                });
                serde_json::from_value(serde_json::Value::String(snake.clone()))
                    .unwrap_or_else(|e| panic!("{snake}: {e}"))
            })
            .collect();
        codes.sort();
        codes.dedup();
        codes
    }

    #[test]
    fn every_error_says_what_was_kept_and_what_to_do() {
        let codes = all();
        assert!(codes.len() >= 49, "only {} codes were found", codes.len());
        let fault = machine(ErrorCode::Internal);
        for code in codes {
            let words = of(code);
            assert!(words.kept.ends_with('.') && words.advice.ends_with('.'), "{code:?}");
            let shared = (words.kept, words.advice) == fault;
            assert_eq!(shared, code == ErrorCode::Internal, "{code:?} has words of its own");
        }
    }

    #[test]
    fn no_words_beg_or_boast() {
        for code in all() {
            let words = of(code);
            let text = format!("{} {}", words.kept, words.advice).to_lowercase();
            for word in ["please", "successfully", "oops", "sorry"] {
                assert!(!text.contains(word), "{code:?}: {text}");
            }
        }
    }
}
