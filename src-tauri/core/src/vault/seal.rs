//! The only AES-GCM, HKDF and HMAC of the vault.
//!
//! Every encryption has its own key: HKDF-SHA-256 over a long-lived key with a random 32-byte
//! salt, then AES-256-GCM with a random nonce. What a ciphertext belongs to is in its associated
//! data, each field length-prefixed. Plaintexts are padded to a multiple of [`PAD`] bytes.

use std::hint::black_box;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::contents::{Contents, RecordRow, SlotRow, count};
use super::error::{Damage, VaultError};
use crate::secret::{Key, Secret};

/// Format of the file: `user_version`, and part of every associated data.
pub(super) const FORMAT: u32 = 1;
/// Plaintexts are padded with zeros to a multiple of this many bytes.
pub(super) const PAD: usize = 256;
/// Longest accepted plaintext, in bytes.
pub(super) const MAX_PLAIN: usize = 256 * 1024;
/// Version of the envelope inside a ciphertext.
const ENVELOPE: u8 = 1;
/// Envelope version and length before the plaintext.
const PREFIX: usize = 5;
const TAG: usize = 16;

/// One encryption as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Salt of the sub-key.
    pub salt: [u8; 32],
    /// Nonce.
    pub nonce: [u8; 12],
    /// Ciphertext and tag.
    pub ct: Vec<u8>,
}

