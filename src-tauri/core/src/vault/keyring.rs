//! The keyring of this computer: one 32-byte device key per slot, never a token.
//!
//! Everything here talks to another process and may wait for a person (a prompt to unlock the
//! keyring); callers keep it off their loop. Order of work: a new key is put away under a *new*
//! slot id, then the vault is committed, then the old key is deleted, so that a kill at any
//! step leaves a vault that opens.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use zbus_secret_service_keyring_store::Store;
use zeroize::Zeroizing;

use super::contents::SlotRow;
use super::error::VaultError;
use super::seal;
use super::slots::{Kek, NewSlot, make_id};
use crate::api::SlotKind;
use crate::credential::Id;
use crate::secret::Key;

const SERVICE: &str = "wayleave";

/// Where a slot's device key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyringEntry {
    vault_id: [u8; 16],
    slot: [u8; 16],
    salt: Vec<u8>,
}

impl KeyringEntry {
    pub(super) fn of(vault_id: &[u8; 16], row: &SlotRow) -> Option<Self> {
        (row.opened_by() == Some(SlotKind::Keyring)).then(|| Self {
            vault_id: *vault_id,
            slot: row.slot,
            salt: row.salt.clone(),
        })
    }

    /// The account name of the item in the keyring.
    pub fn account(&self) -> String {
        account(&self.vault_id, &self.slot)
    }

    /// Asks the keyring for the device key. Blocks.
    pub fn fetch(&self) -> Result<Kek, VaultError> {
        let text = Zeroizing::new(entry(&self.account())?.get_password().map_err(told)?);
        let device = Key::try_init_with(|out| {
            let bytes = Zeroizing::new(STANDARD.decode(text.as_bytes()).unwrap_or_default());
            if bytes.len() != out.len() {
                return Err(VaultError::WrongDeviceKey);
            }
            out.copy_from_slice(&bytes);
            Ok(())
        })?;
        Ok(Kek::new(self.slot, seal::keyring_kek(&device, &self.vault_id, &self.slot, &self.salt)?))
    }

    /// Deletes the device key; one that is gone already is no error. Blocks.
    pub fn delete(&self) -> Result<(), VaultError> {
        match entry(&self.account())?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(told(error)),
        }
    }
}

impl NewSlot {
    /// Makes a device key, puts it into the keyring and reads it back. Blocks. When the vault
    /// is then not written, the caller deletes the entry again.
    pub fn keyring(vault_id: Id) -> Result<(Self, KeyringEntry), VaultError> {
        let device = seal::make_key()?;
        let slot = make_id()?;
        let made = Self::device(&vault_id.0, slot, &device)?;
        let place = KeyringEntry { vault_id: vault_id.0, slot, salt: made.salt().to_vec() };
        let text = Zeroizing::new(STANDARD.encode(device.expose()));
        entry(&place.account())?.set_password(&text).map_err(told)?;
        place.fetch()?;
        Ok((made, place))
    }
}

/// Deletes the device keys of a vault that no slot refers to: a kill between the steps of a
/// change leaves one behind. Returns how many. Blocks.
pub fn sweep_keyring(vault: Id, kept: Option<&KeyringEntry>) -> Result<usize, VaultError> {
    let ours = format!("vault:{vault}:slot:");
    let kept = kept.map(KeyringEntry::account);
    let mut swept = 0;
    for entry in store()?.search(&HashMap::from([("service", SERVICE)])).map_err(told)? {
        let attributes = entry.get_attributes().map_err(told)?;
        let name = attributes.get("username").filter(|name| name.starts_with(&ours));
        if name.is_some_and(|name| Some(name) != kept.as_ref()) {
            entry.delete_credential().map_err(told)?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Whether a keyring answers. Without a session bus it says so at once. May block.
pub fn keyring_available() -> bool {
    store().is_ok()
}

fn session_bus() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("DBUS_SESSION_BUS_ADDRESS").is_some()
        || set("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("bus").exists())
}

fn account(vault_id: &[u8; 16], slot: &[u8; 16]) -> String {
    format!("vault:{}:slot:{}", hex::encode(vault_id), hex::encode(slot))
}

fn entry(account: &str) -> Result<Entry, VaultError> {
    store()?.build(SERVICE, account, None).map_err(told)
}

/// A connection of its own each time: a keyring that starts late or starts again is found.
fn store() -> Result<Arc<Store>, VaultError> {
    if session_bus() { Store::new().map_err(told) } else { Err(VaultError::NoKeyring) }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the crate's enum is open")]
fn told(error: Error) -> VaultError {
    match error {
        Error::NoEntry => VaultError::NotInKeyring,
        Error::BadEncoding(_) | Error::BadDataFormat(..) => VaultError::WrongDeviceKey,
        _ => VaultError::NoKeyring,
    }
}
