//! One open file: its place, its connection, and closing and opening again after an error that
//! leaves the connection's view of the file in doubt.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use rusqlite::Connection;

use super::connection;
use super::contents::{Contents, SlotRow};
use super::error::{Damage, VaultError};
use super::file::Place;
use super::seal::FORMAT;
use crate::api::VaultInfo;

#[derive(Debug)]
pub(super) struct Db {
    pub place: Place,
    conn: RefCell<Option<Connection>>,
}

impl Db {
    /// Opens and checks everything that can be checked without a key.
    pub fn open(place: Place) -> Result<Self, VaultError> {
        let db = Self { place, conn: RefCell::new(None) };
        db.with(|_| Ok(()))?;
        Ok(db)
    }

    /// Works on the connection. One that met an I/O error, a full disk or broken pages is
    /// closed; the next use opens and checks the file again.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut slot = self.conn.borrow_mut();
        let conn = match &mut *slot {
            Some(conn) => conn,
            none => none.insert(self.connect()?),
        };
        let outcome = work(conn);
        if outcome.as_ref().is_err_and(in_doubt) {
            *slot = None;
        }
        outcome
    }

    fn connect(&self) -> Result<Connection, VaultError> {
        let conn = connection::open(&self.place.path, self.place.read_only)?;
        connection::check_identity(&conn)?;
        connection::set_pragmas(&conn)?;
        connection::check_pragmas(&conn)?;
        connection::check_schema(&conn)?;
        connection::check_pages(&conn, false)?;
        Ok(conn)
    }

    /// The file as it looks from outside; `None` where it is not in its place.
    pub fn look(&self, conn: &Connection) -> Result<Option<Look>, VaultError> {
        let Ok(meta) = std::fs::symlink_metadata(&self.place.path) else { return Ok(None) };
        let version = conn.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let changed = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        Ok(Some(Look { file: [meta.dev(), meta.ino(), meta.size()], changed, version }))
    }

    /// What the file is made of.
    pub fn info(&self, contents: &Contents) -> Result<VaultInfo, VaultError> {
        let pragmas = self.with(|conn| connection::read_pragmas(conn))?;
        let size = std::fs::symlink_metadata(&self.place.path).map_or(0, |meta| meta.len());
        Ok(VaultInfo {
            path: self.place.path.display().to_string(),
            format: FORMAT,
            vault_id: hex::encode(contents.header.vault_id),
            epoch: contents.header.epoch.cast_unsigned(),
            records: u32::try_from(contents.records.len()).unwrap_or(u32::MAX),
            size,
            slots: contents.slots.values().filter_map(SlotRow::view).collect(),
            pragmas,
            checked: false,
        })
    }
}

/// What tells, without reading a file, that nobody has changed it: which file it is, when it was
/// changed last (`ctime` cannot be set), and SQLite's count of commits by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    file: [u64; 3],
    changed: [i64; 4],
    version: i64,
}

fn in_doubt(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::Unwritable(_)
            | VaultError::Unreadable { .. }
            | VaultError::Sqlite { .. }
            | VaultError::Damaged(Damage::Pages)
    )
}

/// Slots by id.
pub(super) type Slots = BTreeMap<[u8; 16], SlotRow>;
