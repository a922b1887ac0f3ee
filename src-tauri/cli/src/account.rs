//! Accounts and platforms: `platforms`, `account …`, `workspaces`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use wayleave_core::api::{
    AccountView, Answer, Ask, Capabilities, FieldKind, NewAccount, OnRemove, PlatformView,
    SignInState, SignInWay, Support, misplaced,
};
use wayleave_core::error::ErrorCode;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::{self, Look, Table};
use crate::{prompt, shape, when};

/// The verbs of `account`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Add one
    Add(Add),
    /// All of them
    List,
    /// One of them
    Show(Named),
    /// Change its name, user name or client id
    Edit(Edit),
    /// Forget what the platform refused it, so that it is tried again
    TryAgain(Named),
    /// Take one away
    Remove(Remove),
}

/// An account, by id or name.
#[derive(Debug, Args)]
pub struct Named {
    /// Its id or name; may be left out when there is one
    #[arg(value_name = "A")]
    pub named: Option<String>,
}

/// Flags of `account add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The platform, as `wayleave platforms` names it
    platform: String,
    /// A display name
    #[arg(long)]
    name: Option<String>,
    /// `production`, `staging` or `test`
    #[arg(long)]
    environment: Option<String>,
    /// The address of a hub of one's own
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// The address of the OpenID Connect issuer
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The client id for signing in with the browser or a device code
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Anything else that the platform asks for
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".to_owned()),
    }
}

/// Flags of `account edit`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("changes").required(true).multiple(true)))]
pub struct Edit {
    /// Its id or name; may be left out when there is one
    #[arg(value_name = "A")]
    named: Option<String>,
    /// A new display name
    #[arg(long, group = "changes")]
    name: Option<String>,
    /// The user name at the platform
    #[arg(long, group = "changes")]
    username: Option<String>,
    /// The client id for browser and device; empty takes it away
    #[arg(long, group = "changes", value_name = "ID")]
    client_id: Option<String>,
}

/// Flags of `account remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Its id or name
    #[arg(value_name = "A")]
    named: String,
    /// What happens to its credentials
    #[arg(long, value_enum, default_value = "keep")]
    credentials: Credentials,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Credentials {
    /// They stay in the vault
    Keep,
    /// They are taken out of the vault
    Forget,
    /// They are revoked, then taken out
    Revoke,
}

impl From<Credentials> for OnRemove {
    fn from(credentials: Credentials) -> Self {
        match credentials {
            Credentials::Keep => Self::Keep,
            Credentials::Forget => Self::Forget,
            Credentials::Revoke => Self::Revoke,
        }
    }
}

impl Verb {
    /// Does it.
    pub fn run(self, context: &Context) -> Done {
        match self {
            Self::Add(add) => add.run(context),
            Self::List => list(context),
            Self::Show(named) => tell(context, &context.account(named.named.as_deref())?),
            Self::Edit(edit) => edit.run(context),
            Self::TryAgain(named) => {
                let account = context.account(named.named.as_deref())?.id;
                answer(context, Ask::TryAgain { account })
            }
            Self::Remove(remove) => remove.run(context),
        }
    }
}

impl Add {
    fn run(self, context: &Context) -> Done {
        let mut connection: BTreeMap<String, String> = self.set.into_iter().collect();
        let named = [
            ("environment", self.environment),
            ("hub", self.hub),
            ("issuer", self.issuer),
            ("client_id", self.client_id),
        ];
        for (key, value) in named {
            connection.extend(value.map(|value| (key.to_owned(), value)));
        }
        preset(context, &self.platform, &mut connection)?;
        let new = NewAccount { platform: self.platform, connection, name: self.name };
        answer(context, Ask::AddAccount(new))
    }
}

/// What was not said and the platform presets. A choice is not preset beside an address of one's
/// own: it would name another place.
fn preset(
    context: &Context,
    platform: &str,
    connection: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    let addressed = connection.contains_key("hub");
    for field in context.platform(platform)?.fields {
        let choice = field.kind == FieldKind::Choice;
        if let Some(value) = field.default.filter(|_| !(choice && addressed)) {
            connection.entry(field.key).or_insert(value);
        }
    }
    Ok(())
}

impl Edit {
    fn run(self, context: &Context) -> Done {
        let account = context.account(self.named.as_deref())?.id;
        let Self { name, username, client_id, .. } = self;
        answer(context, Ask::EditAccount { account, name, username, client_id })
    }
}

impl Remove {
    fn run(&self, context: &Context) -> Done {
        let account = context.account(Some(&self.named))?;
        let what = match self.credentials {
            Credentials::Keep => "Its keys stay in the vault.",
            Credentials::Forget => "Its keys leave the vault and stay valid until they end.",
            Credentials::Revoke => "Its keys are revoked: what uses them stops getting data.",
        };
        let question = format!("Remove {}? {what}", account.name);
        prompt::confirm(&question, context.common.yes)?;
        context.order(Ask::RemoveAccount {
            account: account.id,
            credentials: self.credentials.into(),
        })?;
        if context.common.json {
            return output::json(&serde_json::json!({ "removed": account.id }));
        }
        output::text(&format!("Removed {}.\n", output::printable(&account.name)))
    }
}

fn answer(context: &Context, ask: Ask) -> Done {
    let Answer::Account(account) = context.ask(ask)? else {
        return Err(misplaced("a question for an account").into());
    };
    tell(context, &account)
}

