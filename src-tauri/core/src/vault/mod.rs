//! The vault: one SQLite file whose records are sealed one by one and bound together by an
//! integrity value. `docs/VAULT.md` is the format; this module reads no clock, speaks to no
//! network and knows nothing of what a record means.
//!
//! Two types, so that reading a secret while locked does not compile: [`LockedVault`] knows what
//! is in clear, [`Vault`] holds the keys. Either is owned by one thread; slow steps (the key
//! derivation, the keyring) are separate values that another thread can run.

mod changes;
mod connection;
mod contents;
mod db;
mod diagnose;
mod error;
mod file;
mod keyring;
mod locked;
mod record;
mod schema;
mod seal;
mod slots;

use std::cell::{Cell, RefCell};
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Transaction, TransactionBehavior};

use self::contents::{Contents, Header};
use self::db::{Db, Look, Slots};
pub use self::error::{Damage, Unwritable, VaultError};
use self::file::Place;
pub use self::keyring::{KeyringEntry, keyring_available, sweep_keyring};
pub use self::locked::{LockedVault, Refused};
pub use self::record::{Change, Record, RecordKind, Watched};
use self::seal::{FORMAT, Keys};
pub use self::slots::{Challenge, Kdf, KdfPolicy, Kek, LEAST_CHARS, LEAST_WORDS, NewSlot};
use crate::api::{SlotKind, VaultInfo};
use crate::credential::Id;
use crate::secret::Secret;

/// An open vault: the keys are in memory until it is locked or dropped.
///
/// ```
/// let _ = wayleave_core::vault::Vault::reveal;
/// ```
pub struct Vault {
    db: Db,
    keys: Keys,
    header: Header,
    slots: Slots,
    /// The epoch that the file must have: nobody else writes it while we hold the lock.
    epoch: Cell<i64>,
    /// Whether a commit failed so late that the file may have it or not.
    in_doubt: Cell<bool>,
    verified: RefCell<Option<Verified>>,
}

/// What the file held, still sealed, when it was last read or written and verified. It is read
/// from here as long as nobody has touched the file: opening one record then takes the same time
/// in a vault with a long history.
struct Verified {
    look: Look,
    contents: Contents,
}

impl Vault {
    /// Makes a vault, and opens it. `slots` must not be empty; `now` is kept as a day.
    pub fn create(
        path: &Path,
        id: Id,
        slots: &[NewSlot],
        now: Timestamp,
    ) -> Result<Self, VaultError> {
        if slots.is_empty() {
            return Err(VaultError::LastSlot);
        }
        let place = Place::vacant(path)?;
        let keys = Keys::new(seal::make_key()?, id.0)?;
        let mut contents = Contents::empty(id.0, now.as_second().div_euclid(86_400));
        for slot in slots {
            let row = slot.wrap(&id.0, keys.vault_key())?;
            contents.slots.insert(row.slot, row);
        }
        changes::stamp(&keys, &mut contents)?;
        let draft = place.draft()?;
        if let Err(error) =
            connection::build(&draft, &contents).and_then(|()| place.publish(&draft))
        {
            // What counts is why it failed; the next attempt removes what is left.
            let _left = file::discard(&draft);
            return Err(error);
        }
        let vault = LockedVault::from_place(place)?.into_open(keys);
        vault.read(|_| Ok(()))?;
        seal::wipe_stack();
        Ok(vault)
    }

    /// The vault's random id.
    pub fn id(&self) -> Id {
        Id(self.header.vault_id)
    }

    /// Every record with its label, by id.
    pub fn list(&self) -> Result<Vec<Record>, VaultError> {
        self.read(|contents| {
            let record = |row| Record::read(&self.keys, contents, row);
            contents.records.values().map(record).collect()
        })
    }

    /// How many records of a kind there are.
    pub fn count(&self, kind: RecordKind) -> Result<usize, VaultError> {
        self.read(|contents| {
            Ok(contents.records.values().filter(|row| row.kind == kind.stored()).count())
        })
    }

    /// The body of one record.
    pub fn reveal(&self, id: Id) -> Result<Secret, VaultError> {
        self.read(|contents| {
            let row = contents.records.get(&id.0).ok_or(VaultError::NoSuchRecord)?;
            self.keys.open_body(row)
        })
    }

    /// Every intent, by id.
    pub fn intents(&self) -> Result<Vec<(Id, Secret)>, VaultError> {
        self.read(|contents| {
            let open = |(id, sealed): (&[u8; 16], &seal::Sealed)| {
                Ok((Id(*id), self.keys.open_intent(id, sealed)?))
            };
            contents.outbox.iter().map(open).collect()
        })
    }

    /// Applies all changes in one transaction, or none. When this returns `Ok`, they are on the
    /// disk. After an error in writing, the file is opened and checked again before its next
    /// use, and [`Self::list`] says what it holds.
    pub fn commit(&mut self, changes: Vec<Change>) -> Result<(), VaultError> {
        self.write(|keys, contents| {
            changes.into_iter().try_for_each(|change| changes::apply(keys, contents, change))
        })
    }

    /// Puts a slot in the place of the one of its kind, if there was one; the vault key stays.
    /// Returns the keyring entry that nothing refers to any more, for the caller to delete.
    pub fn set_slot(&mut self, slot: &NewSlot) -> Result<Option<KeyringEntry>, VaultError> {
        let row = slot.wrap(&self.header.vault_id, self.keys.vault_key())?;
        let replaced = self.entry_replaced(row.opened_by());
        self.write(|_, contents| {
            contents.slots.retain(|_, old| old.kind != row.kind);
            contents.slots.insert(row.slot, row);
            Ok(())
        })?;
        Ok(replaced)
    }

