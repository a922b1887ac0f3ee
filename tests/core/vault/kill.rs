//! A process that commits and says so is killed with -9 at random moments: what it said is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};

use wayleave_core::credential::Id;
use wayleave_core::vault::LockedVault;

use super::support::{
    PASSPHRASE, at_least, child, folder, make, none_failed, open, passphrase, put, report,
};

const HOME: &str = "WAYLEAVE_TEST_COMMITS";
const EARLY: &str = "WAYLEAVE_TEST_ANSWERS_EARLY";

fn record(n: u64) -> Id {
    Id([u8::try_from(n % 7).expect("small"); 16])
}

fn body(n: u64) -> String {
    format!("body {n} {}", "x".repeat(usize::try_from(n * 37 % 900).expect("small")))
}

/// The process that is killed. In its broken variant it answers before it commits.
#[test]
fn child_that_commits() {
    let Some(path) = std::env::var_os(HOME) else { return };
    let answers_early = std::env::var_os(EARLY).is_some();
    let locked = LockedVault::open(Path::new(&path)).expect("opens");
    let challenge = locked.passphrase_challenge().expect("a challenge");
    let kek = challenge.derive(&passphrase(PASSPHRASE)).expect("derives");
    let mut vault = locked.unlock(&kek).expect("unlocks");
    let first = vault.info().expect("tells").epoch;
    for n in first.. {
        if answers_early {
            answer(n);
        }
        vault.commit(vec![put(record(n), &n.to_string(), &body(n))]).expect("commits");
        if !answers_early {
            answer(n);
        }
    }
}

fn answer(n: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {n}").and_then(|()| out.flush()).expect("somebody listens");
}

/// Kills `rounds` children; the number of acknowledged commits, and of those that are not there.
fn kill(rounds: u64, early: bool) -> (u64, u64) {
    let dir = folder();
    let path = dir.path().join("vault.db");
    drop(make(&path));
    let (mut acknowledged, mut lost) = (0, 0);
    let mut newest = 0;
    for round in 0..rounds {
        let mut command = child("vault::kill::child_that_commits", HOME, "");
        command.env(HOME, &path).stdout(Stdio::piped()).stderr(Stdio::null());
        if early {
            command.env(EARLY, "1");
        }
        let child = command.spawn().expect("starts");
        let acks = killed_after(child, 1 + round % 5, round * 7919 % 40_000);
        acknowledged += acks.len() as u64;
        newest = acks.last().copied().unwrap_or(newest);
        lost += u64::from(!holds(&path, newest));
        if early && lost > 0 {
            break;
        }
    }
    (acknowledged, lost)
}

/// Reads `acks` answers, spins a little, kills, and reads what was still answered.
fn killed_after(mut child: Child, acks: u64, spins: u64) -> Vec<u64> {
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut seen = Vec::new();
    let number = |line: &str| line.split("ack ").nth(1).and_then(|n| n.trim().parse::<u64>().ok());
    while (seen.len() as u64) < acks {
        let line = lines.next().expect("goes on").expect("is text");
        seen.extend(number(&line));
    }
    for _ in 0..spins {
        std::hint::spin_loop();
    }
    child.kill().expect("is killed");
    child.wait().expect("ends");
    seen.extend(lines.map_while(Result::ok).filter_map(|line| number(&line)));
    seen
}

/// Whether commit `n` is there, or one after it.
fn holds(path: &Path, n: u64) -> bool {
    let vault = open(path).expect("opens after a kill");
    vault.check().expect("is sound after a kill");
    let records = vault.list().expect("lists");
    let found = records.iter().filter_map(|record| {
        let number: u64 = record.label.expose_text()?.parse().ok()?;
        let same = vault.reveal(record.id).ok()?.matches(body(number).as_bytes());
        same.then_some(number)
    });
    n == 0 || found.max().is_some_and(|newest| newest >= n)
}

#[test]
fn nothing_acknowledged_is_lost_to_a_kill() {
    let rounds: u64 =
        std::env::var("WAYLEAVE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let (acknowledged, lost) = kill(rounds, false);
    none_failed("kill_lost", "commits", acknowledged, lost);
    at_least("kills", "kills", 100, rounds);
    assert_eq!(lost, 0, "of {acknowledged} acknowledged");
}

#[test]
fn an_answer_before_the_commit_is_caught() {
    let (_, lost) = kill(30, true);
    report(|r| r.known_bad("answer_before_commit", lost > 0));
    assert!(lost > 0, "the harness would not see a lost commit");
}
