//! A desktop of its own for one test: display, session bus, keyring where wanted, home, sandbox.
//! Everything ends with the [`Stage`].

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// One desktop at a time: figures and time limits are meant for an idle machine.
static ALONE: Mutex<()> = Mutex::new(());

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(40);
/// What opens the keyring of a stage.
pub const KEYRING_PASSWORD: &[u8] = b"keyring of a test";

/// Looks again and again until `look` finds something; fails with `what` after [`PATIENCE`].
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_within(what, PATIENCE, look)
}

/// [`until`] with another patience.
pub fn until_within<T>(what: &str, patience: Duration, look: impl FnMut() -> Option<T>) -> T {
    within(patience, look).unwrap_or_else(|| panic!("waited {patience:?} in vain for {what}"))
}

/// [`until_within`] that says `None` where that fails.
#[allow(clippy::disallowed_methods, reason = "a deadline of a test, decided by nothing else")]
pub fn within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    while start.elapsed() < patience {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(LOOK);
    }
    None
}

/// The font of the drawings, where a desktop has its own.
const FONTS: &str = r#"<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <alias binding="strong"><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>
  <alias binding="strong"><family>Sans</family><prefer><family>Inter</family></prefer></alias>
</fontconfig>
"#;

/// Where the sandbox stands among what runs.
const SANDBOX: usize = 1;

/// A child that is ended with its guard.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The local hub that a stage has.
pub struct Hub {
    /// Its address.
    pub url: String,
    /// The demo user.
    pub username: String,
    /// The demo user's password.
    pub password: String,
    /// All that the sandbox tells of itself.
    pub told: Value,
    controls: String,
}

/// One private desktop.
pub struct Stage {
    /// The sandbox on it.
    pub hub: Hub,
    /// The port of its WebDriver.
    pub driver: u16,
    vars: Vec<(String, String)>,
    programs: PathBuf,
    home: TempDir,
    running: Vec<Running>,
    /// What the sandbox had handed out, once it is gone.
    handed_out: Option<Value>,
    _alone: MutexGuard<'static, ()>,
}

