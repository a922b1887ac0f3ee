//! The file from outside: settings read back, modes, locks, and one error for each way in which
//! it cannot be used.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use wayleave_core::vault::{
    Change, Kdf, KdfPolicy, LockedVault, NewSlot, Unwritable, Vault, VaultError,
};
use wayleave_core::{Error, ErrorCode};

use super::support::{
    PASSPHRASE, cheap_slot, child, edit, folder, make, new_id, none_failed, now, open, passphrase,
    put, report, sample, secret, shared_slot,
};

/// security.md 3.1, as SQLite says it.
const PRAGMAS: [(&str, &str); 14] = [
    ("application_id", "1464620593"),
    ("auto_vacuum", "0"),
    ("busy_timeout", "5000"),
    ("cell_size_check", "1"),
    ("encoding", "UTF-8"),
    ("foreign_keys", "1"),
    ("journal_mode", "truncate"),
    ("mmap_size", "0"),
    ("page_size", "4096"),
    ("secure_delete", "1"),
    ("synchronous", "2"),
    ("temp_store", "2"),
    ("trusted_schema", "0"),
    ("user_version", "1"),
];

pub fn differing(read: &BTreeMap<String, String>) -> Vec<&'static str> {
    let differs = |(name, value): &(&str, &str)| read.get(*name).is_none_or(|read| read != value);
    PRAGMAS.into_iter().filter(differs).map(|(name, _)| name).collect()
}

#[test]
fn every_pragma_reads_back_and_another_journal_is_seen() {
    let sample = sample();
    let info = open(&sample.path).expect("opens").info().expect("tells");
    let differing_now = differing(&info.pragmas);
    let (cases, failed) = (PRAGMAS.len() as u64, differing_now.len() as u64);
    none_failed("pragmas_read_back", "differing", cases, failed);
    assert_eq!(differing_now, Vec::<&str>::new());
    assert_eq!(info.records, 3);

    let bad = Connection::open(&sample.path).expect("opens");
    let mode: String =
        bad.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).expect("switches");
    let mut read = info.pragmas;
    read.insert("journal_mode".into(), mode);
    let caught = differing(&read) == ["journal_mode"];
    let held = bad.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0));
    held.expect("holds the log open");
    let refused = LockedVault::open(&sample.path).map(drop);
    report(|r| r.known_bad("wal", caught && refused.is_err()));
    assert!(caught, "the comparison sees the log");
    assert!(refused.is_err(), "a file that stays in the log's mode is not used");
    drop(bad);
    let info = open(&sample.path).expect("opens").info().expect("tells");
    assert_eq!(info.pragmas["journal_mode"], "truncate", "with nobody in the way it is set back");
}

#[test]
fn sqlite_is_built_as_the_format_asks() {
    let conn = Connection::open_in_memory().expect("opens");
    let mut query = conn.prepare("PRAGMA compile_options").expect("prepares");
    let rows = query.query_map([], |row| row.get(0)).expect("reads");
    let options: Vec<String> = rows.map(|row| row.expect("an option")).collect();
    for wanted in ["DQS=0", "OMIT_LOAD_EXTENSION", "SECURE_DELETE", "TEMP_STORE=3"] {
        assert!(options.iter().any(|option| option == wanted), "{wanted} is not in {options:?}");
    }
    assert!(rusqlite::version_number() >= 3_053_000, "older ones have the log-reset fault");
}

