//! Which QGIS is on this computer: programs, their versions, their profiles.
//!
//! Where things are is from QGIS' user guide and from what was measured on 3.22 to 3.44: profiles
//! of QGIS 3 and 4 are two separate sets, and a Flatpak or Snap keeps its own.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::api::{QgisPackaging, QgisView};

/// Names of the program, in the order of preference.
const PROGRAMS: [&str; 3] = ["qgis", "qgis-ltr", "qgis-qt6"];

/// How long `qgis --version` may take; 0.3 s warm and 4 s cold were seen.
const VERSION_TIME: Duration = Duration::from_secs(20);

/// The first version that sends an API Header, qgis/QGIS#45452.
const API_HEADER_FROM: (u32, u32) = (3, 24);

/// Where to look.
#[derive(Debug, Clone, Default)]
pub struct QgisSearch {
    /// Folders of programs, as in `PATH`.
    pub folders: Vec<PathBuf>,
    /// The user's home, for what Flatpak and Snap keep.
    pub home: Option<PathBuf>,
    /// Where programs of the system keep their data: `XDG_DATA_HOME`.
    pub data: Option<PathBuf>,
}

impl QgisSearch {
    /// What this process' environment says.
    pub fn from_env() -> Self {
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let home = var("HOME").map(PathBuf::from);
        let data = var("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        Self {
            folders: std::env::split_paths(&var("PATH").unwrap_or_else(OsString::new)).collect(),
            data: data.or_else(|| home.as_ref().map(|home| home.join(".local/share"))),
            home,
        }
    }
}

/// Every QGIS that is found, programs first. Starts each program once for its version, so it
/// takes as long as they do.
pub fn detect(search: &QgisSearch) -> Vec<QgisView> {
    let mut found: Vec<QgisView> =
        programs(search).iter().map(|program| view_of(program, search)).collect();
    for profiles in profile_sets(search) {
        let has_program = found.iter().any(|view| profiles.belongs_to(view));
        if !has_program {
            found.push(profiles.alone());
        }
    }
    found
}

fn programs(search: &QgisSearch) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for folder in &search.folders {
        for program in PROGRAMS.iter().map(|name| folder.join(name)).filter(|p| p.is_file()) {
            // /bin and /usr/bin are often one folder.
            let real = program.canonicalize().unwrap_or_else(|_| program.clone());
            if seen.insert(real) {
                found.push(program);
            }
        }
    }
    found
}

fn view_of(program: &Path, search: &QgisSearch) -> QgisView {
    let packaging = packaging_of(program);
    // A sandboxed program is not started: it could do nothing with our script anyway.
    let version = (packaging == QgisPackaging::System).then(|| version_of(program)).flatten();
    let view = QgisView {
        program: Some(program.display().to_string()),
        api_header: version.as_deref().is_none_or(sends_api_header),
        version,
        packaging,
        profiles: Vec::new(),
        can_apply: packaging == QgisPackaging::System,
    };
    let sets = profile_sets(search).into_iter().filter(|set| set.belongs_to(&view));
    let profiles = sets.flat_map(|set| set.names).collect();
    QgisView { profiles, ..view }
}

fn packaging_of(program: &Path) -> QgisPackaging {
    let below = |part: &str| program.components().any(|component| component.as_os_str() == part);
    if below("snap") {
        QgisPackaging::Snap
    } else if below("flatpak") {
        QgisPackaging::Flatpak
    } else {
        QgisPackaging::System
    }
}

/// The profiles of one major version in one kind of package.
struct Profiles {
    packaging: QgisPackaging,
    major: u32,
    names: Vec<String>,
}

impl Profiles {
    fn belongs_to(&self, view: &QgisView) -> bool {
        let major = view.version.as_deref().and_then(parts_of).map(|(major, _)| major);
        view.packaging == self.packaging && major.is_none_or(|major| major == self.major)
    }

    fn alone(self) -> QgisView {
        QgisView {
            program: None,
            version: None,
            packaging: self.packaging,
            can_apply: self.packaging == QgisPackaging::System,
            // Not known for QGIS 3; the script looks again where it runs.
            api_header: true,
            profiles: self.names,
        }
    }
}

fn profile_sets(search: &QgisSearch) -> Vec<Profiles> {
    let flatpak = search.home.as_ref().map(|home| home.join(".var/app/org.qgis.qgis/data"));
    let mut roots: Vec<(QgisPackaging, PathBuf)> = Vec::new();
    roots.extend(search.data.clone().map(|root| (QgisPackaging::System, root)));
    roots.extend(flatpak.map(|root| (QgisPackaging::Flatpak, root)));
    roots.extend(snap_roots(search).into_iter().map(|root| (QgisPackaging::Snap, root)));
    let mut sets = Vec::new();
    for (packaging, root) in roots {
        for (major, folder) in [(3, "QGIS/QGIS3/profiles"), (4, "QGIS/QGIS4/profiles")] {
            let names = folders_in(&root.join(folder));
            if !names.is_empty() {
                sets.push(Profiles { packaging, major, names });
            }
        }
    }
    sets
}

