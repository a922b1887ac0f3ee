//! What the vault's tests share: cheap slots, folders in memory, raw edits, the report.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;
use wayleave_core::credential::Id;
use wayleave_core::secret::{Passphrase, Secret};
use wayleave_core::vault::{
    Change, Kdf, KdfPolicy, Kek, LockedVault, NewSlot, RecordKind, Vault, VaultError, make_id,
};

use crate::report::Report;

pub const PASSPHRASE: &str = "correct horse battery staple";

pub fn secret(text: &str) -> Secret {
    Secret::from_text(text.into())
}

pub fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(secret(text))
}

pub fn now() -> Timestamp {
    "2026-03-01T09:30:15Z".parse().expect("a time")
}

pub fn new_id() -> Id {
    make_id().expect("an id")
}

/// The cheapest slot that a vault accepts.
pub fn cheap_slot(text: &str) -> NewSlot {
    NewSlot::passphrase(&passphrase(text), KdfPolicy::Fixed(Kdf::FLOOR), now).expect("a slot")
}

/// A slot and the key that opens it, derived once for all tests.
pub fn shared_slot() -> &'static (NewSlot, Kek) {
    static SLOT: OnceLock<(NewSlot, Kek)> = OnceLock::new();
    SLOT.get_or_init(|| {
        let slot = cheap_slot(PASSPHRASE);
        let dir = folder();
        let path = dir.path().join("vault.db");
        let vault = Vault::create(&path, new_id(), std::slice::from_ref(&slot), now());
        let challenge = vault.expect("a vault").passphrase_challenge().expect("a challenge");
        let kek = challenge.derive(&passphrase(PASSPHRASE)).expect("a key");
        (slot, kek)
    })
}

/// A folder of its own, in memory where that is to be had: these tests do not need a disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

/// A vault with [`shared_slot`].
pub fn make(path: &Path) -> Vault {
    Vault::create(path, new_id(), std::slice::from_ref(&shared_slot().0), now()).expect("a vault")
}

/// Opens and unlocks with [`shared_slot`]'s key.
pub fn open(path: &Path) -> Result<Vault, VaultError> {
    LockedVault::open(path)?.unlock(&shared_slot().1).map_err(|refused| refused.error)
}

pub fn put(id: Id, label: &str, body: &str) -> Change {
    put_until(id, Some(now()), label, body)
}

pub fn put_until(id: Id, expires: Option<Timestamp>, label: &str, body: &str) -> Change {
    let (label, body) = (secret(label), secret(body));
    Change::Put { id, kind: RecordKind::ApiToken, expires, label, body }
}

/// A vault with three records and an intent.
pub fn sample() -> Sample {
    sample_of(3, 0)
}

/// A vault with records, their bodies longer by `more`, and an intent: closed, and what opens it is [`shared_slot`]'s key.
pub struct Sample {
    _dir: TempDir,
    pub path: PathBuf,
    pub ids: Vec<Id>,
}

pub fn sample_of(records: usize, more: usize) -> Sample {
    let body = |n: usize| format!("body {n}{}", "x".repeat(more));
    sample_with(records, |n, id| put(id, &format!("label {n}"), &body(n)), "about to issue")
}

/// A vault with what `record` makes of a number and an id, and an intent.
pub fn sample_with(records: usize, record: impl Fn(usize, Id) -> Change, intent: &str) -> Sample {
    let dir = folder();
    let path = dir.path().join("vault.db");
    let mut vault = make(&path);
    let mut ids: Vec<Id> = (0..records).map(|_| new_id()).collect();
    ids.sort();
    let mut changes: Vec<Change> = ids.iter().enumerate().map(|(n, id)| record(n, *id)).collect();
    changes.push(Change::PutIntent { id: new_id(), body: secret(intent) });
    vault.commit(changes).expect("commits");
    Sample { _dir: dir, path, ids }
}

impl Sample {
    /// A copy of the file in a folder of its own.
    pub fn copy(&self) -> (TempDir, PathBuf) {
        let dir = folder();
        let path = dir.path().join("vault.db");
        std::fs::copy(&self.path, &path).expect("copies");
        (dir, path)
    }
}

/// A connection that can do what the vault's own cannot: an attacker with the file.
pub fn raw(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("opens");
    conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;")
        .expect("sets");
    conn
}

/// Runs SQL as an attacker.
pub fn edit(path: &Path, sql: &str) {
    raw(path).execute_batch(sql).expect("the edit applies");
}

/// Everything that an open vault says, for comparing two.
pub fn told(vault: &Vault) -> Result<Vec<String>, VaultError> {
    let mut all = Vec::new();
    for record in vault.list()? {
        let body = vault.reveal(record.id)?;
        all.push(format!(
            "{} {:?} {} {:?} {:?} {:?}",
            record.id,
            record.kind,
            record.version,
            record.expires,
            record.label.expose_text(),
            body.expose_text(),
        ));
    }
    for (id, body) in vault.intents()? {
        all.push(format!("intent {id} {:?}", body.expose_text()));
    }
    Ok(all)
}

/// Adds to `target/reports/vault.json`; the tests of this suite run side by side in one process.
pub fn report(add: impl FnOnce(&mut Report)) {
    static REPORT: Mutex<Option<Report>> = Mutex::new(None);
    let mut slot = REPORT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let report = slot.get_or_insert_with(|| Report::new("vault", "test-rust"));
    add(report);
    report.write();
}

/// Reports a check whose figure is the number of cases that failed, of which there may be none.
pub fn none_failed(name: &str, unit: &str, cases: u64, failed: u64) {
    report(|r| r.cases(name, float(failed), unit, "=0", (cases, failed), failed == 0));
}

/// Reports a check that at least so many cases were run.
pub fn at_least(name: &str, unit: &str, least: u64, figure: u64) {
    let limit = format!(">={least}");
    report(|r| r.check(name, float(figure), unit, &limit, figure >= least));
}

fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// A child process of this test binary that runs one test with `variable` set to `value`.
pub fn child(test: &str, variable: &str, value: &str) -> std::process::Command {
    let program = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(program);
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(variable, value);
    command
}
