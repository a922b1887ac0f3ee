//! The grammar: noun then verb, the most used verbs alone.

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::later::Later;
use crate::{
    account, agent, clipboard, credential, disclose, home, manual, output, qgis, sign_in, token,
    vault,
};

/// Keeps the keys of Earth-observation platforms, puts them where they are needed, and says so
/// before they end.
#[derive(Debug, Parser)]
#[command(name = "wayleave", version, disable_help_subcommand = true, infer_subcommands = false)]
#[command(after_help = "Without a verb: where things stand and the next step.\n\
    Exit codes: `wayleave help exit-codes`. Secrets come in from a prompt or on standard input, \
    never as an argument.")]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Flags that every verb takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Print one JSON value on standard output, and errors as JSON on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer confirmations with yes
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// The account: its id or name; may be left out when there is one
    #[arg(long, short = 'a', global = true, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// The workspace
    #[arg(long, short = 'w', global = true, value_name = "WORKSPACE")]
    pub workspace: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the vault
    Init(Later<vault::Init>),
    /// Open the vault
    Unlock(Later<vault::Unlock>),
    /// Close the vault to everybody
    Lock,
    /// Where things stand
    Status(Later<home::StatusOptions>),
    /// The platforms there are: what to give, what each can do
    Platforms,
    /// Who is signed in where
    #[command(subcommand)]
    Account(Later<account::Verb>),
    /// Sign in to a platform
    SignIn(Later<sign_in::Options>),
    /// End a session
    SignOut(Later<sign_in::SignOut>),
    /// The workspaces of an account
    Workspaces(Later<account::Named>),
    /// API tokens: request, list, revoke
    #[command(subcommand)]
    Token(Later<token::Verb>),
    /// Temporary S3 credentials
    #[command(subcommand)]
    S3(Later<token::S3Verb>),
    /// Session tokens that a key is exchanged for
    #[command(subcommand)]
    Session(Later<token::SessionVerb>),
    /// The credentials in the vault
    List(Later<credential::ListOptions>),
    /// One credential, without its secret
    Show(Later<credential::Selected>),
    /// Print a secret
    Reveal(Later<disclose::RevealOptions>),
    /// Put a secret on the clipboard, for a while
    Copy(Later<clipboard::Options>),
    /// Ask the platform whether it accepts a credential
    Verify(Later<credential::VerifyOptions>),
    /// Take a credential out of the vault
    Forget(Later<credential::ForgetOptions>),
    /// Give a credential another name, here only
    Rename(Later<credential::RenameOptions>),
    /// Print a credential as .env lines
    Env(Later<credential::Selected>),
    /// Print a credential as a ready piece of configuration
    Render(Later<disclose::RenderOptions>),
    /// What happened, newest first
    History(Later<credential::HistoryOptions>),
    /// Put a token into QGIS
    #[command(subcommand)]
    Qgis(Later<qgis::Verb>),
    /// The vault file
    #[command(subcommand)]
    Vault(Later<vault::Verb>),
    /// The process that owns the vault
    #[command(subcommand)]
    Agent(Later<agent::Verb>),
    /// Print completions for a shell
    Completions(Later<manual::CompletionsOptions>),
    /// Print the manual page
    Man(Later<manual::ManOptions>),
    /// Help on a verb, or on `exit-codes`
    Help(Later<manual::HelpOptions>),
    /// Holds the clipboard; started by `copy`
    #[command(hide = true)]
    ClipboardHolder(Later<clipboard::HolderOptions>),
}

impl Arguments {
    /// Reads the command line. What is wrong with it is told here, since nothing has said yet
    /// in which form errors are wanted.
    pub fn read() -> Result<Self, Exit> {
        Self::try_parse().map_err(|e| {
            if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                return output::text(&e.render().to_string()).unwrap_or(Exit::Other);
            }
            if std::env::args_os().any(|argument| argument == "--json") {
                let advice = "`wayleave help` lists the verbs and flags.";
                return Failure::usage(one_line(&e), advice).tell(true);
            }
            output::aside(e.render().to_string().trim_end());
            Exit::Usage
        })
    }

    /// Does what the command line says.
    pub fn run(self) -> Done {
        match self.verb {
            // The manual needs no agent, and the agent is no client of itself.
            Some(Verb::Completions(Later(options))) => options.run(),
            Some(Verb::Man(Later(options))) => options.run(),
            Some(Verb::Help(Later(options))) => options.run(),
            Some(Verb::Agent(Later(agent::Verb::Run))) => agent::run(),
            Some(verb) => verb.run(&Context::new(self.common)?),
            None => home::stand(&Context::new(self.common)?),
        }
    }
}

