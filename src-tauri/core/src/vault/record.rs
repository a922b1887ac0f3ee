//! What goes into a vault and comes out of it.

use jiff::Timestamp;

use super::contents::{Contents, RecordRow};
use super::error::{Damage, VaultError};
use super::seal::Keys;
use crate::credential::Id;
use crate::secret::Secret;

/// What a record is. In clear in the file, so that a locked vault can say what ends when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// A workspace API token.
    ApiToken = 1,
    /// Temporary S3 credentials.
    S3 = 2,
    /// A session with a platform.
    Session = 3,
    /// An account.
    Account = 4,
    /// Lines of the history.
    History = 5,
}

impl RecordKind {
    pub(super) fn stored(self) -> i64 {
        self as i64
    }

    fn read(stored: i64) -> Result<Self, VaultError> {
        Ok(match stored {
            1 => Self::ApiToken,
            2 => Self::S3,
            3 => Self::Session,
            4 => Self::Account,
            5 => Self::History,
            _ => return Err(Damage::Row.into()),
        })
    }
}

/// A record of an open vault, without its body.
#[derive(Debug)]
pub struct Record {
    /// Its random id.
    pub id: Id,
    /// What it is.
    pub kind: RecordKind,
    /// Counts changes of the body and of the end, from 1.
    pub version: u64,
    /// When it ends, rounded down to the minute.
    pub expires: Option<Timestamp>,
    /// All that is known about it but the secret.
    pub label: Secret,
}

/// What a locked vault knows about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// Its random id.
    pub id: Id,
    /// What it is.
    pub kind: RecordKind,
    /// Counts changes of the body and of the end, from 1.
    pub version: u64,
    /// When it ends, rounded down to the minute.
    pub expires: Option<Timestamp>,
}

/// One step of a commit.
#[derive(Debug)]
pub enum Change {
    /// Stores a record, or replaces it: then its version rises.
    Put {
        /// Its id.
        id: Id,
        /// What it is.
        kind: RecordKind,
        /// When it ends.
        expires: Option<Timestamp>,
        /// All that is known about it but the secret.
        label: Secret,
        /// The secret.
        body: Secret,
    },
    /// Replaces the label and keeps the body. The version rises only when the end changes.
    Relabel {
        /// Its id.
        id: Id,
        /// When it ends.
        expires: Option<Timestamp>,
        /// The new label.
        label: Secret,
    },
    /// Takes a record out. One that is not there is no error.
    Remove {
        /// Its id.
        id: Id,
    },
    /// Writes down, before an outside effect begins, what is about to happen.
    PutIntent {
        /// Its id.
        id: Id,
        /// What a later start needs to know.
        body: Secret,
    },
    /// Takes an intent out. One that is not there is no error.
    RemoveIntent {
        /// Its id.
        id: Id,
    },
}

impl Watched {
    pub(super) fn read(row: &RecordRow) -> Result<Self, VaultError> {
        Ok(Self {
            id: Id(row.id),
            kind: RecordKind::read(row.kind)?,
            version: u64::try_from(row.version).map_err(|_| Damage::Row)?,
            expires: row.expires.map(from_minute).transpose()?,
        })
    }
}

impl Record {
    pub(super) fn read(
        keys: &Keys,
        contents: &Contents,
        row: &RecordRow,
    ) -> Result<Self, VaultError> {
        let Watched { id, kind, version, expires } = Watched::read(row)?;
        let sealed = contents.labels.get(&row.id).ok_or(Damage::RowMissing)?;
        let (clear, label) = keys.open_label(&row.id, sealed)?;
        if clear != row.clear_copy() {
            return Err(Damage::ClearFieldAltered.into());
        }
        Ok(Self { id, kind, version, expires, label })
    }
}

fn from_minute(minute: i64) -> Result<Timestamp, VaultError> {
    let seconds = minute.checked_mul(60).ok_or(Damage::Row)?;
    Timestamp::from_second(seconds).map_err(|_| Damage::Row.into())
}
