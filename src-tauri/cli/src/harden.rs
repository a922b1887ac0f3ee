//! What this process gives up before it does anything else.

use std::io::Write;
use std::panic;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

const FIRST_AFTER_STDERR: i32 = 3;

/// No core files, no tracing by other programs of the same user, no payload in the word of a panic,
/// and nothing that the caller had open handed on: an agent that is started here lives on, and
/// would keep the caller's lock or pipe. Each is a second line of defence, so a kernel that refuses one is no reason to stop.
pub fn before_anything() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(Resource::Core, none);
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    close_fds::set_fds_cloexec(FIRST_AFTER_STDERR, &[]);
    panic::set_hook(Box::new(|panic| {
        // The payload may quote what was being worked on; the place is enough to find the fault.
        let place = panic.location().map_or_else(|| "?".to_owned(), ToString::to_string);
        log::error!("a fault of Wayleave at {place}");
        let _ = writeln!(std::io::stderr(), "error: a fault of Wayleave at {place}");
    }));
}
