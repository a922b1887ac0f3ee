//! The settings file: read leniently, written whole.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::api::Settings;
use crate::error::{Error, ErrorCode, Result};

/// Reads the settings. A file that is missing, or that cannot be understood, means the defaults;
/// the second is told by the error beside them, and the file is left as it is.
pub fn load(path: &Path) -> (Settings, Option<Error>) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (Settings::default(), None),
        Err(e) => return (Settings::default(), Some(problem(path, &e.to_string()))),
    };
    match serde_json::from_str(&text) {
        Ok(settings) => (settings, None),
        Err(e) => (Settings::default(), Some(problem(path, &e.to_string()))),
    }
}

/// Checks and writes the settings: a new file beside the old one, then renamed over it.
pub fn store(path: &Path, settings: &Settings) -> Result<()> {
    check(settings)?;
    let text = serde_json::to_vec_pretty(settings).map_err(|e| problem(path, &e.to_string()))?;
    let next = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(&next)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&next, path)
    };
    write().map_err(|e| problem(path, &e.to_string()))
}

fn check(settings: &Settings) -> Result<()> {
    if !(10..=120).contains(&settings.clear_clipboard_after) {
        return Err(Error::new(
            ErrorCode::InvalidInput,
            "the clipboard is cleared after 10 to 120 seconds",
        )
        .with("field", "clear_clipboard_after"));
    }
    if settings.lock_after.is_some_and(|minutes| !(1..=1440).contains(&minutes)) {
        return Err(Error::new(
            ErrorCode::InvalidInput,
            "the vault locks after 1 to 1440 minutes, or never by itself",
        )
        .with("field", "lock_after"));
    }
    Ok(())
}

fn problem(path: &Path, what: &str) -> Error {
    Error::new(ErrorCode::FileProblem, format!("the settings: {what}")).with("path", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Theme;

    #[test]
    fn settings_round_trip_and_a_broken_file_is_told() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("settings.json");
        assert_eq!(load(&path), (Settings::default(), None));
        let dark = Settings { theme: Theme::Dark, ..Settings::default() };
        store(&path, &dark).expect("stored");
        assert_eq!(load(&path), (dark, None));
        fs::write(&path, "{").expect("broken");
        let (settings, problem) = load(&path);
        assert_eq!(settings, Settings::default());
        assert_eq!(problem.expect("told").code, ErrorCode::FileProblem);
    }

    #[test]
    fn a_clipboard_that_never_clears_is_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let never = Settings { clear_clipboard_after: 0, ..Settings::default() };
        let error = store(&home.path().join("s.json"), &never).expect_err("refused");
        assert_eq!(error.params["field"], "clear_clipboard_after");
    }
}
