//! The portal's sign-in window: a process of its own, started in this run's graphical
//! environment. The flow's one-time proof goes to it on standard input.

use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use wayleave_core::api::{AccountView, Ask, Confide, Disclosure, FlowView, misplaced};
use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::secret::Disclosed;

use crate::context::{Context, own_program};
use crate::disclose::Buffer;
use crate::failure::{Done, Failure};
use crate::output;

/// The window's program, which lies beside ours and is looked for nowhere else.
const WINDOW: &str = "wayleave-desktop";

/// Signs in with the window.
pub fn sign_in(context: &Context, account: &AccountView, replace: bool) -> Done {
    let program = window()?;
    let (flow, proof) = super::replacing(context, replace, || {
        let Disclosure::PortalFlow { flow, proof } =
            context.confide(Confide::StartPortal { account: account.id })?
        else {
            return Err(misplaced("a portal sign-in").into());
        };
        Ok((flow, proof))
    })?;
    let order = order(&flow, &proof)?;
    match show(program, &order) {
        Ok(window) => cancel_when_closed(context, window, &flow),
        Err(error) => {
            context.order(Ask::CancelSignIn { flow: flow.id })?;
            return Err(error.into());
        }
    }
    super::cancel_on_interrupt(context, Ask::CancelSignIn { flow: flow.id });
    output::aside("Sign in in the window that opens.");
    super::finish(context, &flow)
}

fn window() -> Result<PathBuf, Failure> {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("WAYLAND_DISPLAY") && !set("DISPLAY") {
        return Err(Failure::advised(
            ErrorCode::NoDisplay,
            "there is no display to show the sign-in window on",
            "Sign in where there is one, or give the portal's cookies with `--cookies-stdin`.",
        ));
    }
    let program = own_program()?.with_file_name(WINDOW);
    if program.is_file() { Ok(program) } else { Err(super::missing(WINDOW).into()) }
}

/// One JSON object: the flow, and the proof that a result belongs to it.
fn order(flow: &FlowView, proof: &Disclosed) -> Result<Disclosed, Failure> {
    let flow = serde_json::to_string(flow)
        .map_err(|e| Error::internal(format!("a flow cannot be written: {e}")))?;
    let mut order = Buffer::new();
    order.plain(b"{\"flow\":");
    order.plain(flow.as_bytes());
    order.plain(b",\"proof\":");
    order.string(proof)?;
    order.plain(b"}");
    Ok(order.done())
}

fn show(program: PathBuf, order: &Disclosed) -> Result<Child, Error> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorCode::ToolMissing, format!("the sign-in window: {e}")).with("tool", WINDOW)
    };
    let mut child = Command::new(program)
        .arg("--sign-in")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(order.expose()).map_err(failed)?;
    }
    Ok(child)
}

/// A window that ends without a result ends its flow; one that ended well has settled it, and
/// then there is nothing left to cancel.
fn cancel_when_closed(context: &Context, mut window: Child, flow: &FlowView) {
    let (client, flow) = (context.client().clone(), flow.id);
    thread::spawn(move || {
        let well = window.wait().is_ok_and(|status| status.success());
        if !well {
            let _ = client.ask(Ask::CancelSignIn { flow });
        }
    });
}
