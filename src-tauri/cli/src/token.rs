//! Credentials from the platform: `token …`, `s3 request`.

use clap::{Args, Subcommand};
use wayleave_core::api::{
    Answer, Ask, CredentialKind, CredentialView, ExpiryInput, Id, RemoteState, RemoteTokenView,
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
    /// Have the platform replace its key, where it does that in one call
    Rotate(Rotate),
    /// Change its name or permissions, at the platform and here
    Edit(Edit),
    /// Read its key from a platform that shows keys again, and keep it in the vault
    Adopt(Adopt),
    /// Revoke one on the platform
    Revoke(Revoke),
}

/// The verbs of `session`.
#[derive(Debug, Subcommand)]
pub enum SessionVerb {
    /// Exchange the account's key for a short-lived token, and keep it in the vault
    Request,
    /// End the token at the platform
    End(credential::Selected),
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
    /// What it may do, as the platform names it; again for each
    #[arg(long = "permission", value_name = "P")]
    permissions: Vec<String>,
}

/// Flags of `token rotate`.
#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    selected: credential::Selected,
    /// When the new key shall end: 30d or a date; the platform's usual time when left out
    #[arg(long, value_parser = when::parse_moment, value_name = "30d|DATE")]
    expires: Option<Moment>,
}

/// Flags of `token edit`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("changes").required(true).multiple(true)))]
pub struct Edit {
    #[command(flatten)]
    selected: credential::Selected,
    /// The new name
    #[arg(long, group = "changes")]
    name: Option<String>,
    /// What it may do from now on, all of it; again for each
    #[arg(long = "permission", group = "changes", value_name = "P")]
    permissions: Vec<String>,
    /// It may do nothing from now on
    #[arg(long, group = "changes", conflicts_with = "permissions")]
    no_permissions: bool,
}

/// Flags of `token adopt`.
#[derive(Debug, Args)]
pub struct Adopt {
    /// The platform's id of it
    #[arg(value_name = "ID")]
    platform_id: String,
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
            Self::Rotate(rotate) => rotate.run(context),
            Self::Edit(edit) => edit.run(context),
            Self::Adopt(adopt) => adopt.run(context),
            Self::Revoke(revoke) => revoke.run(context),
        }
    }
}

impl SessionVerb {
    /// Does it.
    pub fn run(&self, context: &Context) -> Done {
        match self {
            Self::Request => {
                let account = context.account(None)?.id;
                let activity = activity()?;
                let ask = Ask::RequestSession { account, activity: Some(activity) };
                issued(context, ask, activity)
            }
            Self::End(selected) => {
                let credential = context.credential(&selected.selector)?;
                if credential.kind != CredentialKind::SessionToken {
                    return Err(Error::new(ErrorCode::InvalidInput, "that is no session token")
                        .with("field", "SEL")
                        .into());
                }
                let ask = Ask::Revoke { credential: credential.id };
                credential::tell(context, &context.order_credential(ask)?)
            }
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
        let lifetime = lifetime(context, &account.platform, self.expires)?;
        let activity = activity()?;
        let ask = Ask::RequestToken(TokenRequest {
            account: account.id,
            workspace,
            name: self.name,
            lifetime,
            permissions: self.permissions,
            activity: Some(activity),
        });
        issued(context, ask, activity)
    }
}

impl Rotate {
    fn run(&self, context: &Context) -> Done {
        let credential = context.credential(&self.selected.selector)?;
        let question = format!(
            "Replace the key of {}? The old one stops working at once, wherever it was put.",
            credential.name
        );
        prompt::confirm(&output::printable(&question), context.common.yes)?;
        let lifetime = match self.expires {
            Some(_) => lifetime(context, &credential.platform, self.expires)?,
            None => None,
        };
        let ask = Ask::Rotate { credential: credential.id, lifetime };
        credential::tell(context, &context.order_credential(ask)?)
    }
}

impl Edit {
    fn run(self, context: &Context) -> Done {
        let credential = context.credential(&self.selected.selector)?.id;
        let said = self.no_permissions || !self.permissions.is_empty();
        let permissions = said.then_some(self.permissions);
        let ask = Ask::EditToken { credential, name: self.name, permissions };
        credential::tell(context, &context.order_credential(ask)?)
    }
}

impl Adopt {
    fn run(self, context: &Context) -> Done {
        let account = context.account(None)?;
        let workspace = context.workspace(&account)?;
        let Self { platform_id } = self;
        let ask = Ask::Adopt { account: account.id, workspace, platform_id };
        credential::tell(context, &context.order_credential(ask)?)
    }
}

/// For how long, in the platform's unit: what was said, or what the platform presets.
fn lifetime(
    context: &Context,
    platform: &str,
    said: Option<Moment>,
) -> Result<Option<u32>, Failure> {
    let platform = context.platform(platform)?;
    let now = when::now();
    let counted = match (platform.expiry, said) {
        (ExpiryInput::None | ExpiryInput::Manual, None) => return Ok(None),
        (ExpiryInput::None | ExpiryInput::Manual, Some(_)) => {
            return Err(Failure::usage(
                "keys of this platform have no end to choose",
                "Leave `--expires` out.",
            ));
        }
        (_, None) => return Ok(platform.lifetime.map(|lifetime| lifetime.default)),
        (ExpiryInput::Days, Some(moment)) => moment.days(now),
        (ExpiryInput::Hours, Some(moment)) => moment.hours(now),
    };
    counted.map(Some).ok_or_else(|| {
        Failure::usage("a key that is requested has an end", "Say `--expires 30d` or a date.")
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
    if token.revoked.is_some() {
        return ("revoked", Look::Dim);
    }
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