/// Prints one account.
pub fn tell(context: &Context, account: &AccountView) -> Done {
    if context.common.json {
        return output::json(&shape::Account::from(account));
    }
    let mut table = Table::pairs();
    table.pair("id", &account.id.to_string());
    table.pair("name", &account.name);
    table.pair("platform", &account.platform_name);
    table.pair("hub", &account.hub);
    table.pair("user name", account.username.as_deref().unwrap_or("not known yet"));
    table.pair("signed in", &sign_in(account));
    table.pair("ways", &account.ways.iter().map(|w| way(*w)).collect::<Vec<_>>().join(", "));
    table.pair("can", &abilities(account));
    if let Some(limits) = limits(account) {
        table.pair("cannot", &limits);
    }
    if let Some(url) = &account.manage_url {
        table.pair("by hand", url);
    }
    table.print()
}

fn list(context: &Context) -> Done {
    let snapshot = context.snapshot()?;
    if snapshot.accounts.is_empty() {
        // Tells a locked vault from one without accounts.
        match context.account(None) {
            Err(Failure::Error { error, .. }) if error.code == ErrorCode::NotFound => {}
            other => drop(other?),
        }
    }
    if context.common.json {
        let shapes: Vec<_> = snapshot.accounts.iter().map(shape::Account::from).collect();
        return output::json(&shapes);
    }
    let mut table = Table::new(&["id", "name", "hub", "signed in"]);
    for account in &snapshot.accounts {
        table.row([
            (&crate::select::short(account.id), Look::Dim),
            (&account.name, Look::Plain),
            (&account.hub, Look::Plain),
            (&sign_in(account), look(account.sign_in.state)),
        ]);
    }
    table.print()
}

fn sign_in(account: &AccountView) -> String {
    let until = || account.sign_in.until.map(|end| when::until(when::now(), end));
    match account.sign_in.state {
        SignInState::SignedOut => "no".to_owned(),
        SignInState::SignedIn => {
            until().map_or_else(|| "yes".into(), |end| format!("yes, ends {end}"))
        }
        SignInState::Expired => {
            until().map_or_else(|| "ended".into(), |end| format!("ended {end}"))
        }
    }
}

const fn look(state: SignInState) -> Look {
    match state {
        SignInState::SignedOut => Look::Dim,
        SignInState::SignedIn => Look::Good,
        SignInState::Expired => Look::Soon,
    }
}

/// A way to sign in, as `--with` takes it.
pub const fn way(way: SignInWay) -> &'static str {
    match way {
        SignInWay::Portal => "portal",
        SignInWay::Browser => "browser",
        SignInWay::Device => "device",
        SignInWay::Paste => "paste",
    }
}

/// Everything that could be possible, as words.
fn all_abilities(can: Capabilities) -> [(&'static str, Support); 8] {
    [
        ("request keys", can.issue),
        ("list them", can.list),
        ("revoke them", can.revoke),
        ("rotate them", can.rotate),
        ("change them", can.edit),
        ("read them again", can.read_key),
        ("get S3 credentials", can.s3),
        ("get session tokens", can.session),
    ]
}

fn abilities(account: &AccountView) -> String {
    let said =
        all_abilities(account.capabilities).into_iter().filter_map(
            |(what, support)| match support {
                Support::Yes => Some(what.to_owned()),
                Support::Unknown => Some(format!("{what} (not tried yet)")),
                Support::No => None,
            },
        );
    let said = said.collect::<Vec<_>>();
    if said.is_empty() { "nothing by program".to_owned() } else { said.join(", ") }
}

/// What cannot be done, and why not.
fn limits(account: &AccountView) -> Option<String> {
    let no = all_abilities(account.capabilities)
        .into_iter()
        .filter(|(_, support)| *support == Support::No)
        .map(|(what, _)| what)
        .collect::<Vec<_>>();
    if no.is_empty() {
        return None;
    }
    let why = if account.refused.is_empty() {
        "the platform offers no way to"
    } else {
        "not offered, or refused when tried (`wayleave account try-again`)"
    };
    Some(format!("{}: {why}", no.join(", ")))
}

/// `wayleave platforms`.
pub fn platforms(context: &Context) -> Done {
    let Answer::Platforms(platforms) = context.ask(Ask::Platforms)? else {
        return Err(misplaced("a question for platforms").into());
    };
    if context.common.json {
        return output::json(&platforms);
    }
    let mut table = Table::new(&["platform", "name", "sign in with", "to give"]);
    for platform in &platforms {
        table.row([
            (&platform.id, Look::Plain),
            (&platform.name, Look::Plain),
            (&platform.ways.iter().map(|w| way(*w)).collect::<Vec<_>>().join(", "), Look::Plain),
            (&fields(platform), Look::Dim),
        ]);
    }
    table.print()
}

fn fields(platform: &PlatformView) -> String {
    let named = |field: &wayleave_core::api::ConnectionField| match field.options.as_slice() {
        [] => field.key.clone(),
        options => format!("{} ({})", field.key, options.join("|")),
    };
    platform.fields.iter().map(named).collect::<Vec<_>>().join(", ")
}

/// `wayleave workspaces`.
pub fn workspaces(context: &Context, named: &Named) -> Done {
    let account = context.account(named.named.as_deref())?.id;
    let Answer::Workspaces(workspaces) = context.ask(Ask::Workspaces { account })? else {
        return Err(misplaced("a question for workspaces").into());
    };
    if context.common.json {
        let shapes: Vec<_> = workspaces.iter().map(shape::Workspace::from).collect();
        return output::json(&shapes);
    }
    let mut table = Table::new(&["workspace", "status", "keys", "files"]);
    for workspace in &workspaces {
        let files = workspace.s3.as_ref().map(|s3| format!("s3://{}/{}", s3.bucket, s3.prefix));
        table.row([
            (&workspace.name, Look::Plain),
            (&workspace.status, Look::Plain),
            (if workspace.can_issue { "yes" } else { "no" }, Look::Plain),
            (files.as_deref().unwrap_or("not ready"), Look::Dim),
        ]);
    }
    table.print()
}
