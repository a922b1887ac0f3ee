//! Warnings before an end: each announced exactly once, locked or not, across restarts.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Engine;
use super::keeper::Keeper;
use super::state::{State, minute};
use crate::api::{HistoryEvent, VaultState};
use crate::clock::span;
use crate::credential::CredentialMeta;
use crate::error::{ErrorCode, Result};
use crate::expiry::{self, Claim, Lead, Watch};
use crate::host::{Host, Notice};
use crate::notices;

/// How long until a notice that nobody showed is tried again.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(60);
/// How many notices appear at once before they become one.
const AT_ONCE: usize = 3;

/// What was announced, and what still waits for a desktop that shows it.
#[derive(Default)]
pub(super) struct Warnings {
    claimed: BTreeSet<Claim>,
    waiting: Vec<Claim>,
    try_at: Option<Timestamp>,
    loaded: bool,
}

impl<H: Host> Engine<H> {
    /// Reads what earlier runs announced; nothing is announced before that is known.
    pub(super) fn load_warnings(&mut self) {
        let keeper = self.keeper.clone();
        let now = self.clock.now();
        let load = async move {
            keeper
                .run(move |kept| {
                    let Some(notices) = kept.notices.as_mut() else { return Ok(None) };
                    notices.prune(now)?;
                    Ok(Some((notices.claimed()?, notices.unshown()?)))
                })
                .await
        };
        self.work(load, |engine, loaded: Result<_>| match loaded {
            Ok(Some((claimed, unshown))) => {
                engine.warnings.claimed = claimed;
                engine.warnings.waiting = unshown;
                engine.warnings.loaded = true;
            }
            Ok(None) => {}
            Err(error) => engine.alert(error, None, None),
        });
    }

    /// Announces what is due, and says when to look again.
    pub(super) fn warn(&mut self, now: Timestamp) {
        if !self.warnings.loaded {
            self.next_look = None;
            return;
        }
        let watches = self.state.watches();
        let plan = expiry::plan(now, &watches, &self.warnings.claimed);
        self.next_look = [plan.wake_at, self.idle_end(), self.warnings.try_at]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min();
        if !plan.passed.is_empty() {
            let silent = plan.passed.iter().filter(|claim| !plan.due.contains(claim));
            self.claim(plan.due.clone(), silent.copied().collect());
        }
        let retry = self.warnings.try_at.is_none_or(|at| at <= now);
        if retry && !self.warnings.waiting.is_empty() {
            self.show_waiting(now, &watches);
        }
    }

    /// A credential that was just stored has been seen: leads that lie behind are no news.
    pub(super) fn seen(&mut self, meta: &CredentialMeta) {
        let watch = Watch { id: meta.id, kind: meta.kind, expires: meta.expires.map(minute) };
        let passed = expiry::plan(self.clock.now(), &[watch], &self.warnings.claimed).passed;
        if !passed.is_empty() {
            self.claim(Vec::new(), passed);
        }
    }

    /// Commits claims, then lets the due ones be shown. They count from now on, so that the
    /// next look does not find them again; if the commit fails they are due again.
    fn claim(&mut self, due: Vec<Claim>, silent: Vec<Claim>) {
        let (due, silent) = if self.state.settings.notices {
            (due, silent)
        } else {
            (Vec::new(), [due, silent].concat())
        };
        self.warnings.claimed.extend(due.iter().chain(&silent).copied());
        let keeper = self.keeper.clone();
        let kept = (due.clone(), silent.clone());
        let commit = async move {
            keeper
                .run(move |all| match all.notices.as_mut() {
                    Some(notices) => notices.claim(&kept.0, &kept.1),
                    None => Ok(()),
                })
                .await
        };
        self.work(commit, move |engine, outcome| match outcome {
            Ok(()) => {
                engine.warnings.waiting.extend(due);
                engine.warnings.try_at = None;
            }
            Err(error) => {
                for claim in due.iter().chain(&silent) {
                    engine.warnings.claimed.remove(claim);
                }
                engine.alert(error, None, None);
            }
        });
    }

