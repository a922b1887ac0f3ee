//! `sign-in` in its four ways, and `sign-out`.

mod paste;
mod portal;

use std::process::{Command, Stdio};
use std::thread;

use clap::{Args, ValueEnum};
use wayleave_core::api::{
    AccountView, Answer, Ask, Confide, Disclosure, FlowView, Id, SignInWay, misplaced,
};
use wayleave_core::error::{Error, ErrorCode};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::{account, output, prompt};

/// Flags of `sign-in`.
#[derive(Debug, Args)]
pub struct Options {
    /// The account: its id or name; may be left out when there is one
    #[arg(value_name = "A")]
    named: Option<String>,
    /// How; the way that suits the account best when left out
    #[arg(long, value_enum)]
    with: Option<Way>,
    /// End a sign-in to this account that is still open
    #[arg(long)]
    replace: bool,
    /// portal: take a Cookie header from standard input instead of opening a window
    #[arg(long)]
    cookies_stdin: bool,
    /// browser: print the address instead of opening it
    #[arg(long)]
    no_open: bool,
    #[command(flatten)]
    paste: paste::PasteOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// A window of the portal
    Portal,
    /// The system browser
    Browser,
    /// A code typed on any device
    Device,
    /// A key that you already have
    Paste,
}

impl Options {
    /// Signs in.
    pub fn run(self, context: &Context) -> Done {
        let account = context.account(self.named.as_deref())?;
        match self.way(&account)? {
            Way::Portal if self.cookies_stdin => with_cookies(context, &account),
            Way::Portal => portal::sign_in(context, &account, self.replace),
            Way::Browser => self.browser(context, &account),
            Way::Device => self.device(context, &account),
            Way::Paste => self.paste.store(context, &account),
        }
    }

    fn way(&self, account: &AccountView) -> Result<Way, Failure> {
        if self.cookies_stdin && self.with.is_none_or(|way| way == Way::Portal) {
            return Ok(Way::Portal);
        }
        let best = account.ways.first().map(|way| match way {
            SignInWay::Portal => Way::Portal,
            SignInWay::Browser => Way::Browser,
            SignInWay::Device => Way::Device,
            SignInWay::Paste => Way::Paste,
        });
        self.with.or(best).ok_or_else(|| {
            Failure::usage(
                "how to sign in was not said",
                "Add `--with portal|browser|device|paste`.",
            )
        })
    }

    fn browser(&self, context: &Context, account: &AccountView) -> Done {
        let flow = start(context, account, SignInWay::Browser, self.replace)?;
        cancel_on_interrupt(context, Ask::CancelSignIn { flow: flow.id });
        if self.no_open || !open(&flow.url) {
            output::aside(&format!("open  {}", flow.url));
        } else {
            output::aside("Your browser asks you to sign in.");
        }
        finish(context, &flow)
    }

    fn device(&self, context: &Context, account: &AccountView) -> Done {
        let flow = start(context, account, SignInWay::Device, self.replace)?;
        cancel_on_interrupt(context, Ask::CancelSignIn { flow: flow.id });
        output::aside(&format!("open  {}", flow.url));
        if let Some(code) = &flow.user_code {
            output::aside(&format!("code  {code}"));
        }
        finish(context, &flow)
    }
}

fn with_cookies(context: &Context, account: &AccountView) -> Done {
    let cookies = prompt::piped()?;
    let Disclosure::Account(account) =
        context.confide(Confide::SignInWithCookies { account: account.id, cookies })?
    else {
        return Err(misplaced("a sign-in").into());
    };
    account::tell(context, &account)
}

fn start(
    context: &Context,
    account: &AccountView,
    way: SignInWay,
    replace: bool,
) -> Result<FlowView, Failure> {
    let answer =
        replacing(context, replace, || context.ask(Ask::SignIn { account: account.id, way }))?;
    let Answer::Flow(flow) = answer else {
        return Err(misplaced("a sign-in").into());
    };
    Ok(flow)
}

/// Starts a flow; where another one is open and is to be replaced, ends that first.
fn replacing<T>(
    context: &Context,
    replace: bool,
    begin: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    match begin() {
        Err(Failure::Error { error, .. }) if replace && error.code == ErrorCode::SignInOpen => {
            let flow: Option<Id> = error.params.get("flow").and_then(|flow| flow.parse().ok());
            let flow = flow.ok_or_else(|| Failure::from(error))?;
            context.order(Ask::CancelSignIn { flow })?;
            begin()
        }
        other => other,
    }
}

/// Waits for the flow's end.
fn finish(context: &Context, flow: &FlowView) -> Done {
    let Answer::Account(account) = context.ask(Ask::AwaitSignIn { flow: flow.id })? else {
        return Err(misplaced("the end of a sign-in").into());
    };
    account::tell(context, &account)
}

/// Opens an address in the desktop's browser; `false` when there is no way to.
fn open(url: &str) -> bool {
    let opened = Command::new("xdg-open")
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    opened.is_ok_and(|status| status.success())
}

/// From this call on Ctrl C (and SIGTERM) tells the agent to stop what this run waits for, instead of
/// ending this run and leaving the work behind. The answer that is waited for then says so. It is
/// called before anything is told that somebody could wait for.
pub fn cancel_on_interrupt(context: &Context, cancel: Ask) {
    let client = context.client().clone();
    // Without it Ctrl C ends this run at once, as it does any other.
    let Ok(interrupted) = interrupt() else { return };
    thread::spawn(move || {
        interrupted();
        // When it cannot be cancelled any more, the answer comes by itself.
        let _ = client.ask(cancel);
    });
}

/// Takes the signals over; what comes back waits for one.
fn interrupt() -> std::io::Result<impl FnOnce() + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(entered);
    Ok(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
        });
    })
}

/// Flags of `sign-out`.
#[derive(Debug, Args)]
pub struct SignOut {
    /// The account: its id or name; may be left out when there is one
    #[arg(value_name = "A")]
    named: Option<String>,
    /// End the session at the platform too
    #[arg(long)]
    everywhere: bool,
}

impl SignOut {
    /// Signs out.
    pub fn run(&self, context: &Context) -> Done {
        let account = context.account(self.named.as_deref())?.id;
        context.order(Ask::SignOut { account, everywhere: self.everywhere })?;
        let after = context.account(Some(&account.to_string()))?;
        account::tell(context, &after)
    }
}

/// A tool that stands beside this program is missing.
fn missing(tool: &str) -> Error {
    Error::new(ErrorCode::ToolMissing, format!("{tool} is not there")).with("tool", tool)
}
