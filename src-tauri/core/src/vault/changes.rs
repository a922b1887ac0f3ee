//! What a commit does to the contents: pure, on sealed rows in memory.

use jiff::Timestamp;

use super::contents::{Contents, RecordRow};
use super::error::{Damage, VaultError};
use super::record::{Change, RecordKind};
use super::seal::{Keys, Sealed};
use crate::credential::Id;
use crate::secret::Secret;

/// Applies one change.
pub(super) fn apply(keys: &Keys, to: &mut Contents, change: Change) -> Result<(), VaultError> {
    match change {
        Change::Put { id, kind, expires, label, body } => {
            put(keys, to, id, kind, expires, &label, &body)
        }
        Change::Relabel { id, expires, label } => relabel(keys, to, id, expires, &label),
        Change::Remove { id } => {
            to.records.remove(&id.0);
            to.labels.remove(&id.0);
            Ok(())
        }
        Change::PutIntent { id, body } => {
            to.outbox.insert(id.0, keys.seal_intent(&id.0, &body)?);
            Ok(())
        }
        Change::RemoveIntent { id } => {
            to.outbox.remove(&id.0);
            Ok(())
        }
    }
}

/// Raises the epoch and renews both integrity values.
pub(super) fn stamp(keys: &Keys, contents: &mut Contents) -> Result<(), VaultError> {
    contents.header.epoch = contents.header.epoch.checked_add(1).ok_or(Damage::EpochAltered)?;
    contents.header.watch_root = keys.watch_root(contents);
    contents.header.root = keys.root(contents);
    Ok(())
}

fn put(
    keys: &Keys,
    to: &mut Contents,
    id: Id,
    kind: RecordKind,
    expires: Option<Timestamp>,
    label: &Secret,
    body: &Secret,
) -> Result<(), VaultError> {
    let version = to.records.get(&id.0).map_or(Ok(1), next_version)?;
    let mut row = RecordRow {
        id: id.0,
        kind: kind.stored(),
        version,
        expires: expires.map(minute),
        body: Sealed { salt: [0; 32], nonce: [0; 12], ct: Vec::new() },
    };
    row.body = keys.seal_body(&row, body)?;
    to.labels.insert(id.0, keys.seal_label(&row, label)?);
    to.records.insert(id.0, row);
    Ok(())
}

/// The body is bound to the end, so a new end seals it anew and is a new version; a label alone
/// is not.
fn relabel(
    keys: &Keys,
    to: &mut Contents,
    id: Id,
    expires: Option<Timestamp>,
    label: &Secret,
) -> Result<(), VaultError> {
    let row = to.records.get_mut(&id.0).ok_or(VaultError::NoSuchRecord)?;
    let expires = expires.map(minute);
    if row.expires != expires {
        let body = keys.open_body(row)?;
        row.version = next_version(row)?;
        row.expires = expires;
        row.body = keys.seal_body(row, &body)?;
    }
    let sealed = keys.seal_label(row, label)?;
    to.labels.insert(id.0, sealed);
    Ok(())
}

fn next_version(row: &RecordRow) -> Result<i64, VaultError> {
    row.version.checked_add(1).ok_or(VaultError::Fault("a record cannot change any more"))
}

/// Rounded down, so that a warning is early rather than late.
fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}
