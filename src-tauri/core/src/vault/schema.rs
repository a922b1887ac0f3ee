//! The tables of the vault, and how rows come and go: the only SQL, but for the PRAGMAs of
//! `connection`. Nothing here knows a key.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, Transaction, params};

use super::connection::set_pragmas;
use super::contents::{Contents, Header, RecordRow, SlotRow};
use super::error::{Damage, VaultError};
use super::seal::{FORMAT, Sealed};

/// "WLV1".
pub(super) const APPLICATION_ID: i64 = 0x574c_5631;

/// The tables, as `sqlite_schema` must hold them, in the order of their names.
pub(super) const TABLES: [(&str, &str); 5] = [
    (
        "header",
        "CREATE TABLE header (id INTEGER PRIMARY KEY CHECK (id = 1), \
vault_id BLOB NOT NULL CHECK (length(vault_id) = 16), format INTEGER NOT NULL, \
min_reader INTEGER NOT NULL, created_day INTEGER NOT NULL, epoch INTEGER NOT NULL CHECK (epoch > 0), \
root BLOB NOT NULL CHECK (length(root) = 32), \
watch_root BLOB NOT NULL CHECK (length(watch_root) = 32)) STRICT",
    ),
    (
        "keyslot",
        "CREATE TABLE keyslot (slot BLOB PRIMARY KEY CHECK (length(slot) = 16), kind INTEGER NOT NULL, \
kdf_id INTEGER NOT NULL, m INTEGER NOT NULL, t INTEGER NOT NULL, p INTEGER NOT NULL, \
salt BLOB NOT NULL CHECK (length(salt) IN (16, 32)), \
kcommit BLOB NOT NULL CHECK (length(kcommit) = 32), \
nonce BLOB NOT NULL CHECK (length(nonce) = 12), \
wrapped BLOB NOT NULL CHECK (length(wrapped) = 48), \
check8 BLOB NOT NULL CHECK (length(check8) = 8)) STRICT, WITHOUT ROWID",
    ),
    (
        "label",
        "CREATE TABLE label (id BLOB PRIMARY KEY REFERENCES record (id), \
salt BLOB NOT NULL CHECK (length(salt) = 32), nonce BLOB NOT NULL CHECK (length(nonce) = 12), \
ct BLOB NOT NULL) STRICT, WITHOUT ROWID",
    ),
    (
        "outbox",
        "CREATE TABLE outbox (id BLOB PRIMARY KEY CHECK (length(id) = 16), \
salt BLOB NOT NULL CHECK (length(salt) = 32), nonce BLOB NOT NULL CHECK (length(nonce) = 12), \
ct BLOB NOT NULL) STRICT, WITHOUT ROWID",
    ),
    (
        "record",
        "CREATE TABLE record (id BLOB PRIMARY KEY CHECK (length(id) = 16), kind INTEGER NOT NULL, \
version INTEGER NOT NULL CHECK (version > 0), expires INTEGER, \
salt BLOB NOT NULL CHECK (length(salt) = 32), nonce BLOB NOT NULL CHECK (length(nonce) = 12), \
ct BLOB NOT NULL) STRICT, WITHOUT ROWID",
    ),
];

/// Makes the tables in an empty file.
pub(super) fn make_tables(conn: &Connection) -> Result<(), VaultError> {
    conn.execute_batch("PRAGMA page_size = 4096; PRAGMA auto_vacuum = NONE;")?;
    set_pragmas(conn)?;
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "user_version", FORMAT)?;
    // `record` first: `label` refers to it.
    for (_, sql) in TABLES.iter().rev() {
        conn.execute_batch(sql)?;
    }
    Ok(())
}

/// Reads everything.
pub(super) fn read(tx: &Transaction<'_>) -> Result<Contents, VaultError> {
    Ok(Contents {
        header: read_header(tx)?,
        slots: read_slots(tx)?,
        records: read_records(tx)?,
        labels: read_sealed(tx, "SELECT id, salt, nonce, ct FROM label")?,
        outbox: read_sealed(tx, "SELECT id, salt, nonce, ct FROM outbox")?,
    })
}

