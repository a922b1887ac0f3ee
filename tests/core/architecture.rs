//! Reads the sources and checks the arrows of docs/ARCHITECTURE.md: who may import whom.
//! An import that no table here allows needs a decision in docs/adr/ and a row here.
//!
//! The known-bad half adds one forbidden import at a time to a real file, in memory, and wants
//! each to be seen.

mod imports;

use std::path::Path;

use imports::{Import, imports_of};

use wayleave_core::platform::{AnyPlatform, Platform as _};

use crate::report::{Report, root};

/// What the whole core may use: values, errors, time and secrets.
const COMMON: &[&str] = &["api", "clock", "credential", "error", "secret"];

/// Room of the core → the rooms it may import besides [`COMMON`] and itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("agent", &["engine", "host", "paths"]),
    ("api", &[]),
    ("clock", &[]),
    ("credential", &[]),
    ("endpoint", &[]),
    (
        "engine",
        &[
            "endpoint", "expiry", "history", "host", "install", "issuance", "notices", "paths",
            "platform", "session", "settings", "vault",
        ],
    ),
    ("error", &[]),
    ("expiry", &[]),
    ("history", &["vault"]),
    ("host", &[]),
    ("install", &["paths"]),
    ("issuance", &["platform", "vault"]),
    ("notices", &["expiry"]),
    ("paths", &[]),
    ("platform", &["session"]),
    ("secret", &[]),
    ("session", &["platform"]),
    ("settings", &["paths", "vault"]),
    ("vault", &["paths"]),
];

/// What a client may know of the core.
const CLIENT: &[&str] = &["agent::client", "api", "clock", "error", "secret::Disclosed"];

/// Files → what they must never import, whatever the arrows say.
struct Never {
    /// Paths below src-tauri/ that the rule covers: a file, or a folder with its `/`.
    whom: &'static [&'static str],
    /// Files that are excepted.
    except: &'static [&'static str],
    /// Import prefixes.
    what: &'static [&'static str],
}

const NEVER: &[Never] = &[
    Never { whom: &["core/src/"], except: &[], what: &["tauri", "clap", "std::io::stdout"] },
    Never {
        whom: &[
            "core/src/api.rs",
            "core/src/credential.rs",
            "core/src/expiry.rs",
            "core/src/engine/state.rs",
        ],
        except: &[],
        what: &[
            "tokio",
            "reqwest",
            "rusqlite",
            "std::fs",
            "std::time::SystemTime",
            "std::time::Instant",
            "crate::clock",
        ],
    },
    Never {
        whom: &["core/src/platform/", "core/src/session/"],
        except: &[],
        what: &["crate::vault", "rusqlite"],
    },
    Never {
        whom: &["core/src/vault/"],
        except: &[],
        what: &["reqwest", "tokio", "crate::platform", "crate::session"],
    },
    Never {
        whom: &["core/src/install/"],
        except: &[],
        what: &["crate::vault", "crate::platform", "crate::engine"],
    },
    Never {
        whom: &["core/src/", "cli/src/", "src/"],
        except: &["core/src/vault/seal.rs", "core/src/vault/slots.rs"],
        what: &["aes_gcm", "argon2", "hkdf", "hmac"],
    },
];

/// One source file: its path below src-tauri/ and its text.
type Source = (String, String);

fn sources() -> Vec<Source> {
    let base = root().join("src-tauri");
    let mut found = Vec::new();
    for package in ["core/src", "cli/src", "src"] {
        collect(&base.join(package), &base, &mut found);
    }
    found.sort();
    found
}

