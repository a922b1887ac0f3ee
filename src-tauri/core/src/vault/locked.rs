//! A vault without its keys.

use std::cell::{Cell, RefCell};
use std::path::Path;

use rusqlite::Connection;

use super::contents::{Contents, Header, SlotRow};
use super::db::{Db, Slots};
use super::error::VaultError;
use super::file::Place;
use super::keyring::KeyringEntry;
use super::record::Watched;
use super::schema;
use super::seal::{self, Keys};
use super::slots::{self, Challenge, Kek};
use super::{Vault, keyring_entry, kinds, verify};
use crate::api::{SlotKind, VaultInfo};
use crate::credential::Id;

/// A vault that could not be unlocked, and why.
#[derive(Debug)]
pub struct Refused {
    /// The vault, still locked.
    pub vault: LockedVault,
    /// Why.
    pub error: VaultError,
}

/// An open file, and nothing that opens its records.
///
/// ```compile_fail
/// let _ = wayleave_core::vault::LockedVault::reveal;
/// ```
#[derive(Debug)]
pub struct LockedVault {
    db: Db,
    header: Header,
    slots: Slots,
}

impl LockedVault {
    /// Opens the file, takes its lock and checks everything that can be checked without a key.
    pub fn open(path: &Path) -> Result<Self, VaultError> {
        Self::from_place(Place::existing(path)?)
    }

    pub(super) fn from_place(place: Place) -> Result<Self, VaultError> {
        let db = Db::open(place)?;
        let contents = db.with(read_checked)?;
        Ok(Self::new(db, contents.header, contents.slots))
    }

    pub(super) fn new(db: Db, header: Header, slots: Slots) -> Self {
        Self { db, header, slots }
    }

    /// Adds the keys, which the caller has verified against the contents or made them with.
    pub(super) fn into_open(self, keys: Keys) -> Vault {
        let Self { db, header, slots } = self;
        let epoch = Cell::new(header.epoch);
        let (in_doubt, verified) = (Cell::new(false), RefCell::default());
        Vault { db, keys, header, slots, epoch, in_doubt, verified }
    }

    /// What is known about records without a key, by id. An edit of it by somebody who can
    /// write the file shows at the next unlock, not here.
    pub fn watch(&self) -> Result<Vec<Watched>, VaultError> {
        let contents = self.db.with(read_checked)?;
        contents.records.values().map(Watched::read).collect()
    }

    /// What opens it.
    pub fn slots(&self) -> Vec<SlotKind> {
        kinds(&self.slots)
    }

    /// The vault's random id.
    pub fn id(&self) -> Id {
        Id(self.header.vault_id)
    }

    /// What a passphrase is turned into a key with; `None` without a passphrase slot.
    pub fn passphrase_challenge(&self) -> Option<Challenge> {
        self.slots.values().find_map(SlotRow::challenge)
    }

    /// Where the device key is; `None` without a keyring slot.
    pub fn keyring_entry(&self) -> Option<KeyringEntry> {
        keyring_entry(&self.header, &self.slots)
    }

    /// Whether the file can only be read here.
    pub fn read_only(&self) -> bool {
        self.db.place.read_only
    }

    /// The mode that the file had when others could get at it; it was taken back.
    pub fn was_open_to_others(&self) -> Option<u32> {
        self.db.place.was_open
    }

    /// What the file is made of, as far as can be told without a key.
    pub fn info(&self) -> Result<VaultInfo, VaultError> {
        let contents = self.db.with(read_checked)?;
        self.db.info(&contents)
    }

    /// Opens the vault. Reads and verifies everything, writes nothing.
    pub fn unlock(self, kek: &Kek) -> Result<Vault, Box<Refused>> {
        let opened = self.keys(kek);
        seal::wipe_stack();
        match opened {
            Ok((keys, contents)) => {
                Ok(Self::new(self.db, contents.header, contents.slots).into_open(keys))
            }
            Err(error) => Err(Box::new(Refused { vault: self, error })),
        }
    }

    fn keys(&self, kek: &Kek) -> Result<(Keys, Contents), VaultError> {
        let contents = self.db.with(read_checked)?;
        let vk = slots::open(&contents, kek)?;
        let keys = Keys::new(vk, contents.header.vault_id)?;
        verify(&keys, &contents)?;
        Ok((keys, contents))
    }
}

fn read_checked(conn: &mut Connection) -> Result<Contents, VaultError> {
    let contents = schema::read(&conn.transaction()?)?;
    slots::check(&contents)?;
    Ok(contents)
}