/// Reads the header row.
pub(super) fn read_header(tx: &Transaction<'_>) -> Result<Header, VaultError> {
    let header = tx
        .prepare_cached(
            "SELECT vault_id, format, min_reader, created_day, epoch, root, watch_root FROM header",
        )?
        .query_row([], |row| {
            Ok(Header {
                vault_id: row.get(0)?,
                format: row.get(1)?,
                min_reader: row.get(2)?,
                created_day: row.get(3)?,
                epoch: row.get(4)?,
                root: row.get(5)?,
                watch_root: row.get(6)?,
            })
        })?;
    let format = i64::from(FORMAT);
    if header.format != format || header.min_reader > format || header.epoch < 1 {
        return Err(Damage::Header.into());
    }
    Ok(header)
}

/// Reads the key slots.
pub(super) fn read_slots(tx: &Transaction<'_>) -> Result<BTreeMap<[u8; 16], SlotRow>, VaultError> {
    let mut query = tx.prepare_cached(
        "SELECT slot, kind, kdf_id, m, t, p, salt, kcommit, nonce, wrapped, check8 FROM keyslot",
    )?;
    let rows = query.query_map([], slot_from)?;
    rows.map(|row| row.map(|row| (row.slot, row)).map_err(VaultError::from)).collect()
}

fn slot_from(row: &Row<'_>) -> rusqlite::Result<SlotRow> {
    Ok(SlotRow {
        slot: row.get(0)?,
        kind: row.get(1)?,
        kdf: row.get(2)?,
        memory_kib: row.get(3)?,
        passes: row.get(4)?,
        lanes: row.get(5)?,
        salt: row.get(6)?,
        kcommit: row.get(7)?,
        nonce: row.get(8)?,
        wrapped: row.get(9)?,
        check8: row.get(10)?,
    })
}

fn read_records(tx: &Transaction<'_>) -> Result<BTreeMap<[u8; 16], RecordRow>, VaultError> {
    let mut query =
        tx.prepare_cached("SELECT id, kind, version, expires, salt, nonce, ct FROM record")?;
    let rows = query.query_map([], |row| {
        Ok(RecordRow {
            id: row.get(0)?,
            kind: row.get(1)?,
            version: row.get(2)?,
            expires: row.get(3)?,
            body: Sealed { salt: row.get(4)?, nonce: row.get(5)?, ct: row.get(6)? },
        })
    })?;
    rows.map(|row| row.map(|row| (row.id, row)).map_err(VaultError::from)).collect()
}

fn read_sealed(tx: &Transaction<'_>, sql: &str) -> Result<BTreeMap<[u8; 16], Sealed>, VaultError> {
    let mut query = tx.prepare_cached(sql)?;
    let rows = query.query_map([], |row| {
        Ok((row.get(0)?, Sealed { salt: row.get(1)?, nonce: row.get(2)?, ct: row.get(3)? }))
    })?;
    rows.map(|row| row.map_err(VaultError::from)).collect()
}

/// Writes what differs between two states, the header last.
pub(super) fn write(
    tx: &Transaction<'_>,
    before: Option<&Contents>,
    after: &Contents,
) -> Result<(), VaultError> {
    write_slots(tx, before.map(|b| &b.slots), &after.slots)?;
    write_records(tx, before.map(|b| &b.records), &after.records)?;
    for (table, old, new) in [
        (SealedTable::Label, before.map(|b| &b.labels), &after.labels),
        (SealedTable::Outbox, before.map(|b| &b.outbox), &after.outbox),
    ] {
        write_sealed(tx, table, old, new)?;
    }
    delete_records(tx, before.map(|b| &b.records), &after.records)?;
    write_header(tx, &after.header)
}

