//! Looks for secrets where none may be, in every form that software likes to give them.
//!
//! A suite plants what it knows to be secret ([`Canary::plant`]) and lets files, folders, outputs
//! and what the kernel tells of processes be searched. Forms: as it is, hexadecimal in both cases,
//! base64 in both alphabets at each of the three alignments, and UTF-16 in both byte orders. A hit
//! names the secret's kind, its form and the place, never the secret.
#![allow(dead_code, reason = "each suite uses what it needs of it")]

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter texts are no secrets worth a search: they would be found by chance.
const SHORTEST: usize = 8;
/// Longer secrets are searched for by pieces, since software may break them up.
const LONG: usize = 64;
/// Length of a piece.
const PIECE: usize = 32;

/// What is searched for.
#[derive(Default)]
pub struct Canary {
    /// By the first two bytes, so that most places are passed by at one look.
    needles: BTreeMap<[u8; 2], Vec<Needle>>,
    known: std::collections::BTreeSet<Vec<u8>>,
}

struct Needle {
    kind: String,
    form: &'static str,
    bytes: Vec<u8>,
}

/// A secret where none may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub kind: String,
    pub form: &'static str,
    pub place: String,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) in {}", self.kind, self.form, self.place)
    }
}

/// How much was searched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Searched {
    pub files: u64,
    pub bytes: u64,
}

impl Canary {
    /// Adds a secret. What is too short to tell from chance is left out; `false` says so.
    pub fn plant(&mut self, kind: &str, secret: &[u8]) -> bool {
        if secret.len() < SHORTEST {
            return false;
        }
        if self.known.insert(secret.to_vec()) {
            for piece in pieces(secret) {
                for (form, bytes) in forms(piece) {
                    let needle = Needle { kind: kind.to_owned(), form, bytes };
                    let [a, b, ..] = needle.bytes[..] else { continue };
                    self.needles.entry([a, b]).or_default().push(needle);
                }
            }
        }
        true
    }

    /// How many secrets are searched for.
    pub fn planted(&self) -> usize {
        self.known.len()
    }

    /// Every secret in `bytes`, each once per form.
    pub fn search(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        let mut first = vec![false; 1 << 16];
        for &[a, b] in self.needles.keys() {
            first[usize::from(a) << 8 | usize::from(b)] = true;
        }
        let mut hits: Vec<Hit> = Vec::new();
        for (at, pair) in bytes.windows(2).enumerate() {
            if !first[usize::from(pair[0]) << 8 | usize::from(pair[1])] {
                continue;
            }
            for needle in self.needles.get(pair).into_iter().flatten() {
                if bytes[at..].starts_with(&needle.bytes) {
                    let (kind, form) = (needle.kind.clone(), needle.form);
                    let hit = Hit { kind, form, place: place.to_owned() };
                    if !hits.contains(&hit) {
                        hits.push(hit);
                    }
                }
            }
        }
        hits
    }

    /// Every secret in the names and contents of the files below `folder`. Links are not followed;
    /// what is no file has no content.
    pub fn search_tree(&self, folder: &Path) -> (Searched, Vec<Hit>) {
        let (mut searched, mut hits) = (Searched::default(), Vec::new());
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
                let (path, kind) = (entry.path(), entry.file_type());
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                hits.extend(self.search(&format!("the name {name}"), name.as_bytes()));
                if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                    folders.push(path);
                } else if kind.is_ok_and(|kind| kind.is_file())
                    && let Ok(bytes) = std::fs::read(&path)
                {
                    searched.files += 1;
                    searched.bytes += bytes.len() as u64;
                    hits.extend(self.search(&name, &bytes));
                }
            }
        }
        (searched, hits)
    }
}

/// Processes that work in a home: those whose environment names it.
pub fn at_work(home: &Path) -> Vec<u32> {
    let home = home.display().to_string();
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let here = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&home)
    };
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(here).collect()
}

/// Arguments and environment of a process, as far as the kernel tells them.
pub fn told_of(pid: u32) -> Vec<(String, Vec<u8>)> {
    let read = |(file, what)| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).ok()?;
        Some((format!("{what} of a process"), bytes))
    };
    [("cmdline", "arguments"), ("environ", "environment")].into_iter().filter_map(read).collect()
}

/// A short secret as a whole; of a long one the piece after each third, and its end.
fn pieces(secret: &[u8]) -> Vec<&[u8]> {
    if secret.len() <= LONG {
        return vec![secret];
    }
    let third = secret.len() / 3;
    [third, 2 * third, secret.len() - PIECE]
        .into_iter()
        .map(|at| &secret[at..(at + PIECE).min(secret.len())])
        .collect()
}

/// A text in every form.
pub fn forms(piece: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |upper: bool| -> Vec<u8> {
        let digits = piece
            .iter()
            .map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        digits.collect::<String>().into_bytes()
    };
    let wide = |little: bool| -> Vec<u8> {
        let pair = |byte: &u8| if little { [*byte, 0] } else { [0, *byte] };
        piece.iter().flat_map(pair).collect()
    };
    let mut all = vec![
        ("as it is", piece.to_vec()),
        ("hex", hex(false)),
        ("HEX", hex(true)),
        ("UTF-16LE", wide(true)),
        ("UTF-16BE", wide(false)),
    ];
    for before in 0..3 {
        let bytes = [&vec![0; before], piece].concat();
        // The characters that hold bits of the secret alone, whatever stands before and after it.
        let (from, to) = ([0, 2, 3][before], bytes.len() * 8 / 6);
        let inside = |text: String| text.as_bytes()[from..to].to_vec();
        all.push(("base64", inside(STANDARD_NO_PAD.encode(&bytes))));
        all.push(("base64url", inside(URL_SAFE_NO_PAD.encode(&bytes))));
    }
    all
}
