//! What can go wrong with a vault, told apart where a person would act differently.

use crate::error::{Error, ErrorCode};

/// Why the vault did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// There is no file.
    #[error("there is no vault here")]
    Missing,
    /// There is a file already; it was not touched.
    #[error("there is a vault here already; it was not touched")]
    Exists,
    /// The passphrase does not open the vault.
    #[error("the passphrase does not open this vault")]
    WrongPassphrase,
    /// What the keyring holds does not open the vault.
    #[error("the key in this computer's keyring does not open this vault")]
    WrongDeviceKey,
    /// A new passphrase has neither twelve characters nor four words.
    #[error("the passphrase is too short: at least {least} characters, or four words")]
    WeakPassphrase {
        /// Least number of characters.
        least: usize,
    },
    /// The bytes are not what was written.
    #[error("the vault is damaged: {0}")]
    Damaged(Damage),
    /// A newer Wayleave wrote it.
    #[error("the vault has format {format}, which is newer than this Wayleave")]
    Newer {
        /// The format that the file says it has.
        format: i64,
    },
    /// The file is something else.
    #[error("the file is not a Wayleave vault")]
    Foreign,
    /// Another process holds it.
    #[error("another process uses the vault{}", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse {
        /// The holder's process id, when it could be read.
        pid: Option<u32>,
    },
    /// It cannot be written.
    #[error("the vault cannot be written: {0}")]
    Unwritable(Unwritable),
    /// Reading it failed below SQLite.
    #[error("the vault could not be read (SQLite code {sqlite})")]
    Unreadable {
        /// SQLite's extended result code.
        sqlite: i32,
    },
    /// The file or its folder belongs to somebody else, or others can write to it.
    #[error("{path} {why}")]
    Unsafe {
        /// What was refused.
        path: String,
        /// Why, as the rest of a sentence.
        why: &'static str,
    },
    /// No keyring answers.
    #[error("no keyring answers on this computer")]
    NoKeyring,
    /// The keyring answers and does not hold this vault's key.
    #[error("this computer's keyring does not hold the key of this vault")]
    NotInKeyring,
    /// There is no record of this id.
    #[error("there is no such record")]
    NoSuchRecord,
    /// A record is larger than a vault keeps.
    #[error("a record of {size} bytes is larger than the {max} that a vault keeps")]
    TooLarge {
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Taking this slot away would leave nothing that opens the vault.
    #[error("nothing would open the vault any more")]
    LastSlot,
    /// A fault of ours or of the system's random source.
    #[error("{0}")]
    Fault(&'static str),
    /// SQLite refused something that it should not refuse.
    #[error("SQLite answered with code {sqlite}")]
    Sqlite {
        /// SQLite's extended result code.
        sqlite: i32,
    },
}

/// What is wrong with the bytes. One name per kind of change, so that a report can say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Damage {
    /// SQLite finds its own structure broken.
    #[error("its pages are broken")]
    Pages,
    /// A PRAGMA reads back other than it was set.
    #[error("its container has a setting that Wayleave does not use")]
    Container,
    /// There is a trigger, and a vault has none.
    #[error("a trigger was added")]
    Trigger,
    /// There is a view, and a vault has none.
    #[error("a view was added")]
    View,
    /// Tables or indexes are not the ones of the format.
    #[error("its tables are not those of a vault")]
    Schema,
    /// The header row is missing or cannot be.
    #[error("its header cannot be")]
    Header,
    /// A row holds a value that its column cannot have.
    #[error("a row holds a value that cannot be")]
    Row,
    /// A key slot is not what was written.
    #[error("a key slot was changed")]
    SlotAltered,
    /// A key slot asks for a key derivation outside the accepted range.
    #[error("a key slot asks for a key derivation that is too weak or too costly")]
    Kdf,
    /// A key slot was added.
    #[error("a key slot was added")]
    SlotAdded,
    /// The sealed parts of records were exchanged.
    #[error("the contents of two records were exchanged")]
    RowsSwapped,
    /// A record was copied under another id.
    #[error("a record was copied under another id")]
    RowDuplicated,
    /// A record's end in clear is not the sealed one.
    #[error("the end of a record was changed")]
    ExpiryAltered,
    /// A record's kind or version in clear is not the sealed one.
    #[error("the kind or version of a record was changed")]
    ClearFieldAltered,
    /// A sealed part does not open.
    #[error("the contents of a record were changed")]
    ContentAltered,
    /// A row that this vault's key never sealed.
    #[error("a record does not belong to this vault")]
    ForeignRow,
    /// A record is gone, or an older one stands in its place.
    #[error("a record was removed or replaced by an older one")]
    RowMissing,
    /// The count of transactions was changed.
    #[error("its count of changes was altered")]
    EpochAltered,
    /// The integrity values do not fit what they cover, and nothing else is wrong.
    #[error("its integrity value does not fit its contents")]
    Root,
}