#[test]
fn each_way_of_being_unusable_has_its_own_code() {
    let codes: Vec<(ErrorCode, VaultError)> = vec![
        (ErrorCode::NoVault, {
            let dir = folder();
            refused(&dir.path().join("vault.db"))
        }),
        (ErrorCode::VaultExists, {
            let sample = sample();
            let slot = std::slice::from_ref(&shared_slot().0);
            Vault::create(&sample.path, new_id(), slot, now()).expect_err("exists")
        }),
        (ErrorCode::WrongPassphrase, {
            let sample = sample();
            let locked = LockedVault::open(&sample.path).expect("opens");
            let challenge = locked.passphrase_challenge().expect("a challenge");
            let kek = challenge.derive(&passphrase("wrong horse")).expect("derives");
            locked.unlock(&kek).expect_err("refuses").error
        }),
        (ErrorCode::VaultDamaged, {
            let sample = sample();
            edit(&sample.path, "UPDATE record SET expires = 0");
            open(&sample.path).expect_err("refuses")
        }),
        (ErrorCode::VaultDamaged, {
            let sample = sample();
            let bytes = std::fs::read(&sample.path).expect("reads");
            std::fs::write(&sample.path, &bytes[..bytes.len() - 4096]).expect("cuts");
            refused(&sample.path)
        }),
        (ErrorCode::VaultNewer, {
            let sample = sample();
            edit(&sample.path, "PRAGMA user_version = 9");
            refused(&sample.path)
        }),
        (ErrorCode::VaultForeign, {
            let dir = folder();
            let path = dir.path().join("vault.db");
            std::fs::write(&path, "# notes\n".repeat(400)).expect("writes");
            refused(&path)
        }),
        (ErrorCode::VaultForeign, {
            let dir = folder();
            let path = dir.path().join("vault.db");
            std::fs::write(&path, "").expect("writes");
            refused(&path)
        }),
        (ErrorCode::VaultInUse, {
            let sample = sample();
            let _held = open(&sample.path).expect("opens");
            refused(&sample.path)
        }),
        (ErrorCode::WeakPassphrase, {
            let policy = KdfPolicy::Fixed(Kdf::FLOOR);
            NewSlot::passphrase(&passphrase("short one"), policy, now).expect_err("too short")
        }),
    ];
    let wrong: Vec<_> = codes.iter().filter(|(code, error)| error.code() != *code).collect();
    let (cases, failed) = (codes.len() as u64, wrong.len() as u64);
    none_failed("error_codes", "wrong", cases, failed);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let in_use = codes.iter().find(|(code, _)| *code == ErrorCode::VaultInUse).expect("is there");
    let told = Error::from(in_use.1.clone());
    assert_eq!(told.params["pid"], std::process::id().to_string(), "the holder is named");
}

fn refused(path: &Path) -> VaultError {
    LockedVault::open(path).map(drop).expect_err("refuses")
}

#[test]
fn four_words_or_twelve_characters_will_do() {
    let accepts = |text: &str| {
        NewSlot::passphrase(&passphrase(text), KdfPolicy::Fixed(Kdf::FLOOR), now).is_ok()
    };
    assert!(accepts("aß 3 d fg"), "four words");
    assert!(accepts("äöüäöüäöüäöü"), "twelve characters, counted as characters");
    assert!(!accepts("äöüäöüäöüäö"), "eleven");
    assert!(!accepts("a b c"), "three words");
    assert!(!accepts(""), "none");
}

#[test]
fn only_the_owner_gets_at_the_files() {
    let dir = folder();
    let path = dir.path().join("new/vault.db");
    let mut vault = make(&path);
    vault.commit(vec![put(new_id(), "a", "b")]).expect("commits");
    let mode = |path: &Path| path.metadata().expect("is there").mode() & 0o777;
    assert_eq!(mode(&dir.path().join("new")), 0o700);
    for name in ["vault.db", "vault.db.lock", "vault.db-journal"] {
        assert_eq!(mode(&dir.path().join("new").join(name)), 0o600, "{name}");
    }
    drop(vault);

    let loosen = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("sets the mode");
    };
    loosen(&path, 0o644);
    let locked = LockedVault::open(&path).expect("opens");
    assert_eq!(locked.was_open_to_others(), Some(0o644));
    assert_eq!(mode(&path), 0o600, "and closed it");
    drop(locked);

    loosen(&dir.path().join("new"), 0o777);
    assert!(matches!(refused(&path), VaultError::Unsafe { .. }), "others could swap the file");
    loosen(&dir.path().join("new"), 0o700);

    let link = dir.path().join("new/link.db");
    std::os::unix::fs::symlink(&path, &link).expect("links");
    assert!(matches!(refused(&link), VaultError::Unsafe { .. }), "a link is not a vault");
    let through = dir.path().join("door");
    std::os::unix::fs::symlink(dir.path().join("new"), &through).expect("links");
    open(&through.join("vault.db")).expect("a link to the folder is followed");
}

