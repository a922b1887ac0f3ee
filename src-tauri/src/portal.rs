//! The sign-in window, seen from the window that asks for it: started, waited for, ended.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, thread};

use serde::Serialize;
use wayleave_core::agent::client::Client;
use wayleave_core::api::{
    AccountId, AccountView, Answer, Ask, Confide, Disclosure, FlowView, Theme, misplaced,
};
use wayleave_core::error::{Error, Result};
use wayleave_core::secret::Disclosed;
use zeroize::Zeroizing;

use crate::link::hold;
use crate::sign_in;

/// How often an open sign-in window is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What the sign-in window reads on standard input.
#[derive(Serialize)]
struct Order<'a> {
    flow: &'a FlowView,
    proof: &'a str,
    theme: Theme,
}

/// Signs in by the portal and waits for the end: the user's, the agent's, or time's.
pub fn sign_in(client: &Client, account: AccountId, theme: Theme) -> Result<AccountView> {
    let Disclosure::PortalFlow { flow, proof } =
        client.confide(Confide::StartPortal { account })?
    else {
        return Err(misplaced("the start of a sign-in"));
    };
    let window = match start(&flow, &proof, theme) {
        Ok(window) => Arc::new(Mutex::new(window)),
        Err(error) => {
            client.ask(Ask::CancelSignIn { flow: flow.id })?;
            return Err(error);
        }
    };
    drop(proof);
    let watcher = watch(client.clone(), Arc::clone(&window), &flow);
    let ended = client.ask(Ask::AwaitSignIn { flow: flow.id });
    // Cancelled from the main window, or over: the sign-in window goes in either case.
    let _ = hold(&window).kill();
    let _ = watcher.join();
    let Answer::Account(account) = ended? else { return Err(misplaced("the end of a sign-in")) };
    Ok(account)
}

/// The proof goes by standard input: argv, environment and files can be read by others.
fn start(flow: &FlowView, proof: &Disclosed, theme: Theme) -> Result<Child> {
    let order = Order { flow, proof: proof.expose_text().unwrap_or_default(), theme };
    let failed = |e: &dyn std::fmt::Display| {
        Error::internal(format!("the sign-in window cannot be started: {e}"))
    };
    let text = Zeroizing::new(serde_json::to_vec(&order).map_err(|e| failed(&e))?);
    let program = env::current_exe().map_err(|e| failed(&e))?;
    let mut child = Command::new(program)
        .arg(sign_in::FLAG)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|e| failed(&e))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&text).map_err(|e| failed(&e))?;
    }
    Ok(child)
}

/// A window that ends without a result ends the flow too; the agent ignores a flow that is over.
fn watch(client: Client, window: Arc<Mutex<Child>>, flow: &FlowView) -> thread::JoinHandle<()> {
    let flow = flow.id;
    thread::spawn(move || {
        loop {
            let ended = hold(&window).try_wait();
            match ended {
                Ok(None) => thread::sleep(LOOK),
                Ok(Some(status)) if status.success() => return,
                Ok(Some(_)) | Err(_) => break,
            }
        }
        let _ = client.ask(Ask::CancelSignIn { flow });
    })
}