impl Damage {
    /// A stable name for reports and parameters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Container => "container",
            Self::Trigger => "trigger",
            Self::View => "view",
            Self::Schema => "schema",
            Self::Header => "header",
            Self::Row => "row",
            Self::SlotAltered => "slot_altered",
            Self::Kdf => "kdf",
            Self::SlotAdded => "slot_added",
            Self::RowsSwapped => "rows_swapped",
            Self::RowDuplicated => "row_duplicated",
            Self::ExpiryAltered => "expiry_altered",
            Self::ClearFieldAltered => "clear_field_altered",
            Self::ContentAltered => "content_altered",
            Self::ForeignRow => "foreign_row",
            Self::RowMissing => "row_missing",
            Self::EpochAltered => "epoch_altered",
            Self::Root => "root",
        }
    }
}

/// Why a write failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    /// No space left.
    #[error("the disk is full")]
    Full,
    /// The file or its file system is read-only.
    #[error("it is read-only")]
    ReadOnly,
    /// Its folder does not let files be made.
    #[error("its folder cannot be written")]
    Folder,
    /// The system reported an I/O error.
    #[error("writing to the disk failed")]
    Io,
    /// The file was moved or deleted while it was open.
    #[error("the file was moved or deleted while in use")]
    Moved,
}

impl VaultError {
    /// What a client branches on.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing => ErrorCode::NoVault,
            Self::Exists => ErrorCode::VaultExists,
            Self::WrongPassphrase => ErrorCode::WrongPassphrase,
            Self::WeakPassphrase { .. } => ErrorCode::WeakPassphrase,
            Self::Damaged(_) => ErrorCode::VaultDamaged,
            Self::Newer { .. } => ErrorCode::VaultNewer,
            Self::Foreign => ErrorCode::VaultForeign,
            Self::InUse { .. } => ErrorCode::VaultInUse,
            Self::Unwritable(_) => ErrorCode::VaultUnwritable,
            Self::Unreadable { .. } | Self::Unsafe { .. } => ErrorCode::FileProblem,
            Self::NoKeyring | Self::NotInKeyring | Self::WrongDeviceKey => ErrorCode::NoKeyring,
            Self::NoSuchRecord => ErrorCode::NotFound,
            Self::TooLarge { .. } | Self::LastSlot => ErrorCode::InvalidInput,
            Self::Fault(_) | Self::Sqlite { .. } => ErrorCode::Internal,
        }
    }
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        let told = Self::new(error.code(), error.to_string());
        match error {
            VaultError::WeakPassphrase { least } => told.with("least", least),
            VaultError::Damaged(damage) => told.with("damage", damage.name()),
            VaultError::Newer { format } => told.with("format", format),
            VaultError::InUse { pid: Some(pid) } => told.with("pid", pid),
            VaultError::Unsafe { path, .. } => told.with("path", path),
            VaultError::TooLarge { max, .. } => told.with("max", max),
            VaultError::Missing
            | VaultError::Exists
            | VaultError::WrongPassphrase
            | VaultError::WrongDeviceKey
            | VaultError::Foreign
            | VaultError::InUse { pid: None }
            | VaultError::Unwritable(_)
            | VaultError::Unreadable { .. }
            | VaultError::NoKeyring
            | VaultError::NotInKeyring
            | VaultError::NoSuchRecord
            | VaultError::LastSlot
            | VaultError::Fault(_)
            | VaultError::Sqlite { .. } => told,
        }
    }
}

impl From<Damage> for VaultError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl From<rusqlite::Error> for VaultError {
    /// Sorts SQLite's answers. Its texts are left behind: they may quote a row.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the crate's enum is open")]
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi;
        let code = match error {
            rusqlite::Error::SqliteFailure(failure, _) => failure.extended_code,
            rusqlite::Error::SqlInputError { error, .. } => error.extended_code,
            rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..) => return Damage::Row.into(),
            _ => return Self::Sqlite { sqlite: -1 },
        };
        match code {
            ffi::SQLITE_READONLY_DBMOVED => return Unwritable::Moved.into(),
            ffi::SQLITE_IOERR_READ
            | ffi::SQLITE_IOERR_SHORT_READ
            | ffi::SQLITE_IOERR_FSTAT
            | ffi::SQLITE_IOERR_ACCESS => return Self::Unreadable { sqlite: code },
            _ => {}
        }
        match code & 0xff {
            ffi::SQLITE_NOTADB => Self::Foreign,
            ffi::SQLITE_CORRUPT | ffi::SQLITE_FORMAT => Damage::Pages.into(),
            ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Self::InUse { pid: None },
            ffi::SQLITE_FULL => Unwritable::Full.into(),
            ffi::SQLITE_READONLY => Unwritable::ReadOnly.into(),
            ffi::SQLITE_PERM | ffi::SQLITE_CANTOPEN => Unwritable::Folder.into(),
            ffi::SQLITE_IOERR => Unwritable::Io.into(),
            ffi::SQLITE_CONSTRAINT | ffi::SQLITE_MISMATCH | ffi::SQLITE_TOOBIG => {
                Damage::Row.into()
            }
            _ => Self::Sqlite { sqlite: code },
        }
    }
}

impl From<Unwritable> for VaultError {
    fn from(why: Unwritable) -> Self {
        Self::Unwritable(why)
    }
}

impl From<std::io::Error> for Unwritable {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the standard library's enum is open")]
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::NotFound => Self::Folder,
            _ => Self::Io,
        }
    }
}
