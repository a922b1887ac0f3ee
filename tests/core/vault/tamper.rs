//! Edits that keep the file a sound SQLite database: each refused, with its own error.

use std::path::Path;

use rusqlite::params;
use wayleave_core::vault::{Damage, VaultError};

use super::reader;
use super::support::{
    PASSPHRASE, Sample, edit, new_id, none_failed, now, open, put, raw, report, sample, told,
};

/// An edit by somebody who can write the file, and what the vault must say to it.
pub struct Edit {
    pub name: &'static str,
    pub apply: fn(&Sample, &Path),
    pub expect: VaultError,
}

fn damaged(name: &'static str, expect: Damage, apply: fn(&Sample, &Path)) -> Edit {
    Edit { name, apply, expect: VaultError::Damaged(expect) }
}

pub fn edits() -> Vec<Edit> {
    let mut all = rows();
    all.extend(slots());
    all.extend(container());
    all
}

fn rows() -> Vec<Edit> {
    vec![
        damaged("swap bodies", Damage::RowsSwapped, |s, path| swap(path, "record", s)),
        damaged("swap labels", Damage::RowsSwapped, |s, path| swap(path, "label", s)),
        damaged("delete a record and its label", Damage::RowMissing, |s, path| {
            for table in ["label", "record"] {
                by_id(path, &format!("DELETE FROM {table} WHERE id = ?1"), s);
            }
        }),
        damaged("delete a record only", Damage::RowMissing, |s, path| {
            by_id(path, "DELETE FROM record WHERE id = ?1", s);
        }),
        damaged("delete a label only", Damage::RowMissing, |s, path| {
            by_id(path, "DELETE FROM label WHERE id = ?1", s);
        }),
        damaged("duplicate under a new id", Damage::RowDuplicated, |s, path| {
            by_id(
                path,
                "INSERT INTO record SELECT randomblob(16), kind, version, expires, salt, nonce, ct \
                 FROM record WHERE id = ?1",
                s,
            );
        }),
        damaged("later end", Damage::ExpiryAltered, |s, path| {
            by_id(path, "UPDATE record SET expires = expires + 1440 WHERE id = ?1", s);
        }),
        damaged("no end", Damage::ExpiryAltered, |s, path| {
            by_id(path, "UPDATE record SET expires = NULL WHERE id = ?1", s);
        }),
        damaged("another kind", Damage::ClearFieldAltered, |s, path| {
            by_id(path, "UPDATE record SET kind = 2 WHERE id = ?1", s);
        }),
        damaged("another version", Damage::ClearFieldAltered, |s, path| {
            by_id(path, "UPDATE record SET version = version + 1 WHERE id = ?1", s);
        }),
        damaged("another body", Damage::ContentAltered, |s, path| {
            by_id(path, "UPDATE record SET ct = randomblob(length(ct)) WHERE id = ?1", s);
        }),
        damaged("another label", Damage::ContentAltered, |s, path| {
            by_id(path, "UPDATE label SET ct = randomblob(length(ct)) WHERE id = ?1", s);
        }),
        damaged("a row of another vault", Damage::ForeignRow, foreign_row),
        damaged("an older record put back", Damage::RowMissing, older_record),
        damaged("an intent removed", Damage::Root, |_, path| edit(path, "DELETE FROM outbox")),
        damaged("an intent altered", Damage::ContentAltered, |_, path| {
            edit(path, "UPDATE outbox SET nonce = randomblob(12)");
        }),
    ]
}

