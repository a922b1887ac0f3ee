//! The real window, driven: WebDriver presses in our page, real key presses and clicks in the
//! sign-in and unlock windows, and everything else a person would touch.
//!
//! `make e2e` builds what this needs beside the window: the agent, the sandbox, and a window
//! without feature `e2e`, which must not be drivable.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where it finds trouble")]
#![allow(clippy::print_stdout, reason = "the demo tells its steps")]

#[path = "../canary.rs"]
mod canary;
mod closed;
mod command_line;
mod journey;
mod keyboard;
mod keyboard_screens;
mod leaks;
mod other_agent;
mod page;
mod panel;
mod platforms;
mod portal_page;
#[path = "../python.rs"]
mod python;
#[path = "../report.rs"]
mod report;
mod s3;
mod screen;
mod screens;
mod sign_in;
mod stage;
mod tray;

use std::path::{Path, PathBuf};

/// The window under test, with feature `e2e`.
fn desktop() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_wayleave-desktop"))
}

/// Where pictures of every screen are left.
fn pictures() -> PathBuf {
    report::root().join("target/screens")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Says a step of the demo.
fn say(step: &str) {
    println!("  {step}");
}

fn picture(name: &str) -> PathBuf {
    pictures().join(Path::new(name).with_extension("png"))
}
