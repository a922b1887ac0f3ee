//! The history: what was requested, used, revoked, and when. Its lines are records of the vault.

use jiff::Timestamp;

use super::handle::Reply;
use super::records::label;
use super::{Engine, fresh_id};
use crate::api::{Answer, HistoryEvent, HistoryView, VaultState};
use crate::credential::{CredentialId, CredentialMeta, Id};
use crate::error::Result;
use crate::host::Host;
use crate::secret::Secret;
use crate::vault::{Change, Record, RecordKind, Vault};

/// So many lines that tell of a use are kept at most. A script that prints a key each minute would
/// otherwise make every commit slower than the one before.
const USES_MOST: usize = 2_000;
/// So many are left when there were more.
const USES_LEFT: usize = 1_000;

impl<H: Host> Engine<H> {
    pub(super) fn history(&mut self, of: Option<CredentialId>, reply: Reply) {
        if let Err(error) = self.state.need_open() {
            return reply.answer(Err(error));
        }
        let keeper = self.keeper.clone();
        let read = async move {
            keeper
                .run(move |kept| {
                    let mut rows: Vec<HistoryView> = Vec::new();
                    for record in kept.vault.open()?.list()? {
                        if record.kind == RecordKind::History {
                            rows.push(label(&record)?);
                        }
                    }
                    rows.retain(|row| of.is_none() || row.credential == of);
                    rows.sort_by_key(|row| std::cmp::Reverse(row.at));
                    Ok(rows)
                })
                .await
        };
        self.work(read, |_, rows: Result<_>| reply.answer(rows.map(Answer::History)));
    }

    /// Writes a line of history; nobody waits for it.
    pub(super) fn note(
        &mut self,
        event: HistoryEvent,
        meta: &CredentialMeta,
        detail: Option<&str>,
    ) {
        if self.state.vault.state != VaultState::Unlocked {
            return;
        }
        let Some(line) = self.history_line(event, meta, detail) else { return };
        self.work(self.keeper.commit_later(vec![line]), Self::tell_when_lost);
    }

    /// A line of history, for a commit that holds more.
    pub(super) fn history_line(
        &self,
        event: HistoryEvent,
        meta: &CredentialMeta,
        detail: Option<&str>,
    ) -> Option<Change> {
        let line = HistoryView {
            at: self.clock.now(),
            event,
            credential: Some(meta.id),
            name: meta.name.clone(),
            workspace: meta.workspace.clone(),
            platform_id: meta.platform_id.clone(),
            expires: meta.expires,
            detail: detail.map(Into::into),
        };
        Some(Change::Put {
            id: fresh_id(),
            kind: RecordKind::History,
            expires: None,
            label: Secret::new(serde_json::to_vec(&line).ok()?),
            body: Secret::new(Vec::new()),
        })
    }
}

/// Forgets the oldest lines that tell of a use, where there are too many. Lines that tell how a
/// credential came, changed and went stay.
pub(super) fn forget_old_uses(vault: &mut Vault) -> Result<()> {
    if vault.count(RecordKind::History)? <= USES_MOST {
        return Ok(());
    }
    let mut uses = Vec::new();
    for record in vault.list()? {
        uses.extend(use_of(&record)?);
    }
    if uses.len() > USES_MOST {
        uses.sort_unstable();
        uses.truncate(uses.len() - USES_LEFT);
        vault.commit(uses.into_iter().map(|(_, id)| Change::Remove { id }).collect())?;
    }
    Ok(())
}

fn use_of(record: &Record) -> Result<Option<(Timestamp, Id)>> {
    if record.kind != RecordKind::History {
        return Ok(None);
    }
    let line: HistoryView = label(record)?;
    Ok(is_use(line.event).then_some((line.at, record.id)))
}

const fn is_use(event: HistoryEvent) -> bool {
    match event {
        HistoryEvent::Copied
        | HistoryEvent::Revealed
        | HistoryEvent::Printed
        | HistoryEvent::GivenToQgis
        | HistoryEvent::Verified => true,
        HistoryEvent::Requested
        | HistoryEvent::Pasted
        | HistoryEvent::Refused
        | HistoryEvent::Warned
        | HistoryEvent::Revoked
        | HistoryEvent::Forgotten
        | HistoryEvent::Renamed
        | HistoryEvent::Rotated
        | HistoryEvent::Edited
        | HistoryEvent::Adopted => false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::secret::Passphrase;
    use crate::vault::{Kdf, KdfPolicy, NewSlot};

    fn line(event: HistoryEvent, minute: i64) -> Change {
        let line = HistoryView {
            at: Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute),
            event,
            credential: None,
            name: "QGIS".into(),
            workspace: "demo-ws".into(),
            platform_id: None,
            expires: None,
            detail: None,
        };
        Change::Put {
            id: fresh_id(),
            kind: RecordKind::History,
            expires: None,
            label: Secret::new(serde_json::to_vec(&line).expect("a line")),
            body: Secret::new(Vec::new()),
        }
    }

    fn lines(vault: &Vault) -> Vec<(HistoryEvent, i64)> {
        let mut lines: Vec<_> = vault
            .list()
            .expect("a list")
            .iter()
            .map(|record| label::<HistoryView>(record).expect("a line"))
            .map(|line| (line.event, line.at.as_second() / 60))
            .collect();
        lines.sort_by_key(|(_, minute)| *minute);
        lines
    }

    #[test]
    fn the_oldest_uses_go_and_what_came_and_went_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let passphrase = Passphrase::new(Secret::from_text("a long enough passphrase".into()));
        let slot = NewSlot::passphrase(&passphrase, KdfPolicy::Fixed(Kdf::FLOOR), || {
            Timestamp::UNIX_EPOCH
        })
        .expect("a slot");
        let path = folder.path().join("vault.db");
        let mut vault =
            Vault::create(&path, fresh_id(), &[slot], Timestamp::UNIX_EPOCH).expect("a vault");
        let most = i64::try_from(USES_MOST).expect("a number");
        let mut all: Vec<Change> =
            (1..=most).map(|minute| line(HistoryEvent::Printed, minute)).collect();
        all.push(line(HistoryEvent::Requested, 0));
        vault.commit(all).expect("commits");
        forget_old_uses(&mut vault).expect("nothing to do");
        assert_eq!(lines(&vault).len(), USES_MOST + 1, "as many as there may be");

        vault.commit(vec![line(HistoryEvent::Copied, most + 1)]).expect("commits");
        forget_old_uses(&mut vault).expect("forgets");
        let left = lines(&vault);
        assert_eq!(left.len(), USES_LEFT + 1);
        assert_eq!(left[0], (HistoryEvent::Requested, 0), "how it came is still told");
        assert_eq!(left.last(), Some(&(HistoryEvent::Copied, most + 1)));
        let oldest_use = most + 2 - i64::try_from(USES_LEFT).expect("a number");
        assert_eq!(left[1], (HistoryEvent::Printed, oldest_use), "the oldest are gone");
    }
}