fn slots() -> Vec<Edit> {
    vec![
        damaged("a slot added", Damage::SlotAdded, |_, path| {
            edit(
                path,
                "INSERT INTO keyslot SELECT randomblob(16), kind, kdf_id, m, t, p, salt, kcommit, \
                 nonce, wrapped, check8 FROM keyslot",
            );
            renew_check8(path);
        }),
        damaged("a slot altered", Damage::SlotAltered, |_, path| {
            edit(path, "UPDATE keyslot SET wrapped = randomblob(48)");
        }),
        damaged("a slot altered, its check renewed", Damage::SlotAltered, |_, path| {
            edit(path, "UPDATE keyslot SET wrapped = randomblob(48)");
            renew_check8(path);
        }),
        damaged("all slots removed", Damage::SlotAltered, |_, path| {
            edit(path, "DELETE FROM keyslot");
        }),
        damaged("derivation made weak", Damage::Kdf, |_, path| {
            edit(path, "UPDATE keyslot SET m = 8, t = 1");
            renew_check8(path);
        }),
        damaged("derivation made endless", Damage::Kdf, |_, path| {
            edit(path, "UPDATE keyslot SET m = 4294967295");
        }),
        damaged("derivation made negative", Damage::Kdf, |_, path| {
            edit(path, "UPDATE keyslot SET t = -1");
        }),
        damaged("derivation changed within its range", Damage::SlotAltered, |_, path| {
            edit(path, "UPDATE keyslot SET p = 2");
            renew_check8(path);
        }),
    ]
}

fn container() -> Vec<Edit> {
    vec![
        damaged("a trigger", Damage::Trigger, |_, path| {
            edit(path, "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record; END");
        }),
        damaged("a view", Damage::View, |_, path| {
            edit(path, "CREATE VIEW v AS SELECT * FROM record");
        }),
        damaged("a table", Damage::Schema, |_, path| edit(path, "CREATE TABLE x (y)")),
        damaged("an index", Damage::Schema, |_, path| {
            edit(path, "CREATE INDEX x ON record (expires)");
        }),
        damaged("a later epoch", Damage::EpochAltered, |_, path| {
            edit(path, "UPDATE header SET epoch = epoch + 7");
        }),
        damaged("an earlier epoch", Damage::EpochAltered, |_, path| {
            edit(path, "UPDATE header SET epoch = epoch - 1");
        }),
        damaged("another root", Damage::Root, |_, path| {
            edit(path, "UPDATE header SET root = randomblob(32)");
        }),
        damaged("another watch root", Damage::Root, |_, path| {
            edit(path, "UPDATE header SET watch_root = randomblob(32)");
        }),
        damaged("another day of making", Damage::Root, |_, path| {
            edit(path, "UPDATE header SET created_day = 1");
        }),
        damaged("no header", Damage::Row, |_, path| edit(path, "DELETE FROM header")),
        damaged("another page layout", Damage::Container, |_, path| {
            edit(path, "PRAGMA auto_vacuum = FULL; VACUUM");
        }),
        Edit {
            name: "a newer format",
            apply: |_, path| edit(path, "PRAGMA user_version = 2"),
            expect: VaultError::Newer { format: 2 },
        },
        Edit {
            name: "another application",
            apply: |_, path| edit(path, "PRAGMA application_id = 7"),
            expect: VaultError::Foreign,
        },
    ]
}

fn by_id(path: &Path, sql: &str, sample: &Sample) {
    raw(path).execute(sql, [sample.ids[0].0]).expect("the edit applies");
}

fn swap(path: &Path, table: &str, sample: &Sample) {
    let mut conn = raw(path);
    let tx = conn.transaction().expect("begins");
    let read = |n: usize| -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let sql = format!("SELECT salt, nonce, ct FROM {table} WHERE id = ?1");
        tx.query_row(&sql, [sample.ids[n].0], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .expect("the row")
    };
    let both = [(1, read(0)), (0, read(1))];
    for (n, (salt, nonce, ct)) in both {
        let sql = format!("UPDATE {table} SET salt = ?2, nonce = ?3, ct = ?4 WHERE id = ?1");
        tx.execute(&sql, params![sample.ids[n].0, salt, nonce, ct]).expect("the edit applies");
    }
    tx.commit().expect("commits");
}

fn renew_check8(path: &Path) {
    let conn = raw(path);
    let slots: Vec<Vec<u8>> = conn
        .prepare("SELECT slot FROM keyslot")
        .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
        .expect("the slots");
    for slot in slots {
        let check = reader::check8(path, &slot);
        conn.execute("UPDATE keyslot SET check8 = ?2 WHERE slot = ?1", params![slot, check])
            .expect("the edit applies");
    }
}