/// `~/snap/NAME/current/.local/share` of every Snap that is a QGIS.
fn snap_roots(search: &QgisSearch) -> Vec<PathBuf> {
    let Some(snaps) = search.home.as_ref().map(|home| home.join("snap")) else {
        return Vec::new();
    };
    let names = folders_in(&snaps).into_iter().filter(|name| name.contains("qgis"));
    names.map(|name| snaps.join(name).join("current/.local/share")).collect()
}

fn folders_in(folder: &Path) -> Vec<String> {
    let Ok(listing) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = listing
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// What `--version` says, or `None` when the program does not say it in time.
fn version_of(program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .env("QT_QPA_PLATFORM", "offscreen")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // An unreadable answer is no answer; the receiver may be gone after the time limit.
        let _ = stdout.by_ref().take(4096).read_to_end(&mut said);
        let _ = sender.send(said);
    });
    let said = receiver.recv_timeout(VERSION_TIME).unwrap_or_default();
    // It has closed its output or is late: either way nothing more is wanted of it.
    let _ = child.kill();
    let _ = child.wait();
    parse_version(&String::from_utf8_lossy(&said))
}

/// `QGIS 3.22.16-Białowieża 'Białowieża' (exported)` → `3.22.16`.
fn parse_version(said: &str) -> Option<String> {
    let rest = said.lines().find_map(|line| line.trim().strip_prefix("QGIS "))?;
    let version: String =
        rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect::<String>();
    parts_of(&version).map(|_| version.trim_end_matches('.').to_owned())
}

fn parts_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse::<u32>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn sends_api_header(version: &str) -> bool {
    parts_of(version).is_none_or(|parts| parts >= API_HEADER_FROM)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn program(folder: &Path, says: &str) {
        std::fs::create_dir_all(folder).expect("folder");
        let file = folder.join("qgis");
        std::fs::write(&file, format!("#!/bin/sh\necho \"{says}\"\n")).expect("script");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o700)).expect("mode");
    }

    fn search(home: &Path, folders: &[&str]) -> QgisSearch {
        QgisSearch {
            folders: folders.iter().map(|folder| home.join(folder)).collect(),
            home: Some(home.to_path_buf()),
            data: Some(home.join(".local/share")),
        }
    }

    #[test]
    fn versions_are_read_as_qgis_prints_them() {
        for (said, version) in [
            ("QGIS 3.22.16-Białowieża 'Białowieża' (exported)\n", Some("3.22.16")),
            ("Qt noise\nQGIS 3.40.6-Bratislava 'Bratislava' (exported)\n", Some("3.40.6")),
            ("QGIS 4.0.0-Norrköping", Some("4.0.0")),
            ("QGIS developer build", None),
            ("", None),
        ] {
            assert_eq!(parse_version(said).as_deref(), version, "{said}");
        }
    }

    #[test]
    fn the_header_begins_with_3_24() {
        let sending: Vec<bool> =
            ["3.22.16", "3.23.9", "3.24.0", "3.40.6", "4.0.0"].map(sends_api_header).to_vec();
        assert_eq!(sending, [false, false, true, true, true]);
    }

    #[test]
    fn each_program_gets_the_profiles_of_its_major_version() {
        let home = tempfile::tempdir().expect("folder");
        program(&home.path().join("bin"), "QGIS 3.22.16-X");
        program(&home.path().join("other"), "QGIS 4.0.1-Y");
        for profile in ["QGIS3/profiles/work", "QGIS3/profiles/default", "QGIS4/profiles/default"] {
            std::fs::create_dir_all(home.path().join(".local/share/QGIS").join(profile))
                .expect("profile");
        }
        let found = detect(&search(home.path(), &["bin", "other", "absent"]));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].profiles, ["default", "work"]);
        assert!(found[0].can_apply && !found[0].api_header);
        assert_eq!(found[1].version.as_deref(), Some("4.0.1"));
        assert_eq!(found[1].profiles, ["default"]);
        assert!(found[1].api_header);
    }

    #[test]
    fn a_sandboxed_qgis_is_known_by_its_profiles_and_cannot_be_told() {
        let home = tempfile::tempdir().expect("folder");
        for profile in [
            ".var/app/org.qgis.qgis/data/QGIS/QGIS3/profiles/default",
            "snap/qgis/current/.local/share/QGIS/QGIS3/profiles/default",
        ] {
            std::fs::create_dir_all(home.path().join(profile)).expect("profile");
        }
        let found = detect(&search(home.path(), &[]));
        let kinds: Vec<QgisPackaging> = found.iter().map(|view| view.packaging).collect();
        assert_eq!(kinds, [QgisPackaging::Flatpak, QgisPackaging::Snap]);
        assert!(found.iter().all(|view| !view.can_apply && view.program.is_none()));
    }

    #[test]
    fn one_program_behind_two_folders_is_one() {
        let home = tempfile::tempdir().expect("folder");
        program(&home.path().join("usr/bin"), "QGIS 3.40.6-X");
        std::os::unix::fs::symlink("usr/bin", home.path().join("bin")).expect("link");
        assert_eq!(detect(&search(home.path(), &["bin", "usr/bin"])).len(), 1);
    }
}
