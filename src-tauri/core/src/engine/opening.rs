//! What making and opening a vault takes, away from the loop: derivations, the keyring, the file.

use std::path::Path;
use std::sync::Arc;

use super::keeper::{Kept, Slot};
use super::records::{Contents, read};
use crate::clock::Clock;
use crate::credential::Id;
use crate::error::{Error, ErrorCode, Result};
use crate::secret::Passphrase;
use crate::vault::{KdfPolicy, Kek, KeyringEntry, LockedVault, NewSlot, VaultError};

/// Runs what blocks away from the loop.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal("a task broke"))
}

pub(super) fn vacant(slot: &mut Slot, path: &Path) -> Result<()> {
    slot.look_again(path);
    if matches!(slot, Slot::Missing) { Ok(()) } else { Err(VaultError::Exists.into()) }
}

/// Derives what will open the new vault: Argon2 and the keyring take their time.
pub(super) async fn make_slots(
    id: Id,
    passphrase: Option<Passphrase>,
    keyring: bool,
    clock: Arc<dyn Clock>,
) -> Result<(Vec<NewSlot>, Option<KeyringEntry>)> {
    blocking(move || {
        let mut slots = Vec::new();
        if let Some(passphrase) = passphrase {
            slots.push(passphrase_slot(&passphrase, &clock)?);
        }
        let mut entry = None;
        if keyring {
            let (slot, place) = NewSlot::keyring(id)?;
            slots.push(slot);
            entry = Some(place);
        }
        Ok((slots, entry))
    })
    .await?
}

pub(super) fn passphrase_slot(
    passphrase: &Passphrase,
    clock: &Arc<dyn Clock>,
) -> std::result::Result<NewSlot, VaultError> {
    NewSlot::passphrase(passphrase, KdfPolicy::for_this_computer(), || clock.now())
}

/// Best effort: an entry that nothing refers to is harmless.
pub(super) async fn forget_entry(entry: Option<KeyringEntry>) {
    if let Some(entry) = entry {
        let _ = blocking(move || entry.delete()).await;
    }
}

pub(super) fn closed(slot: &mut Slot) -> Result<&mut LockedVault> {
    match slot {
        Slot::Closed(vault) => Ok(vault),
        Slot::Missing => Err(VaultError::Missing.into()),
        Slot::Open(_) => Err(Error::new(ErrorCode::AgentBusy, "the vault is still being closed")),
        Slot::Unusable(error) => Err(error.clone().into()),
    }
}

pub(super) fn open(kept: &mut Kept, kek: &Kek) -> Result<Contents> {
    let Slot::Closed(locked) = std::mem::replace(&mut kept.vault, Slot::Missing) else {
        return Err(Error::new(ErrorCode::AgentBusy, "the vault is being opened already"));
    };
    match locked.unlock(kek) {
        Ok(vault) => {
            let contents = read(&vault);
            kept.vault = Slot::Open(Box::new(vault));
            if contents.is_err() {
                kept.vault.close();
            }
            contents
        }
        Err(refused) => {
            kept.vault = Slot::Closed(Box::new(refused.vault));
            Err(refused.error.into())
        }
    }
}
