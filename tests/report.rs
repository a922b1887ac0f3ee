//! What a suite leaves behind: `target/reports/SUITE.json` (docs/ARCHITECTURE.md, "Reports"),
//! read by `make report`. Shared by all test binaries: `#[path = "../report.rs"] mod report;`.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

/// One suite's figures, written by [`Report::write`].
pub struct Report {
    suite: &'static str,
    target: &'static str,
    seed: u64,
    started: Instant,
    checks: Vec<Value>,
    known_bad: Vec<Value>,
    attached: serde_json::Map<String, Value>,
}

impl Report {
    /// Starts the report of `suite`, which the make target `target` writes.
    #[allow(
        clippy::disallowed_methods,
        reason = "seconds are reported, nothing is decided by them"
    )]
    pub fn new(suite: &'static str, target: &'static str) -> Self {
        let started = Instant::now();
        let (checks, known_bad, attached) = Default::default();
        Self { suite, target, seed: 0, started, checks, known_bad, attached }
    }

    /// The seed of the suite's random choices.
    pub fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Forgets the checks so far: a suite that goes on reports them again, with newer figures.
    #[allow(dead_code, reason = "not every suite goes on after it has reported")]
    pub fn anew(&mut self) {
        self.checks.clear();
        self.known_bad.clear();
    }

    /// A figure, its limit in words (`<=6`), over how many cases it was taken, how many failed,
    /// and whether it is good.
    pub fn check(&mut self, name: &str, figure: f64, unit: &str, limit: &str, ok: bool) {
        self.cases(name, figure, unit, limit, (1, u32::from(!ok).into()), ok);
    }

    /// [`Report::check`] with `(cases, failed)`.
    pub fn cases(
        &mut self,
        name: &str,
        figure: f64,
        unit: &str,
        limit: &str,
        (cases, failed): (u64, u64),
        ok: bool,
    ) {
        self.checks.push(json!({
            "name": name, "figure": figure, "unit": unit, "limit": limit,
            "cases": cases, "failed": failed, "ok": ok,
        }));
    }

    /// A broken variant, and whether the suite saw that it is broken.
    pub fn known_bad(&mut self, name: &str, caught: bool) {
        self.known_bad.push(json!({ "name": name, "caught": caught }));
    }

    /// Adds details under a name of their own, for who wants to know more than the figures.
    pub fn attach(&mut self, name: &str, details: Value) {
        self.attached.insert(name.to_owned(), details);
    }

    /// Writes the file.
    pub fn write(&self) {
        let mut value = json!({
            "suite": self.suite, "target": self.target, "commit": commit(), "seed": self.seed,
            "seconds": (self.started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            "checks": self.checks, "known_bad": self.known_bad,
        });
        value.as_object_mut().expect("an object").extend(self.attached.clone());
        let text = serde_json::to_string_pretty(&value).expect("a report is JSON");
        put(&format!("{}.json", self.suite), &(text + "\n"));
    }

    /// Writes a text for people beside it: `target/reports/SUITE.NAME.txt`.
    pub fn write_text(&self, name: &str, text: &str) {
        put(&format!("{}.{name}.txt", self.suite), text);
    }
}

/// Puts a file into `target/reports`, by way of a temporary one.
fn put(name: &str, text: &str) {
    let folder = reports();
    std::fs::create_dir_all(&folder).expect("target/reports can be made");
    let fresh = folder.join(format!(".{name}.{}", std::process::id()));
    std::fs::write(&fresh, text).expect("a report can be written");
    std::fs::rename(&fresh, folder.join(name)).expect("a report can be put in place");
}

/// The top of the checkout: the nearest folder upwards with the `Makefile`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("Makefile").exists())
        .expect("tests run inside the checkout")
        .to_path_buf()
}

fn reports() -> PathBuf {
    std::env::var_os("WAYLEAVE_REPORTS")
        .map_or_else(|| root().join("target/reports"), PathBuf::from)
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match (git(&["rev-parse", "HEAD"]), git(&["status", "--porcelain"])) {
        (Some(head), Some(changes)) if changes.is_empty() => head,
        (Some(head), _) => format!("{head}-dirty"),
        (None, _) => "unknown".to_owned(),
    }
}
