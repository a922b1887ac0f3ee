//! Tells QGIS from inside: a script for `qgis --code` or the Python Console that redeems a
//! one-time ticket and stores what it gets in QGIS' own authentication database.
//!
//! The script and the line that runs it hold no secret, because the Python Console keeps what is
//! typed in a file (measured on 3.22 to 3.44). The ticket lies beside the script in a file of its
//! own, mode 0600, which the script deletes when it reads it.

use std::fmt::Write as _;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use jiff::Timestamp;

use crate::api::QgisReady;
use crate::error::{Error, ErrorCode, Result};
use crate::secret::Secret;

pub use super::qgis_search::{QgisSearch, detect};

const TEMPLATE: &str = include_str!("qgis_apply.py");
const SCRIPT: &str = "qgis_apply.py";
const TICKET: &str = "qgis_ticket";

/// Writes the script and the ticket into `folder` (made with mode 0700), reads the script back and
/// compares it, and says how to use it.
///
/// `program` is the absolute path of the `wayleave` command; `home` the `WAYLEAVE_HOME` that it
/// must be told, where one is in force; `until` the end of the ticket.
pub fn write_script(
    folder: &Path,
    program: &Path,
    home: Option<&Path>,
    ticket: &Secret,
    until: Timestamp,
) -> Result<QgisReady> {
    let script = folder.join(SCRIPT);
    let text = render(program, &folder.join(TICKET), home)?;
    make_private(folder)?;
    write_private(&folder.join(TICKET), ticket.expose())?;
    write_private(&script, text.as_bytes())?;
    compare(&script, text.as_bytes())?;
    let script = text_of(&script)?;
    Ok(QgisReady { one_liner: one_liner(script), script: script.to_owned(), until })
}

/// Takes a ticket back that nobody used.
pub fn remove_ticket(folder: &Path) -> Result<()> {
    match std::fs::remove_file(folder.join(TICKET)) {
        Err(problem) if problem.kind() != ErrorKind::NotFound => {
            Err(file_problem(&folder.join(TICKET), &problem))
        }
        _ => Ok(()),
    }
}

/// The script runs in names of its own, so that the console keeps none of them.
fn one_liner(script: &str) -> String {
    format!("exec(open({}, encoding='utf-8').read(), {{}})", literal(script))
}

fn render(program: &Path, ticket: &Path, home: Option<&Path>) -> Result<String> {
    let environment = match home {
        Some(home) => format!("{{'WAYLEAVE_HOME': {}}}", literal(text_of(home)?)),
        None => "{}".to_owned(),
    };
    Ok(TEMPLATE
        .replace("@PROGRAM@", &literal(text_of(program)?))
        .replace("@TICKET@", &literal(text_of(ticket)?))
        .replace("@ENVIRONMENT@", &environment))
}

/// A Python string literal on one line.
fn literal(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || c == '@' => {
                // Writing to a String cannot fail. `@` marks the template's places.
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}

fn text_of(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        Error::new(ErrorCode::FileProblem, "QGIS cannot be given a path that is not UTF-8")
            .with("path", path.display())
    })
}

fn make_private(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|problem| file_problem(folder, &problem))
}

