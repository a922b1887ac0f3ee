//! Credentials from the platform: `token …`, `s3 request`.

use clap::{Args, Subcommand};
use wayleave_core::api::{
    AccountView, Answer, Ask, CredentialKind, CredentialView, Id, RemoteState, RemoteTokenView,
    TokenRequest, misplaced,
};
use wayleave_core::error::{Error, ErrorCode};

use crate::context::Context;
use crate::credential::{self, ListOptions};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Look, Table};
use crate::when::{self, Moment};
use crate::{prompt, sign_in};

/// The verbs of `token`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Request one from the platform and keep it in the vault
    Request(Request),
    /// Those in the vault, or those on the platform
    List(List),
    /// Revoke one on the platform
    Revoke(Revoke),
}

/// The verbs of `s3`.
#[derive(Debug, Subcommand)]
pub enum S3Verb {
    /// Request a set and keep it in the vault
    Request,
}

/// Flags of `token request`.
#[derive(Debug, Args)]
pub struct Request {
    /// A name for it, 1 to 128 characters
    #[arg(long)]
    name: String,
    /// When it shall end: 30d or a date; the platform's usual time when left out
    #[arg(long, value_parser = when::parse_moment, value_name = "30d|DATE")]
    expires: Option<Moment>,
}

/// Flags of `token list`.
#[derive(Debug, Args)]
pub struct List {
    /// As the platform lists them: ours, orphans, missing ones
    #[arg(long)]
    on_platform: bool,
}

/// Flags of `token revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The credential; with --on-platform the platform's own id
    #[arg(value_name = "SEL")]
    selector: String,
    /// It is not in the vault: revoke it by the platform's id
    #[arg(long)]
    on_platform: bool,
}

impl Verb {
    /// Does it.
    pub fn run(self, context: &Context) -> Done {
        match self {
            Self::Request(request) => request.run(context),
            Self::List(List { on_platform: true }) => remote(context),
            Self::List(_) => ListOptions::of(CredentialKind::ApiToken).run(context),
            Self::Revoke(revoke) => revoke.run(context),
        }
    }
}

impl S3Verb {
    /// Does it.
    pub fn run(&self, context: &Context) -> Done {
        let Self::Request = self;
        let account = context.account(None)?;
        let workspace = context.workspace(&account)?;
        let activity = activity()?;
        let ask = Ask::RequestS3 { account: account.id, workspace, activity: Some(activity) };
        issued(context, ask, activity)
    }
}

impl Request {
    fn run(self, context: &Context) -> Done {
        let account = context.account(None)?;
        let workspace = context.workspace(&account)?;
        let days = self.days(context, &account)?;
        let activity = activity()?;
        let ask = Ask::RequestToken(TokenRequest {
            account: account.id,
            workspace,
            name: self.name,
            days,
            activity: Some(activity),
        });
        issued(context, ask, activity)
    }

    /// For how many days: what was said, or what the platform presets.
    fn days(&self, context: &Context, account: &AccountView) -> Result<u16, Failure> {
        let Some(moment) = self.expires else { return preset(context, &account.platform) };
        moment.days(when::now()).ok_or_else(|| {
            Failure::usage("a key that is requested has an end", "Say `--expires 30d` or a date.")
        })
    }
}

fn preset(context: &Context, platform: &str) -> Result<u16, Failure> {
    let Answer::Platforms(platforms) = context.ask(Ask::Platforms)? else {
        return Err(misplaced("a question for platforms").into());
    };
    let found = platforms.iter().find(|p| p.id == platform).and_then(|p| p.lifetime);
    found.map(|lifetime| lifetime.default).ok_or_else(|| {
        Failure::usage("the platform presets no lifetime", "Say `--expires 30d` or a date.")
    })
}

/// Names the activity, so that Ctrl C can cancel it.
fn activity() -> Result<Id, Failure> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|e| Error::internal(format!("there is no randomness: {e}")))?;
    Ok(Id(bytes))
}

fn issued(context: &Context, ask: Ask, activity: Id) -> Done {
    sign_in::cancel_on_interrupt(context, Ask::CancelActivity { activity });
    credential::tell(context, &context.order_credential(ask)?)
}

fn remote(context: &Context) -> Done {
    let account = context.account(None)?.id;
    let workspace = context.common.workspace.clone();
    let Answer::RemoteTokens(tokens) = context.ask(Ask::RemoteTokens { account, workspace })?
    else {
        return Err(misplaced("a question for tokens").into());
    };
    if context.common.json {
        return output::json(&tokens);
    }
    let now = when::now();
    let mut table = Table::new(&["platform's id", "name", "workspace", "ends", "state"]);
    for token in &tokens {
        let (state, look) = remote_state(token);
        table.row([
            (&token.platform_id, Look::Dim),
            (&token.name, Look::Plain),
            (&token.workspace, Look::Plain),
            (&when::end(now, token.expires), Look::Plain),
            (state, look),
        ]);
    }
    table.print()
}

const fn remote_state(token: &RemoteTokenView) -> (&'static str, Look) {
    match token.state {
        RemoteState::Ours => ("in the vault", Look::Good),
        RemoteState::Orphan => ("nobody here has it", Look::Soon),
        RemoteState::Missing => ("the platform does not list it", Look::Bad),
    }
}

impl Revoke {
    fn run(&self, context: &Context) -> Done {
        if self.on_platform {
            return self.run_remote(context);
        }
        let credential = context.credential(&self.selector)?;
        prompt::confirm(&question(&credential), context.common.yes)?;
        let revoked = context.order_credential(Ask::Revoke { credential: credential.id })?;
        credential::tell(context, &revoked)
    }

    fn run_remote(&self, context: &Context) -> Done {
        let account = context.account(None)?;
        let workspace = context.workspace(&account)?;
        let question = format!("Revoke {}? What uses it stops getting data.", self.selector);
        prompt::confirm(&question, context.common.yes)?;
        let platform_id = self.selector.clone();
        context.order(Ask::RevokeRemote { account: account.id, workspace, platform_id })?;
        if context.common.json {
            return output::json(&serde_json::json!({ "revoked": self.selector }));
        }
        output::text("Revoked.\n").map(|_| Exit::Ok)
    }
}

/// What revoking ends, named.
pub fn question(credential: &CredentialView) -> String {
    let places = match credential.installations {
        0 => "Whatever uses it".to_owned(),
        1 => "The place it was put".to_owned(),
        several => format!("The {several} places it was put"),
    };
    let (name, workspace) = (&credential.name, &credential.workspace);
    output::printable(&format!(
        "Revoke {name}? {places} stops getting data of {workspace}. There is no way back."
    ))
}

/// The token that a selector means, when only a token will do.
pub fn only_token(credential: &CredentialView) -> Result<(), Failure> {
    if credential.kind == CredentialKind::ApiToken {
        return Ok(());
    }
    Err(Error::new(ErrorCode::InvalidInput, "that is no API token").with("field", "SEL").into())
}
