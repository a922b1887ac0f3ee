//! Key slots: what opens a vault. Argon2id for a passphrase, a device key for the keyring, and
//! the wrapping of the vault key under either.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use jiff::Timestamp;
use zeroize::Zeroize;

use super::contents::{Contents, SlotRow};
use super::error::{Damage, VaultError};
use super::seal;
use crate::api::{SlotKind, SlotView};
use crate::secret::{Key, Passphrase};

/// Slot kinds as they are stored. 3 (passphrase and keyring together) and 4 (recovery code) are
/// reserved: a reader keeps them and cannot use them yet.
const KEYRING: i64 = 1;
const PASSPHRASE: i64 = 2;
const RESERVED: [i64; 2] = [3, 4];
/// `kdf_id`: none for a random device key, Argon2id version 0x13 for a passphrase.
const KDF_NONE: i64 = 0;
const KDF_ARGON2ID: i64 = 1;

/// Least length of a new passphrase, in characters, unless it has [`LEAST_WORDS`].
pub const LEAST_CHARS: usize = 12;
/// Number of words that make a shorter new passphrase acceptable.
pub const LEAST_WORDS: usize = 4;

/// Cost of one Argon2id evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kdf {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Kdf {
    /// RFC 9106 section 4, second recommendation: 64 MiB, 3 passes, 4 lanes.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
    /// The least that a vault may ask for (OWASP): 19 MiB, 2 passes, 1 lane.
    pub const FLOOR: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    /// The most: above it, a hostile file would be a denial of service.
    const CEILING: Self = Self { memory_kib: 2 * 1024 * 1024, passes: 64, lanes: 16 };

    fn acceptable(self) -> bool {
        let (low, high) = (Self::FLOOR, Self::CEILING);
        (low.memory_kib..=high.memory_kib).contains(&self.memory_kib)
            && (low.passes..=high.passes).contains(&self.passes)
            && (low.lanes..=high.lanes).contains(&self.lanes)
    }
}

/// How the cost of a new passphrase slot is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KdfPolicy {
    /// Exactly this.
    Fixed(Kdf),
    /// At least [`Kdf::DEFAULT`], with the memory doubled up to 256 MiB as long as one
    /// evaluation is expected within `target` and takes at most a quarter of `ram_kib`.
    Calibrated {
        /// How long one evaluation may take.
        target: Duration,
        /// Memory of the computer, in KiB.
        ram_kib: u64,
    },
}

impl KdfPolicy {
    /// The policy of the product: about half a second on this computer.
    pub fn for_this_computer() -> Self {
        let info = rustix::system::sysinfo();
        let unit = u64::from(info.mem_unit.max(1));
        #[allow(clippy::useless_conversion, reason = "the width differs between platforms")]
        let ram_kib = u64::from(info.totalram).saturating_mul(unit) / 1024;
        Self::Calibrated { target: Duration::from_millis(500), ram_kib }
    }

    /// Finds the cost. `time` runs one evaluation and says how long it took.
    fn choose(
        self,
        time: impl FnOnce(Kdf) -> Result<Duration, VaultError>,
    ) -> Result<Kdf, VaultError> {
        let (target, ram_kib) = match self {
            Self::Fixed(kdf) => return Ok(kdf),
            Self::Calibrated { target, ram_kib } => (target, ram_kib),
        };
        let once = time(Kdf::DEFAULT)?;
        let fits = |factor: u32| {
            once.saturating_mul(factor) <= target
                && u64::from(Kdf::DEFAULT.memory_kib * factor) <= ram_kib / 4
        };
        let factor = [4, 2].into_iter().find(|&factor| fits(factor)).unwrap_or(1);
        Ok(Kdf { memory_kib: Kdf::DEFAULT.memory_kib * factor, ..Kdf::DEFAULT })
    }
}

/// A key-encryption key, and the slot that it opens. Heap-only, wiped on drop.
#[derive(Debug)]
pub struct Kek {
    slot: [u8; 16],
    key: Key,
}

impl Kek {
    pub(super) fn new(slot: [u8; 16], key: Key) -> Self {
        Self { slot, key }
    }
}

/// All that is needed to turn a passphrase into a [`Kek`], away from the vault: the derivation
/// takes about half a second and belongs on a thread of its own.
#[derive(Debug, Clone)]
pub struct Challenge {
    slot: [u8; 16],
    salt: Vec<u8>,
    kdf: Kdf,
}

impl Challenge {
    /// Runs Argon2id. Slow by design.
    pub fn derive(&self, passphrase: &Passphrase) -> Result<Kek, VaultError> {
        Ok(Kek::new(self.slot, argon2id(passphrase, &self.salt, self.kdf)?))
    }

