//! Where the agent's socket is, and that nobody else can reach it.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorCode, Result};
use crate::paths::Paths;

/// Longest path that fits into a `sockaddr_un` with its final zero byte (unix(7)).
const SOCKET_PATH_MAX: usize = 107;

/// The agent's socket: in the runtime directory, or, where that path is too long for a socket,
/// under a short name in the session's own runtime directory.
pub fn socket_path(paths: &Paths) -> PathBuf {
    let path = paths.runtime.join("agent.sock");
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return path;
    }
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    let base = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(
        || std::env::temp_dir().join(format!("wayleave-{}", rustix::process::getuid().as_raw())),
        |dir| PathBuf::from(dir).join("wayleave"),
    );
    base.join(format!("{}.sock", hex::encode(&digest[..8])))
}

/// Makes a directory that only this user can enter, or checks that it is one.
///
/// Too open permissions of our own directory are mended; somebody else's directory, a link, or
/// no directory at all is refused with [`ErrorCode::FileProblem`].
pub fn private_dir(path: &Path) -> Result<()> {
    let refuse = |what: &str| {
        Error::new(ErrorCode::FileProblem, what).with("path", path.display().to_string())
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| refuse(&format!("the folder cannot be made: {e}")))?;
    let meta = fs::symlink_metadata(path).map_err(|e| refuse(&e.to_string()))?;
    if !meta.is_dir() {
        return Err(refuse("what should be a folder is something else"));
    }
    if meta.uid() != rustix::process::getuid().as_raw() {
        return Err(refuse("the folder belongs to another user"));
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(|e| refuse(&format!("the folder is open to others: {e}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_home_still_gets_a_socket() {
        let deep = Paths::under(Path::new(&format!("/{}", "d".repeat(120))));
        let path = socket_path(&deep);
        assert!(path.as_os_str().len() <= SOCKET_PATH_MAX, "{}", path.display());
        assert_ne!(path, socket_path(&Paths::under(Path::new(&format!("/{}", "e".repeat(120))))));
    }

    #[test]
    fn an_open_folder_is_closed_and_a_link_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let open = home.path().join("open");
        fs::create_dir(&open).expect("made");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("opened");
        private_dir(&open).expect("mended");
        assert_eq!(fs::metadata(&open).expect("there").mode() & 0o777, 0o700);
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&open, &link).expect("linked");
        assert_eq!(private_dir(&link).expect_err("a link").code, ErrorCode::FileProblem);
    }
}
