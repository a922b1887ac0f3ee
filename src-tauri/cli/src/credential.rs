//! Credentials in the vault: `list`, `show`, `verify`, `forget`, `rename`, `history`.

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use wayleave_core::api::{
    Answer, Ask, CredentialId, CredentialKind, CredentialState, CredentialView, HistoryEvent,
    HistoryView, OnForget, OwnerKind, VerifyView, misplaced,
};
use wayleave_core::error::{Error, ErrorCode};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Look, Table, printable};
use crate::{prompt, select, shape, token, when, words};

/// One credential.
#[derive(Debug, Args)]
pub struct Selected {
    /// Its id, the beginning of it, its name, or WORKSPACE/NAME
    #[arg(value_name = "SEL")]
    pub selector: String,
}

/// Flags of `list`.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Only this kind
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Only what has ended or ends within this time
    #[arg(long, value_parser = when::parse_span, value_name = "7d")]
    expiring: Option<SignedDuration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    ApiToken,
    S3,
    KeyPair,
    SessionToken,
}

impl From<CredentialKind> for Kind {
    fn from(kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::ApiToken => Self::ApiToken,
            CredentialKind::S3 => Self::S3,
            CredentialKind::KeyPair => Self::KeyPair,
            CredentialKind::SessionToken => Self::SessionToken,
        }
    }
}

impl ListOptions {
    /// All of one kind.
    pub fn of(kind: CredentialKind) -> Self {
        Self { kind: Some(kind.into()), expiring: None }
    }

    /// Prints the list.
    pub fn run(&self, context: &Context) -> Done {
        let snapshot = context.open()?;
        let account = match &context.common.account {
            Some(named) => Some(select::account(&snapshot.accounts, Some(named))?.id),
            None => None,
        };
        let workspace = context.common.workspace.as_deref();
        let now = when::now();
        let found: Vec<&CredentialView> = snapshot
            .credentials
            .iter()
            .filter(|c| account.is_none_or(|account| c.account == account))
            .filter(|c| workspace.is_none_or(|workspace| c.workspace == workspace))
            .filter(|c| self.wants(c, now))
            .collect();
        if context.common.json {
            let shapes: Vec<_> = found.into_iter().map(shape::Credential::from).collect();
            return output::json(&shapes);
        }
        table(&found, now).print()
    }

    fn wants(&self, credential: &CredentialView, now: Timestamp) -> bool {
        let kind = self.kind.is_none_or(|kind| kind == credential.kind.into());
        let expiring = self.expiring.is_none_or(|within| {
            credential.expires.is_some_and(|end| end.duration_since(now) <= within)
        });
        kind && expiring
    }
}

fn table(credentials: &[&CredentialView], now: Timestamp) -> Table {
    let mut table = Table::new(&["id", "name", "workspace", "kind", "ends"]);
    for credential in credentials {
        let (words, look) = standing(credential, now);
        table.row([
            (&select::short(credential.id), Look::Dim),
            (&credential.name, Look::Plain),
            (&credential.workspace, Look::Plain),
            (kind(credential.kind), Look::Plain),
            (&words, look),
        ]);
    }
    table
}

fn standing(credential: &CredentialView, now: Timestamp) -> (String, Look) {
    let end = when::end(now, credential.expires);
    match credential.state {
        CredentialState::Active => (end, Look::Plain),
        CredentialState::Expiring => (end, Look::Soon),
        CredentialState::Expired => (format!("ended {end}"), Look::Bad),
        CredentialState::Revoked => ("revoked".to_owned(), Look::Dim),
        CredentialState::Missing => (format!("{end}; the platform does not list it"), Look::Bad),
    }
}

const fn kind(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::ApiToken => "API token",
        CredentialKind::S3 => "S3",
        CredentialKind::KeyPair => "key pair",
        CredentialKind::SessionToken => "session token",
    }
}

/// `wayleave show`.
pub fn show(context: &Context, selected: &Selected) -> Done {
    tell(context, &context.credential(&selected.selector)?)
}

