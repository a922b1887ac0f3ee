//! A folder with a vault and an agent of its own, and the program that talks to it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use wayleave_core::paths::Paths;
use wayleave_core::secret::{Passphrase, Secret};
use wayleave_core::vault::{Kdf, KdfPolicy, NewSlot, Vault, make_id};

use crate::watch::{self, Watch};

/// The program under test.
pub const WAYLEAVE: &str = env!("CARGO_BIN_EXE_wayleave");
/// Opens every vault of these tests.
pub const PASSPHRASE: &str = "seven quiet otters cross the estuary";

/// A home; its agent ends with it, and then everything that was left behind is searched for
/// secrets (the suite `canary`).
pub struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// The program, where it is not [`WAYLEAVE`] itself, and run as nobody.
    as_nobody: Option<PathBuf>,
    /// What must not leak, and what was said.
    pub watch: Arc<Watch>,
}

/// An agent that a test started, to see it end; it is killed with the value.
pub struct Agent(Child);

impl Agent {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it with -9 and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self) {
        let _ = self.0.wait();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            variables: Vec::new(),
            as_nobody: None,
            watch: Arc::default(),
        }
    }

    /// Puts the home into the hands of a user who is no administrator. Whoever runs the tests and is
    /// none already keeps it.
    pub fn give_to_nobody(&mut self) {
        if rustix::process::geteuid().is_root() {
            let program = self.path().join("wayleave");
            std::fs::copy(WAYLEAVE, &program).expect("copied");
            let mut chown = Command::new("chown");
            let owned = chown.args(["-R", "65534:65534"]).arg(self.path()).status();
            assert!(owned.expect("chown").success());
            self.as_nobody = Some(program);
        }
    }

    /// The folder that holds everything of Wayleave's.
    pub fn own(&self) -> PathBuf {
        self.path().join("w")
    }

    /// What the agent noted, if it was told to note anything.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.own().join("state/agent.log")).unwrap_or_default()
    }

    /// Starts the agent here instead of leaving that to a client; what it says on standard error
    /// is kept among the files that are searched.
    pub fn start_agent(&self) -> Agent {
        self.start_agent_behind(&[])
    }

    /// [`Home::start_agent`] by another program, which becomes it in the end. An earlier one that is
    /// still ending holds the lock for a moment longer than its socket.
    pub fn start_agent_behind(&self, before: &[&str]) -> Agent {
        let mut word = String::new();
        for _ in 0..500 {
            let stderr = File::options().create(true).append(true).open(self.path().join("stderr"));
            let mut child = self
                .command_behind(before, &["agent", "run"])
                .stderr(stderr.expect("a file"))
                .spawn()
                .expect("starts");
            let stdout = child.stdout.take().expect("piped");
            word.clear();
            BufReader::new(stdout).read_line(&mut word).expect("says that it is ready");
            if word == "ready\n" {
                return Agent(child);
            }
            child.wait().expect("ends");
            assert!(word.contains("vault_in_use"), "{word}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("another agent stays: {word}");
    }

    /// Makes the vault beforehand, with the cheapest slot that is accepted, so that opening it
    /// takes no time. It is opened as any other.
    pub fn init_cheaply(&self) {
        self.watch.plant("passphrase", PASSPHRASE.as_bytes());
        let passphrase = Passphrase::new(Secret::from_text(PASSPHRASE.into()));
        let begin = || Timestamp::UNIX_EPOCH;
        let slot = NewSlot::passphrase(&passphrase, KdfPolicy::Fixed(Kdf::FLOOR), begin);
        let path = Paths::under(&self.own()).vault();
        let id = make_id().expect("an id");
        drop(Vault::create(&path, id, &[slot.expect("a slot")], begin()).expect("a vault"));
        self.unlock();
    }

    /// Opens the vault.
    pub fn unlock(&self) {
        let status = self.json_with(&["unlock", "--passphrase-stdin"], PASSPHRASE);
        assert_eq!(status["locked"], false);
    }

    /// A variable for the program and the agent that it starts.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    pub fn path(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The program with this home: no display, no keyring, no proxy, no colour of this machine.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_behind(&[], arguments)
    }

    /// The program, given as the last arguments to another one.
    fn command_behind(&self, before: &[&str], arguments: &[&str]) -> Command {
        let mut words: Vec<&std::ffi::OsStr> = before.iter().map(std::ffi::OsStr::new).collect();
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        match &self.as_nobody {
            Some(program) => {
                words.extend(nobody.map(std::ffi::OsStr::new));
                words.push(program.as_os_str());
            }
            None => words.push(std::ffi::OsStr::new(WAYLEAVE)),
        }
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("WAYLEAVE_HOME", self.path().join("w"))
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it with this standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        self.watch.plant_input(arguments, input);
        let mut child = self.command(arguments).spawn().expect("starts");
        self.watch.sample(child.id());
        // A program that needs no input may be gone already.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("ends");
        if !watch::discloses(arguments) {
            self.watch.hear(&format!("stdout of {arguments:?}"), &output.stdout);
        }
        self.watch.hear(&format!("stderr of {arguments:?}"), &output.stderr);
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Runs it without any input.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs it with `--json`; it must succeed.
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.json_with(arguments, "")
    }

    /// Runs it with `--json` and this standard input; it must succeed.
    pub fn json_with(&self, arguments: &[&str], input: &str) -> Value {
        let ran = self.run_with(&[arguments, &["--json"]].concat(), input);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{arguments:?}: {e}"))
    }

    /// Runs it with `--json`; it must fail like this, with nothing on standard output.
    pub fn fails(&self, arguments: &[&str], exit: i32, code: &str) -> Value {
        self.fails_with(arguments, "", exit, code)
    }

    /// [`Home::fails`] with this standard input.
    pub fn fails_with(&self, arguments: &[&str], input: &str, exit: i32, code: &str) -> Value {
        let ran = self.run_with(&[arguments, &["--json"]].concat(), input);
        assert_eq!((ran.code, ran.stdout.as_str()), (exit, ""), "{arguments:?}: {}", ran.stderr);
        let told: Value = serde_json::from_str(&ran.stderr)
            .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", ran.stderr));
        assert_eq!(told["error"]["code"], code, "{arguments:?}: {told}");
        for part in ["message", "advice", "kept"] {
            assert!(told["error"][part].as_str().is_some_and(|t| !t.is_empty()), "{part}: {told}");
        }
        told["error"].clone()
    }

    /// Makes the vault.
    pub fn init(&self) {
        let status = self.json_with(&["init", "--passphrase-stdin"], PASSPHRASE);
        assert_eq!(status["locked"], false);
    }

    /// Starts a run that waits for somebody, with `--json`.
    pub fn begin(&self, arguments: &[&str]) -> Waiting {
        let mut child = self.command(&[arguments, &["--json"]].concat()).spawn().expect("starts");
        self.watch.sample(child.id());
        drop(child.stdin.take());
        let lines = BufReader::new(child.stderr.take().expect("piped"));
        Waiting { child: Some(child), lines, watch: Arc::clone(&self.watch) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.watch.sample_all(self.path());
        self.run(&["agent", "stop"]);
        let hits = self.watch.settle(self.path());
        assert!(hits.is_empty() || std::thread::panicking(), "secrets were found: {hits:#?}");
    }
}

/// A run that tells on standard error what it waits for.
pub struct Waiting {
    child: Option<Child>,
    lines: BufReader<std::process::ChildStderr>,
    watch: Arc<Watch>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Waiting {
    /// The rest of the next line that begins with `word` and two spaces.
    pub fn told(&mut self, word: &str) -> String {
        let mut line = String::new();
        while self.lines.read_line(&mut line).expect("reads") > 0 {
            self.watch.hear("stderr of a waiting run", line.as_bytes());
            if let Some(rest) = line.strip_prefix(word).and_then(|rest| rest.strip_prefix("  ")) {
                return rest.trim_end().to_owned();
            }
            line.clear();
        }
        panic!("it ended before it said “{word}”");
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("runs").id()
    }

    /// Its end.
    pub fn finish(mut self) -> Ran {
        let mut stderr = String::new();
        self.lines.read_to_string(&mut stderr).expect("reads");
        let output = self.child.take().expect("runs").wait_with_output().expect("ends");
        self.watch.hear("stderr of a waiting run", stderr.as_bytes());
        self.watch.hear("stdout of a waiting run", &output.stdout);
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr,
        }
    }

    /// Its end, which must be a good one.
    pub fn finish_json(self) -> Value {
        let ran = self.finish();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).expect("is JSON")
    }
}