    /// Its cost.
    pub fn kdf(&self) -> Kdf {
        self.kdf
    }
}

/// A slot that no vault holds yet.
#[derive(Debug)]
pub struct NewSlot {
    kind: i64,
    kdf: Option<Kdf>,
    salt: Vec<u8>,
    kek: Kek,
}

impl NewSlot {
    /// A passphrase slot. Checks the passphrase against the rules, finds the cost by `policy`
    /// (timing with `clock`) and derives. Slow by design.
    pub fn passphrase(
        passphrase: &Passphrase,
        policy: KdfPolicy,
        clock: impl Fn() -> Timestamp,
    ) -> Result<Self, VaultError> {
        if passphrase.chars() < LEAST_CHARS && passphrase.words() < LEAST_WORDS {
            return Err(VaultError::WeakPassphrase { least: LEAST_CHARS });
        }
        let mut salt = vec![0; 16];
        seal::fill_random(&mut salt)?;
        let kdf = policy.choose(|kdf| {
            let start = clock();
            argon2id(passphrase, &salt, kdf)?;
            Ok(clock().duration_since(start).unsigned_abs())
        })?;
        if !kdf.acceptable() {
            return Err(Damage::Kdf.into());
        }
        let key = argon2id(passphrase, &salt, kdf)?;
        Ok(Self { kind: PASSPHRASE, kdf: Some(kdf), salt, kek: Kek::new(make_id()?, key) })
    }

    /// A keyring slot around a device key that `keyring` has put away under `slot`.
    pub(super) fn device(
        vault_id: &[u8; 16],
        slot: [u8; 16],
        device: &Key,
    ) -> Result<Self, VaultError> {
        let mut salt = vec![0; 32];
        seal::fill_random(&mut salt)?;
        let key = seal::keyring_kek(device, vault_id, &slot, &salt)?;
        Ok(Self { kind: KEYRING, kdf: None, salt, kek: Kek::new(slot, key) })
    }

    /// The salt of its key-encryption key.
    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Wraps the vault key.
    pub(super) fn wrap(&self, vault_id: &[u8; 16], vk: &Key) -> Result<SlotRow, VaultError> {
        let cost = |of: fn(Kdf) -> u32| self.kdf.map_or(0, |kdf| i64::from(of(kdf)));
        let mut row = SlotRow {
            slot: self.kek.slot,
            kind: self.kind,
            kdf: if self.kdf.is_some() { KDF_ARGON2ID } else { KDF_NONE },
            memory_kib: cost(|kdf| kdf.memory_kib),
            passes: cost(|kdf| kdf.passes),
            lanes: cost(|kdf| kdf.lanes),
            salt: self.salt.clone(),
            kcommit: seal::commitment(&self.kek.key, vault_id)?,
            nonce: [0; 12],
            wrapped: [0; 48],
            check8: [0; 8],
        };
        seal::fill_random(&mut row.nonce)?;
        row.wrapped = seal::wrap(&self.kek.key, vault_id, &row, vk)?;
        row.check8 = seal::check8(vault_id, &row);
        Ok(row)
    }
}

impl SlotRow {
    /// What opens it, for the kinds that this version can use.
    pub(super) fn opened_by(&self) -> Option<SlotKind> {
        match self.kind {
            PASSPHRASE => Some(SlotKind::Passphrase),
            KEYRING => Some(SlotKind::Keyring),
            _ => None,
        }
    }

    /// The slot as a client may see it.
    pub(super) fn view(&self) -> Option<SlotView> {
        let kdf = self.cost();
        Some(SlotView {
            id: hex::encode(self.slot),
            kind: self.opened_by()?,
            memory_mib: kdf.map(|kdf| kdf.memory_kib / 1024),
            passes: kdf.map(|kdf| kdf.passes),
        })
    }

    /// What a passphrase is turned into a key with.
    pub(super) fn challenge(&self) -> Option<Challenge> {
        let kdf = self.cost()?;
        (self.kind == PASSPHRASE).then(|| Challenge {
            slot: self.slot,
            salt: self.salt.clone(),
            kdf,
        })
    }

    fn cost(&self) -> Option<Kdf> {
        (self.kdf == KDF_ARGON2ID).then_some(())?;
        Some(Kdf {
            memory_kib: self.memory_kib.try_into().ok()?,
            passes: self.passes.try_into().ok()?,
            lanes: self.lanes.try_into().ok()?,
        })
    }