#[test]
fn a_half_made_vault_is_no_vault_and_does_not_stand_in_the_way() {
    let dir = folder();
    let path = dir.path().join("vault.db");
    std::fs::write(dir.path().join("vault.db.new"), "half").expect("writes");
    assert_eq!(refused(&path), VaultError::Missing);
    drop(make(&path));
    open(&path).expect("opens");
    assert!(!dir.path().join("vault.db.new").exists());
}

#[test]
fn the_passphrase_can_be_changed_and_the_last_slot_not_removed() {
    let sample = sample();
    let mut vault = open(&sample.path).expect("opens");
    vault.confirm(&shared_slot().1).expect("is the passphrase");
    let old_slot = std::fs::read(&sample.path).expect("reads");
    assert_eq!(vault.set_slot(&cheap_slot("another horse entirely")).expect("changes"), None);
    let last = vault.remove_slot(wayleave_core::api::SlotKind::Passphrase);
    assert_eq!(last.expect_err("stays"), VaultError::LastSlot);
    assert_eq!(vault.confirm(&shared_slot().1), Err(VaultError::WrongPassphrase));
    let locked = vault.lock();
    let challenge = locked.passphrase_challenge().expect("a challenge");
    let kek = challenge.derive(&passphrase("another horse entirely")).expect("derives");
    let vault = locked.unlock(&kek).expect("opens with the new one");
    assert_eq!(vault.reveal(sample.ids[0]).expect("reveals").expose_text(), Some("body 0"));
    drop(vault);
    assert_eq!(open(&sample.path).map(drop), Err(VaultError::WrongPassphrase));

    let wrapped = |bytes: &[u8]| {
        let conn = Connection::open(&sample.path).expect("opens");
        let new: Vec<u8> =
            conn.query_row("SELECT wrapped FROM keyslot", [], |row| row.get(0)).expect("one");
        bytes.windows(48).any(|window| window == new)
    };
    assert!(!wrapped(&old_slot) && wrapped(&std::fs::read(&sample.path).expect("reads")));
}

#[test]
fn what_was_replaced_or_removed_leaves_no_residue() {
    let sample = sample();
    let sealed = |conn: &Connection| -> Vec<Vec<u8>> {
        let sql = "SELECT ct FROM record UNION ALL SELECT ct FROM label";
        let mut query = conn.prepare(sql).expect("prepares");
        let rows = query.query_map([], |row| row.get(0)).expect("reads");
        rows.map(|row| row.expect("a ciphertext")).collect()
    };
    let old = sealed(&Connection::open(&sample.path).expect("opens"));
    let mut vault = open(&sample.path).expect("opens");
    vault
        .commit(vec![
            put(sample.ids[0], "new", "new"),
            put(sample.ids[1], "new", "new"),
            Change::Remove { id: sample.ids[2] },
        ])
        .expect("commits");
    drop(vault);
    let mut disk = std::fs::read(&sample.path).expect("reads");
    disk.extend(std::fs::read(sample.path.with_extension("db-journal")).unwrap_or_default());
    let left = old.iter().filter(|ct| disk.windows(64).any(|w| w == &ct[..64])).count() as u64;
    let cases = old.len() as u64;
    none_failed("residue", "ciphertexts", cases, left);
    assert_eq!(left, 0);
}

