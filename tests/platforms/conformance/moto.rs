//! A real token service and S3 beside the sandbox: moto, whose answers are those of AWS' own
//! models (platforms.md J). Kept in the user's cache, as the other Python tools of the suites.

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const VERSION: &str = "5.2.5";

/// A running moto, ended with this value.
pub struct Moto {
    /// Its address, for STS and for S3.
    pub endpoint: String,
    child: Child,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Moto {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let mut child = Command::new(python())
            .args(["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        // Its development server tells where it listens.
        let mut lines = std::io::BufReader::new(child.stderr.take().expect("piped")).lines();
        let told = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("Running on http://127.0.0.1:")?;
            rest.trim().parse::<u16>().ok()
        });
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let port = told.expect("moto tells its port");
        Self { endpoint: format!("http://127.0.0.1:{port}"), child }
    }
}

/// A Python with moto.
fn python() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home")).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let folder = cache.join("wayleave-tests/moto-5");
    let python = folder.join("bin/python");
    let works = |python: &PathBuf| {
        let tried = Command::new(python).args(["-c", "import moto.server, flask"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    if !works(&python) {
        std::fs::create_dir_all(folder.parent().expect("a folder")).expect("a cache");
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).status();
        assert!(made.expect("python3 runs").success(), "python3 -m venv (package python3-venv)");
        let moto = format!("moto[server,s3]=={VERSION}");
        let pip = Command::new(&python).args(["-m", "pip", "install", "--quiet", &moto]).status();
        assert!(pip.expect("pip runs").success(), "{moto}");
    }
    python
}