fn collect(folder: &Path, base: &Path, found: &mut Vec<Source>) {
    let Ok(listing) = std::fs::read_dir(folder) else { return };
    for path in listing.map(|entry| entry.expect("a folder can be read").path()) {
        if path.is_dir() {
            collect(&path, base, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(base).expect("below src-tauri").display().to_string();
            found.push((name, std::fs::read_to_string(&path).expect("a source can be read")));
        }
    }
}

/// Every broken rule of a set of sources, as `file: import: rule`.
fn broken(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(broken_in).collect()
}

fn broken_in((file, text): &Source) -> Vec<String> {
    let imports = imports_of(file, text);
    let mut found = Vec::new();
    for import in &imports {
        for rule in NEVER.iter().filter(|rule| rule.covers(file)) {
            if rule.what.iter().any(|what| import.starts_with(what)) {
                found.push(format!("{file}: {import}: never here"));
            }
        }
        if let Some(what) = forbidden_arrow(file, import) {
            found.push(format!("{file}: {import}: {what}"));
        }
    }
    found.sort();
    found.dedup();
    found
}

impl Never {
    fn covers(&self, file: &str) -> bool {
        self.whom
            .iter()
            .any(|whom| file == *whom || (whom.ends_with('/') && file.starts_with(whom)))
            && !self.except.contains(&file)
    }
}

fn forbidden_arrow(file: &str, import: &Import) -> Option<String> {
    if let Some(inner) = file.strip_prefix("core/src/") {
        let from = room(inner);
        let to = import.below("crate")?;
        return core_arrow(from, to);
    }
    let to = import.below("wayleave_core")?;
    let agent_main = file == "cli/src/agent.rs" || file.starts_with("cli/src/agent/");
    let allowed = CLIENT.iter().any(|prefix| is_prefix(prefix, to));
    (!allowed && !agent_main).then(|| "a client knows only the protocol".to_owned())
}

fn core_arrow(from: &str, to: &str) -> Option<String> {
    let target = to.split("::").next().unwrap_or_default();
    let is_room = ARROWS.iter().any(|(room, _)| *room == target);
    let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == from) else {
        return (from != "lib").then(|| format!("`{from}` has no row in the table of arrows"));
    };
    let fine = !is_room || target == from || COMMON.contains(&target) || allowed.contains(&target);
    (!fine).then(|| format!("no arrow {from} → {target}"))
}

/// The room of a file of the core: `vault/seal.rs` and `vault.rs` are `vault`.
fn room(inner: &str) -> &str {
    let first = inner.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first)
}