/// Fields written one after the other, each with its length (u32, big endian) before it.
#[derive(Clone)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    /// Starts with what the bytes are for.
    pub fn new(purpose: &str) -> Self {
        Self(Vec::with_capacity(192)).bytes(purpose.as_bytes())
    }

    /// Adds bytes.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a number, as eight bytes, big endian.
    pub fn int(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Adds a number that may be absent: then a field of length zero.
    pub fn maybe(self, number: Option<i64>) -> Self {
        match number {
            Some(number) => self.int(number),
            None => self.bytes(&[]),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

/// The vault key and what is derived from it.
pub(super) struct Keys {
    vault_id: [u8; 16],
    vk: Key,
    root: Key,
    watch: Key,
}

/// What kind of thing a ciphertext is; part of the sub-key's derivation.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Body,
    Label,
    Intent,
}

impl Purpose {
    fn info(self) -> &'static str {
        match self {
            Self::Body => "wl/v1/record.body",
            Self::Label => "wl/v1/label",
            Self::Intent => "wl/v1/outbox",
        }
    }
}

impl Keys {
    /// Derives the sub-keys of a vault key.
    pub fn new(vk: Key, vault_id: [u8; 16]) -> Result<Self, VaultError> {
        let root = derive(vk.expose(), &vault_id, "wl/v1/root")?;
        let watch = derive(vk.expose(), &vault_id, "wl/v1/watch")?;
        Ok(Self { vault_id, vk, root, watch })
    }

    /// The vault key, for wrapping it into another slot.
    pub fn vault_key(&self) -> &Key {
        &self.vk
    }

    /// Seals a record's body to the clear columns of its row.
    pub fn seal_body(&self, row: &RecordRow, body: &Secret) -> Result<Sealed, VaultError> {
        self.seal(Purpose::Body, &self.body_aad(row), body.expose())
    }

    /// Opens a record's body.
    pub fn open_body(&self, row: &RecordRow) -> Result<Secret, VaultError> {
        self.open(Purpose::Body, &self.body_aad(row), &row.body)
    }

    /// Seals a label with a copy of its record's clear columns in front.
    pub fn seal_label(&self, row: &RecordRow, label: &Secret) -> Result<Sealed, VaultError> {
        let copy = row.clear_copy();
        let mut plain = Zeroizing::new(Vec::with_capacity(copy.len() + label.len()));
        plain.extend_from_slice(&copy);
        plain.extend_from_slice(label.expose());
        self.seal(Purpose::Label, &self.row_aad("label", &row.id), &plain)
    }

    /// Opens a label: the copy of the record's clear columns, and the label.
    pub fn open_label(
        &self,
        id: &[u8; 16],
        sealed: &Sealed,
    ) -> Result<([u8; RecordRow::CLEAR], Secret), VaultError> {
        let plain = self.open(Purpose::Label, &self.row_aad("label", id), sealed)?;
        let (copy, label) = plain.expose().split_first_chunk().ok_or(Damage::ContentAltered)?;
        Ok((*copy, Secret::new(label.to_vec())))
    }

    /// Seals an intent.
    pub fn seal_intent(&self, id: &[u8; 16], body: &Secret) -> Result<Sealed, VaultError> {
        self.seal(Purpose::Intent, &self.row_aad("outbox", id), body.expose())
    }

    /// Opens an intent.
    pub fn open_intent(&self, id: &[u8; 16], sealed: &Sealed) -> Result<Secret, VaultError> {
        self.open(Purpose::Intent, &self.row_aad("outbox", id), sealed)
    }

    /// The integrity value over everything in the file.
    pub fn root(&self, contents: &Contents) -> [u8; 32] {
        mac(&self.root, &contents.root_message(&self.vault_id))
    }

    /// The integrity value over what is in clear about records.
    pub fn watch_root(&self, contents: &Contents) -> [u8; 32] {
        self.watch_root_of(contents.header.epoch, contents.records.len(), &contents.watch_digest())
    }

    /// The same from its parts.
    pub fn watch_root_of(&self, epoch: i64, records: usize, digest: &[u8; 32]) -> [u8; 32] {
        let message = Fields::new("wl/v1/watch")
            .bytes(&self.vault_id)
            .int(epoch)
            .int(count(records))
            .bytes(digest);
        mac(&self.watch, &message)
    }

    fn row_aad(&self, table: &str, id: &[u8; 16]) -> Fields {
        aad(&self.vault_id, table, id, "ct")
    }

    fn body_aad(&self, row: &RecordRow) -> Fields {
        self.row_aad("record", &row.id).int(row.version).int(row.kind).maybe(row.expires)
    }

    fn base(&self, purpose: Purpose) -> &Key {
        match purpose {
            Purpose::Label => &self.watch,
            Purpose::Body | Purpose::Intent => &self.vk,
        }
    }

    fn seal(&self, what: Purpose, aad: &Fields, plain: &[u8]) -> Result<Sealed, VaultError> {
        if plain.len() > MAX_PLAIN {
            return Err(VaultError::TooLarge { size: plain.len(), max: MAX_PLAIN });
        }
        let (mut salt, mut nonce) = ([0; 32], [0; 12]);
        fill_random(&mut salt)?;
        fill_random(&mut nonce)?;
        let key = derive(self.base(what).expose(), &salt, what.info())?;
        let mut ct = padded(plain);
        encrypt(&key, &nonce, aad, &mut ct)?;
        Ok(Sealed { salt, nonce, ct })
    }

    fn open(&self, what: Purpose, aad: &Fields, sealed: &Sealed) -> Result<Secret, VaultError> {
        let key = derive(self.base(what).expose(), &sealed.salt, what.info())?;
        let plain = decrypt(&key, &sealed.nonce, aad, &sealed.ct).ok_or(Damage::ContentAltered)?;
        unpadded(&plain).ok_or_else(|| Damage::ContentAltered.into())
    }
}

/// The beginning of every associated data.
fn aad(vault_id: &[u8; 16], table: &str, id: &[u8; 16], column: &str) -> Fields {
    Fields::new("wayleave-vault")
        .int(i64::from(FORMAT))
        .bytes(vault_id)
        .bytes(table.as_bytes())
        .bytes(id)
        .bytes(column.as_bytes())
}

fn padded(plain: &[u8]) -> Vec<u8> {
    let size = (PREFIX + plain.len()).next_multiple_of(PAD);
    // Room for the tag from the start: growing would leave a copy of the plaintext behind.
    let mut buffer = Vec::with_capacity(size + TAG);
    buffer.push(ENVELOPE);
    buffer.extend_from_slice(&u32::try_from(plain.len()).unwrap_or(u32::MAX).to_be_bytes());
    buffer.extend_from_slice(plain);
    buffer.resize(size, 0);
    buffer
}

fn unpadded(plain: &[u8]) -> Option<Secret> {
    let (&version, rest) = plain.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (body, padding) = rest.split_at_checked(length)?;
    let sound = version == ENVELOPE && padding.len() < PAD && padding.iter().all(|&b| b == 0);
    sound.then(|| Secret::new(body.to_vec()))
}

/// Wraps the vault key into a slot.
pub(super) fn wrap(
    kek: &Key,
    vault_id: &[u8; 16],
    slot: &SlotRow,
    vk: &Key,
) -> Result<[u8; 48], VaultError> {
    let key = derive(kek.expose(), vault_id, "wl/v1/wrap")?;
    let mut buffer = Vec::with_capacity(48);
    buffer.extend_from_slice(vk.expose());
    encrypt(&key, &slot.nonce, &slot_aad(vault_id, slot), &mut buffer)?;
    buffer.try_into().map_err(|_| VaultError::Fault("a wrapped key has 48 bytes"))
}

/// Opens a slot. The caller has compared [`commitment`] before.
pub(super) fn unwrap(kek: &Key, vault_id: &[u8; 16], slot: &SlotRow) -> Result<Key, VaultError> {
    let key = derive(kek.expose(), vault_id, "wl/v1/wrap")?;
    let plain = decrypt(&key, &slot.nonce, &slot_aad(vault_id, slot), &slot.wrapped)
        .ok_or(Damage::SlotAltered)?;
    Key::try_init_with(|out| {
        out.copy_from_slice(plain.get(..32).ok_or(Damage::SlotAltered)?);
        Ok(())
    })
}

fn slot_aad(vault_id: &[u8; 16], slot: &SlotRow) -> Fields {
    aad(vault_id, "keyslot", &slot.slot, "wrapped")
        .int(slot.kind)
        .int(slot.kdf)
        .int(slot.memory_kib)
        .int(slot.passes)
        .int(slot.lanes)
        .bytes(&slot.salt)
        .bytes(&slot.kcommit)
}

/// A value that only this key-encryption key has: GCM does not commit to its key.
pub(super) fn commitment(kek: &Key, vault_id: &[u8; 16]) -> Result<[u8; 32], VaultError> {
    Ok(*derive(kek.expose(), vault_id, "wl/v1/commit")?.expose())
}

/// The key-encryption key of a device key.
pub(super) fn keyring_kek(
    device: &Key,
    vault_id: &[u8; 16],
    slot: &[u8; 16],
    salt: &[u8],
) -> Result<Key, VaultError> {
    let info = Fields::new("wl/v1/kek.keyring").bytes(vault_id).bytes(slot);
    derive_with(device.expose(), salt, info.as_bytes())
}

/// The first eight bytes of SHA-256 over a slot, which tell a damaged slot from a wrong
/// passphrase. No protection against somebody who means it: the root is.
pub(super) fn check8(vault_id: &[u8; 16], slot: &SlotRow) -> [u8; 8] {
    let digest = slot.fields(vault_id).digest();
    let mut check = [0; 8];
    check.copy_from_slice(&digest[..8]);
    check
}

/// Equality in constant time.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Random bytes from the system.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), VaultError> {
    getrandom::fill(bytes).map_err(|_| VaultError::Fault("the system has no random bytes"))
}

