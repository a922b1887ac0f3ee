//! `wayleave`: the command line, and the agent's main.
//!
//! One file per noun. A verb asks the agent through [`context::Context`], shapes what came back
//! ([`shape`]) and prints it ([`output`]); it decides nothing that the agent could decide.

mod account;
mod agent;
mod arguments;
mod clipboard;
mod context;
mod credential;
mod disclose;
mod exit;
mod failure;
mod harden;
mod home;
mod later;
mod manual;
mod output;
mod prompt;
mod qgis;
mod select;
mod shape;
mod sign_in;
mod token;
mod vault;
mod when;
mod words;

use std::process::ExitCode;

use arguments::Arguments;
use exit::Exit;

/// Every allocation is wiped when it is freed: what a parser or a library copied of a secret does
/// not outlive its use (security.md 3.9).
#[global_allocator]
static MEMORY: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    harden::before_anything();
    let exit = match Arguments::read() {
        Ok(arguments) => {
            let json = arguments.common.json;
            arguments.run().unwrap_or_else(|failure| failure.tell(json))
        }
        Err(exit) => exit,
    };
    exit.into()
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
