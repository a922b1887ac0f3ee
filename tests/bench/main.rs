//! Speed and memory of the shipped command line and its agent, beside a peer in the same run.
//! `make bench` writes `target/reports/bench.json`. Machines are shared: figures are medians.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a benchmark measures time, says what it does, and ends where it finds trouble"
)]

mod platforms;
#[path = "../report.rs"]
mod report;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wayleave_core::agent::client::Client;
use wayleave_core::api::{Answer, Ask, Confide, NewAccount, PastedKey, Snapshot};
use wayleave_core::paths::Paths;
use wayleave_core::secret::{Disclosed, Passphrase, Secret};
use wayleave_core::vault::{Kdf, KdfPolicy, NewSlot};

const PROGRAM: &str = env!("CARGO_BIN_EXE_wayleave");
const PASSPHRASE: &str = "four words are enough";
const KEY: &str = "454f444800112233445566778899aabb";
const NAME: &str = "bench";

fn main() {
    let home = tempfile::tempdir().expect("a home");
    let client = Client::new(&Paths::under(home.path()), PROGRAM.into());
    let kdf = prepare(&client, home.path());
    let mut report = report::Report::new("bench", "make bench");

    let ratio = reveal_ratio(home.path());
    report.check("reveal_vs_secret_tool", ratio, "ratio", "<=0.25", ratio <= 0.25);

    let over = unlock_over_kdf(&client, kdf);
    report.check("unlock_over_kdf_ms", over, "ms", "<=20", over <= 20.0);

    let pss = pss_mib(snapshot(&client).agent.pid);
    report.check("agent_pss_mib", pss, "MiB", "<=15", pss <= 15.0);

    platforms::bench(&client);
    client.ask(Ask::Stop).expect("the agent ends");

    let visible = window_visible_ms();
    report.check("window_visible_ms", visible, "ms", "<=800", visible <= 800.0);

    let size = deb_mib();
    report.check("deb_mib", size, "MiB", "<=12", size <= 12.0);
    report.write();
}

/// An open vault with one key in it. Returns what its passphrase costs.
fn prepare(client: &Client, home: &Path) -> Kdf {
    // The agent that the client starts finds the same home.
    let started = Command::new(PROGRAM)
        .args(["status"])
        .env("WAYLEAVE_HOME", home)
        .stdout(Stdio::null())
        .status();
    assert!(started.expect("it runs").success(), "the agent starts");
    let create = Confide::Create { passphrase: disclosed(PASSPHRASE), keyring: false };
    client.confide(create).expect("a vault");
    let connection = [("environment".to_owned(), "production".to_owned())].into();
    let account = NewAccount { platform: "eodh".into(), connection, name: None };
    let Answer::Account(account) = client.ask(Ask::AddAccount(account)).expect("an account") else {
        panic!("no account")
    };
    let about = PastedKey {
        account: account.id,
        workspace: "demo-ws".into(),
        username: Some("demo".into()),
        name: NAME.into(),
        token_id: None,
        made: None,
        expires: None,
        owner: None,
    };
    client
        .confide(Confide::PasteKey { key: disclosed(KEY), secret_key: None, about })
        .expect("a key");
    let Answer::Vault(info) = client.ask(Ask::VaultInfo).expect("facts") else {
        panic!("no facts")
    };
    let slot = &info.slots[0];
    let memory_kib = slot.memory_mib.expect("a passphrase") * 1024;
    Kdf { memory_kib, passes: slot.passes.expect("a passphrase"), ..Kdf::DEFAULT }
}

/// `wayleave reveal --field` through a warm agent ÷ `secret-tool lookup`, taken in turns.
fn reveal_ratio(home: &Path) -> f64 {
    let bus = Bus::start(home);
    bus.store();
    let mut reveal = Command::new(PROGRAM);
    reveal.args(["reveal", NAME, "--field", "api_key"]).env("WAYLEAVE_HOME", home);
    let mut lookup = bus.secret_tool();
    lookup.args(["lookup", "service", "wayleave-bench"]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        ours.push(run(&mut reveal));
        theirs.push(run(&mut lookup));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("reveal {ours:?}, secret-tool {theirs:?}");
    ours.as_secs_f64() / theirs.as_secs_f64()
}

/// Unlocking − one Argon2id evaluation of the same cost, in milliseconds.
fn unlock_over_kdf(client: &Client, kdf: Kdf) -> f64 {
    let passphrase = Passphrase::new(Secret::from_text(PASSPHRASE.into()));
    let (mut unlock, mut derive) = (Vec::new(), Vec::new());
    for _ in 0..11 {
        client.ask(Ask::Lock).expect("locked");
        let confide = Confide::Unlock { passphrase: disclosed(PASSPHRASE) };
        unlock.push(timed(|| drop(client.confide(confide).expect("opened"))));
        let policy = KdfPolicy::Fixed(kdf);
        derive.push(timed(|| {
            drop(NewSlot::passphrase(&passphrase, policy, || jiff::Timestamp::UNIX_EPOCH));
        }));
    }
    let (unlock, derive) = (median(unlock), median(derive));
    println!("unlock {unlock:?}, Argon2id {derive:?}");
    (unlock.as_secs_f64() - derive.as_secs_f64()) * 1000.0
}

/// Proportional set size of an idle process, from the kernel (proc(5), smaps_rollup).
fn pss_mib(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("readable");
    let line = text.lines().find(|line| line.starts_with("Pss:")).expect("a figure");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    kib / 1024.0
}

/// The newest package of `make package`.
fn deb_mib() -> f64 {
    let folder = built().join("bundle/deb");
    let deb = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}: `make package` first", folder.display()))
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "deb"))
        .max_by_key(|entry| entry.metadata().and_then(|of| of.modified()).ok())
        .expect("a package");
    let bytes = u32::try_from(deb.metadata().expect("readable").len()).expect("a few megabytes");
    f64::from(bytes) / f64::from(1 << 20)
}