/// Prints one credential.
pub fn tell(context: &Context, credential: &CredentialView) -> Done {
    if context.common.json {
        return output::json(&shape::Credential::from(credential));
    }
    let now = when::now();
    let mut table = Table::pairs();
    table.pair("id", &credential.id.to_string());
    table.pair("name", &credential.name);
    table.pair("kind", kind(credential.kind));
    table.pair("workspace", &credential.workspace);
    if let Some(id) = &credential.platform_id {
        table.pair("Token ID", &format!("{id} (not the key)"));
    }
    let told = if credential.end_confirmed { "" } else { ", as you said" };
    let day = credential.expires.map(|end| format!(" ({}{told})", when::day(end)));
    table.pair("ends", &(standing(credential, now).0 + &day.unwrap_or_default()));
    if let Some(s3) = &credential.s3 {
        let place = s3.endpoint.as_deref().filter(|_| s3.bucket.is_empty());
        let bucket = || format!("s3://{}/{}", s3.bucket, s3.prefix);
        let place = place.map_or_else(bucket, str::to_owned);
        table.pair("files", &format!("{place} in {}", s3.region));
    }
    if !credential.permissions.is_empty() {
        table.pair("may", &credential.permissions.join(", "));
    }
    if let Some(owner) = &credential.owner {
        let kind = match owner.kind {
            OwnerKind::User => "user",
            OwnerKind::ServiceAccount => "service account",
        };
        table.pair("owner", &format!("{} ({kind})", owner.name));
    }
    if !credential.templates.is_empty() {
        let forms = credential.templates.iter().map(|t| format!("{} ({})", t.id, t.label));
        table.pair("forms", &forms.collect::<Vec<_>>().join(", "));
    }
    let verified = credential.verified_at.map(|at| when::until(now, at));
    table.pair("verified", verified.as_deref().unwrap_or("not yet"));
    table.print()
}

/// Flags of `verify`.
#[derive(Debug, Args)]
pub struct VerifyOptions {
    /// Its id, the beginning of it, its name, or WORKSPACE/NAME
    #[arg(value_name = "SEL", required_unless_present = "all", conflicts_with = "all")]
    selector: Option<String>,
    /// Every one that has not been revoked
    #[arg(long)]
    all: bool,
}

impl VerifyOptions {
    /// Asks the platform; the exit code is that of the worst answer.
    pub fn run(&self, context: &Context) -> Done {
        let credentials = if let Some(selector) = &self.selector {
            vec![context.credential(selector)?]
        } else {
            let mut all = context.open()?.credentials;
            all.retain(|c| c.state != CredentialState::Revoked);
            all
        };
        let mut views = Vec::with_capacity(credentials.len());
        for credential in &credentials {
            let Answer::Verified(view) = context.ask(Ask::Verify { credential: credential.id })?
            else {
                return Err(misplaced("a question for a check").into());
            };
            views.push(view);
        }
        tell_verified(context, &credentials, &views)?;
        Ok(views.iter().map(|v| Exit::from(v.cause)).find(|e| *e != Exit::Ok).unwrap_or(Exit::Ok))
    }
}

