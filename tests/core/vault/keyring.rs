//! The keyring slot against a real gnome-keyring on a session bus of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyring_core::api::CredentialStoreApi as _;
use wayleave_core::api::SlotKind;
use wayleave_core::vault::{
    LockedVault, NewSlot, Vault, VaultError, keyring_available, sweep_keyring,
};
use zbus_secret_service_keyring_store::Store;

use super::support::{cheap_slot, child, folder, new_id, none_failed, now, put};

const HOME: &str = "WAYLEAVE_TEST_KEYRING";
const BARE: &str = "WAYLEAVE_TEST_NO_KEYRING";

/// A bus that starts nothing by itself, so that no other keyring answers.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir=DIR</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"#;

/// Ends the process when the test does, also when it fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn start(command: &mut Command, package: &str) -> Running {
    let program = command.get_program().to_owned();
    let started = command.spawn();
    Running(started.unwrap_or_else(|error| {
        panic!("{} ({error}): install the package {package}", program.display())
    }))
}

fn bus(dir: &Path) -> (Running, String) {
    let config = dir.join("bus.conf");
    std::fs::write(&config, BUS.replace("DIR", &dir.display().to_string())).expect("writes");
    let mut command = Command::new("dbus-daemon");
    command.arg("--config-file").arg(&config).args(["--nofork", "--print-address=1"]);
    let mut bus = start(command.stdout(Stdio::piped()).stderr(Stdio::null()), "dbus-daemon");
    let mut address = String::new();
    let out = bus.0.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut address).expect("an address");
    (bus, address.trim().to_owned())
}

fn keyring(dir: &Path, address: &str) -> Running {
    std::fs::create_dir_all(dir.join(".local/share")).expect("makes it");
    let mut command = Command::new("gnome-keyring-daemon");
    command
        .args(["--foreground", "--unlock", "--components=secrets"])
        .env("HOME", dir)
        .env("XDG_RUNTIME_DIR", dir)
        .env_remove("XDG_DATA_HOME")
        .env("DBUS_SESSION_BUS_ADDRESS", address)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut keyring = start(&mut command, "gnome-keyring");
    let mut input = keyring.0.stdin.take().expect("a pipe");
    input.write_all(b"log-in password").expect("takes it");
    keyring
}

#[test]
fn a_keyring_slot_opens_the_vault_and_is_replaced_in_two_phases() {
    let dir = folder();
    let (_bus, address) = bus(dir.path());
    let _keyring = keyring(dir.path(), &address);
    let test = "vault::keyring::child_with_a_keyring";
    let mut with = child(test, HOME, &dir.path().display().to_string());
    with.env("DBUS_SESSION_BUS_ADDRESS", &address).env("XDG_RUNTIME_DIR", dir.path());
    let failed = failure(&mut with);
    none_failed("keyring_slot", "runs", 1, u64::from(failed.is_some()));
    assert_eq!(failed, None);
}

/// Runs a child; what it said, when it failed.
fn failure(command: &mut Command) -> Option<String> {
    let output = command.output().expect("runs");
    let said = || [output.stdout.as_slice(), &output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said()).into_owned())
}

#[test]
fn without_a_bus_or_a_keyring_it_says_so() {
    let dir = folder();
    let test = "vault::keyring::child_without_a_keyring";
    let bare = || {
        let mut command = child(test, BARE, "1");
        command.env_remove("DBUS_SESSION_BUS_ADDRESS").env("XDG_RUNTIME_DIR", dir.path());
        command
    };
    assert_eq!(failure(&mut bare()), None, "without a bus");
    let (_bus, address) = bus(dir.path());
    let mut on_bus = bare();
    on_bus.env("DBUS_SESSION_BUS_ADDRESS", &address);
    assert_eq!(failure(&mut on_bus), None, "with a bus and no keyring");
}

/// Runs where no keyring answers.
#[test]
fn child_without_a_keyring() {
    if std::env::var_os(BARE).is_none() {
        return;
    }
    assert!(!keyring_available());
    assert_eq!(NewSlot::keyring(new_id()).map(drop).expect_err("none"), VaultError::NoKeyring);
}

/// Waits, within a limit, until the keyring that was just started answers.
fn wait_for_keyring() {
    for _ in 0..400 {
        if keyring_available() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(25));
    }
    panic!("gnome-keyring did not answer within ten seconds");
}

/// Runs on the bus of its own.
#[test]
fn child_with_a_keyring() {
    let Some(home) = std::env::var_os(HOME) else { return };
    wait_for_keyring();
    let path = Path::new(&home).join("data/vault.db");
    let id = new_id();
    let (slot, first) = NewSlot::keyring(id).expect("puts the key away");
    let mut vault = Vault::create(&path, id, &[slot], now()).expect("a vault");
    let record = new_id();
    vault.commit(vec![put(record, "label", "body")]).expect("commits");

    let locked = vault.lock();
    assert_eq!(locked.slots(), [SlotKind::Keyring]);
    assert_eq!(locked.keyring_entry().as_ref(), Some(&first));
    let kek = first.fetch().expect("is kept");
    let mut vault = locked.unlock(&kek).expect("opens");
    assert_eq!(vault.reveal(record).expect("reveals").expose_text(), Some("body"));

    // A new key under a new slot, then the commit, then the old key goes. Until then both are
    // there, so a kill in between leaves one that opens.
    let (slot, second) = NewSlot::keyring(id).expect("puts the key away");
    assert!(first.fetch().is_ok() && second.fetch().is_ok());
    let unused = vault.set_slot(&slot).expect("replaces").expect("names the old one");
    assert_eq!(unused, first);
    assert_eq!(sweep_keyring(id, vault.keyring_entry().as_ref()), Ok(1), "what a kill left");
    assert_eq!(first.fetch().map(drop), Err(VaultError::NotInKeyring));
    unused.delete().expect("gone already is no error");

    vault.set_slot(&cheap_slot("a passphrase beside it")).expect("adds");
    drop(vault);
    let locked = LockedVault::open(&path).expect("opens");
    assert_eq!(locked.slots().len(), 2);
    overwrite(&second.account());
    let kek = second.fetch().expect("is well-formed");
    let refused = locked.unlock(&kek).expect_err("is another key");
    assert_eq!(refused.error, VaultError::WrongDeviceKey);
    assert!(refused.vault.passphrase_challenge().is_some(), "the passphrase still can");
}

/// Puts another key of the right form in the place of a device key.
fn overwrite(account: &str) {
    let store = Store::new().expect("answers");
    let entry = store.build("wayleave", account, None).expect("an entry");
    let other = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    entry.set_password(other).expect("is stored");
}