fn one_line(e: &clap::Error) -> String {
    let text = e.render().to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

impl Verb {
    fn run(self, context: &Context) -> Done {
        match self {
            Self::Init(Later(options)) => options.run(context),
            Self::Unlock(Later(options)) => options.run(context),
            Self::Lock => vault::lock(context),
            Self::Status(Later(options)) => options.run(context),
            Self::Platforms => account::platforms(context),
            Self::Account(Later(verb)) => verb.run(context),
            Self::SignIn(Later(options)) => options.run(context),
            Self::SignOut(Later(options)) => options.run(context),
            Self::Workspaces(Later(named)) => account::workspaces(context, &named),
            Self::Token(Later(verb)) => verb.run(context),
            Self::S3(Later(verb)) => verb.run(context),
            Self::Session(Later(verb)) => verb.run(context),
            Self::List(Later(options)) => options.run(context),
            Self::Show(Later(selected)) => credential::show(context, &selected),
            Self::Reveal(Later(options)) => options.run(context),
            Self::Copy(Later(options)) => options.run(context),
            Self::Verify(Later(options)) => options.run(context),
            Self::Forget(Later(options)) => options.run(context),
            Self::Rename(Later(options)) => options.run(context),
            Self::Env(Later(selected)) => disclose::env(context, &selected),
            Self::Render(Later(options)) => options.run(context),
            Self::History(Later(options)) => options.run(context),
            Self::Qgis(Later(verb)) => verb.run(context),
            Self::Vault(Later(verb)) => verb.run(context),
            Self::Agent(Later(verb)) => verb.run(context),
            Self::Completions(Later(options)) => options.run(),
            Self::Man(Later(options)) => options.run(),
            Self::Help(Later(options)) => options.run(),
            Self::ClipboardHolder(Later(options)) => clipboard::hold(context, &options),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_settled_forms_are_understood() {
        for line in [
            "wayleave",
            "wayleave init --keyring --passphrase-stdin --json",
            "wayleave unlock --passphrase-stdin",
            "wayleave status --exit-code --within 7d",
            "wayleave account add eodh --name N --environment staging --client-id c --set a=b",
            "wayleave account remove A --credentials revoke --yes",
            "wayleave sign-in --with portal --cookies-stdin",
            "wayleave sign-in A --with browser --no-open",
            "wayleave sign-in --with paste --key-stdin -w WS --username U --name N --token-id I \
             --expires unknown --made 2026-01-02",
            "wayleave sign-out A --everywhere",
            "wayleave workspaces A",
            "wayleave token request -w WS --name N --expires 30d",
            "wayleave token request --name N --permission edit_domain --permission other",
            "wayleave token rotate SEL --expires 48h --yes",
            "wayleave token edit SEL --name N --permission explore_restricted_dataset",
            "wayleave token adopt ID -w WS",
            "wayleave session request -a A",
            "wayleave session end SEL",
            "wayleave account try-again A",
            "wayleave account add opendatasoft --set domain=fenland",
            "wayleave sign-in --with paste --key-stdin --owner-service ingest",
            "wayleave render SEL --as trino",
            "wayleave token list --on-platform -w WS",
            "wayleave token revoke SEL --yes",
            "wayleave s3 request -w WS",
            "wayleave list --kind s3 --expiring 7d",
            "wayleave reveal SEL --field api_key",
            "wayleave copy SEL --as env --clear-after 30s",
            "wayleave verify --all",
            "wayleave forget SEL --yes",
            "wayleave qgis credentials --ticket-stdin",
            "wayleave vault slots list",
            "wayleave agent status",
            "wayleave completions bash",
            "wayleave help exit-codes",
        ] {
            let parsed = Arguments::try_parse_from(line.split_whitespace());
            assert!(parsed.is_ok(), "{line}: {}", parsed.expect_err("failed"));
        }
    }

    #[test]
    fn a_secret_is_no_argument() {
        let words = Arguments::command().render_long_help().to_string();
        let mut all = vec![Arguments::command()];
        let mut flags = String::new();
        while let Some(command) = all.pop() {
            all.extend(command.get_subcommands().cloned());
            for argument in command.get_arguments() {
                flags.extend([" ", argument.get_id().as_str(), " "]);
            }
        }
        for secret in [" passphrase ", " key ", " cookies ", " ticket ", " secret "] {
            assert!(!flags.contains(secret), "{secret}: {flags}");
        }
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("never as an argument"), "{words}");
    }
}
