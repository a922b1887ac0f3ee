//! Chance instead of malice: every byte may be hit by one, and no salt comes twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wayleave_core::credential::Id;
use wayleave_core::vault::{Change, VaultError};

use super::support::{
    at_least, folder, make, new_id, none_failed, open, put_until, raw, sample_of, secret, told,
};

#[test]
fn no_two_encryptions_share_a_salt() {
    let dir = folder();
    let path = dir.path().join("vault.db");
    let mut vault = make(&path);
    let ids: Vec<_> = (0..50).map(|_| new_id()).collect();
    let (mut salts, mut made) = (BTreeSet::new(), 0);
    for _ in 0..20 {
        let same = |id: &Id| put_until(*id, None, "same", "same");
        let changes: Vec<Change> = ids.iter().map(same).collect();
        made += 2 * changes.len();
        vault.commit(changes).expect("commits");
        salts.extend(salts_in(&path));

        let relabel = |id: &Id| Change::Relabel { id: *id, expires: None, label: secret("same") };
        let mut changes: Vec<Change> = ids.iter().map(relabel).collect();
        changes.push(Change::PutIntent { id: ids[0], body: secret("same") });
        made += changes.len();
        vault.commit(changes).expect("commits");
        salts.extend(salts_in(&path));
    }
    let (cases, shared) = (made as u64, (made - salts.len()) as u64);
    none_failed("salts_shared", "salts", cases, shared);
    assert!(made >= 3_000, "{made}");
    assert_eq!(shared, 0);
}

fn salts_in(path: &Path) -> Vec<Vec<u8>> {
    let conn = raw(path);
    let sql = "SELECT salt FROM record UNION ALL SELECT salt FROM label \
               UNION ALL SELECT salt FROM outbox";
    let mut query = conn.prepare(sql).expect("prepares");
    let rows = query.query_map([], |row| row.get(0)).expect("reads");
    rows.map(|row| row.expect("a salt")).collect()
}

/// A copy of the sample with one byte changed opens to the same contents, or not at all.
fn flipped(path: &Path, bytes: &[u8], at: usize, mask: u8) -> Result<Vec<String>, VaultError> {
    let mut changed = bytes.to_vec();
    changed[at] ^= mask;
    std::fs::write(path, &changed).expect("writes");
    told(&open(path)?)
}

#[test]
fn no_flipped_byte_passes_unnoticed() {
    // Long bodies, so that most of the file is content and not free space.
    let sample = sample_of(4, 5_000);
    let bytes = std::fs::read(&sample.path).expect("reads");
    let expected = told(&open(&sample.path).expect("opens")).expect("tells");
    // One bit of every byte with WAYLEAVE_FLIPS=all; else of one byte in eleven.
    let every = std::env::var("WAYLEAVE_FLIPS").is_ok_and(|value| value == "all");
    let step = if every { 1 } else { 11 };
    let places: Vec<(usize, u8)> =
        (0..bytes.len()).step_by(step).map(|at| (at, 1 << (at % 8))).collect();
    let counted = std::thread::scope(|scope| {
        let workers: Vec<_> = places
            .chunks(places.len().div_ceil(2))
            .map(|part| scope.spawn(|| count_flips(part, &bytes, &expected)))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker ends")).collect::<Vec<_>>()
    });
    let sum = |of: fn(&Flips) -> u64| counted.iter().map(of).sum::<u64>();
    let (detected, harmless) = (sum(|f| f.detected), sum(|f| f.harmless));
    let (silent, panics) = (sum(|f| f.silent), sum(|f| f.panics));
    let cases = places.len() as u64;
    none_failed("flips_silent", "flips", cases, silent);
    none_failed("flips_panics", "panics", cases, panics);
    at_least("flips", "flips", 5_000, cases);
    // The rest hit free space and change nothing that is read.
    at_least("flips_detected", "flips", 2_000, detected);
    assert!(cases >= 5_000 && detected >= 2_000, "{cases}, {detected} detected");
    assert_eq!((silent, panics), (0, 0), "of {cases}: {detected} detected, {harmless} harmless");
}

#[derive(Default)]
struct Flips {
    detected: u64,
    harmless: u64,
    silent: u64,
    panics: u64,
}

fn count_flips(places: &[(usize, u8)], bytes: &[u8], expected: &[String]) -> Flips {
    let dir = folder();
    let path: PathBuf = dir.path().join("vault.db");
    let mut count = Flips::default();
    for (at, mask) in places {
        let run = || flipped(&path, bytes, *at, *mask);
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
            Err(_) => count.panics += 1,
            Ok(Err(_)) => count.detected += 1,
            Ok(Ok(told)) if told == expected => count.harmless += 1,
            Ok(Ok(_)) => count.silent += 1,
        }
        let _cleaned = std::fs::remove_file(dir.path().join("vault.db-journal"));
    }
    count
}
