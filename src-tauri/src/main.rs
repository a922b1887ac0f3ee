//! The window of Wayleave, or with `--sign-in` the portal's sign-in window alone.

use std::process::ExitCode;

use wayleave_desktop::{harden, run, sign_in};

fn main() -> ExitCode {
    let signs_in = std::env::args_os().nth(1).is_some_and(|first| first == sign_in::FLAG);
    if let Err(why) = harden::before_anything(signs_in) {
        return harden::fail(&why);
    }
    if signs_in { sign_in::run() } else { run() }
}
