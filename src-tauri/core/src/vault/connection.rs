//! How a connection to the file is set up, and how it is read back before anything is trusted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::contents::Contents;
use super::error::{Damage, VaultError};
use super::schema::{self, APPLICATION_ID, TABLES};
use super::seal::FORMAT;

/// What every connection is set to, and must read back.
const PRAGMAS: [(&str, &str); 12] = [
    ("journal_mode", "truncate"),
    ("synchronous", "2"),
    ("secure_delete", "1"),
    ("auto_vacuum", "0"),
    ("foreign_keys", "1"),
    ("trusted_schema", "0"),
    ("cell_size_check", "1"),
    ("mmap_size", "0"),
    ("temp_store", "2"),
    ("busy_timeout", "5000"),
    ("page_size", "4096"),
    ("encoding", "UTF-8"),
];

/// Opens an existing file with what SQLite offers against hostile ones.
pub(super) fn open(path: &Path, read_only: bool) -> Result<Connection, VaultError> {
    let mode = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    let flags = mode
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, 1 << 20)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    Ok(conn)
}

/// Sets what a connection forgets when it closes.
pub(super) fn set_pragmas(conn: &Connection) -> Result<(), VaultError> {
    conn.execute_batch(
        "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; \
         PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; \
         PRAGMA synchronous = FULL; PRAGMA journal_mode = TRUNCATE;",
    )?;
    Ok(())
}

/// Refuses a connection that reads back other than it was set.
pub(super) fn check_pragmas(conn: &Connection) -> Result<(), VaultError> {
    for (name, expected) in PRAGMAS {
        if pragma(conn, name)? != expected {
            return Err(Damage::Container.into());
        }
    }
    Ok(())
}

/// Every PRAGMA of the format as the connection reads it back.
pub(super) fn read_pragmas(conn: &Connection) -> Result<BTreeMap<String, String>, VaultError> {
    PRAGMAS
        .iter()
        .map(|(name, _)| *name)
        .chain(["application_id", "user_version"])
        .map(|name| Ok((name.to_owned(), pragma(conn, name)?)))
        .collect()
}

fn pragma(conn: &Connection, name: &str) -> Result<String, VaultError> {
    let value = conn.pragma_query_value(None, name, |row| row.get::<_, Value>(0))?;
    Ok(match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Null | Value::Real(_) | Value::Blob(_) => String::new(),
    })
}

/// Whether the file is a vault, and one that this Wayleave reads.
pub(super) fn check_identity(conn: &Connection) -> Result<(), VaultError> {
    let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if number("application_id")? != APPLICATION_ID {
        return Err(VaultError::Foreign);
    }
    let format = number("user_version")?;
    if format > i64::from(FORMAT) {
        return Err(VaultError::Newer { format });
    }
    if format < 1 {
        return Err(Damage::Header.into());
    }
    Ok(())
}

/// Refuses a schema that is not letter for letter the one of the format.
pub(super) fn check_schema(conn: &Connection) -> Result<(), VaultError> {
    let mut query = conn.prepare(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY name",
    )?;
    let found = query
        .query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, String>(3)?,
            ))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for (kind, damage) in [("trigger", Damage::Trigger), ("view", Damage::View)] {
        if found.iter().any(|object| object.0 == kind) {
            return Err(damage.into());
        }
    }
    let same = found.len() == TABLES.len()
        && found.iter().zip(TABLES).all(|((kind, name, table, sql), (expected, text))| {
            kind == "table" && name == expected && table == expected && sql == text
        });
    if same { Ok(()) } else { Err(Damage::Schema.into()) }
}

/// SQLite's own check of pages, values and constraints; `full` also compares every index.
pub(super) fn check_pages(conn: &Connection, full: bool) -> Result<(), VaultError> {
    let name = if full { "integrity_check" } else { "quick_check" };
    let answer: String = conn.pragma_query_value(None, name, |row| row.get(0))?;
    if answer == "ok" { Ok(()) } else { Err(Damage::Pages.into()) }
}

/// Builds a new vault in an empty file.
pub(super) fn build(path: &Path, contents: &Contents) -> Result<(), VaultError> {
    let mut conn = open(path, false)?;
    schema::make_tables(&conn)?;
    let tx = conn.transaction()?;
    schema::write(&tx, None, contents)?;
    tx.commit()?;
    conn.close().map_err(|(_, error)| error.into())
}
