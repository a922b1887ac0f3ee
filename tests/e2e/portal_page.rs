//! A hostile log-in page in the sign-in window: what it finds, and what reaches its server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::journey::tell;
use crate::report::Report;
use crate::stage::{Stage, until};
use crate::{desktop, picture};

/// Requests so far, as `METHOD path`, and what the page reported.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<(Vec<String>, Option<Value>)>>);

impl Seen {
    fn with<T>(&self, use_it: impl FnOnce(&mut (Vec<String>, Option<Value>)) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn paths(&self, path: &str) -> usize {
        self.with(|(requests, _)| requests.iter().filter(|r| r.contains(path)).count())
    }
}

/// Runs the window on the page twice: to the return to the hub, and to *Cancel*.
pub fn offers_nothing(report: &mut Report) {
    let stage = Stage::new(&desktop(), false);
    let seen = Seen::default();
    let hub = serve(seen.clone());
    let mut window = start(&stage, &hub);
    stage.window("^Sign in · ");
    let found = until("the page's findings", || seen.with(|(_, found)| found.clone()));
    let open: Vec<&String> = found
        .as_object()
        .expect("findings")
        .iter()
        .filter(|(_, f)| **f != true)
        .map(|(n, _)| n)
        .collect();
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    report.check("sign_in_doors_open", open.len() as f64, "doors", "0", open.is_empty());
    assert!(open.is_empty(), "open to a portal's page: {open:?}");
    let status = window.wait().expect("it ends after the return");
    tell(
        report,
        "return_to_the_hub_stopped",
        seen.paths("GET /oauth2/callback") == 1 && seen.paths("GET /app") == 0,
    );
    // Its flow is made up, so the agent refuses the result: not cancelled, not a success.
    tell(report, "made_up_flow_refused", status.code() == Some(1));
    tell(report, "no_pop_up", seen.paths("/popup") == 0);
    let saved = stage.run("find", &[&stage.home(), "-name", "loot*"]);
    tell(report, "no_download", saved.trim().is_empty());
    cancelled(&stage, &hub, report);
}

fn cancelled(stage: &Stage, hub: &str, report: &mut Report) {
    let mut window = start(stage, &format!("{hub}/quiet"));
    let shown = stage.window("^Sign in · 127.0.0.1");
    stage.drawn(&shown, 80);
    stage.picture(&shown, &picture("sign-in-strip"));
    stage.click_at(&shown, 920, 24);
    let status = window.wait().expect("it ends");
    tell(report, "cancel_ends_it", status.code() == Some(9));
}

fn start(stage: &Stage, at: &str) -> Child {
    let hub = at.trim_end_matches("/quiet");
    let order = json!({ "proof": "none", "flow": {
        "id": "0".repeat(32), "account": "0".repeat(32), "way": "portal", "url": format!("{at}/oauth2/start?rd=/app"),
        "user_code": null, "hub": hub, "until": "2099-01-01T00:00:00Z" } });
    let mut command: Command = stage.command(desktop());
    let mut window = command.arg("--sign-in").stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = window.stdin.take().expect("a pipe");
    stdin.write_all(order.to_string().as_bytes()).expect("it listens");
    window
}

fn serve(seen: Seen) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = seen.clone();
            thread::spawn(move || answer(stream, &seen));
        }
    });
    format!("http://{address}")
}

fn answer(mut stream: TcpStream, seen: &Seen) {
    let Some((head, body)) = read(&mut stream) else { return };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.with(|(requests, _)| requests.push(head.lines().next().unwrap_or_default().to_owned()));
    let (status, headers, text) = match path.split('?').next().unwrap_or_default() {
        "/oauth2/start" => ("302 Found", "Location: /login\r\n", ""),
        "/quiet/oauth2/start" => ("200 OK", "Content-Type: text/html\r\n", "<h1>Sign in</h1>"),
        "/login" => ("200 OK", "Content-Type: text/html\r\n", include_str!("portal_page.html")),
        "/oauth2/callback" => (
            "302 Found",
            "Location: /app\r\nSet-Cookie: _oauth2_proxy_0=a; Path=/; HttpOnly\r\n\
             Set-Cookie: _oauth2_proxy_csrf=b; Path=/\r\n",
            "",
        ),
        "/loot" => ("200 OK", "Content-Disposition: attachment; filename=loot.bin\r\n", "x"),
        "/found" => {
            seen.with(|(_, found)| *found = serde_json::from_str(&body).ok());
            ("200 OK", "", "")
        }
        _ => ("404 Not Found", "", ""),
    };
    let length = text.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
}

fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        text.extend_from_slice(&buffer[..count]);
        let all = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = all.split_once("\r\n\r\n") else { continue };
        let wanted = head.lines().find_map(|line| {
            line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
        });
        if body.len() >= wanted.unwrap_or(0) {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}
