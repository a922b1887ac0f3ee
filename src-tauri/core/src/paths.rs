//! Where things live: XDG directories, or everything under `WAYLEAVE_HOME`.
//!
//! Config, data and state hold what survives; runtime holds the socket. Every directory is made
//! with mode 0700, and one that others can write to is refused.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, ErrorCode, Result};

/// The four directories of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The one folder that holds everything, where `WAYLEAVE_HOME` names one.
    pub home: Option<PathBuf>,
    /// Settings.
    pub config: PathBuf,
    /// The vault and its lock file.
    pub data: PathBuf,
    /// Delivered notices and the log; may be lost.
    pub state: PathBuf,
    /// The socket and one-time files; gone at log-out.
    pub runtime: PathBuf,
}

impl Paths {
    /// Reads `WAYLEAVE_HOME`, then the XDG variables, then their defaults under `HOME`.
    pub fn from_env() -> Result<Self> {
        Self::resolve(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn resolve(var: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        if let Some(home) = var("WAYLEAVE_HOME") {
            return Ok(Self::under(&PathBuf::from(home)));
        }
        let home = var("HOME").map(PathBuf::from);
        let dir = |name: &str, fallback: &str| {
            var(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| home.as_ref().map(|home| home.join(fallback)))
                .map(|path| path.join("wayleave"))
                .ok_or_else(|| {
                    Error::new(ErrorCode::FileProblem, "neither WAYLEAVE_HOME nor HOME is set")
                })
        };
        let data = dir("XDG_DATA_HOME", ".local/share")?;
        Ok(Self {
            home: None,
            config: dir("XDG_CONFIG_HOME", ".config")?,
            state: dir("XDG_STATE_HOME", ".local/state")?,
            runtime: var("XDG_RUNTIME_DIR")
                .map_or_else(|| data.join("run"), |path| PathBuf::from(path).join("wayleave")),
            data,
        })
    }

    /// Everything under one folder: tests, demos, portable use.
    pub fn under(home: &Path) -> Self {
        Self {
            home: Some(home.to_owned()),
            config: home.join("config"),
            data: home.join("data"),
            state: home.join("state"),
            runtime: home.join("run"),
        }
    }

    /// The vault.
    pub fn vault(&self) -> PathBuf {
        self.data.join("vault.db")
    }

    /// The settings file.
    pub fn settings(&self) -> PathBuf {
        self.config.join("settings.json")
    }

    /// What was delivered already; may be lost.
    pub fn state_db(&self) -> PathBuf {
        self.state.join("state.db")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(vars: &[(&str, &str)]) -> Result<Paths> {
        Paths::resolve(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, v)| v.into()))
    }

    #[test]
    fn one_folder_holds_everything_when_asked() {
        let paths = resolve(&[("WAYLEAVE_HOME", "/w"), ("HOME", "/h")]).expect("resolves");
        assert_eq!(paths, Paths::under(Path::new("/w")));
    }

    #[test]
    fn without_a_runtime_directory_the_socket_lives_beside_the_vault() {
        let paths = resolve(&[("HOME", "/h")]).expect("resolves");
        assert_eq!(paths.runtime, Path::new("/h/.local/share/wayleave/run"));
        assert_eq!(paths.vault(), Path::new("/h/.local/share/wayleave/vault.db"));
    }

    #[test]
    fn a_relative_xdg_directory_is_ignored() {
        let paths = resolve(&[("HOME", "/h"), ("XDG_DATA_HOME", "data")]).expect("resolves");
        assert_eq!(paths.data, Path::new("/h/.local/share/wayleave"));
    }

    #[test]
    fn no_home_is_an_error() {
        assert_eq!(resolve(&[]).expect_err("nothing to go by").code, ErrorCode::FileProblem);
    }
}
