//! A vault as version 1 wrote it, kept for good: this version opens it, and so does the second
//! reader. `UPDATE_GOLDEN=1` makes one where none is; an existing one is never rewritten.

use std::path::PathBuf;

use wayleave_core::vault::{Change, LockedVault, RecordKind, Vault};

use super::reader;
use super::support::{cheap_slot, folder, new_id, none_failed, now, passphrase, secret};
use crate::report::root;

const GOLDEN_PASSPHRASE: &str = "golden vault of format one";

/// Kind, label, body, whether it ends.
const RECORDS: [(RecordKind, &str, &str, bool); 4] = [
    (RecordKind::ApiToken, "{\"name\":\"ndvi-batch\"}", "454f444800112233", true),
    (RecordKind::S3, "{\"workspace\":\"wheat\"}", "\u{e4}ccess and secret", true),
    (RecordKind::Account, "{}", "", false),
    (RecordKind::History, "", "a line", false),
];

fn golden() -> PathBuf {
    root().join("tests/fixtures/vault/v1.db")
}

fn make_golden() {
    let dir = folder();
    let path = dir.path().join("vault.db");
    let slot = cheap_slot(GOLDEN_PASSPHRASE);
    let mut vault = Vault::create(&path, new_id(), &[slot], now()).expect("a vault");
    for (kind, label, body, ends) in RECORDS {
        let (label, body) = (secret(label), secret(body));
        let expires = ends.then(now);
        let put = Change::Put { id: new_id(), kind, expires, label, body };
        vault.commit(vec![put]).expect("commits");
    }
    let intent = Change::PutIntent { id: new_id(), body: secret("about to issue") };
    vault.commit(vec![intent]).expect("commits");
    drop(vault);
    std::fs::create_dir_all(golden().parent().expect("a folder")).expect("makes it");
    std::fs::copy(path, golden()).expect("keeps it");
}

#[test]
fn the_golden_vault_opens_in_two_readers() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !golden().exists() {
        make_golden();
    }
    let dir = folder();
    let path = dir.path().join("vault.db");
    std::fs::copy(golden(), &path).expect("tests/fixtures/vault/v1.db is committed");

    let locked = LockedVault::open(&path).expect("opens");
    let challenge = locked.passphrase_challenge().expect("a challenge");
    let kek = challenge.derive(&passphrase(GOLDEN_PASSPHRASE)).expect("derives");
    let vault = locked.unlock(&kek).expect("unlocks");
    vault.check().expect("is sound");
    let mut ours: Vec<reader::Plain> = vault
        .list()
        .expect("lists")
        .into_iter()
        .map(|record| {
            let body = vault.reveal(record.id).expect("reveals");
            let minute = record.expires.map(|at| at.as_second() / 60);
            let version = i64::try_from(record.version).expect("small");
            (
                record.kind as i64,
                version,
                minute,
                record.label.expose().to_vec(),
                body.expose().to_vec(),
            )
        })
        .collect();
    let intents = vault.intents().expect("lists");
    assert_eq!(intents[0].1.expose_text(), Some("about to issue"));
    drop(vault);

    let mut theirs = reader::read(&path, GOLDEN_PASSPHRASE, true).expect("the second reader reads");
    let minute = now().as_second() / 60;
    let mut expected: Vec<reader::Plain> = RECORDS
        .iter()
        .map(|(kind, label, body, ends)| {
            (*kind as i64, 1, ends.then_some(minute), (*label).into(), (*body).into())
        })
        .collect();
    for list in [&mut ours, &mut theirs, &mut expected] {
        list.sort();
    }
    let failed = u64::from(ours != expected) + u64::from(theirs != expected);
    none_failed("golden", "differing", 2, failed);
    assert_eq!(ours, expected);
    assert_eq!(theirs, expected);
}