/// A random key.
pub(super) fn make_key() -> Result<Key, VaultError> {
    Key::try_init_with(|out| fill_random(out))
}

/// Overwrites the stack below the caller, where the primitives left intermediate values that no
/// `Drop` reaches.
#[inline(never)]
pub(super) fn wipe_stack() {
    let mut frame = [0_u64; 2 * 1024];
    black_box(&mut frame).zeroize();
}

fn derive(ikm: &[u8], salt: &[u8], info: &str) -> Result<Key, VaultError> {
    derive_with(ikm, salt, info.as_bytes())
}

fn derive_with(ikm: &[u8], salt: &[u8], info: &[u8]) -> Result<Key, VaultError> {
    Key::try_init_with(|out| {
        Hkdf::<Sha256>::new(Some(salt), ikm)
            .expand(info, out)
            .map_err(|_| VaultError::Fault("HKDF makes 32 bytes"))
    })
}

fn mac(key: &Key, message: &Fields) -> [u8; 32] {
    // HMAC pads a shorter key with zeros to one block of the hash.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key.expose());
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn cipher(key: &Key) -> Box<Aes256Gcm> {
    Box::new(Aes256Gcm::new(key.expose().into()))
}

/// Encrypts in place and appends the tag.
fn encrypt(
    key: &Key,
    nonce: &[u8; 12],
    aad: &Fields,
    buffer: &mut Vec<u8>,
) -> Result<(), VaultError> {
    let tag = cipher(key)
        .encrypt_inout_detached(nonce.into(), aad.as_bytes(), InOutBuf::from(buffer.as_mut_slice()))
        .map_err(|_| VaultError::Fault("AES-GCM takes this length"))?;
    buffer.extend_from_slice(&tag);
    Ok(())
}

/// The plaintext, or `None` when the tag does not fit.
fn decrypt(key: &Key, nonce: &[u8; 12], aad: &Fields, ct: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (body, tag) = ct.split_last_chunk::<TAG>()?;
    let mut buffer = Zeroizing::new(body.to_vec());
    cipher(key)
        .decrypt_inout_detached(
            nonce.into(),
            aad.as_bytes(),
            InOutBuf::from(buffer.as_mut_slice()),
            tag.into(),
        )
        .ok()?;
    Some(buffer)
}
