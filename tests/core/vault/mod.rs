//! The vault through its public surface: making, opening, storing, listing, revealing, locking.

mod agent;
mod container;
mod flips;
mod golden;
mod keyring;
mod kill;
mod model;
mod reader;
mod support;
mod tamper;

use wayleave_core::ErrorCode;
use wayleave_core::vault::{Change, LockedVault, VaultError};

use support::{PASSPHRASE, make, new_id, passphrase, put, secret};

#[test]
fn what_is_committed_is_there_after_locking_and_opening_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("deep/vault.db");
    let mut vault = make(&path);
    let (token, intent) = (new_id(), new_id());
    let changes = vec![
        put(token, "label one", "body one"),
        Change::PutIntent { id: intent, body: secret("about to") },
    ];
    vault.commit(changes).expect("commits");
    drop(vault.lock());

    let locked = LockedVault::open(&path).expect("opens");
    let watched = locked.watch().expect("is watched");
    assert_eq!(watched.len(), 1);
    assert_eq!(watched[0].expires, Some("2026-03-01T09:30:00Z".parse().expect("a time")));
    let challenge = locked.passphrase_challenge().expect("has a passphrase");
    let wrong = challenge.derive(&passphrase("not the passphrase at all")).expect("derives");
    let refused = locked.unlock(&wrong).expect_err("refuses");
    assert_eq!(refused.error, VaultError::WrongPassphrase);

    let kek = challenge.derive(&passphrase(PASSPHRASE)).expect("derives");
    let vault = refused.vault.unlock(&kek).expect("opens");
    let records = vault.list().expect("lists");
    assert_eq!(records[0].label.expose_text(), Some("label one"));
    assert_eq!(records[0].version, 1);
    assert_eq!(vault.reveal(token).expect("reveals").expose_text(), Some("body one"));
    assert_eq!(vault.intents().expect("lists")[0].0, intent);
    vault.check().expect("is sound");
    let absent = vault.reveal(intent).expect_err("no such record");
    assert_eq!(absent.code(), ErrorCode::NotFound);
}

#[test]
fn what_another_thread_needs_can_be_sent_to_it() {
    fn sends<T: Send + 'static>() {}
    sends::<LockedVault>();
    sends::<wayleave_core::vault::Vault>();
    sends::<wayleave_core::vault::Challenge>();
    sends::<wayleave_core::vault::KeyringEntry>();
    sends::<wayleave_core::vault::Kek>();
    sends::<wayleave_core::vault::NewSlot>();
    sends::<Change>();
}