    /// Takes the slot of a kind away, unless it is the last. Returns the keyring entry that
    /// nothing refers to any more.
    pub fn remove_slot(&mut self, kind: SlotKind) -> Result<Option<KeyringEntry>, VaultError> {
        let replaced = self.entry_replaced(Some(kind));
        self.write(|_, contents| {
            contents.slots.retain(|_, old| old.opened_by() != Some(kind));
            if contents.slots.is_empty() { Err(VaultError::LastSlot) } else { Ok(()) }
        })?;
        Ok(replaced)
    }

    fn entry_replaced(&self, kind: Option<SlotKind>) -> Option<KeyringEntry> {
        (kind == Some(SlotKind::Keyring)).then(|| self.keyring_entry()).flatten()
    }

    /// Whether this key opens the vault: for asking the passphrase again.
    pub fn confirm(&self, kek: &Kek) -> Result<(), VaultError> {
        self.read(|contents| slots::open(contents, kek).map(drop))
    }

    /// What opens it.
    pub fn slots(&self) -> Vec<SlotKind> {
        kinds(&self.slots)
    }

    /// What a passphrase is turned into a key with; `None` without a passphrase slot.
    pub fn passphrase_challenge(&self) -> Option<Challenge> {
        self.slots.values().find_map(contents::SlotRow::challenge)
    }

    /// Where the device key is; `None` without a keyring slot.
    pub fn keyring_entry(&self) -> Option<KeyringEntry> {
        keyring_entry(&self.header, &self.slots)
    }

    /// Whether the file can only be read here.
    pub fn read_only(&self) -> bool {
        self.db.place.read_only
    }

    /// What the file is made of.
    pub fn info(&self) -> Result<VaultInfo, VaultError> {
        let contents = self.read(|contents| Ok(contents.clone()))?;
        self.db.info(&contents)
    }

    /// Verifies every page, the integrity values and every sealed part.
    pub fn check(&self) -> Result<(), VaultError> {
        self.verified.take();
        self.db.with(|conn| connection::check_pages(conn, true))?;
        self.list()?;
        self.intents()?;
        self.read(|contents| {
            contents.records.values().try_for_each(|row| self.keys.open_body(row).map(drop))
        })
    }

    /// Closes the vault to everybody: the keys are wiped, the file stays open and held.
    pub fn lock(self) -> LockedVault {
        let Self { db, header, slots, keys, .. } = self;
        drop(keys);
        seal::wipe_stack();
        LockedVault::new(db, header, slots)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Contents) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let outcome = self.db.with(|conn| {
            let look = self.db.look(conn)?;
            let mut kept = self.verified.borrow_mut();
            if let Some(verified) = &*kept
                && Some(verified.look) == look
            {
                return Ok(work(&verified.contents));
            }
            *kept = None;
            let contents = self.load(&conn.transaction()?)?;
            let outcome = work(&contents);
            *kept = look.map(|look| Verified { look, contents });
            Ok(outcome)
        });
        seal::wipe_stack();
        outcome?
    }

    fn write(
        &mut self,
        work: impl FnOnce(&Keys, &mut Contents) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        self.verified.take();
        let written = self.db.with(|conn| {
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let before = self.load(&tx)?;
            let mut after = before.clone();
            work(&self.keys, &mut after)?;
            changes::stamp(&self.keys, &mut after)?;
            schema::write(&tx, Some(&before), &after)?;
            self.in_doubt.set(true);
            tx.commit()?;
            self.in_doubt.set(false);
            // Without it the next use reads what was written here.
            Ok((after, self.db.look(conn).unwrap_or_default()))
        });
        seal::wipe_stack();
        let (contents, look) = written?;
        self.epoch.set(contents.header.epoch);
        self.header = contents.header.clone();
        self.slots = contents.slots.clone();
        self.verified.replace(look.map(|look| Verified { look, contents }));
        Ok(())
    }

    /// Reads everything and verifies it; the epoch must be the one that we left.
    fn load(&self, tx: &Transaction<'_>) -> Result<Contents, VaultError> {
        let contents = schema::read(tx)?;
        verify(&self.keys, &contents)?;
        let (ours, theirs) = (self.epoch.get(), contents.header.epoch);
        if self.in_doubt.get() && theirs == ours.saturating_add(1) {
            self.epoch.set(theirs);
        } else if theirs != ours {
            return Err(Damage::EpochAltered.into());
        }
        self.in_doubt.set(false);
        Ok(contents)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Contents {
    fn empty(vault_id: [u8; 16], created_day: i64) -> Self {
        let format = i64::from(FORMAT);
        Self {
            header: Header {
                vault_id,
                format,
                min_reader: format,
                created_day,
                epoch: 0,
                root: [0; 32],
                watch_root: [0; 32],
            },
            slots: Slots::new(),
            records: [].into(),
            labels: [].into(),
            outbox: [].into(),
        }
    }
}

/// A random id for a record, an intent or a vault.
pub fn make_id() -> Result<Id, VaultError> {
    slots::make_id().map(Id)
}

fn verify(keys: &Keys, contents: &Contents) -> Result<(), VaultError> {
    slots::check(contents)?;
    if diagnose::fits(keys, contents) {
        Ok(())
    } else {
        Err(diagnose::diagnose(keys, contents).into())
    }
}

fn kinds(slots: &Slots) -> Vec<SlotKind> {
    slots.values().filter_map(contents::SlotRow::opened_by).collect()
}

fn keyring_entry(header: &Header, slots: &Slots) -> Option<KeyringEntry> {
    slots.values().find_map(|row| KeyringEntry::of(&header.vault_id, row))
}
