//! `copy`: on a display of its own, read by another program.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::home::Home;
use crate::notice::KEY;

/// A display without a screen; it ends with the value.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "320x200x24", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let mut number = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut number).expect("said");
        Self { server, name: format!(":{}", number.trim()) }
    }

    /// What is on the clipboard in this form.
    fn clipboard(&self, target: &str) -> Option<String> {
        let output = Command::new("xclip")
            .args(["-selection", "clipboard", "-o", "-t", target])
            .env("DISPLAY", &self.name)
            .output()
            .expect("xclip is installed");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Waits until the clipboard is empty, which another process brings about.
    fn is_emptied(&self) -> bool {
        (0..500).any(|_| {
            let empty = self.clipboard("UTF8_STRING").is_none();
            if !empty {
                std::thread::yield_now();
            }
            empty
        })
    }

    fn put(&self, text: &str) {
        let mut other = Command::new("xclip")
            .args(["-selection", "clipboard"])
            .env("DISPLAY", &self.name)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("xclip is installed");
        let mut stdin = other.stdin.take().expect("piped");
        std::io::Write::write_all(&mut stdin, text.as_bytes()).expect("taken");
        drop(stdin);
        assert!(other.wait().expect("ends").success());
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn with_a_key(display: Option<&Display>) -> Home {
    let mut home = Home::new();
    if let Some(display) = display {
        home.set("DISPLAY", &display.name);
    }
    home.init();
    home.json(&["account", "add", "eodh"]);
    let paste = ["sign-in", "--with", "paste", "--key-stdin", "-w", "peat", "--name", "qgis"];
    home.json_with(&paste, KEY);
    home
}

#[test]
fn a_copied_key_is_held_with_the_hint_and_let_go_on_lock() {
    let display = Display::start();
    let home = with_a_key(Some(&display));
    assert_eq!(home.json(&["copy", "qgis"])["clear_after"], 30);
    assert_eq!(display.clipboard("UTF8_STRING").as_deref(), Some(KEY));
    assert_eq!(display.clipboard("x-kde-passwordManagerHint").as_deref(), Some("secret"));
    home.json(&["lock"]);
    assert!(display.is_emptied(), "the lock takes it away");
}

#[test]
fn what_somebody_else_put_there_stays() {
    let display = Display::start();
    let home = with_a_key(Some(&display));
    home.json(&["copy", "qgis", "--field", "bearer_header"]);
    assert_eq!(display.clipboard("UTF8_STRING"), Some(format!("Bearer {KEY}")));
    display.put("a shopping list");
    home.json(&["agent", "stop"]);
    let stays = |_| display.clipboard("UTF8_STRING").as_deref() == Some("a shopping list");
    assert!((0..50).all(stays), "it is looked at while the holder ends");
}

#[test]
fn without_a_display_nothing_is_copied() {
    let home = with_a_key(None);
    home.fails(&["copy", "qgis"], 1, "no_display");
    let history = home.json(&["history", "qgis"]);
    let events: Vec<_> = history.as_array().unwrap().iter().map(|e| &e["event"]).collect();
    assert!(!events.contains(&&"copied".into()), "{events:?}");
    home.fails(&["copy", "qgis", "--clear-after", "5s"], 1, "no_display");
}
