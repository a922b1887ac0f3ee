//! The same edits under the program that is shipped: a real agent meets the edited file, and says to
//! a real client what is wrong with it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use wayleave_core::Error;
use wayleave_core::agent::client::Client;
use wayleave_core::api::{Answer, Ask, Confide, Disclosure};
use wayleave_core::credential::{CredentialKind, CredentialMeta};
use wayleave_core::issuance::Intent;
use wayleave_core::paths::Paths;
use wayleave_core::secret::Disclosed;
use wayleave_core::vault::{Damage, VaultError};

use super::container::differing;
use super::support::{
    PASSPHRASE, Sample, folder, new_id, none_failed, now, put, report, sample_with, secret,
};
use super::tamper::{Edit, edits};

/// A vault as an agent writes it: three tokens and the intent of a fourth.
fn living() -> Sample {
    let account = new_id();
    let token = |n: usize, id| {
        let meta = CredentialMeta {
            name: format!("token {n}"),
            workspace: "demo-ws".into(),
            created: Some(now()),
            expires: Some(now()),
            end_confirmed: true,
            ..CredentialMeta::new(id, CredentialKind::ApiToken, account)
        };
        put(id, &serde_json::to_string(&meta).expect("JSON"), "454f4448")
    };
    let intent = Intent {
        id: new_id(),
        account,
        workspace: "demo-ws".into(),
        name: "a fourth".into(),
        lifetime: Some(30),
        started: now(),
        before: None,
    };
    sample_with(3, token, &serde_json::to_string(&intent).expect("JSON"))
}

/// An agent with a home of its own, in which a copy of a sample is the vault.
struct Agent {
    child: Child,
    client: Client,
    _home: tempfile::TempDir,
}

impl Agent {
    fn start(sample: &Sample, edit: impl FnOnce(&Path)) -> Self {
        let home = folder();
        let paths = Paths::under(home.path());
        std::fs::create_dir_all(&paths.data).expect("made");
        std::fs::copy(&sample.path, paths.vault()).expect("copied");
        edit(&paths.vault());
        let program = program();
        let mut child = Command::new(&program)
            .args(["agent", "run"])
            .env("WAYLEAVE_HOME", home.path())
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut word = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut word).expect("says that it is ready");
        assert_eq!(word, "ready\n");
        Self { child, client: Client::new(&paths, program), _home: home }
    }

    fn unlock(&self) -> Result<Disclosure, Error> {
        let passphrase = Disclosed::new(secret(PASSPHRASE));
        self.client.confide(Confide::Unlock { passphrase })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, which a build of the workspace puts beside the folder of this one.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let program = own.ancestors().nth(2).expect("a folder").join("wayleave");
    assert!(program.is_file(), "`cargo build -p wayleave` builds {}", program.display());
    program
}

#[test]
fn each_edit_is_refused_through_the_agent_with_its_own_error() {
    let sample = living();
    let all = edits();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let (sample, half) = (&sample, all.len().div_ceil(2));
        let start = |part| scope.spawn(move || wrong_of(part, sample));
        let workers: Vec<_> = all.chunks(half).map(start).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("ends")).collect()
    });
    let (cases, failed) = (all.len() as u64, wrong.len() as u64);
    none_failed("semantic_edits_through_the_agent", "wrong", cases, failed);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let untouched = Agent::start(&sample, |_| {});
    let opens = untouched.unlock().is_ok();
    // A judge that finds an untouched file wrong would have found nothing above.
    report(|r| r.known_bad("an_untouched_file_is_not_refused", opens));
    assert!(opens, "an untouched vault opens");
}

fn wrong_of(edits: &[Edit], sample: &Sample) -> Vec<String> {
    let judge = |Edit { name, apply, expect }: &Edit| {
        let agent = Agent::start(sample, |path| apply(sample, path));
        // With other parameters the passphrase yields another key, and whoever renews the slot's
        // check leaves no trace of that: it is refused as a wrong passphrase is.
        let expected = match *name {
            "derivation changed within its range" => Error::from(VaultError::WrongPassphrase),
            _ => Error::from(expect.clone()),
        };
        match agent.unlock() {
            Err(error) if error == expected => None,
            // The passphrase is tried at whichever slot comes first: it may be the added one.
            Err(error)
                if *name == "a slot added"
                    && error == Error::from(VaultError::Damaged(Damage::SlotAltered)) =>
            {
                None
            }
            Err(error) => Some(format!("{name}: {error:?} instead of {expected:?}")),
            Ok(_) => Some(format!("{name}: not refused")),
        }
    };
    edits.iter().filter_map(judge).collect()
}

#[test]
fn every_pragma_reads_back_through_the_agent() {
    let agent = Agent::start(&living(), |_| {});
    agent.unlock().expect("opens");
    let Ok(Answer::Vault(info)) = agent.client.ask(Ask::VaultCheck) else {
        panic!("the vault is sound");
    };
    let differing = differing(&info.pragmas);
    none_failed("pragmas_through_the_agent", "differing", 14, differing.len() as u64);
    assert_eq!(differing, Vec::<&str>::new());
    assert!(info.checked && info.records == 3);
}