#[test]
fn a_record_that_is_too_large_is_refused_and_nothing_is_written() {
    let sample = sample();
    let mut vault = open(&sample.path).expect("opens");
    let before = vault.info().expect("tells").epoch;
    let large = "x".repeat(300 * 1024);
    let error = vault.commit(vec![put(new_id(), "a", "b"), put(new_id(), "large", &large)]);
    assert!(matches!(error, Err(VaultError::TooLarge { .. })));
    let unknown = Change::Relabel { id: new_id(), expires: None, label: secret("x") };
    let error = vault.commit(vec![put(new_id(), "a", "b"), unknown]);
    assert_eq!(error, Err(VaultError::NoSuchRecord));
    assert_eq!(vault.info().expect("tells").epoch, before);
    assert_eq!(vault.list().expect("lists").len(), 3);
}

#[test]
fn a_vault_deleted_while_open_takes_no_commit() {
    let sample = sample();
    let mut vault = open(&sample.path).expect("opens");
    std::fs::remove_file(&sample.path).expect("deletes");
    let error = vault.commit(vec![put(new_id(), "a", "b")]).expect_err("cannot keep it");
    assert_eq!(error, VaultError::Unwritable(Unwritable::Moved));
    assert_eq!(error.code(), ErrorCode::VaultUnwritable);
}

/// Runs in a process of its own, where no file may grow (`ulimit -f`) or where root's right to
/// pass over modes is given up; says in one line what happened.
#[test]
fn child_that_cannot_write() {
    let Some(path) = std::env::var_os("WAYLEAVE_TEST_CANNOT_WRITE") else { return };
    let path = Path::new(&path);
    let locked = LockedVault::open(path).expect("opens");
    let read_only = locked.read_only();
    let challenge = locked.passphrase_challenge().expect("a challenge");
    let kek = challenge.derive(&passphrase(PASSPHRASE)).expect("derives");
    let mut vault = locked.unlock(&kek).expect("unlocks");
    let before = vault.list().expect("lists").len();
    let large = "x".repeat(200 * 1024);
    let error = vault.commit(vec![put(new_id(), "new", &large)]).expect_err("cannot be written");
    let after = vault.list().expect("still lists").len();
    println!("told {:?} {before}=={after} read_only={read_only}", error.code());
}

#[test]
fn a_full_disk_and_a_read_only_folder_lose_nothing() {
    let told = |mut command: Command| {
        let output = command.output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find_map(|line| line.split("told ").nth(1).map(str::to_owned));
        line.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
    };
    let this = child("vault::container::child_that_cannot_write", "X", "");
    let program = this.get_program().to_owned();
    let arguments: Vec<_> = this.get_args().map(ToOwned::to_owned).collect();

    let sample_full = sample();
    let blocks = std::fs::metadata(&sample_full.path).expect("is there").len() / 512 + 2;
    let mut full = Command::new("sh");
    full.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")])
        .arg(&program)
        .args(&arguments)
        .env("WAYLEAVE_TEST_CANNOT_WRITE", &sample_full.path);
    assert_eq!(told(full), "VaultUnwritable 3==3 read_only=false");

    let sample_closed = sample();
    let dir = sample_closed.path.parent().expect("a folder");
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o500)).expect("closes");
    let mut closed = if rustix_is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]);
        command.arg(&program);
        command
    } else {
        Command::new(&program)
    };
    closed.args(&arguments).env("WAYLEAVE_TEST_CANNOT_WRITE", &sample_closed.path);
    assert_eq!(told(closed), "VaultUnwritable 3==3 read_only=true");
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o700)).expect("opens again");
    for sample in [sample_full, sample_closed] {
        open(&sample.path).expect("opens").check().expect("is sound");
    }
    none_failed("unwritable_lost", "records", 2, 0);
}

fn rustix_is_root() -> bool {
    std::fs::metadata("/proc/self").expect("is there").uid() == 0
}
