//! The vault's file, its folder and its lock: modes, owners, and making one atomically.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, set_permissions, symlink_metadata};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};
use rustix::io::Errno;

use super::error::{Unwritable, VaultError};

/// Says that no other process may use the vault; the kernel takes it back when this one dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Gives the lock back by name. Closing the file is not enough: a child that was forked at
    /// this moment holds a copy of every descriptor until it executes its program.
    fn drop(&mut self) {
        // If it fails, closing the file gives the lock back a moment later.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Where a vault is, with the lock held.
#[derive(Debug)]
pub(super) struct Place {
    /// The file, under the real path of its folder.
    pub path: PathBuf,
    /// Whether nothing can be written here.
    pub read_only: bool,
    /// The mode that others had access by, when it had to be taken back.
    pub was_open: Option<u32>,
    _lock: Option<Lock>,
}

impl Place {
    /// Finds an existing vault and takes its lock.
    pub fn existing(path: &Path) -> Result<Self, VaultError> {
        let path = resolve(path)?.ok_or(VaultError::Missing)?;
        let meta = match symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(VaultError::Missing),
            Err(error) => return Err(unreadable(&path, &error)),
        };
        check_dir(folder(&path))?;
        if !meta.is_file() {
            return Err(refused(&path, "is not a plain file"));
        }
        check_owner(&path, &meta)?;
        rustix::fs::access(&path, rustix::fs::Access::READ_OK)
            .map_err(|error| unreadable(&path, &error.into()))?;
        let lock = lock(&path)?;
        let was_open = close_to_others(&path, &meta)?;
        let read_only = lock.is_none() || !writable(&path);
        Ok(Self { path, read_only, was_open, _lock: lock })
    }

    /// Prepares the folder for a new vault and takes its lock. Fails when there is one.
    pub fn vacant(path: &Path) -> Result<Self, VaultError> {
        make_dir(folder(path))?;
        let path = resolve(path)?.ok_or(Unwritable::Folder)?;
        check_dir(folder(&path))?;
        let lock = lock(&path)?.ok_or(Unwritable::Folder)?;
        if symlink_metadata(&path).is_ok() {
            return Err(VaultError::Exists);
        }
        Ok(Self { path, read_only: false, was_open: None, _lock: Some(lock) })
    }

    /// Makes the file that a new vault is built in: empty, 0600, ours alone.
    pub fn draft(&self) -> Result<PathBuf, VaultError> {
        let draft = beside(&self.path, ".new");
        discard(&draft)?;
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&draft)
            .map_err(Unwritable::from)?;
        Ok(draft)
    }

    /// Puts the finished draft in its place, durably.
    pub fn publish(&self, draft: &Path) -> Result<(), VaultError> {
        let publish = || -> std::io::Result<()> {
            File::open(draft)?.sync_all()?;
            let dir = File::open(folder(&self.path))?;
            match renameat_with(CWD, draft, CWD, &self.path, RenameFlags::NOREPLACE) {
                // Some file systems do not know the flag; the lock is held and nothing was here.
                Err(Errno::INVAL | Errno::NOSYS) => std::fs::rename(draft, &self.path)?,
                renamed => renamed?,
            }
            dir.sync_all()
        };
        publish().map_err(|error| {
            if error.kind() == ErrorKind::AlreadyExists {
                VaultError::Exists
            } else {
                Unwritable::from(error).into()
            }
        })
    }
}

/// Removes a draft that came to nothing, and its journal.
pub(super) fn discard(draft: &Path) -> Result<(), VaultError> {
    for leftover in [draft.to_owned(), beside(draft, "-journal")] {
        match std::fs::remove_file(&leftover) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Unwritable::from(error).into());
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// The path with its folder's links followed, so that SQLite can refuse a link as the file
/// itself; `None` when the folder is not there.
fn resolve(path: &Path) -> Result<Option<PathBuf>, VaultError> {
    let Some(name) = path.file_name() else {
        return Err(refused(path, "is not a file name"));
    };
    match std::fs::canonicalize(folder(path)) {
        Ok(dir) => Ok(Some(dir.join(name))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn make_dir(dir: &Path) -> Result<(), VaultError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Unwritable::from(error).into())
}

fn check_dir(dir: &Path) -> Result<(), VaultError> {
    let meta = std::fs::metadata(dir).map_err(|error| unreadable(dir, &error))?;
    check_owner(dir, &meta)?;
    if meta.mode() & 0o022 != 0 {
        return Err(refused(dir, "can be written by others"));
    }
    Ok(())
}

fn check_owner(path: &Path, meta: &std::fs::Metadata) -> Result<(), VaultError> {
    if meta.uid() == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(refused(path, "belongs to somebody else"))
    }
}

fn close_to_others(path: &Path, meta: &std::fs::Metadata) -> Result<Option<u32>, VaultError> {
    let mode = meta.mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(None);
    }
    set_permissions(path, Permissions::from_mode(mode & 0o700))
        .map_err(|_| refused(path, "can be read by others, and that could not be changed"))?;
    Ok(Some(mode))
}

fn writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
        && rustix::fs::access(folder(path), rustix::fs::Access::WRITE_OK).is_ok()
}

/// Takes the lock file beside the vault and writes our process id into it. `None` when the
/// folder is read-only and holds no lock file: then nobody writes here.
fn lock(path: &Path) -> Result<Option<Lock>, VaultError> {
    let place = beside(path, ".lock");
    let open = |write: bool| {
        OpenOptions::new()
            .read(true)
            .write(write)
            .create(write)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&place)
    };
    let mut file = match open(true) {
        Ok(file) => file,
        Err(error) => match (error.kind(), open(false)) {
            (ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem, Ok(file)) => file,
            (ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem, Err(_)) => {
                return Ok(None);
            }
            _ => return Err(Unwritable::from(error).into()),
        },
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(VaultError::InUse { pid: holder(&mut file) }),
        Err(error) => return Err(Unwritable::from(std::io::Error::from(error)).into()),
    }
    // For whoever finds the vault in use; nobody relies on it.
    let _told = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(Some(Lock { file }))
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn refused(path: &Path, why: &'static str) -> VaultError {
    VaultError::Unsafe { path: path.display().to_string(), why }
}

fn unreadable(path: &Path, error: &std::io::Error) -> VaultError {
    let denied = error.kind() == ErrorKind::PermissionDenied;
    refused(path, if denied { "cannot be read by this user" } else { "cannot be read" })
}