    /// Refuses a slot that no Wayleave wrote, before any work is spent on it.
    fn check(&self, vault_id: &[u8; 16]) -> Result<(), Damage> {
        let shape_fits = match self.kind {
            PASSPHRASE => {
                if !self.cost().is_some_and(Kdf::acceptable) {
                    return Err(Damage::Kdf);
                }
                self.salt.len() == 16
            }
            KEYRING => self.kdf == KDF_NONE && self.salt.len() == 32,
            kind => RESERVED.contains(&kind),
        };
        if shape_fits && self.check8 == seal::check8(vault_id, self) {
            Ok(())
        } else {
            Err(Damage::SlotAltered)
        }
    }
}

/// Refuses slots that were not written by a Wayleave, and a vault that nothing opens.
pub(super) fn check(contents: &Contents) -> Result<(), VaultError> {
    if contents.slots.is_empty() {
        return Err(Damage::SlotAltered.into());
    }
    for slot in contents.slots.values() {
        slot.check(&contents.header.vault_id)?;
    }
    Ok(())
}

/// Opens the slot that the key belongs to: the vault key.
pub(super) fn open(contents: &Contents, kek: &Kek) -> Result<Key, VaultError> {
    let vault_id = &contents.header.vault_id;
    let Some(slot) = contents.slots.get(&kek.slot) else {
        return Err(VaultError::WrongPassphrase);
    };
    if !seal::same(&slot.kcommit, &seal::commitment(&kek.key, vault_id)?) {
        return Err(match slot.opened_by() {
            Some(SlotKind::Keyring) => VaultError::WrongDeviceKey,
            Some(SlotKind::Passphrase) | None => VaultError::WrongPassphrase,
        });
    }
    seal::unwrap(&kek.key, vault_id, slot)
}

/// A random slot or vault id.
pub(super) fn make_id() -> Result<[u8; 16], VaultError> {
    let mut id = [0; 16];
    seal::fill_random(&mut id)?;
    Ok(id)
}

/// Argon2's working memory, wiped when it is given back: `argon2` frees its own without.
struct WorkingMemory(Vec<Block>);

impl WorkingMemory {
    fn new(blocks: usize) -> Result<Self, VaultError> {
        let mut memory = Vec::new();
        memory
            .try_reserve_exact(blocks)
            .map_err(|_| VaultError::Fault("there is not enough memory for the key derivation"))?;
        memory.resize(blocks, Block::new());
        Ok(Self(memory))
    }

    /// Gives it back beside what follows: wiping some hundred MiB takes longer than opening a vault.
    fn give_back(self) {
        // Where no thread can be had it is wiped here.
        drop(std::thread::Builder::new().spawn(move || drop(self)));
    }
}

impl Drop for WorkingMemory {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

fn argon2id(passphrase: &Passphrase, salt: &[u8], kdf: Kdf) -> Result<Key, VaultError> {
    let failed = |_| VaultError::Fault("Argon2id takes these parameters");
    let params = Params::new(kdf.memory_kib, kdf.passes, kdf.lanes, Some(32)).map_err(failed)?;
    let mut memory = WorkingMemory::new(params.block_count())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let key = Key::try_init_with(|out| {
        argon2
            .hash_password_into_with_memory(passphrase.expose(), salt, out, &mut memory.0)
            .map_err(failed)
    });
    seal::wipe_stack();
    memory.give_back();
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(once_ms: u64, ram_mib: u64) -> u32 {
        let policy =
            KdfPolicy::Calibrated { target: Duration::from_millis(500), ram_kib: ram_mib * 1024 };
        let kdf = policy.choose(|_| Ok(Duration::from_millis(once_ms))).expect("chooses");
        assert!(kdf.acceptable());
        kdf.memory_kib / 1024
    }

    #[test]
    fn calibration_raises_memory_as_far_as_time_and_memory_allow() {
        assert_eq!(chosen(100, 16_384), 256);
        assert_eq!(chosen(200, 16_384), 128);
        assert_eq!(chosen(400, 16_384), 64);
        assert_eq!(chosen(9_000, 16_384), 64, "never below the default");
        assert_eq!(chosen(10, 512), 128, "never more than a quarter of the memory");
        assert_eq!(chosen(10, 128), 64);
    }

    #[test]
    fn costs_out_of_range_are_not_acceptable() {
        let with = |memory_kib, passes, lanes| Kdf { memory_kib, passes, lanes };
        assert!(Kdf::FLOOR.acceptable() && Kdf::DEFAULT.acceptable());
        for bad in [
            with(19 * 1024 - 1, 2, 1),
            with(19 * 1024, 1, 1),
            with(19 * 1024, 2, 0),
            with(u32::MAX, 3, 4),
            with(64 * 1024, 65, 4),
            with(64 * 1024, 3, 17),
        ] {
            assert!(!bad.acceptable(), "{bad:?}");
        }
    }
}
