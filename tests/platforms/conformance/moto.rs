//! A real token service and S3 beside the sandbox: moto, whose answers are those of AWS' own
//! models (platforms.md J).

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};

use crate::python::python;

const MOTO: &str = "moto[server,s3]==5.2.5";

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
        let mut child = Command::new(python("moto-5", "import moto.server, flask", MOTO))
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
