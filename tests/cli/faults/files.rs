//! The vault's file: missing, damaged, read-only, newer, on a full disk.

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::stage::{Check, Stage, TOKENS, WORKSPACE, is_root, until, wanted, well};
use crate::home::{Agent, PASSPHRASE};
use crate::notice::KEY;

const REQUEST: [&str; 6] = ["token", "request", "-w", WORKSPACE, "--name", "new"];
const UNLOCK: [&str; 2] = ["unlock", "--passphrase-stdin"];
const PASTE: [&str; 8] =
    ["sign-in", "--with", "paste", "--key-stdin", "-w", WORKSPACE, "--name", "pasted"];

fn data(stage: &Stage) -> PathBuf {
    stage.home.own().join("data")
}

fn vault(stage: &Stage) -> PathBuf {
    data(stage).join("vault.db")
}

/// The agent ends, something happens to the file, and a new agent meets it.
fn between_agents(stage: &Stage, happens: impl FnOnce(&Path)) {
    stage.home.json(&["agent", "stop"]);
    happens(&vault(stage));
}

#[test]
fn vault_missing() {
    let stage = Stage::with_key();
    let mut check = Check::new("vault_missing");
    let before = stage.vault();
    let away = stage.home.path().join("away.db");
    // Under a running agent: what is in memory is read, and nothing is acknowledged that is not
    // on the disk.
    fs::rename(vault(&stage), &away).expect("moved");
    let posted = stage.seen("POST", TOKENS);
    for verb in [&["rename", "kept", "other"][..], &REQUEST, &["forget", "kept", "--leave-valid"]] {
        let ran = stage.home.run(&[verb, &["--json"]].concat());
        check.told(&format!("moved away: {verb:?}"), &ran, wanted("vault_unwritable", 1));
    }
    check.so("nothing was asked for that could not be kept", stage.seen("POST", TOKENS) == posted);
    between_agents(&stage, |_| {});
    for verb in [&["list"][..], &["reveal", "kept"], &["vault", "check"], &REQUEST] {
        let ran = stage.home.run(&[verb, &["--json"]].concat());
        let told = if verb == REQUEST { wanted("not_found", 7) } else { wanted("no_vault", 3) };
        check.told(&format!("not there: {verb:?}"), &ran, told);
    }
    let ran = stage.home.run_with(&[&UNLOCK[..], &["--json"]].concat(), PASSPHRASE);
    check.told("not there: unlock", &ran, wanted("no_vault", 3));
    check.so("none was made", !vault(&stage).exists());
    fs::rename(&away, vault(&stage)).expect("moved back");
    stage.home.unlock();
    check.so("back in its place it is as it was", stage.vault() == before);
    check.done();
}

/// What is done to a file's bytes.
type Harm = fn(&mut Vec<u8>);

#[test]
fn vault_damaged() {
    let stage = Stage::with_key();
    let mut check = Check::new("vault_damaged");
    let before = stage.vault();
    stage.home.json(&["agent", "stop"]);
    let good = fs::read(vault(&stage)).expect("reads");
    let page = |n: usize| n * 4096;
    let harms: [(&str, &str, Harm); 6] = [
        ("its last page is gone", "vault_damaged", |bytes| bytes.truncate(bytes.len() - 4096)),
        ("half of it is gone", "vault_damaged", |bytes| bytes.truncate(bytes.len() / 2)),
        ("a page is zero", "vault_damaged", |bytes| bytes[4096..8192].fill(0)),
        ("a sealed byte is another", "vault_damaged", |bytes| {
            // The last bytes of a page hold the content of its first row.
            let at = (1..bytes.len() / 4096).rev().map(|n| n * 4096 - 9).find(|at| bytes[*at] != 0);
            bytes[at.expect("a byte")] ^= 1;
        }),
        ("it is a text", "vault_foreign", |bytes| *bytes = b"# notes\n".repeat(1000)),
        ("it is empty", "vault_foreign", Vec::clear),
    ];
    for (what, code, harm) in harms {
        let mut bytes = good.clone();
        harm(&mut bytes);
        fs::write(vault(&stage), &bytes).expect("writes");
        let ran = stage.home.run_with(&[&UNLOCK[..], &["--json"]].concat(), PASSPHRASE);
        check.told(what, &ran, wanted(code, 1));
        for verb in [&["list"][..], &["reveal", "kept"]] {
            let ran = stage.home.run(&[verb, &["--json"]].concat());
            check.so(
                &format!("{what}: {verb:?} tells nothing"),
                ran.code != 0 && ran.stdout.is_empty(),
            );
        }
        let init = stage.home.run_with(&["init", "--passphrase-stdin", "--json"], PASSPHRASE);
        check.told(&format!("{what}: init"), &init, wanted("vault_exists", 1));
        stage.home.json(&["agent", "stop"]);
        let left = fs::read(vault(&stage)).expect("reads");
        check.so(&format!("{what}: the file was left as it is"), left == bytes);
        fs::write(vault(&stage), &good).expect("writes");
    }
    assert!(good.len() > page(3), "a vault has pages");
    stage.home.unlock();
    check.so("put back it is as it was", stage.vault() == before);
    check.done();
}