fn tell_verified(context: &Context, credentials: &[CredentialView], views: &[VerifyView]) -> Done {
    if context.common.json {
        return output::json(&views.iter().map(shape::Verified::from).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["name", "workspace", "", ""]);
    for (credential, view) in credentials.iter().zip(views) {
        let (said, look) =
            if view.ok { ("works", Look::Good) } else { ("does not work", Look::Bad) };
        table.row([
            (&credential.name, Look::Plain),
            (&credential.workspace, Look::Plain),
            (said, look),
            (words::verify(view.cause), Look::Plain),
        ]);
    }
    table.print()
}

/// Flags of `forget`.
#[derive(Debug, Args)]
pub struct ForgetOptions {
    /// Its id, the beginning of it, its name, or WORKSPACE/NAME
    #[arg(value_name = "SEL")]
    selector: String,
    /// Revoke it first, if it has not ended; this is what `--yes` answers too
    #[arg(long, conflicts_with = "leave_valid")]
    revoke: bool,
    /// Forget it all the same: it keeps working until its end
    #[arg(long)]
    leave_valid: bool,
}

impl ForgetOptions {
    /// Takes it out of the vault. An unexpired token is offered to be revoked first; its name,
    /// id, workspace and end stay in the history.
    pub fn run(&self, context: &Context) -> Done {
        let credential = context.credential(&self.selector)?;
        let forget =
            |unexpired| context.order(Ask::Forget { credential: credential.id, unexpired });
        match self.unexpired() {
            OnForget::Ask => match forget(OnForget::Ask) {
                Err(Failure::Error { error, .. }) if error.code == ErrorCode::StillValid => {
                    forget(offer(context, &credential, Failure::from(error))?)?;
                }
                other => other?,
            },
            said @ (OnForget::Revoke | OnForget::Keep) => forget(said)?,
        }
        if context.common.json {
            return output::json(&serde_json::json!({ "forgotten": credential.id }));
        }
        output::text(&format!("Forgotten. {} stays in the history.\n", printable(&credential.name)))
    }

    const fn unexpired(&self) -> OnForget {
        match (self.revoke, self.leave_valid) {
            (true, _) => OnForget::Revoke,
            (_, true) => OnForget::Keep,
            (false, false) => OnForget::Ask,
        }
    }
}

/// Offers to revoke first what has not ended.
fn offer(
    context: &Context,
    credential: &CredentialView,
    still_valid: Failure,
) -> Result<OnForget, Failure> {
    if context.common.yes {
        return Ok(OnForget::Revoke);
    }
    if !prompt::possible() {
        return Err(still_valid);
    }
    let question =
        format!("It has not ended. {} [y]es, [l]eave it valid, [N]o:", token::question(credential));
    match prompt::line(&question, "Add `--revoke` or `--leave-valid`.")?.as_str() {
        "y" | "Y" | "yes" => Ok(OnForget::Revoke),
        "l" | "L" | "leave" => Ok(OnForget::Keep),
        _ => Err(Error::new(ErrorCode::Cancelled, "it was not confirmed").into()),
    }
}

/// Flags of `rename`.
#[derive(Debug, Args)]
pub struct RenameOptions {
    /// Its id, the beginning of it, its name, or WORKSPACE/NAME
    #[arg(value_name = "SEL")]
    selector: String,
    /// The new name, 1 to 128 characters
    name: String,
}

impl RenameOptions {
    /// Renames it, here only.
    pub fn run(self, context: &Context) -> Done {
        let credential = context.credential(&self.selector)?.id;
        tell(context, &context.order_credential(Ask::Rename { credential, name: self.name })?)
    }
}

/// Flags of `history`.
#[derive(Debug, Args)]
pub struct HistoryOptions {
    /// Of this credential only; one that was forgotten is found by its whole id or its name
    #[arg(value_name = "SEL")]
    selector: Option<String>,
}

impl HistoryOptions {
    /// Prints the history.
    pub fn run(&self, context: &Context) -> Done {
        let events = match &self.selector {
            None => read(context, None)?,
            Some(selector) => of_one(context, selector)?,
        };
        if context.common.json {
            return output::json(&events);
        }
        let now = when::now();
        let mut table = Table::new(&["when", "what", "name", "workspace", ""]);
        for event in &events {
            table.row([
                (&when::until(now, event.at), Look::Dim),
                (happened(event.event), Look::Plain),
                (&event.name, Look::Plain),
                (&event.workspace, Look::Plain),
                (event.detail.as_deref().unwrap_or_default(), Look::Dim),
            ]);
        }
        table.print()
    }
}

fn read(context: &Context, credential: Option<CredentialId>) -> Result<Vec<HistoryView>, Failure> {
    let Answer::History(events) = context.ask(Ask::History { credential })? else {
        return Err(misplaced("a question for the history").into());
    };
    Ok(events)
}

/// The history outlives its credentials, so what is not in the vault is looked for in it.
fn of_one(context: &Context, selector: &str) -> Result<Vec<HistoryView>, Failure> {
    match context.credential(selector) {
        Ok(credential) => return read(context, Some(credential.id)),
        Err(Failure::Error { error, .. }) if error.code == ErrorCode::NotFound => {}
        Err(failure) => return Err(failure),
    }
    let mut events = read(context, None)?;
    events.retain(|event| {
        event.name == selector
            || format!("{}/{}", event.workspace, event.name) == selector
            || event.credential.is_some_and(|id| id.to_string() == selector)
    });
    if events.is_empty() {
        let message = format!("the history knows no credential “{selector}”");
        return Err(Error::new(ErrorCode::NotFound, message).into());
    }
    Ok(events)
}

const fn happened(event: HistoryEvent) -> &'static str {
    match event {
        HistoryEvent::Requested => "requested",
        HistoryEvent::Pasted => "pasted",
        HistoryEvent::Copied => "copied",
        HistoryEvent::Revealed => "shown",
        HistoryEvent::Printed => "printed",
        HistoryEvent::GivenToQgis => "given to QGIS",
        HistoryEvent::Verified => "verified",
        HistoryEvent::Refused => "not accepted",
        HistoryEvent::Warned => "warned about",
        HistoryEvent::Revoked => "revoked",
        HistoryEvent::Forgotten => "forgotten",
        HistoryEvent::Renamed => "renamed",
        HistoryEvent::Rotated => "key replaced",
        HistoryEvent::Edited => "changed on the platform",
        HistoryEvent::Adopted => "read from the platform",
    }
}