fn is_prefix(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Lines of the page's inner tiers that name the desktop's interface.
fn page_leaks() -> Vec<String> {
    let mut found = Vec::new();
    for tier in ["ui/src/features", "ui/src/components"] {
        scan_page(&root().join(tier), &mut found);
    }
    found
}

fn scan_page(folder: &Path, found: &mut Vec<String>) {
    let Ok(listing) = std::fs::read_dir(folder) else { return };
    for path in listing.map(|entry| entry.expect("a folder can be read").path()) {
        if path.is_dir() {
            scan_page(&path, found);
        } else if std::fs::read_to_string(&path).is_ok_and(|text| page_leak(&text)) {
            found.push(path.display().to_string());
        }
    }
}

fn page_leak(text: &str) -> bool {
    text.lines().any(|line| line.contains("@tauri-apps/") && !line.trim_start().starts_with("//"))
}

/// Lines that name a platform where the descriptor is to be asked: its id as a text of its own, or
/// a variant of `AnyPlatform`. Tests may.
fn named_platforms(file: &str, text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let names = |line: &&str| {
        let line = line.trim_start();
        let quoted = |id: &str| {
            ['"', '\'', '`'].iter().any(|quote| line.contains(&format!("{quote}{id}{quote}")))
        };
        let variant = line
            .split("AnyPlatform::")
            .skip(1)
            .any(|rest| !rest.starts_with("ALL") && rest.starts_with(char::is_uppercase));
        let named = AnyPlatform::ALL.iter().any(|platform| quoted(platform.descriptor().id));
        !line.starts_with("//") && (variant || named)
    };
    code.lines().filter(names).map(|line| format!("{file}: {}", line.trim())).collect()
}

/// Every such line outside the adapters: of the programs, and of the page.
fn branches_on_names(sources: &[Source]) -> Vec<String> {
    let outside = sources.iter().filter(|(file, _)| !file.starts_with("core/src/platform/"));
    let mut found: Vec<String> =
        outside.flat_map(|(file, text)| named_platforms(file, text)).collect();
    let mut page = Vec::new();
    collect_page(&root().join("ui/src"), &mut page);
    found.extend(page.iter().flat_map(|(file, text)| named_platforms(file, text)));
    found
}

/// The page's sources but its tests and its made-up world.
fn collect_page(folder: &Path, found: &mut Vec<Source>) {
    let Ok(listing) = std::fs::read_dir(folder) else { return };
    for path in listing.map(|entry| entry.expect("a folder can be read").path()) {
        let name = path.display().to_string();
        let aside = ["fake-data.ts", ".test.ts", "src/tests", "bindings.ts"];
        if aside.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        if path.is_dir() {
            collect_page(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "ts" || kind == "svelte") {
            found.push((name, std::fs::read_to_string(&path).expect("a source can be read")));
        }
    }
}

#[test]
fn no_platform_is_known_by_name_outside_its_adapter() {
    let sources = sources();
    let found = branches_on_names(&sources);
    assert!(found.is_empty(), "ask the descriptor instead:\n{}", found.join("\n"));
    for bad in [
        "if account.platform == \"eodh\" {",
        "match platform { AnyPlatform::Ovh => 1 }",
        "if (account.platform === 'opendatasoft') {",
    ] {
        assert_eq!(named_platforms("planted", bad).len(), 1, "not caught: {bad}");
    }
    assert!(named_platforms("planted", "// \"eodh\" in a comment").is_empty());
    assert!(named_platforms("planted", "for p in AnyPlatform::ALL {").is_empty());
}

/// No adapter is longer than a person reads in one go.
#[test]
fn adapters_stay_short() {
    let mut longest = (0, String::new());
    for (file, text) in sources() {
        let inner = file.strip_prefix("core/src/platform/").unwrap_or_default();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        let is_adapter =
            AnyPlatform::ALL.iter().any(|platform| inner.starts_with(platform.descriptor().id));
        if is_adapter && code > longest.0 {
            longest = (code, file);
        }
    }
    assert!(longest.0 > 0, "no adapter was found");
    assert!(longest.0 <= 400, "{} has {} lines", longest.1, longest.0);
}

/// Each rule's forbidden imports, added one at a time to a file that the rule covers.
fn plant_each(sources: &[Source]) -> Vec<(String, bool)> {
    let mut planted = Vec::new();
    for rule in NEVER {
        for what in rule.what {
            // A rule about a room that is not built yet has nothing to be planted in.
            if let Some((file, text)) = sources.iter().find(|(file, _)| rule.covers(file)) {
                planted.push(plant(file, text, what));
            }
        }
    }
    for (file, what) in [
        ("core/src/expiry.rs", "crate::vault"),
        ("core/src/credential.rs", "crate::paths"),
        ("cli/src/main.rs", "wayleave_core::vault"),
        ("src/lib.rs", "wayleave_core::engine"),
    ] {
        if let Some((file, text)) = sources.iter().find(|(name, _)| name == file) {
            planted.push(plant(file, text, what));
        }
    }
    planted
}

fn plant(file: &str, text: &str, what: &str) -> (String, bool) {
    let worse = format!("{text}\nuse {what}::Planted;\n");
    let before = broken_in(&(file.to_owned(), text.to_owned())).len();
    let after = broken_in(&(file.to_owned(), worse)).len();
    (format!("{file} imports {what}"), after > before)
}

#[test]
fn the_arrows_hold_and_a_forbidden_import_is_caught() {
    let sources = sources();
    let broken: Vec<String> = broken(&sources).into_iter().chain(page_leaks()).collect();
    let planted = plant_each(&sources);

    let mut report = Report::new("architecture", "test");
    let (cases, failed) = (sources.len() as u64, broken.len() as u64);
    let figure = f64::from(u32::try_from(failed).unwrap_or(u32::MAX));
    report.cases("forbidden_imports", figure, "imports", "0", (cases, failed), broken.is_empty());
    for (name, caught) in &planted {
        report.known_bad(name, *caught);
    }
    report
        .known_bad("a feature imports @tauri-apps", page_leak("import x from '@tauri-apps/api';"));
    report.write();

    assert!(broken.is_empty(), "an arrow that is not drawn:\n{}", broken.join("\n"));
    assert!(!planted.is_empty(), "nothing could be planted");
    for (name, caught) in planted {
        assert!(caught, "not caught: {name}");
    }
}