#[test]
fn vault_newer() {
    let stage = Stage::with_key();
    let mut check = Check::new("vault_newer");
    let before = stage.vault();
    let format = |n: u32| {
        move |path: &Path| {
            let db = rusqlite::Connection::open(path).expect("opens");
            db.execute_batch(&format!("PRAGMA user_version = {n}")).expect("is set");
        }
    };
    between_agents(&stage, format(9));
    let bytes = fs::read(vault(&stage)).expect("reads");
    for (verb, input) in [(&["list"][..], ""), (&UNLOCK, PASSPHRASE), (&["vault", "info"], "")] {
        let ran = stage.home.run_with(&[verb, &["--json"]].concat(), input);
        check.told(&format!("{verb:?}"), &ran, wanted("vault_newer", 1));
    }
    check.so("the file was left as it is", fs::read(vault(&stage)).expect("reads") == bytes);
    between_agents(&stage, format(1));
    stage.home.unlock();
    check.so("set back it is as it was", stage.vault() == before);
    check.done();
}

/// Run as a user who is no administrator: to one, no file is read-only.
#[test]
fn vault_read_only() {
    let mut stage = Stage::without_vault();
    stage.home.init_cheaply();
    stage.add_account();
    stage.sign_in();
    stage.home.json(&["token", "request", "-w", WORKSPACE, "--name", "kept"]);
    let mut check = Check::new("vault_read_only");
    let key = stage.home.run(&["reveal", "kept"]).stdout;
    stage.home.json(&["agent", "stop"]);
    stage.home.give_to_nobody();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
    };
    for (what, file, folder) in [("the file", 0o400, 0o700), ("file and folder", 0o400, 0o500)] {
        mode(&vault(&stage), file);
        mode(&data(&stage), folder);
        reads_and_does_not_write(&stage, &mut check, what, &key);
        stage.home.json(&["agent", "stop"]);
        mode(&data(&stage), 0o700);
        mode(&vault(&stage), 0o600);
    }
    if let Some(agent) = on_a_read_only_disk(&stage) {
        reads_and_does_not_write(&stage, &mut check, "the file system", &key);
        stage.home.json(&["agent", "stop"]);
        drop(agent);
    }
    mode(&vault(&stage), 0o000);
    let ran = stage.home.run_with(&[&UNLOCK[..], &["--json"]].concat(), PASSPHRASE);
    check.told("unreadable", &ran, wanted("file_problem", 1));
    stage.home.json(&["agent", "stop"]);
    mode(&vault(&stage), 0o600);
    stage.home.unlock();
    check.so("writable again it works", stage.home.json(&["rename", "kept", "x"])["name"] == "x");
    check.done();
}

fn reads_and_does_not_write(stage: &Stage, check: &mut Check, what: &str, key: &str) {
    stage.home.unlock();
    let posted = stage.seen("POST", TOKENS);
    check.so(
        &format!("{what}: secrets are read"),
        stage.home.run(&["reveal", "kept"]).stdout == key,
    );
    for verb in [
        &["rename", "kept", "other"][..],
        &REQUEST,
        &["forget", "kept", "--leave-valid"],
        &["account", "edit", "--name", "Other"],
        &["account", "remove", "Sandbox", "--yes"],
    ] {
        check.refused(stage, verb, wanted("vault_unwritable", 1));
    }
    check.refused_with(stage, &PASTE, KEY, wanted("vault_unwritable", 1));
    check.so(&format!("{what}: nothing was asked for"), stage.seen("POST", TOKENS) == posted);
    check.so(
        &format!("{what}: it is sound"),
        stage.home.json(&["vault", "check"])["checked"] == true,
    );
}