    /// Shows what waits. What is overtaken by a later lead, renewed or gone is let go.
    fn show_waiting(&mut self, now: Timestamp, watches: &[Watch]) {
        let waiting = std::mem::take(&mut self.warnings.waiting);
        let (current, stale): (Vec<Claim>, Vec<Claim>) = waiting.into_iter().partition(|claim| {
            let alive =
                watches.iter().any(|w| w.id == claim.id && w.expires == Some(claim.expires));
            let later =
                |c: &Claim| c.id == claim.id && c.expires == claim.expires && c.lead > claim.lead;
            alive && !self.warnings.claimed.iter().any(later)
        });
        self.mark_shown(stale);
        if current.is_empty() {
            return;
        }
        // Until the desktop has answered nobody tries again.
        self.warnings.try_at = Some(now.checked_add(TRY_AGAIN).unwrap_or(now));
        let notices = if current.len() > AT_ONCE {
            vec![(current.clone(), summary(now, &current))]
        } else {
            current.iter().map(|claim| (vec![*claim], self.state.notice(now, *claim))).collect()
        };
        for (claims, notice) in notices {
            self.show(claims, notice);
        }
    }

    /// Shows, and marks as shown in the same breath: an agent that is told to end meanwhile
    /// waits for both, so that the next one does not show it again.
    fn show(&mut self, claims: Vec<Claim>, notice: Notice) {
        let host = Arc::clone(&self.host);
        let keeper = self.keeper.clone();
        let permit = self.keeper.permit().ok();
        let told = claims.clone();
        let show = async move {
            let shown = host.notify(notice).await;
            let marked = if shown.is_ok() { mark(&keeper, told).await } else { Ok(()) };
            drop(permit);
            (shown, marked)
        };
        self.work(show, move |engine, (shown, marked): (Result<()>, Result<()>)| {
            if let Err(error) = marked {
                engine.alert(error, None, None);
            }
            match shown {
                Ok(()) => {
                    engine.withdraw(ErrorCode::NoticeNotShown, None);
                    engine.warned(&claims);
                }
                // No desktop answered; the window shows it anyway, and it is tried again.
                Err(error) => {
                    engine.alert(error, None, None);
                    engine.warnings.waiting.extend(claims);
                }
            }
        });
    }

    fn warned(&mut self, claims: &[Claim]) {
        for claim in claims {
            if let Ok(meta) = self.state.credential(claim.id).cloned() {
                self.note(HistoryEvent::Warned, &meta, None);
            }
        }
    }

    fn mark_shown(&mut self, claims: Vec<Claim>) {
        if claims.is_empty() {
            return;
        }
        let keeper = self.keeper.clone();
        self.work(async move { mark(&keeper, claims).await }, |engine, marked| {
            if let Err(error) = marked {
                engine.alert(error, None, None);
            }
        });
    }
}

async fn mark(keeper: &Keeper, claims: Vec<Claim>) -> Result<()> {
    keeper
        .run(move |kept| match kept.notices.as_mut() {
            Some(notices) => claims.iter().try_for_each(|claim| notices.shown(*claim)),
            None => Ok(()),
        })
        .await
}

impl State {
    /// The words of one warning. While locked no name is known, and none is said.
    fn notice(&self, now: Timestamp, claim: Claim) -> Notice {
        let ends = ends(now, claim.expires);
        let (title, body) = match self.credentials.get(&claim.id) {
            Some(meta) if self.vault.state == VaultState::Unlocked => (
                format!("{} {ends}", meta.name),
                format!("It opens {}. Open Wayleave to request a new one.", meta.workspace),
            ),
            _ => (
                format!("1 credential {ends}"),
                "Unlock Wayleave to see which one, and to request a new one.".into(),
            ),
        };
        Notice {
            id: notices::number(claim),
            title,
            body,
            urgent: matches!(claim.lead, Lead::Hour | Lead::End),
        }
    }
}

/// The words of several warnings at once.
fn summary(now: Timestamp, claims: &[Claim]) -> Notice {
    let first = claims.iter().map(|claim| claim.expires).min().unwrap_or(now);
    Notice {
        id: claims.first().map_or(1, |claim| notices::number(*claim)),
        title: format!("{} credentials need you", claims.len()),
        body: format!("The first one {}. Open Wayleave to see them.", ends(now, first)),
        urgent: claims.iter().any(|claim| matches!(claim.lead, Lead::Hour | Lead::End)),
    }
}

/// “ends in 22 hours”.
fn ends(now: Timestamp, expires: Timestamp) -> String {
    let left = expires.duration_since(now);
    if left.is_positive() { format!("ends in {}", span(left)) } else { "has ended".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_the_unit_that_matters() {
        let now = Timestamp::constant(2_000_000_000, 0);
        let said = |seconds: i64| ends(now, now + SignedDuration::from_secs(seconds));
        assert_eq!(said(0), "has ended");
        assert_eq!(said(59), "ends in 1 minute");
        assert_eq!(said(3600), "ends in 1 hour");
        assert_eq!(said(86_400), "ends in 24 hours");
        assert_eq!(said(7 * 86_400), "ends in 7 days");
    }
}
