//! Hubs that are none, that nobody reaches, or that cannot prove who they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use super::stage::{Check, Stage, TOKENS, WORKSPACE, wanted, well};

const ADD: [&str; 5] = ["account", "add", "eodh", "--environment", "custom"];
/// Cookies of the right form that are worth nothing anywhere.
const COOKIES: &str = "Cookie: _oauth2_proxy_0=a-session-that-nobody-should-get-to-see\n";

/// A server that says the same to everybody and remembers what it was asked.
pub struct Parrot {
    pub origin: String,
    pub heard: Arc<Mutex<Vec<String>>>,
}

impl Parrot {
    pub fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut bytes = [0; 16 * 1024];
                let read = stream.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                notes.lock().expect("noted").push(text);
                // A client that left early hears nothing.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { origin, heard }
    }
}

/// A real TLS server whose certificate nobody has reason to accept.
struct Stranger {
    server: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Stranger {
    fn start(subject: &str, days: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (key, cert) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
        let mut make = Command::new("openssl");
        make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-subj", subject, "-days", days])
            .args(["-addext", "subjectAltName=IP:127.0.0.1"])
            .args([std::ffi::OsStr::new("-keyout"), key.as_os_str()])
            .args([std::ffi::OsStr::new("-out"), cert.as_os_str()]);
        assert!(well(&mut make), "openssl makes a certificate");
        let mut server = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .args([std::ffi::OsStr::new("-key"), key.as_os_str()])
            .args([std::ffi::OsStr::new("-cert"), cert.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let mut lines = BufReader::new(server.stdout.take().expect("piped")).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse().ok())
            .expect("says where it listens");
        // Its log must go somewhere, or it stops.
        std::thread::spawn(move || lines.for_each(drop));
        Self { server, port, _folder: folder }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn add<'a>(hub: &'a str, name: &'a str) -> Vec<&'a str> {
    [&ADD[..], &["--hub", hub, "--name", name]].concat()
}

fn cookies(name: &str) -> [&str; 5] {
    ["sign-in", name, "--with", "portal", "--cookies-stdin"]
}

#[test]
fn wrong_hub_url() {
    let stage = Stage::new();
    let mut check = Check::new("wrong_hub_url");
    let page = Parrot::start(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Hello</html>\r\n",
    );
    let nothing =
        Parrot::start("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let babble = Parrot::start("SSH-2.0-OpenSSH_9.2p1\r\n");
    for hub in [&page.origin, &nothing.origin] {
        check.refused(&stage, &add(hub, "x"), wanted("not_this_platform", 1));
    }
    // It answers, but not in HTTP.
    check.refused(&stage, &add(&babble.origin, "x"), wanted("offline", 6));
    for hub in [
        "ftp://hub.example",
        "https://",
        "not an address at all",
        "https://ada:secret-in-an-address@hub.example",
        "javascript:alert(1)",
        "https://hub.example:99999",
        "file:///etc/passwd",
    ] {
        let error = check.refused(&stage, &add(hub, "x"), wanted("invalid_address", 2));
        check.so("the address's secret stays out", !error.to_string().contains("secret-in"));
    }
    check.so("nothing was added", stage.home.json(&["account", "list"]) == serde_json::json!([]));
    check.done();
}

#[test]
fn http_url() {
    let stage = Stage::new();
    let mut check = Check::new("http_url");
    for hub in [
        "http://hub.example",
        "http://10.0.0.1:8080",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://127.0.0.1@hub.example",
        "HTTP://HUB.EXAMPLE",
    ] {
        let error = check.refused(&stage, &add(hub, "x"), wanted("invalid_address", 2));
        let kept = error["kept"].as_str().unwrap_or_default();
        check.so("it says that nothing was sent", kept.contains("Nothing was sent"));
    }
    let here = stage.home.json(&add(stage.sandbox.hub_url(), "here"));
    check.so("loopback is excepted", here["hub"] == stage.sandbox.hub_url());
    check.done();
}

#[test]
fn unreachable_host() {
    let stage = Stage::new();
    let mut check = Check::new("unreachable_host");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let refused = format!("http://{}", free.local_addr().expect("its address"));
    drop(free);
    for (name, hub) in [("refused", refused.as_str()), ("no-such-name", "https://hub.invalid")] {
        stage.home.json(&add(hub, name));
        let error = check.refused_with(&stage, &cookies(name), COOKIES, wanted("offline", 6));
        let host = error["params"]["host"].as_str().unwrap_or_default();
        check.so("it names the host", !host.is_empty() && hub.contains(host));
    }
    check.done();
}

#[test]
fn tls_failure() {
    let stage = Stage::new();
    let mut check = Check::new("tls_failure");
    let strangers = [
        ("self-made", Stranger::start("/CN=127.0.0.1", "30")),
        ("of-another-host", Stranger::start("/CN=hub.example", "30")),
    ];
    for (name, stranger) in &strangers {
        let hub = format!("https://127.0.0.1:{}", stranger.port);
        check.refused(&stage, &add(&hub, name), wanted("tls", 1));
    }
    // A port that speaks no TLS at all.
    let plain = Parrot::start("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let hub = plain.origin.replace("http:", "https:");
    check.refused(&stage, &add(&hub, "plain"), wanted("tls", 1));
    let heard = plain.heard.lock().expect("noted").join("");
    check.so("nothing was sent in clear", !heard.contains("GET ") && !heard.contains("Cookie"));
    check.so("nothing was added", stage.home.json(&["account", "list"]) == serde_json::json!([]));
    check.done();
}

#[test]
fn redirects() {
    let stage = Stage::with_key();
    let login = format!("{}/oauth2/start?rd=%2Fworkspaces", stage.sandbox.hub_url());
    let foreign = Parrot::start(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
    );
    let elsewhere = format!("{}/api/workspaces", foreign.origin);
    let mut to_login = Check::new("redirect_to_login");
    let mut to_foreign = Check::new("redirect_to_another_origin");
    let verbs: [(&str, &str, &[&str]); 4] = [
        ("GET", "/api/workspaces", &["workspaces"]),
        ("GET", TOKENS, &["token", "list", "--on-platform", "-w", WORKSPACE]),
        ("POST", TOKENS, &["token", "request", "-w", WORKSPACE, "--name", "new"]),
        ("DELETE", "/api/workspaces/demo-ws/me/tokens/*", &["token", "revoke", "kept", "--yes"]),
    ];
    for (method, path, verb) in verbs {
        for status in [302, 307, 308] {
            stage.stay_signed_in();
            redirect(&stage, method, path, status, &login);
            to_login.refused(&stage, verb, wanted("session_ended", 4));
            stage.calm();
            stage.stay_signed_in();
            redirect(&stage, method, path, status, &elsewhere);
            to_foreign.refused(&stage, verb, wanted("unexpected_answer", 1));
            stage.calm();
        }
    }
    let heard = foreign.heard.lock().expect("noted").len();
    to_foreign.so("the other origin was never asked", heard == 0);
    to_login.so("one token on the platform", stage.sandbox.tokens().len() == 1);
    to_login.done();
    to_foreign.done();
}

fn redirect(stage: &Stage, method: &str, path: &str, status: u16, to: &str) {
    let answer = super::stage::Answer {
        status,
        kind: "text/html",
        body: "<html>Moved</html>",
        headers: &[("location", to)],
    };
    stage.answer(method, path, 1, answer);
}