/// An agent to whom the data folder is a read-only file system. `None` where that cannot be had.
fn on_a_read_only_disk(stage: &Stage) -> Option<Agent> {
    let script =
        "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";
    in_its_own_world(stage, script)
}

/// Starts the agent behind a script with mounts of its own, given the data folder and the command.
fn in_its_own_world(stage: &Stage, script: &str) -> Option<Agent> {
    let data = data(stage).display().to_string();
    let mut mount = std::process::Command::new("unshare");
    let may = is_root() && well(mount.args(["-m", "mount", "-t", "tmpfs", "x", &data]));
    may.then(|| stage.home.start_agent_behind(&["unshare", "-m", "sh", "-ec", script, "sh", &data]))
}

#[test]
fn vault_on_a_full_disk() {
    let stage = Stage::with_key();
    let mut check = Check::new("vault_on_a_full_disk");
    stage.home.json(&["agent", "stop"]);
    let script = "cp -a \"$1\" \"$1.copy\"; mount -t tmpfs -o size=1m,mode=0700 tmpfs \"$1\"; \
                  cp -a \"$1.copy/.\" \"$1/\"; shift; exec \"$@\"";
    match in_its_own_world(&stage, script) {
        Some(agent) => on_a_small_disk(&stage, &mut check, &agent),
        None => under_a_limit(&stage, &mut check),
    }
    check.done();
}

/// A disk of one MiB, seen by the agent alone; it is filled from outside.
fn on_a_small_disk(stage: &Stage, check: &mut Check, agent: &Agent) {
    let inside = PathBuf::from(format!("/proc/{}/root{}", agent.pid(), data(stage).display()));
    let fill = || {
        let mut file = File::create(inside.join("fill")).expect("made");
        while file.write_all(&[0; 1024]).is_ok() {}
    };
    let free = || fs::remove_file(inside.join("fill")).expect("removed");
    stage.home.unlock();
    fill();
    refuses_to_write(stage, check);
    free();
    let made = stage.home.json(&REQUEST);
    check.so("with space again it works", made["state"] == "active");
    // The disk fills up while the platform is asked: the token is made, cannot be kept, and is
    // revoked.
    let posted = stage.seen("POST", TOKENS);
    stage.slow(300);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            until("it is posted", || stage.seen("POST", TOKENS) > posted);
            fill();
        });
        let verb = ["token", "request", "-w", WORKSPACE, "--name", "unkept"];
        let error = check.refused(stage, &verb, wanted("issued_but_not_stored", 1));
        check.so("it says that it was revoked", error["params"]["revoked"] == "true");
    });
    stage.calm();
    let left = stage.sandbox.tokens();
    check.so("it was revoked", !left.iter().any(|token| token.name == "unkept"));
    free();
    stage.home.json(&["lock"]);
    stage.home.unlock();
    let sound = stage.home.json(&["vault", "check"])["checked"] == true;
    check.so("the vault is sound", sound && stage.vault().as_array().is_some_and(|l| l.len() == 2));
}

/// Where nothing can be mounted: files cannot grow.
fn under_a_limit(stage: &Stage, check: &mut Check) {
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    let agent = stage.home.start_agent_behind(&["sh", "-ec", script, "sh"]);
    stage.home.unlock();
    refuses_to_write(stage, check);
    stage.home.json(&["agent", "stop"]);
    drop(agent);
    stage.home.unlock();
    check.so("without the limit it works", stage.home.json(&REQUEST)["state"] == "active");
}

fn refuses_to_write(stage: &Stage, check: &mut Check) {
    let posted = stage.seen("POST", TOKENS);
    let full = wanted("vault_unwritable", 1);
    for verb in [
        &REQUEST[..],
        &["s3", "request", "-w", WORKSPACE],
        &["rename", "kept", "other"],
        &["forget", "kept", "--leave-valid"],
    ] {
        let error = check.refused(stage, verb, full);
        let advice = error["advice"].as_str().unwrap_or_default();
        check.so("it says to free space", advice.contains("space"));
    }
    check.refused_with(stage, &PASTE, KEY, full);
    check.so("no token was asked for", stage.seen("POST", TOKENS) == posted);
    let key = stage.home.run(&["reveal", "kept", "--field", "api_key"]);
    check.so("what is there is read", key.code == 0 && !key.stdout.is_empty());
}
