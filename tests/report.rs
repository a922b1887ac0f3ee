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
}

impl Report {
    /// Starts the report of `suite`, which the make target `target` writes.
    #[allow(
        clippy::disallowed_methods,
        reason = "seconds are reported, nothing is decided by them"
    )]
    pub fn new(suite: &'static str, target: &'static str) -> Self {
        let started = Instant::now();
        Self { suite, target, seed: 0, started, checks: Vec::new(), known_bad: Vec::new() }
    }

    /// The seed of the suite's random choices.
    pub fn seed(&mut self, seed: u64) {
        self.seed = seed;
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

    /// Writes the file, by way of a temporary one.
    pub fn write(&self) {
        let folder = reports();
        std::fs::create_dir_all(&folder).expect("target/reports can be made");
        let value = json!({
            "suite": self.suite, "target": self.target, "commit": commit(), "seed": self.seed,
            "seconds": (self.started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            "checks": self.checks, "known_bad": self.known_bad,
        });
        let text = serde_json::to_string_pretty(&value).expect("a report is JSON");
        let fresh = folder.join(format!(".{}.json.{}", self.suite, std::process::id()));
        std::fs::write(&fresh, text + "\n").expect("a report can be written");
        std::fs::rename(&fresh, folder.join(format!("{}.json", self.suite)))
            .expect("a report can be put in place");
    }
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
