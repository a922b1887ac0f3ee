//! Bad input in bulk: 10 000 malformed answers, an issuing answer cut at every byte, and 100 000
//! hostile requests to the loopback listener. Report `hostile`.
//!
//! Each kind runs in a process of its own (this program again, one ignored test of it), so that
//! its memory is nobody else's, and every panic in it is counted, also one that a task swallows.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test ends at every answer that it does not name"
)]

mod answers;
mod cuts;
mod grammar;
mod loopback;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::report::Report;

/// What one kind of bad input did.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Figures {
    /// How many cases there were.
    cases: u64,
    panics: u64,
    hangs: u64,
    /// Resident memory at the end − after the first tenth, in MiB.
    growth_mib: f64,
    /// Tokens on the server that the vault does not know, duplicates included.
    unknown_tokens: u64,
    /// What went wrong besides, in words.
    wrong: Vec<String>,
    /// Broken variants, and whether the same measures saw them.
    known_bad: Vec<(String, bool)>,
}

/// The line by which a child tells its figures.
const FIGURES: &str = "FIGURES ";
/// A child that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(15);
const SEED: u64 = 0x5741_594c_4541_5645;

/// Random choices from `WAYLEAVE_SEED`, or the same ones each time.
fn seed() -> u64 {
    let given = std::env::var("WAYLEAVE_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or(SEED)
}

static PANICS: AtomicU64 = AtomicU64::new(0);

/// From now on every panic of this process is counted.
fn count_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        usual(info);
    }));
}

/// How many panics an action causes that is known to be broken; they count no further.
fn panics_of(action: impl FnOnce()) -> u64 {
    let before = PANICS.load(Ordering::SeqCst);
    action();
    let caused = PANICS.load(Ordering::SeqCst) - before;
    PANICS.fetch_sub(caused, Ordering::SeqCst);
    caused
}

/// Resident memory in MiB (proc(5), status).
fn resident_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("readable");
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).expect("a figure");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    kib / 1024.0
}

/// Tells the figures to the parent.
#[allow(clippy::print_stdout, reason = "the parent reads them there")]
fn tell(mut figures: Figures) {
    figures.panics += PANICS.load(Ordering::SeqCst);
    println!("\n{FIGURES}{}", serde_json::to_string(&figures).expect("figures are JSON"));
}

/// Runs one ignored test of this program alone, and reads what it tells.
#[allow(clippy::disallowed_methods, reason = "a child that hangs is ended by real time")]
fn alone(one: &str) -> Figures {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", &format!("hostile::{one}"), "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let read = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = std::io::Read::read_to_string(&mut pipe.expect("piped"), &mut text);
            text
        })
    };
    let out = read(child.stdout.take().map(|p| Box::new(p) as _));
    let err = read(child.stderr.take().map(|p| Box::new(p) as _));
    let started = Instant::now();
    let hung = loop {
        match child.try_wait().expect("it can be waited for") {
            Some(_) => break false,
            None if started.elapsed() > PATIENCE => {
                child.kill().expect("ours");
                child.wait().expect("ours");
                break true;
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    };
    let (out, err) = (out.join().expect("read"), err.join().expect("read"));
    let told = out.lines().find_map(|line| line.strip_prefix(FIGURES));
    let told = told.and_then(|text| serde_json::from_str(text).ok());
    told.unwrap_or_else(|| Figures {
        hangs: u64::from(hung),
        panics: u64::from(!hung),
        wrong: vec![format!("{one} ended without figures:\n{out}\n{err}")],
        ..Figures::default()
    })
}

#[test]
fn hostile() {
    let mut report = Report::new("hostile", "make test-rust");
    report.seed(seed());
    let kinds = [
        ("malformed_answers", alone("answers::malformed_answers"), 10_000),
        ("cut_at_every_byte", alone("cuts::cut_at_every_byte"), 200),
        ("loopback_requests", alone("loopback::loopback_requests"), 100_000),
    ];
    let number = |n: u64| u32::try_from(n).map_or(f64::NAN, f64::from);
    let mut wrong = Vec::new();
    let total = |of: fn(&Figures) -> u64| kinds.iter().map(|(_, found, _)| of(found)).sum::<u64>();
    for (name, figures, least) in &kinds {
        let limit = format!(">={least}");
        let enough = figures.cases >= *least;
        let failed = figures.wrong.len() as u64;
        let ok = enough && failed == 0;
        report.cases(name, number(figures.cases), "cases", &limit, (figures.cases, failed), ok);
        wrong.extend(figures.wrong.iter().map(|what| format!("{name}: {what}")));
        wrong.extend((!enough).then(|| format!("{name}: only {} cases", figures.cases)));
        for (bad, caught) in &figures.known_bad {
            report.known_bad(bad, *caught);
            wrong.extend((!caught).then(|| format!("known bad {bad} was not caught")));
        }
    }
    for (name, of) in [
        ("panics", (|f| f.panics) as fn(&Figures) -> u64),
        ("hangs", |f| f.hangs),
        ("unknown_tokens", |f| f.unknown_tokens),
    ] {
        let figure = total(of);
        report.cases(name, number(figure), "", "=0", (total(|f| f.cases), figure), figure == 0);
        wrong.extend((figure > 0).then(|| format!("{name}: {figure}")));
    }
    let growth = kinds.iter().map(|(_, figures, _)| figures.growth_mib).fold(0.0, f64::max);
    report.check("memory_growth_mib", growth, "MiB", "<=16", growth <= 16.0);
    wrong.extend((growth > 16.0).then(|| format!("memory grew by {growth:.1} MiB")));
    report.write();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
