//! Pythons with the packages that a suite needs and Debian has not, or not new enough. Each is kept in
//! the user's cache. Shared by test binaries: `#[path = "../python.rs"] mod python;`.

use std::path::PathBuf;
use std::process::Command;

/// The interpreter of the environment `name`, which has `packages` and can do `imports`; made when
/// it is asked for first.
pub fn python(name: &str, imports: &str, packages: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let folder = cache.join("wayleave-tests").join(name);
    let python = folder.join("bin/python");
    let tried = Command::new(&python).args(["-c", imports]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        std::fs::create_dir_all(folder.parent().expect("a folder")).expect("a cache");
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
        assert!(made.expect("python3 runs").success(), "python3 -m venv (package python3-venv)");
        let pip =
            Command::new(&python).args(["-m", "pip", "install", "--quiet", packages]).status();
        assert!(pip.expect("pip runs").success(), "{packages}");
    }
    python
}