/// The folder of release builds.
fn built() -> &'static Path {
    Path::new(PROGRAM).parent().expect("it lies in a folder")
}

/// From `exec` of the shipped window to the second animation frame after its page was mounted, on
/// an idle Xvfb with a session bus, in a new home where no agent runs. The page tells the log.
fn window_visible_ms() -> f64 {
    let (display, home) = (Display::start(), tempfile::tempdir().expect("a home"));
    let bus = Bus::start(home.path());
    let times = (0..15).map(|_| window_visible(&display, &bus)).collect();
    let median = median(times);
    println!("window visible {median:?}");
    median.as_secs_f64() * 1000.0
}

fn window_visible(display: &Display, bus: &Bus) -> Duration {
    let home = tempfile::tempdir().expect("a home");
    let mut window = Command::new(built().join("wayleave-desktop"));
    window
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .env("WAYLEAVE_HOME", home.path().join("wayleave"))
        .env("DISPLAY", &display.name)
        .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
        .env("WAYLEAVE_LOG", "debug")
        .env("NO_AT_BRIDGE", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = window.spawn().expect("the window: `make package` first");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let drawn = lines.any(|line| line.is_ok_and(|line| line.contains("the page is drawn")));
    let took = start.elapsed();
    assert!(drawn, "the window ended before its page was drawn");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let stop = Command::new(PROGRAM)
        .args(["agent", "stop"])
        .env("WAYLEAVE_HOME", home.path().join("wayleave"))
        .output();
    assert!(stop.expect("it runs").status.success(), "the agent that it started ends");
    took
}

/// An X server without a screen; it ends with this.
struct Display {
    name: String,
    server: Child,
}

impl Display {
    fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x900x24",
                "-nolisten",
                "tcp",
                "-noreset",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb (package xvfb)");
        let mut number = String::new();
        let stdout = server.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut number).expect("a number");
        Self { name: format!(":{}", number.trim()), server }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn snapshot(client: &Client) -> Snapshot {
    match client.ask(Ask::Snapshot).expect("an answer") {
        Answer::Snapshot(snapshot) => *snapshot,
        other => panic!("{other:?}"),
    }
}

fn disclosed(text: &str) -> Disclosed {
    Disclosed::new(Secret::from_text(text.into()))
}

fn run(command: &mut Command) -> Duration {
    let mut output = None;
    let took = timed(|| output = command.output().ok());
    let output = output.expect("it runs");
    assert!(output.status.success() && !output.stdout.is_empty(), "{command:?} worked");
    took
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A session bus of its own with a real keyring on it.
struct Bus {
    address: String,
    home: PathBuf,
    processes: Vec<Child>,
}

impl Bus {
    fn start(home: &Path) -> Self {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon (package dbus)");
        let mut address = String::new();
        let stdout = daemon.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut address).expect("an address");
        let mut bus =
            Self { address: address.trim().into(), home: home.into(), processes: vec![daemon] };
        std::fs::create_dir_all(home.join(".local/share")).expect("a folder");
        let mut keyring = bus
            .command("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon (package gnome-keyring)");
        keyring.stdin.take().expect("piped").write_all(b"bench").expect("written");
        bus.processes.push(keyring);
        bus
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).env("HOME", &self.home);
        command
    }

    fn secret_tool(&self) -> Command {
        self.command("secret-tool")
    }

    /// Whether our keyring has come: asked before that, the bus would start another one, which is
    /// locked.
    fn has_keyring(&self) -> bool {
        let output = self
            .command("dbus-send")
            .args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"])
            .args(["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"])
            .output()
            .expect("dbus-send (package dbus)");
        String::from_utf8_lossy(&output.stdout).contains("boolean true")
    }

    /// Stores the peer's secret.
    fn store(&self) {
        let came = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            self.has_keyring()
        });
        assert!(came, "the keyring does not come");
        let mut store = self.secret_tool();
        store.args(["store", "--label=bench", "service", "wayleave-bench"]);
        let mut child = store.stdin(Stdio::piped()).spawn().expect("secret-tool (libsecret-tools)");
        child.stdin.take().expect("piped").write_all(KEY.as_bytes()).expect("written");
        assert!(child.wait().expect("it ends").success(), "the keyring takes a secret");
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
