//! `wayleave agent …`, and the agent's main.

mod notify;

use std::env;
use std::fs::{self, File};
use std::io::IsTerminal;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::Subcommand;
use env_logger::{Env, Target};
use rustix::fs::Mode;
use serde::Serialize;
use wayleave_core::agent::client::READY;
use wayleave_core::api::Snapshot;
use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::paths::Paths;

use crate::context::{Context, own_program};
use crate::exit::Exit;
use crate::failure::Done;
use crate::output::{self, Table};
use notify::Desktop;

/// Largest log that is added to, in bytes; a larger one starts anew.
const LOG_MAX: u64 = 1024 * 1024;

/// The verbs of `agent`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Be the agent; a client that finds none starts one
    Run,
    /// Whether one runs; starts none
    Status,
    /// End it
    Stop,
}

impl Verb {
    /// Does it.
    pub fn run(&self, context: &Context) -> Done {
        match self {
            Self::Run => run(),
            Self::Status => status(context),
            Self::Stop => stop(context),
        }
    }
}

#[derive(Debug, Default, Serialize)]
struct Status {
    running: bool,
    pid: Option<u32>,
    version: Option<String>,
    since: Option<jiff::Timestamp>,
}

fn status(context: &Context) -> Done {
    let status = match context.client().running()? {
        None => Status::default(),
        Some(Snapshot { agent, .. }) => Status {
            running: true,
            pid: Some(agent.pid),
            version: Some(agent.version),
            since: Some(agent.since),
        },
    };
    if context.common.json {
        return output::json(&status);
    }
    let mut table = Table::pairs();
    table.pair("agent", if status.running { "runs" } else { "does not run" });
    if let (Some(pid), Some(version), Some(since)) = (status.pid, status.version, status.since) {
        table.pair("pid", &pid.to_string());
        table.pair("version", &version);
        table.pair("since", &since.to_string());
    }
    table.print()
}

fn stop(context: &Context) -> Done {
    let stopped = context.client().stop()?;
    if context.common.json {
        return output::json(&serde_json::json!({ "stopped": stopped }));
    }
    output::text(if stopped { "The agent has ended.\n" } else { "No agent was running.\n" })
}

/// The agent's main. Who started it waits for one line on standard output: that it is ready, or
/// the error that it ends with.
pub fn run() -> Done {
    match serve() {
        Ok(()) => Ok(Exit::Ok),
        Err(error) => {
            log::error!("ended: {:?}", error.code);
            if !std::io::stdout().is_terminal() {
                output::json(&error)?;
            }
            Err(error.into())
        }
    }
}

fn serve() -> Result<(), Error> {
    let paths = Paths::from_env()?;
    detach(&paths);
    log_to(&paths.state);
    let program = own_program()?;
    // One thread: its work is waiting, and what takes time has threads of its own. A question then
    // wakes one thread on its way, not three.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::internal(format!("the agent cannot start: {e}")))?;
    runtime.block_on(wayleave_core::agent::run(paths, program, Desktop::default(), ready))?;
    log::info!("ended as told");
    Ok(())
}

fn ready() {
    log::info!("ready");
    // Whoever started us may be gone already; others will come.
    let _ = output::text(&format!("{READY}\n"));
}

/// Files for this user only, a session of its own, and no folder of the user kept busy. Started
/// from a shell in the foreground it stays there: then it leads its group, and setsid refuses.
fn detach(paths: &Paths) {
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let _ = rustix::process::setsid();
    let all = [&paths.config, &paths.data, &paths.state, &paths.runtime];
    if all.iter().all(|path| path.is_absolute()) {
        let _ = env::set_current_dir("/");
    }
}

/// The log: ours only, never that of a library that may see headers; ids, no names. On a
/// terminal it goes to standard error, else into a file, when `WAYLEAVE_LOG` asks for it.
fn log_to(state: &Path) {
    let Ok(level) = env::var("WAYLEAVE_LOG") else { return };
    let level = level.parse().unwrap_or(log::LevelFilter::Warn);
    let mut logger = env_logger::Builder::from_env(Env::default().filter("WAYLEAVE_NO_FILTER"));
    logger.filter_level(log::LevelFilter::Off);
    for ours in ["wayleave", "wayleave_core"] {
        logger.filter_module(ours, level);
    }
    if !std::io::stderr().is_terminal()
        && let Some(file) = log_file(state)
    {
        logger.target(Target::Pipe(Box::new(file)));
    }
    // A second logger cannot be set; there is none.
    let _ = logger.try_init();
}

fn log_file(state: &Path) -> Option<File> {
    fs::create_dir_all(state).ok()?;
    let path = state.join("agent.log");
    let large = fs::metadata(&path).is_ok_and(|file| file.len() > LOG_MAX);
    let mut options = File::options();
    options.create(true).mode(0o600);
    if large {
        options.write(true).truncate(true)
    } else {
        options.append(true)
    };
    options.open(path).ok()
}

/// No desktop answers; the engine tries again.
fn no_desktop(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::NoticeNotShown, format!("no notification was shown: {what}"))
}
