//! The manual: `help`, `completions`, `man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use wayleave_core::error::{Error, ErrorCode};

use crate::arguments::Arguments;
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output;

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

impl CompletionsOptions {
    /// Prints them.
    pub fn run(&self) -> Done {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "wayleave", &mut text);
        output::bytes(&text)
    }
}

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct ManOptions {
    /// Write a page for each verb into this folder instead
    #[arg(long, value_name = "DIR")]
    all: Option<PathBuf>,
}

impl ManOptions {
    /// Prints the page, or writes all pages.
    pub fn run(&self) -> Done {
        let told = |e: std::io::Error| {
            Error::new(ErrorCode::FileProblem, format!("the manual cannot be written: {e}"))
        };
        if let Some(folder) = &self.all {
            clap_mangen::generate_to(Arguments::command(), folder).map_err(told)?;
            return Ok(Exit::Ok);
        }
        let mut page = Vec::new();
        render(&mut page).map_err(told)?;
        output::bytes(&page)
    }
}

fn render(page: &mut Vec<u8>) -> std::io::Result<()> {
    Man::new(Arguments::command()).render(page)?;
    let mut more = Roff::new();
    more.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        more.control("TP", []);
        more.text([bold(exit.code().to_string())]);
        more.text([roman(exit.meaning())]);
    }
    more.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in ENVIRONMENT {
        more.control("TP", []);
        more.text([bold(*name)]);
        more.text([roman(*meaning)]);
    }
    more.to_writer(page)
}

const ENVIRONMENT: &[(&str, &str)] = &[
    ("WAYLEAVE_HOME", "Puts configuration, data, state and runtime files under one folder."),
    (
        "WAYLEAVE_LOG",
        "The filter of the agent's and the window's log: error, warn, info or debug. It holds ids only.",
    ),
    ("NO_COLOR", "When set and not empty, nothing is coloured."),
];

/// Flags of `help`.
#[derive(Debug, Args)]
pub struct HelpOptions {
    /// The verb, or `exit-codes`
    topic: Vec<String>,
}

impl HelpOptions {
    /// Prints help.
    pub fn run(&self) -> Done {
        if self.topic == ["exit-codes"] {
            return output::text(&Exit::table());
        }
        let mut command = Arguments::command();
        command.build();
        let mut found = &mut command;
        for word in &self.topic {
            found = found.find_subcommand_mut(word).ok_or_else(|| {
                Failure::usage(
                    format!("there is no verb “{}”", self.topic.join(" ")),
                    "`wayleave help` lists the verbs.",
                )
            })?;
        }
        output::text(&found.render_long_help().to_string())
    }
}