/// Writes a file that only we can read, in one step: nobody sees half of it, and a link that
/// somebody put in its place is replaced, not followed.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let fresh = path.with_extension("new");
    let write = || {
        match std::fs::remove_file(&fresh) {
            Err(problem) if problem.kind() != ErrorKind::NotFound => return Err(problem),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(|problem| file_problem(path, &problem))
}

/// What QGIS will run is what we wrote: a plain file of ours, for us alone, byte for byte.
fn compare(path: &Path, wanted: &[u8]) -> Result<()> {
    let read = || Ok((std::fs::symlink_metadata(path)?, std::fs::read(path)?));
    let (meta, found) = read().map_err(|problem| file_problem(path, &problem))?;
    let ours = meta.is_file()
        && meta.uid() == rustix::process::geteuid().as_raw()
        && meta.permissions().mode() & 0o777 == 0o600;
    if ours && found == wanted {
        return Ok(());
    }
    Err(Error::new(ErrorCode::FileProblem, "the script for QGIS was changed while it was written")
        .with("path", path.display()))
}

fn file_problem(path: &Path, problem: &std::io::Error) -> Error {
    Error::new(ErrorCode::FileProblem, format!("the file for QGIS cannot be written: {problem}"))
        .with("path", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Secret {
        Secret::from_text("the-ticket".to_owned())
    }

    fn write(folder: &Path) -> QgisReady {
        let program = Path::new("/usr/bin/wayleave");
        write_script(folder, program, None, &ticket(), Timestamp::UNIX_EPOCH).expect("written")
    }

    #[test]
    fn script_and_ticket_are_for_us_alone_and_the_script_holds_no_ticket() {
        let home = tempfile::tempdir().expect("folder");
        let folder = home.path().join("run");
        let ready = write(&folder);
        for name in [SCRIPT, TICKET] {
            let mode = std::fs::metadata(folder.join(name)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let script = std::fs::read_to_string(&ready.script).expect("readable");
        assert!(script.contains("'/usr/bin/wayleave'") && !script.contains('@'));
        for text in [script, ready.one_liner] {
            assert!(!text.contains("the-ticket"));
        }
        assert_eq!(std::fs::read(folder.join(TICKET)).expect("readable"), b"the-ticket");
    }

    #[test]
    fn a_script_that_was_changed_is_written_again() {
        let home = tempfile::tempdir().expect("folder");
        let script = write(home.path()).script;
        let good = std::fs::read(&script).expect("readable");
        std::fs::write(&script, "print('evil')").expect("writable");
        write(home.path());
        assert_eq!(std::fs::read(&script).expect("readable"), good);
    }

    #[test]
    fn a_link_in_its_place_is_replaced_and_what_it_names_stays() {
        let home = tempfile::tempdir().expect("folder");
        let other = home.path().join("other");
        std::fs::write(&other, "mine").expect("writable");
        std::os::unix::fs::symlink(&other, home.path().join(SCRIPT)).expect("link");
        write(home.path());
        assert_eq!(std::fs::read(&other).expect("readable"), b"mine");
        assert!(home.path().join(SCRIPT).symlink_metadata().expect("there").is_file());
    }

    #[test]
    fn another_text_or_a_wider_mode_is_not_accepted() {
        let home = tempfile::tempdir().expect("folder");
        let script = home.path().join(SCRIPT);
        write(home.path());
        assert!(compare(&script, b"something else").is_err());
        let good = std::fs::read(&script).expect("readable");
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o644)).expect("mode");
        assert!(compare(&script, &good).is_err());
    }

    #[test]
    fn any_path_becomes_one_python_literal() {
        for (text, quoted) in [
            ("/usr/bin/wayleave", "'/usr/bin/wayleave'"),
            ("/it's/a\\b", "'/it\\'s/a\\\\b'"),
            ("a\nb@TICKET@", "'a\\x0ab\\x40TICKET\\x40'"),
            ("/żółw", "'/żółw'"),
        ] {
            assert_eq!(literal(text), quoted);
        }
    }

    #[test]
    fn the_agents_home_is_told() {
        let text = render(Path::new("/w"), Path::new("/t"), Some(Path::new("/h"))).expect("text");
        assert!(text.contains("_wayleave_apply('/w', '/t', {'WAYLEAVE_HOME': '/h'})"));
    }

    #[test]
    fn an_unused_ticket_is_taken_back_once_and_again() {
        let home = tempfile::tempdir().expect("folder");
        write(home.path());
        remove_ticket(home.path()).expect("removed");
        remove_ticket(home.path()).expect("nothing to remove");
        assert!(!home.path().join(TICKET).exists());
    }
}
