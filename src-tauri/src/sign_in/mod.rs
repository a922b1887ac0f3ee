//! The portal's sign-in window: a process of its own, without any way to command Wayleave.
//!
//! It is plain GTK and WebKitGTK, not Tauri, so that the foreign pages in it meet no bridge, no
//! injected script and no custom scheme at all (docs/adr). It gets its flow and the flow's
//! one-time secret on standard input, shows whatever https pages the log-in leads through, stops
//! the first return to the hub, and hands the hub's session cookies to the agent.

mod policy;
mod window;

use std::io::{self, Read};
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use url::Url;
use wayleave_core::agent::client::Client;
use wayleave_core::api::{Confide, FlowView, Theme};
use wayleave_core::error::Result;
use wayleave_core::secret::Disclosed;
use zeroize::Zeroizing;

use crate::harden::fail;
use crate::link;
use policy::Policy;
pub use policy::is_loopback;

/// The argument that makes this program the sign-in window.
pub const FLAG: &str = "--sign-in";
/// Exit code: the user closed the window, or its time was over.
pub const CANCELLED: u8 = 9;

/// Longest order read from standard input, in bytes.
const ORDER_MAX: u64 = 64 * 1024;
/// The window lives this long at most, whatever the flow says.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// What the starter sends on standard input: one JSON object.
#[derive(Deserialize)]
struct Order {
    flow: FlowView,
    proof: String,
    /// Whoever starts it from elsewhere than the window need not say.
    #[serde(default)]
    theme: Option<Theme>,
}

/// How the window ended.
enum Ending {
    /// The value of a `Cookie` header for the hub.
    Cookies(Disclosed),
    /// By the user, or by time.
    Cancelled,
}

/// Shows the window until the sign-in is finished or given up.
pub fn run() -> ExitCode {
    let Some(Order { flow, proof, theme }) = read_order() else {
        return fail("--sign-in is started by Wayleave, with a sign-in flow on standard input");
    };
    let (Ok(start), Ok(hub)) = (Url::parse(&flow.url), Url::parse(&flow.hub)) else {
        return fail("the flow has no address to start at");
    };
    let Some(policy) = Policy::new(&start, &hub) else {
        return fail("the flow does not start at its hub");
    };
    if gtk::init().is_err() {
        return fail("there is no display to show the sign-in window on");
    }
    match window::show(policy, &start, seconds_left(flow.until), theme.unwrap_or(Theme::System)) {
        Ending::Cancelled => ExitCode::from(CANCELLED),
        Ending::Cookies(cookies) => {
            match finish(&flow, Disclosed::from_bytes(proof.into_bytes()), cookies) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error.to_string()),
            }
        }
    }
}

fn read_order() -> Option<Order> {
    let mut text = Zeroizing::new(String::new());
    io::stdin().take(ORDER_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn seconds_left(until: Timestamp) -> u32 {
    let left = until.duration_since(link::now()).clamp(SignedDuration::ZERO, LIFETIME);
    u32::try_from(left.as_secs()).unwrap_or(0)
}

/// The web view and its store are gone by now: the agent alone uses the session.
fn finish(flow: &FlowView, proof: Disclosed, cookies: Disclosed) -> Result<()> {
    let client: Client = link::client()?;
    client.confide(Confide::FinishPortal { flow: flow.id, proof, cookies }).map(|_| ())
}