fn foreign_row(_: &Sample, path: &Path) {
    let other = sample();
    graft(path, &other.path);
}

fn graft(path: &Path, from: &Path) {
    let conn = raw(path);
    conn.execute("ATTACH ?1 AS other", [from.display().to_string()]).expect("attaches");
    conn.execute_batch(
        "INSERT OR REPLACE INTO record SELECT * FROM other.record; \
         INSERT OR REPLACE INTO label SELECT * FROM other.label;",
    )
    .expect("the edit applies");
}

fn older_record(sample: &Sample, path: &Path) {
    let (_older_dir, older) = sample.copy();
    let mut vault = open(path).expect("opens");
    vault.commit(vec![put(sample.ids[0], "newer", "newer")]).expect("commits");
    drop(vault);
    graft(path, &older);
}

#[test]
fn each_edit_is_refused_with_its_own_error() {
    let sample = sample();
    let all = edits();
    let mut wrong = Vec::new();
    for Edit { name, apply, expect } in &all {
        let (_dir, path) = sample.copy();
        apply(&sample, &path);
        match open(&path) {
            Err(error) if error == *expect => {}
            Err(error) => wrong.push(format!("{name}: {error:?} instead of {expect:?}")),
            Ok(_) => wrong.push(format!("{name}: not refused")),
        }
    }
    let (cases, failed) = (all.len() as u64, wrong.len() as u64);
    none_failed("semantic_edits", "wrong", cases, failed);
    assert!(wrong.is_empty(), "{wrong:#?}");
    open(&sample.path).expect("the original still opens");
}

/// The same edits under a reader that leaves the integrity value out: it must let some pass, or
/// this suite would prove nothing.
#[test]
fn a_reader_without_the_integrity_value_is_caught() {
    let sample = sample();
    let honest = reader::read(&sample.path, PASSPHRASE, true).expect("reads");
    assert_eq!(honest.len(), 3);
    let mut passed = Vec::new();
    for Edit { name, apply, .. } in rows() {
        let (_dir, path) = sample.copy();
        apply(&sample, &path);
        assert!(reader::read(&path, PASSPHRASE, true).is_err(), "{name}: with the value it sees");
        if reader::read(&path, PASSPHRASE, false).is_ok() {
            passed.push(name);
        }
    }
    let caught = passed.contains(&"delete a record and its label")
        && passed.contains(&"an older record put back");
    report(|r| r.known_bad("mac_off", caught));
    assert!(caught, "passed without the value: {passed:?}");
}

#[test]
fn an_edit_while_the_vault_is_open_is_refused_and_not_sealed_over() {
    let sample = sample();
    let mut vault = open(&sample.path).expect("opens");
    let before = told(&vault).expect("tells");
    by_id(&sample.path, "UPDATE record SET expires = 1 WHERE id = ?1", &sample);
    let refused = VaultError::Damaged(Damage::ExpiryAltered);
    assert_eq!(vault.list().expect_err("refuses"), refused);
    assert_eq!(vault.reveal(sample.ids[1]).expect_err("refuses"), refused);
    let change = vec![put(new_id(), "new", "new")];
    assert_eq!(vault.commit(change).expect_err("refuses"), refused);
    let end = now().as_second().div_euclid(60);
    raw(&sample.path)
        .execute("UPDATE record SET expires = ?2 WHERE id = ?1", params![sample.ids[0].0, end])
        .expect("the edit is taken back");
    assert_eq!(told(&vault).expect("tells"), before, "nothing was written meanwhile");
}

#[test]
fn an_older_file_put_under_an_open_vault_is_refused() {
    let sample = sample();
    let mut vault = open(&sample.path).expect("opens");
    let old = std::fs::read(&sample.path).expect("reads");
    vault.commit(vec![put(new_id(), "new", "new")]).expect("commits");
    drop(vault.lock());
    let vault = open(&sample.path).expect("opens");
    std::fs::write(&sample.path, old).expect("writes");
    assert_eq!(
        vault.list().expect_err("refuses"),
        VaultError::Damaged(Damage::EpochAltered),
        "the epoch is the one that this process left"
    );
}