fn write_header(tx: &Transaction<'_>, header: &Header) -> Result<(), VaultError> {
    tx.prepare_cached(
        "INSERT INTO header (id, vault_id, format, min_reader, created_day, epoch, root, watch_root) \
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
         epoch = excluded.epoch, root = excluded.root, watch_root = excluded.watch_root",
    )?
    .execute(params![
        header.vault_id,
        header.format,
        header.min_reader,
        header.created_day,
        header.epoch,
        header.root,
        header.watch_root,
    ])?;
    Ok(())
}

type Rows<T> = BTreeMap<[u8; 16], T>;

fn changed<'a, T: PartialEq>(
    old: Option<&'a Rows<T>>,
    new: &'a Rows<T>,
) -> impl Iterator<Item = (&'a [u8; 16], &'a T)> {
    new.iter().filter(move |(id, row)| old.and_then(|old| old.get(*id)) != Some(*row))
}

fn gone<'a, T>(old: Option<&'a Rows<T>>, new: &'a Rows<T>) -> impl Iterator<Item = &'a [u8; 16]> {
    old.into_iter().flat_map(|old| old.keys()).filter(|id| !new.contains_key(*id))
}

fn write_slots(
    tx: &Transaction<'_>,
    old: Option<&Rows<SlotRow>>,
    new: &Rows<SlotRow>,
) -> Result<(), VaultError> {
    for id in gone(old, new) {
        tx.prepare_cached("DELETE FROM keyslot WHERE slot = ?1")?.execute([id])?;
    }
    for (_, row) in changed(old, new) {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO keyslot (slot, kind, kdf_id, m, t, p, salt, kcommit, nonce, \
             wrapped, check8) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            row.slot,
            row.kind,
            row.kdf,
            row.memory_kib,
            row.passes,
            row.lanes,
            row.salt,
            row.kcommit,
            row.nonce,
            row.wrapped,
            row.check8,
        ])?;
    }
    Ok(())
}

fn write_records(
    tx: &Transaction<'_>,
    old: Option<&Rows<RecordRow>>,
    new: &Rows<RecordRow>,
) -> Result<(), VaultError> {
    for (id, row) in changed(old, new) {
        tx.prepare_cached(
            "INSERT INTO record (id, kind, version, expires, salt, nonce, ct) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
             kind = excluded.kind, version = excluded.version, expires = excluded.expires, \
             salt = excluded.salt, nonce = excluded.nonce, ct = excluded.ct",
        )?
        .execute(params![
            id,
            row.kind,
            row.version,
            row.expires,
            row.body.salt,
            row.body.nonce,
            row.body.ct,
        ])?;
    }
    Ok(())
}

fn delete_records(
    tx: &Transaction<'_>,
    old: Option<&Rows<RecordRow>>,
    new: &Rows<RecordRow>,
) -> Result<(), VaultError> {
    for id in gone(old, new) {
        tx.prepare_cached("DELETE FROM record WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum SealedTable {
    Label,
    Outbox,
}

fn write_sealed(
    tx: &Transaction<'_>,
    table: SealedTable,
    old: Option<&Rows<Sealed>>,
    new: &Rows<Sealed>,
) -> Result<(), VaultError> {
    let (delete, put) = match table {
        SealedTable::Label => (
            "DELETE FROM label WHERE id = ?1",
            "INSERT OR REPLACE INTO label (id, salt, nonce, ct) VALUES (?1, ?2, ?3, ?4)",
        ),
        SealedTable::Outbox => (
            "DELETE FROM outbox WHERE id = ?1",
            "INSERT OR REPLACE INTO outbox (id, salt, nonce, ct) VALUES (?1, ?2, ?3, ?4)",
        ),
    };
    for id in gone(old, new) {
        tx.prepare_cached(delete)?.execute([id])?;
    }
    for (id, sealed) in changed(old, new) {
        tx.prepare_cached(put)?.execute(params![id, sealed.salt, sealed.nonce, sealed.ct])?;
    }
    Ok(())
}
