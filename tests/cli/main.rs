//! Tests of the command line as it is shipped: the real program, a real agent, a real sandbox,
//! a folder of their own.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where it finds trouble")]

#[path = "../sandbox/browser.rs"]
#[allow(dead_code, reason = "it can do more than is needed here")]
mod browser;
#[path = "../canary.rs"]
mod canary;
mod clipboard;
mod faults;
mod home;
mod journey;
mod kill;
mod manners;
mod notice;
mod platforms;
#[path = "../report.rs"]
mod report;
mod watch;

/// A client that follows nothing, for the browser.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}