impl Stage {
    /// Display, bus and sandbox; the programs are those beside `desktop`.
    pub fn new(desktop: &Path, with_keyring: bool) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let programs = desktop.parent().expect("it lies in a folder").to_path_buf();
        let home = TempDir::new().expect("a home");
        let (sandbox, hub) = start_sandbox(&programs);
        let (display, number) = start_display();
        let mut stage = Self {
            hub,
            driver: 0,
            vars: variables(home.path(), &number),
            programs,
            home,
            running: vec![display, sandbox],
            handed_out: None,
            _alone: alone,
        };
        stage.make_folders();
        stage.start_bus();
        if with_keyring {
            stage.start_keyring();
        }
        stage.start_driver();
        stage
    }

    /// A program of ours.
    pub fn program(&self, name: &str) -> PathBuf {
        let program = self.programs.join(name);
        assert!(program.is_file(), "{name} is not built: {}", program.display());
        program
    }

    /// A command in this desktop's environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.vars.iter().map(|(k, v)| (k, v))).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; it must succeed.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.try_run(program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command to its end.
    pub fn try_run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program).args(arguments).output().expect("it can be started")
    }

    /// The command line of Wayleave, with JSON.
    pub fn wayleave(&self, arguments: &[&str]) -> Value {
        let program = self.program("wayleave");
        let output = self.command(program).args(arguments).arg("--json").output().expect("runs");
        assert!(output.status.success(), "wayleave {arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Keeps a process for as long as the stage.
    pub fn keep(&mut self, child: Child) {
        self.running.push(Running(child));
    }

    /// Puts a program into this desktop's `PATH`.
    pub fn plant(&self, name: &str, script: &str) -> PathBuf {
        let file = self.home.path().join("bin").join(name);
        fs::write(&file, script).expect("a program");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it can be run");
        file
    }

    /// The address of this desktop's session bus.
    pub fn bus(&self) -> String {
        let var = self.vars.iter().find(|(name, _)| name == "DBUS_SESSION_BUS_ADDRESS");
        var.expect("there is a bus").1.clone()
    }

    /// The display's name.
    pub fn display(&self) -> &str {
        let var = self.vars.iter().find(|(name, _)| name == "DISPLAY");
        &var.expect("there is a display").1
    }

    /// Where the agent of this vault listens.
    pub fn agent_socket(&self) -> PathBuf {
        wayleave_core::agent::socket_path(&wayleave_core::paths::Paths::under(&self.vault_home()))
    }

    /// Addresses that the system browser was asked to open.
    pub fn browsed(&self) -> Vec<String> {
        let file = self.home.path().join("browsed");
        fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Ends the sandbox: its hub cannot be reached any more.
    pub fn end_sandbox(&mut self) {
        self.handed_out = Some(self.handed_out());
        let _ = self.running[SANDBOX].0.kill();
        let _ = self.running[SANDBOX].0.wait();
    }

    /// Every secret that the sandbox handed out: their kind and value.
    pub fn handed_out(&self) -> Value {
        let asked = || self.control(&json!({ "do": "list_secrets" }));
        self.handed_out.clone().unwrap_or_else(asked)
    }

    /// Makes the sandbox do something (`controls.rs` there).
    pub fn control(&self, order: &Value) -> Value {
        let address = self.hub.controls.trim_start_matches("http://").trim_end_matches('/');
        let body = order.to_string();
        let mut stream = TcpStream::connect(address).expect("the controls answer");
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("the controls listen");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the controls answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{order}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// Web processes on this desktop.
    pub fn web_processes(&self) -> usize {
        let home = format!("WAYLEAVE_HOME={}", self.vault_home().display());
        let is_ours = |folder: &Path| {
            let read = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
            read("comm").starts_with(b"WebKitWebProces")
                && read("environ").split(|b| *b == 0).any(|var| var == home.as_bytes())
        };
        let all = fs::read_dir("/proc").expect("processes");
        all.flatten().filter(|entry| is_ours(&entry.path())).count()
    }

    /// This desktop's home folder.
    pub fn home(&self) -> String {
        self.home.path().display().to_string()
    }

    /// The vault's home, `WAYLEAVE_HOME`.
    pub fn vault_home(&self) -> PathBuf {
        self.home.path().join("wayleave")
    }

    fn make_folders(&self) {
        let home = self.home.path();
        for folder in
            ["run", "bin", "wayleave", "wayleave/config", ".local/share", ".config/fontconfig"]
        {
            let folder = home.join(folder);
            fs::create_dir_all(&folder).expect("a folder");
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("ours alone");
        }
        let host = self.hub.url.trim_start_matches("http://");
        let tiles = json!([{ "platform": "eodh", "name": "Sandbox", "subtitle": host,
                             "connection": { "environment": "custom", "hub": self.hub.url } }]);
        let file = self.vault_home().join("config/tiles.json");
        fs::write(file, tiles.to_string()).expect("a tile");
        fs::write(home.join(".config/fontconfig/fonts.conf"), FONTS).expect("fonts");
        let browser = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >>{}/browsed\n", home.display());
        self.plant("browser", &browser);
    }

    fn start_bus(&mut self) {
        let mut bus = self
            .command("dbus-daemon")
            .arg(format!("--config-file={}", self.bus_config().display()))
            .args(["--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("dbus-daemon starts");
        let address = first_line(&mut bus);
        self.keep(bus);
        self.vars.push(("DBUS_SESSION_BUS_ADDRESS".to_owned(), address));
    }

    /// A bus that starts nothing by itself: a keyring is there only where a test wants one.
    fn bus_config(&self) -> PathBuf {
        let folder = self.home.path().join("run");
        let file = self.home.path().join("bus.conf");
        let text = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/>\
             </policy></busconfig>",
            folder.join("bus").display()
        );
        fs::write(&file, text).expect("the bus' configuration");
        file
    }

    fn start_keyring(&mut self) {
        let mut keyring = self
            .command("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon starts");
        let mut stdin = keyring.stdin.take().expect("a pipe");
        stdin.write_all(KEYRING_PASSWORD).expect("it listens");
        drop(stdin);
        self.keep(keyring);
        let asks = ["--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"];
        let asks = [&asks[..], &["org.freedesktop.DBus.NameHasOwner"]].concat();
        let asks = [&asks[..], &["string:org.freedesktop.secrets"]].concat();
        until("the keyring", || self.run("dbus-send", &asks).contains("true").then_some(()));
    }

    fn start_driver(&mut self) {
        self.driver = free_port();
        let driver = self
            .command("WebKitWebDriver")
            .arg(format!("--port={}", self.driver))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("WebKitWebDriver starts");
        self.keep(driver);
        until("WebDriver", || TcpStream::connect(("127.0.0.1", self.driver)).ok());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            let file = crate::picture("failed");
            println!("the screen at the end: {}", file.display());
            let _ = self.command("import").args(["-window", "root"]).arg(file).status();
        } else {
            crate::leaks::settle(self);
        }
        let _ = self.command(self.programs.join("wayleave")).args(["agent", "stop"]).output();
        // Last come, first gone: the driver ends its window before the display goes.
        while self.running.pop().is_some() {}
    }
}

fn variables(home: &Path, display: &str) -> Vec<(String, String)> {
    let at = |name: &str| home.join(name).display().to_string();
    let own = [
        ("PATH", format!("{}:{}", at("bin"), std::env::var("PATH").unwrap_or_default())),
        // What xdg-open starts where no desktop says otherwise.
        ("BROWSER", at("bin/browser")),
        ("HOME", home.display().to_string()),
        ("XDG_RUNTIME_DIR", at("run")),
        ("WAYLEAVE_HOME", at("wayleave")),
        ("DISPLAY", format!(":{display}")),
        ("LANG", "C.UTF-8".to_owned()),
        ("NO_AT_BRIDGE", "1".to_owned()),
        ("GSETTINGS_BACKEND", "memory".to_owned()),
        // No GPU here: software compositing only costs time.
        ("WEBKIT_DISABLE_DMABUF_RENDERER", "1".to_owned()),
    ];
    own.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Without `-noreset` the server starts anew when its last client leaves, and refuses whoever comes
/// at that moment.
fn start_display() -> (Running, String) {
    let mut display = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb starts");
    let number = first_line(&mut display);
    (Running(display), number)
}

fn start_sandbox(programs: &Path) -> (Running, Hub) {
    let program = programs.join("wayleave-sandbox");
    let mut sandbox = Command::new(&program)
        .args(["--json", "--controls", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{} starts: {e}", program.display()));
    let told: Value = serde_json::from_str(&first_line(&mut sandbox)).expect("it tells itself");
    let said = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let hub = Hub {
        url: said("hub"),
        username: said("username"),
        password: said("password"),
        controls: said("controls"),
        told: told.clone(),
    };
    (Running(sandbox), hub)
}

fn first_line(child: &mut Child) -> String {
    let stdout = child.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(stdout);
    let mut line = String::new();
    lines.read_line(&mut line).expect("it says something");
    // The pipe stays open, or a program that says more would end.
    thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    line.trim().to_owned()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
