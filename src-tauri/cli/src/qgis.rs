//! `qgis …`: which QGIS there is, telling it a token, and what its script calls back.

use std::process::{Command, Stdio};

use clap::{Args, Subcommand};
use wayleave_core::api::{
    Answer, Ask, Confide, Disclosure, QgisPackaging, QgisReady, QgisView, misplaced,
};
use wayleave_core::error::{Error, ErrorCode};

use crate::context::Context;
use crate::credential::Selected;
use crate::disclose::Buffer;
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Look, Table};
use crate::{prompt, token};

/// The verbs of `qgis`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// QGIS versions and profiles on this computer
    Profiles,
    /// Make QGIS fetch a token: prints the line for its Python Console
    Apply(Apply),
    /// What QGIS' script exchanges its ticket for
    #[command(hide = true)]
    Credentials(Credentials),
}

/// Flags of `qgis apply`.
#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    selected: Selected,
    /// Start QGIS, which fetches it then
    #[arg(long)]
    open: bool,
    /// The QGIS to start
    #[arg(long, requires = "open", value_name = "PATH")]
    program: Option<String>,
    /// The QGIS profile to start
    #[arg(long, requires = "open", value_name = "NAME")]
    profile: Option<String>,
}

/// Flags of `qgis credentials`.
#[derive(Debug, Args)]
pub struct Credentials {
    /// Read the ticket from standard input
    #[arg(long, required = true)]
    ticket_stdin: bool,
}

impl Verb {
    /// Does it.
    pub fn run(&self, context: &Context) -> Done {
        match self {
            Self::Profiles => profiles(context),
            Self::Apply(apply) => apply.run(context),
            Self::Credentials(_) => credentials(context),
        }
    }
}

fn installs(context: &Context) -> Result<Vec<QgisView>, Failure> {
    let Answer::Qgis(installs) = context.ask(Ask::QgisInstalls)? else {
        return Err(misplaced("a question for QGIS").into());
    };
    Ok(installs)
}

fn profiles(context: &Context) -> Done {
    let installs = installs(context)?;
    if context.common.json {
        return output::json(&installs);
    }
    let mut table = Table::new(&["version", "program", "installed as", "profiles", "layers"]);
    for qgis in &installs {
        let layers = if qgis.api_header { "yes" } else { "need QGIS 3.24" };
        table.row([
            (qgis.version.as_deref().unwrap_or("?"), Look::Plain),
            (qgis.program.as_deref().unwrap_or("not found"), Look::Plain),
            (packaging(qgis.packaging), Look::Plain),
            (&qgis.profiles.join(", "), Look::Plain),
            (layers, if qgis.api_header { Look::Plain } else { Look::Soon }),
        ]);
    }
    table.print()
}

const fn packaging(packaging: QgisPackaging) -> &'static str {
    match packaging {
        QgisPackaging::System => "system",
        QgisPackaging::Flatpak => "Flatpak: copy the key instead",
        QgisPackaging::Snap => "Snap: copy the key instead",
    }
}

impl Apply {
    fn run(&self, context: &Context) -> Done {
        let credential = context.credential(&self.selected.selector)?;
        token::only_token(&credential)?;
        let program = if self.open { Some(self.program(context)?) } else { None };
        let Answer::QgisReady(ready) =
            context.ask(Ask::PrepareQgis { credential: credential.id })?
        else {
            return Err(misplaced("an order for QGIS").into());
        };
        if let Some(program) = program {
            start(&program, self.profile.as_deref(), &ready)?;
        }
        if context.common.json {
            return output::json(&ready);
        }
        if self.open {
            return output::text("QGIS starts and fetches the key.\n");
        }
        output::aside("Paste this into QGIS' Python Console within 5 minutes; it holds no key:");
        output::text(&format!("{}\n", ready.one_liner))
    }

    fn program(&self, context: &Context) -> Result<String, Failure> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        let mut usable = installs(context)?.into_iter().filter(|qgis| qgis.can_apply);
        usable.find_map(|qgis| qgis.program).ok_or_else(|| {
            Error::new(ErrorCode::ToolMissing, "there is no QGIS that can be told")
                .with("tool", "qgis")
                .into()
        })
    }
}

fn start(program: &str, profile: Option<&str>, ready: &QgisReady) -> Result<(), Failure> {
    let mut command = Command::new(program);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    command
        .args(["--code", &ready.script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
        .map_err(|e| {
            Error::new(ErrorCode::ToolMissing, format!("QGIS cannot be started: {e}"))
                .with("tool", program)
                .into()
        })
}

fn credentials(context: &Context) -> Done {
    let ticket = prompt::piped()?;
    let Disclosure::Qgis { username, api_key, environment, hub, workspace } =
        context.confide(Confide::RedeemTicket { ticket })?
    else {
        return Err(misplaced("a ticket").into());
    };
    let rest = serde_json::json!({
        "username": username, "environment": environment, "hub": hub, "workspace": workspace,
    });
    let rest = rest.to_string();
    let mut json = Buffer::new();
    json.plain(rest.strip_suffix('}').unwrap_or(&rest).as_bytes());
    json.plain(b",\"api_key\":");
    json.string(&api_key)?;
    json.plain(b"}\n");
    output::bytes(json.done().expose()).map(|_| Exit::Ok)
}
