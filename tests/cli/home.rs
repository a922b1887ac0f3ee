//! A folder with a vault and an agent of its own, and the program that talks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub const WAYLEAVE: &str = env!("CARGO_BIN_EXE_wayleave");
/// Opens every vault of these tests.
pub const PASSPHRASE: &str = "seven quiet otters cross the estuary";

/// A home; its agent ends with it.
pub struct Home {
    folder: TempDir,
    variables: Vec<(String, String)>,
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
        Self { folder: tempfile::tempdir().expect("a folder"), variables: Vec::new() }
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
        let mut command = Command::new(WAYLEAVE);
        command
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
        let mut child = self.command(arguments).spawn().expect("starts");
        // A program that needs no input may be gone already.
        let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("ends");
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
        drop(child.stdin.take());
        let lines = BufReader::new(child.stderr.take().expect("piped"));
        Waiting { child: Some(child), lines }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.run(&["agent", "stop"]);
    }
}

/// A run that tells on standard error what it waits for.
pub struct Waiting {
    child: Option<Child>,
    lines: BufReader<std::process::ChildStderr>,
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
