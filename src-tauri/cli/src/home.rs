//! Where things stand: bare `wayleave`, and `wayleave status`.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use wayleave_core::api::{CredentialState, SignInState, Snapshot, VaultState};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Done;
use crate::output::{self, Table};
use crate::shape::{Status, next_expiry};
use crate::when;

/// How far ahead `status --exit-code` looks: the first lead of a token.
const WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Flags of `status`.
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// Exit with 8 when a key has ended or ends soon
    #[arg(long)]
    exit_code: bool,
    /// What soon means
    #[arg(long, value_parser = when::parse_span, value_name = "7d")]
    within: Option<SignedDuration>,
}

impl StatusOptions {
    /// Prints the status.
    pub fn run(&self, context: &Context) -> Done {
        let snapshot = context.snapshot()?;
        let now = when::now();
        print(context, &snapshot, now)?;
        let soon = ends_within(&snapshot, now, self.within.unwrap_or(WITHIN));
        Ok(if self.exit_code && soon { Exit::Expiring } else { Exit::Ok })
    }
}

/// The answer of a verb that changed the state.
pub fn status(context: &Context) -> Done {
    print(context, &context.snapshot()?, when::now())
}

fn print(context: &Context, snapshot: &Snapshot, now: Timestamp) -> Done {
    if context.common.json {
        return output::json(&Status::of(snapshot, now));
    }
    lines(snapshot, now).print()
}

/// The next step, as a script and a person can take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Step {
    why: &'static str,
    command: &'static str,
}

/// Bare `wayleave`.
pub fn stand(context: &Context) -> Done {
    let snapshot = context.snapshot()?;
    let now = when::now();
    let step = next_step(&snapshot);
    if context.common.json {
        #[derive(Serialize)]
        struct Stand<'a> {
            #[serde(flatten)]
            status: Status<'a>,
            next: Option<Step>,
        }
        return output::json(&Stand { status: Status::of(&snapshot, now), next: step });
    }
    lines(&snapshot, now).print()?;
    match step {
        Some(step) => output::text(&format!("\n{}\n  {}\n", step.why, step.command)),
        None => Ok(Exit::Ok),
    }
}

fn lines(snapshot: &Snapshot, now: Timestamp) -> Table {
    let mut table = Table::pairs();
    table.pair("vault", state(snapshot.vault.state));
    table.pair("file", &snapshot.vault.path);
    if let Some(problem) = &snapshot.vault.problem {
        table.pair("problem", &problem.message);
    }
    let keys = snapshot.credentials.len().max(snapshot.watched.len());
    table.pair("accounts", &snapshot.accounts.len().to_string());
    table.pair("credentials", &keys.to_string());
    if let Some(next) = next_expiry(snapshot, now) {
        let name = next.name.unwrap_or("a key");
        table.pair("next end", &format!("{name}, {}", when::until(now, next.expires)));
    }
    if snapshot.offline {
        table.pair("network", "offline");
    }
    for alert in &snapshot.alerts {
        table.pair("alert", &alert.error.message);
    }
    table
}

const fn state(state: VaultState) -> &'static str {
    match state {
        VaultState::Missing => "not made yet",
        VaultState::Locked => "locked",
        VaultState::Opening => "being opened",
        VaultState::Unlocked => "open",
        VaultState::Unusable => "cannot be used",
    }
}

fn next_step(snapshot: &Snapshot) -> Option<Step> {
    let step = |why, command| Some(Step { why, command });
    let signed_in = snapshot.accounts.iter().any(|a| a.sign_in.state == SignInState::SignedIn);
    match snapshot.vault.state {
        VaultState::Opening => None,
        VaultState::Unusable => step("See what is wrong with the vault:", "wayleave vault info"),
        VaultState::Locked => step("Open the vault:", "wayleave unlock"),
        VaultState::Unlocked if !snapshot.credentials.is_empty() => Some(keep_going(snapshot)),
        VaultState::Missing | VaultState::Unlocked if snapshot.accounts.is_empty() => {
            step("Say where your data is:", "wayleave account add eodh")
        }
        VaultState::Missing | VaultState::Unlocked if !signed_in => {
            step("Sign in:", "wayleave sign-in")
        }
        VaultState::Missing if snapshot.vault.keyring => {
            step("Make the vault:", "wayleave init --keyring")
        }
        VaultState::Missing => step("Make the vault:", "wayleave init"),
        VaultState::Unlocked => {
            step("Request a key:", "wayleave token request -w WORKSPACE --name NAME")
        }
    }
}

fn keep_going(snapshot: &Snapshot) -> Step {
    let needs = |state| snapshot.credentials.iter().any(|c| c.state == state);
    if needs(CredentialState::Expiring) || needs(CredentialState::Expired) {
        return Step {
            why: "A key ends soon or has ended. Request a new one:",
            command: "wayleave token request -w WORKSPACE --name NAME",
        };
    }
    Step { why: "Your keys:", command: "wayleave list" }
}

/// Whether a key has ended or ends within `within`. S3 credentials last an hour at a time and
/// are no news.
fn ends_within(snapshot: &Snapshot, now: Timestamp, within: SignedDuration) -> bool {
    let soon =
        |expires: Option<Timestamp>| expires.is_some_and(|end| end.duration_since(now) <= within);
    let open = snapshot
        .credentials
        .iter()
        .any(|c| c.kind.is_lasting() && c.state != CredentialState::Revoked && soon(c.expires));
    let closed = snapshot.credentials.is_empty()
        && snapshot.watched.iter().any(|w| w.kind.is_lasting() && soon(w.expires));
    open || closed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::samples;

    const NOW: Timestamp = Timestamp::constant(1_799_999_000, 0);

    fn command(snapshot: &Snapshot) -> &'static str {
        next_step(snapshot).map_or("", |step| step.command)
    }

    #[test]
    fn each_state_has_its_next_step() {
        let mut snapshot = samples::snapshot(VaultState::Missing, vec![]);
        assert_eq!(command(&snapshot), "wayleave account add eodh");
        snapshot.accounts = vec![samples::account(1, "EODH")];
        assert_eq!(command(&snapshot), "wayleave sign-in");
        snapshot.accounts[0].sign_in.state = SignInState::SignedIn;
        assert_eq!(command(&snapshot), "wayleave init");
        snapshot.vault.keyring = true;
        assert_eq!(command(&snapshot), "wayleave init --keyring");
        snapshot.vault.state = VaultState::Unlocked;
        assert_eq!(command(&snapshot), "wayleave token request -w WORKSPACE --name NAME");
        snapshot.credentials = vec![samples::credential(1, "qgis", "peat")];
        assert_eq!(command(&snapshot), "wayleave list");
        snapshot.vault.state = VaultState::Locked;
        assert_eq!(command(&snapshot), "wayleave unlock");
    }

    #[test]
    fn what_ends_soon_is_seen_and_what_was_revoked_is_not() {
        let credential = samples::credential(1, "qgis", "peat");
        let mut snapshot = samples::snapshot(VaultState::Unlocked, vec![credential]);
        assert!(ends_within(&snapshot, NOW, WITHIN));
        assert!(!ends_within(&snapshot, NOW, SignedDuration::from_secs(1000)));
        assert!(ends_within(&snapshot, NOW + WITHIN, SignedDuration::ZERO), "it has ended");
        snapshot.credentials[0].state = CredentialState::Revoked;
        assert!(!ends_within(&snapshot, NOW, WITHIN));
    }
}
