//! What the file holds, still sealed, and the messages that the integrity values cover. Knows
//! neither SQL nor a key.

use std::collections::BTreeMap;

use super::seal::{Fields, Sealed};

/// The one row of `header`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub vault_id: [u8; 16],
    pub format: i64,
    pub min_reader: i64,
    pub created_day: i64,
    pub epoch: i64,
    pub root: [u8; 32],
    pub watch_root: [u8; 32],
}

/// A row of `keyslot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotRow {
    pub slot: [u8; 16],
    pub kind: i64,
    pub kdf: i64,
    pub memory_kib: i64,
    pub passes: i64,
    pub lanes: i64,
    pub salt: Vec<u8>,
    pub kcommit: [u8; 32],
    pub nonce: [u8; 12],
    pub wrapped: [u8; 48],
    pub check8: [u8; 8],
}

impl SlotRow {
    /// Everything but `check8`, for `check8` and the root.
    pub fn fields(&self, vault_id: &[u8; 16]) -> Fields {
        Fields::new("wl/v1/keyslot")
            .bytes(vault_id)
            .bytes(&self.slot)
            .int(self.kind)
            .int(self.kdf)
            .int(self.memory_kib)
            .int(self.passes)
            .int(self.lanes)
            .bytes(&self.salt)
            .bytes(&self.kcommit)
            .bytes(&self.nonce)
            .bytes(&self.wrapped)
    }
}

/// A row of `record`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordRow {
    pub id: [u8; 16],
    pub kind: i64,
    pub version: i64,
    /// Minutes since 1970, UTC.
    pub expires: Option<i64>,
    pub body: Sealed,
}

impl RecordRow {
    /// Length of [`Self::clear_copy`].
    pub const CLEAR: usize = 25;

    /// The clear columns in fixed places: kind, version, whether there is an end, the end.
    pub fn clear_copy(&self) -> [u8; Self::CLEAR] {
        let mut copy = [0; Self::CLEAR];
        copy[..8].copy_from_slice(&self.kind.to_be_bytes());
        copy[8..16].copy_from_slice(&self.version.to_be_bytes());
        copy[16] = u8::from(self.expires.is_some());
        copy[17..].copy_from_slice(&self.expires.unwrap_or(0).to_be_bytes());
        copy
    }
}

/// Everything in the file, still sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub header: Header,
    pub slots: BTreeMap<[u8; 16], SlotRow>,
    pub records: BTreeMap<[u8; 16], RecordRow>,
    pub labels: BTreeMap<[u8; 16], Sealed>,
    pub outbox: BTreeMap<[u8; 16], Sealed>,
}

impl Contents {
    /// What the root covers.
    pub fn root_message(&self, vault_id: &[u8; 16]) -> Fields {
        let mut message = Fields::new("wl/v1/root")
            .bytes(vault_id)
            .int(self.header.format)
            .int(self.header.min_reader)
            .int(self.header.created_day)
            .int(self.header.epoch)
            .bytes(&self.header.watch_root)
            .int(count(self.slots.len()));
        for slot in self.slots.values() {
            message = message.bytes(&slot.fields(vault_id).bytes(&slot.check8).digest());
        }
        message = message.int(count(self.records.len()));
        for row in self.records.values() {
            let fields = sealed_fields("wl/v1/record", &row.id, &row.body)
                .int(row.kind)
                .int(row.version)
                .maybe(row.expires);
            message = message.bytes(&fields.digest());
        }
        for (name, rows) in [("wl/v1/label", &self.labels), ("wl/v1/outbox", &self.outbox)] {
            message = message.int(count(rows.len()));
            for (id, sealed) in rows {
                message = message.bytes(&sealed_fields(name, id, sealed).digest());
            }
        }
        message
    }

    /// SHA-256 over the clear columns of all records.
    pub fn watch_digest(&self) -> [u8; 32] {
        let all = Fields::new("wl/v1/watched");
        let add = |all: Fields, row: &RecordRow| all.bytes(&row.id).bytes(&row.clear_copy());
        self.records.values().fold(all, add).digest()
    }
}

fn sealed_fields(name: &str, id: &[u8; 16], sealed: &Sealed) -> Fields {
    Fields::new(name).bytes(id).bytes(&sealed.salt).bytes(&sealed.nonce).bytes(&sealed.ct)
}

pub(super) fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
