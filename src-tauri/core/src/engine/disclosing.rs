//! The few places where a secret leaves the agent.

use jiff::{SignedDuration, Timestamp};

use super::handle::Reply;
use super::keeper::Keeper;
use super::{Engine, fresh_id};
use crate::api::{Answer, Disclosure, HistoryEvent, Purpose};
use crate::credential::{
    CredentialId, CredentialKind, CredentialMeta, CredentialSecret, Field, Snippet,
};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::install;
use crate::platform::{Connection, Platform as _};
use crate::secret::{Disclosed, Secret};

/// How long a ticket for QGIS is good.
const TICKET_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// One-time tickets: each a consent to hand one key to QGIS.
#[derive(Default)]
pub(super) struct Tickets(Vec<Ticket>);

struct Ticket {
    secret: Secret,
    credential: CredentialId,
    until: Timestamp,
}

impl Tickets {
    fn issue(&mut self, credential: CredentialId, until: Timestamp) -> Secret {
        // A ticket that replaces another one takes its consent over.
        self.0.retain(|ticket| ticket.credential != credential);
        let secret = Secret::from_text(format!("{}{}", fresh_id(), fresh_id()));
        self.0.push(Ticket { secret: secret.duplicate(), credential, until });
        secret
    }

    /// Each ticket is good once, and only until its time.
    fn redeem(&mut self, given: &[u8], now: Timestamp) -> Option<CredentialId> {
        let at = self.0.iter().position(|ticket| ticket.secret.matches(given))?;
        let ticket = self.0.remove(at);
        (now < ticket.until).then_some(ticket.credential)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<H: Host> Engine<H> {
    pub(super) fn reveal(
        &mut self,
        id: CredentialId,
        field: Option<Field>,
        purpose: Purpose,
        reply: Reply,
    ) {
        let meta = match self.state.credential(id) {
            Ok(meta) => meta.clone(),
            Err(error) => return reply.disclose(Err(error)),
        };
        // The parts of an S3 set are copied one after the other and must fit together.
        if field.is_some() && meta.kind == CredentialKind::S3 {
            return self.reveal_now(meta, field, purpose, reply);
        }
        self.lasting(meta, move |engine, lasting| match lasting {
            Ok(meta) => engine.reveal_now(meta, field, purpose, reply),
            Err(error) => reply.disclose(Err(error)),
        });
    }

    /// The same of the only credential of a name.
    pub(super) fn reveal_named(
        &mut self,
        name: &str,
        field: Option<Field>,
        purpose: Purpose,
        reply: Reply,
    ) {
        let mut named = self.state.credentials.values().filter(|meta| meta.name == name);
        match (named.next().map(|meta| meta.id), named.next()) {
            (Some(id), None) => self.reveal(id, field, purpose, reply),
            (None, _) | (_, Some(_)) => reply.disclose(Err(Error::new(
                ErrorCode::NotFound,
                "no credential has this name, or more than one",
            ))),
        }
    }

    fn reveal_now(
        &mut self,
        meta: CredentialMeta,
        field: Option<Field>,
        purpose: Purpose,
        reply: Reply,
    ) {
        let username = self.username_of(&meta);
        let keeper = self.keeper.clone();
        let (id, kind) = (meta.id, meta.kind);
        let read = async move { open(&keeper, id, kind).await };
        self.work(read, move |engine, secret| {
            let fields = secret.and_then(|secret| match field {
                Some(field) => one_field(&meta, username.as_deref(), &secret, field)
                    .map(|value| vec![(field, Disclosed::new(value))]),
                None => Ok(all_fields(&secret)),
            });
            if fields.is_ok() {
                engine.note(event_of(purpose), &meta, field.map(field_name));
            }
            reply.disclose(fields.map(|fields| Disclosure::Fields {
                credential: id,
                kind,
                fields,
            }));
        });
    }

    pub(super) fn render(
        &mut self,
        id: CredentialId,
        snippet: Snippet,
        purpose: Purpose,
        reply: Reply,
    ) {
        self.write_out(id, purpose, ".env".into(), reply, move |meta, secret| match snippet {
            Snippet::Env => install::env::render(secret, meta.s3.as_ref()).ok_or_else(|| {
                Error::new(ErrorCode::InvalidInput, "this credential has no .env form")
            }),
        });
    }

    /// A credential in one of its platform's forms.
    pub(super) fn render_template(
        &mut self,
        id: CredentialId,
        template: String,
        purpose: Purpose,
        reply: Reply,
    ) {
        let ready = self.state.credential(id).and_then(|meta| {
            let (platform, connection) = self.connection(meta.account)?;
            let mut all = platform.descriptor().templates.iter();
            let spec = all.find(|spec| spec.id == template && spec.of == meta.kind);
            let text = spec.map(|spec| spec.text).ok_or_else(|| {
                Error::new(ErrorCode::NotFound, "this credential has no such form")
                    .with("field", "template")
            })?;
            Ok((connection, self.username_of(meta), text))
        });
        let (connection, username, text) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.disclose(Err(error)),
        };
        self.write_out(id, purpose, template, reply, move |meta, secret| {
            install::template::render(text, |name| {
                placeholder(name, meta, username.as_deref(), &connection, secret)
            })
        });
    }

    /// Hands a credential out whole, as a text in some form.
    fn write_out(
        &mut self,
        id: CredentialId,
        purpose: Purpose,
        form: String,
        reply: Reply,
        render: impl FnOnce(&CredentialMeta, &CredentialSecret) -> Result<Secret> + Send + 'static,
    ) {
        let meta = match self.state.credential(id) {
            Ok(meta) => meta.clone(),
            Err(error) => return reply.disclose(Err(error)),
        };
        self.lasting(meta, move |engine, lasting| {
            let meta = match lasting {
                Ok(meta) => meta,
                Err(error) => return reply.disclose(Err(error)),
            };
            let (keeper, kind) = (engine.keeper.clone(), meta.kind);
            let read = async move { open(&keeper, id, kind).await };
            engine.work(read, move |engine, secret| {
                let text = secret.and_then(|secret| render(&meta, &secret));
                if text.is_ok() {
                    engine.note(event_of(purpose), &meta, Some(&form));
                }
                reply.disclose(text.map(|text| Disclosure::Text(Disclosed::new(text))));
            });
        });
    }

    pub(super) fn qgis_installs(&mut self, reply: Reply) {
        let find = tokio::task::spawn_blocking(|| {
            install::qgis::detect(&install::qgis::QgisSearch::from_env())
        });
        self.work(find, |_, found| {
            reply.answer(
                found.map(Answer::Qgis).map_err(|_| Error::internal("looking for QGIS broke")),
            );
        });
    }

    /// The button press behind this is the consent: it makes the ticket.
    pub(super) fn prepare_qgis(&mut self, id: CredentialId, reply: Reply) {
        if let Err(error) = self.for_qgis(id) {
            return reply.answer(Err(error));
        }
        let until = self.clock.now().checked_add(TICKET_LIFE).unwrap_or(Timestamp::MAX);
        let ticket = self.tickets.issue(id, until);
        let (paths, program) = (self.paths.clone(), self.program.clone());
        let write = tokio::task::spawn_blocking(move || {
            let home = paths.home.as_deref();
            install::qgis::write_script(&paths.runtime, &program, home, &ticket, until)
        });
        self.work(write, |_, written| {
            let ready =
                written.unwrap_or_else(|_| Err(Error::internal("writing the script broke")));
            reply.answer(ready.map(Answer::QgisReady));
        });
    }

    pub(super) fn redeem_ticket(&mut self, ticket: &Disclosed, reply: Reply) {
        let now = self.clock.now();
        let spent =
            || Error::new(ErrorCode::TicketSpent, "the ticket is spent, too old or unknown");
        let redeemed = self.tickets.redeem(ticket.expose().trim_ascii(), now).ok_or_else(spent);
        let found = redeemed.and_then(|id| self.for_qgis(id).map(|for_qgis| (id, for_qgis)));
        let (id, (meta, username, environment, hub)) = match found {
            Ok(found) => found,
            Err(error) => return reply.disclose(Err(error)),
        };
        let keeper = self.keeper.clone();
        let read = async move { open(&keeper, id, CredentialKind::ApiToken).await };
        self.work(read, move |engine, secret| {
            let key = secret.and_then(|secret| {
                secret.field(Field::ApiKey).ok_or_else(|| Error::internal("a token without a key"))
            });
            if key.is_ok() {
                engine.note(HistoryEvent::GivenToQgis, &meta, None);
            }
            reply.disclose(key.map(|key| Disclosure::Qgis {
                username,
                api_key: Disclosed::new(key),
                environment,
                hub,
                workspace: meta.workspace,
            }));
        });
    }

    /// What QGIS needs beside the key, or why it cannot be had.
    fn for_qgis(
        &self,
        id: CredentialId,
    ) -> Result<(CredentialMeta, String, Option<String>, String)> {
        let meta = self.state.credential(id)?;
        if meta.kind != CredentialKind::ApiToken {
            return Err(Error::new(ErrorCode::InvalidInput, "QGIS takes an API token"));
        }
        let over = meta.expires.filter(|end| *end <= self.clock.now()).or(meta.revoked);
        if let Some(end) = over {
            return Err(Error::new(ErrorCode::Expired, "the token has ended").with("expires", end));
        }
        let account = self.state.account(meta.account)?;
        if !account.facts.qgis {
            return Err(Error::new(
                ErrorCode::NotSupported,
                "QGIS has no plugin of this platform that takes its keys this way",
            ));
        }
        let username = account.meta.username.clone().ok_or_else(|| {
            Error::new(ErrorCode::NoUsername, "QGIS needs the user name at the platform")
                .with("account", account.meta.id)
        })?;
        let facts = &account.facts;
        Ok((meta.clone(), username, facts.environment.clone(), facts.hub.clone()))
    }

    fn username_of(&self, meta: &CredentialMeta) -> Option<String> {
        self.state.accounts.get(&meta.account).and_then(|account| account.meta.username.clone())
    }
}

/// Decrypts one credential, on the vault's thread.
pub(super) async fn open(
    keeper: &Keeper,
    id: CredentialId,
    kind: CredentialKind,
) -> Result<CredentialSecret> {
    keeper
        .read(move |kept| {
            let body = kept.vault.open()?.reveal(id)?;
            CredentialSecret::from_body(kind, &body)
                .ok_or_else(|| Error::new(ErrorCode::VaultDamaged, "a credential has no such form"))
        })
        .await
}

fn one_field(
    meta: &CredentialMeta,
    username: Option<&str>,
    secret: &CredentialSecret,
    field: Field,
) -> Result<Secret> {
    let plain = |text: Option<&str>| text.map(|text| Secret::from_text(text.into()));
    let value = match field {
        Field::Username if username.is_none() => {
            return Err(Error::new(
                ErrorCode::NoUsername,
                "the user name at the platform is not known",
            )
            .with("account", meta.account));
        }
        Field::Username => plain(username),
        Field::TokenId => plain(meta.platform_id.as_deref()),
        Field::ApiKey
        | Field::SecretKey
        | Field::Token
        | Field::BearerHeader
        | Field::AccessKeyId
        | Field::SecretAccessKey
        | Field::SessionToken => secret.field(field),
    };
    value.ok_or_else(|| {
        Error::new(ErrorCode::InvalidInput, "this credential has no such field")
            .with("field", field_name(field))
    })
}

fn all_fields(secret: &CredentialSecret) -> Vec<(Field, Disclosed)> {
    let all: &[Field] = match secret {
        CredentialSecret::ApiToken(_) => &[Field::ApiKey],
        CredentialSecret::KeyPair { .. } => &[Field::ApiKey, Field::SecretKey],
        CredentialSecret::SessionToken(_) => &[Field::Token],
        CredentialSecret::S3 { .. } => {
            &[Field::AccessKeyId, Field::SecretAccessKey, Field::SessionToken]
        }
    };
    all.iter().filter_map(|field| Some((*field, Disclosed::new(secret.field(*field)?)))).collect()
}

/// What a placeholder of a template stands for.
fn placeholder(
    name: &str,
    meta: &CredentialMeta,
    username: Option<&str>,
    connection: &Connection,
    secret: &CredentialSecret,
) -> Option<Secret> {
    let field = match name {
        "api_key" => Some(Field::ApiKey),
        "secret_key" => Some(Field::SecretKey),
        "token" => Some(Field::Token),
        _ => None,
    };
    if let Some(field) = field {
        return secret.field(field);
    }
    let s3 = meta.s3.as_ref();
    let text = match name {
        "username" => username.map(str::to_owned),
        "hub" => Some(connection.origin()),
        "host" => Some(connection.host().to_owned()),
        "name" => Some(meta.name.clone()),
        "workspace" => Some(meta.workspace.clone()),
        "region" => s3.map(|s3| s3.region.clone()),
        "endpoint" => s3.and_then(|s3| s3.endpoint.clone()),
        other => connection.more.get(other).cloned(),
    };
    text.map(Secret::from_text)
}

fn event_of(purpose: Purpose) -> HistoryEvent {
    match purpose {
        Purpose::Reveal => HistoryEvent::Revealed,
        Purpose::Clipboard => HistoryEvent::Copied,
        Purpose::Output => HistoryEvent::Printed,
    }
}

fn field_name(field: Field) -> &'static str {
    match field {
        Field::ApiKey => "api_key",
        Field::SecretKey => "secret_key",
        Field::Token => "token",
        Field::Username => "username",
        Field::BearerHeader => "bearer_header",
        Field::TokenId => "token_id",
        Field::AccessKeyId => "access_key_id",
        Field::SecretAccessKey => "secret_access_key",
        Field::SessionToken => "session_token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Id;

    const NOW: Timestamp = Timestamp::constant(2_000_000_000, 0);

    #[test]
    fn a_ticket_is_good_once_and_for_five_minutes() {
        let mut tickets = Tickets::default();
        let first = tickets.issue(Id([1; 16]), NOW + TICKET_LIFE);
        let late = tickets.issue(Id([2; 16]), NOW + TICKET_LIFE);
        assert_eq!(tickets.redeem(b"guessed", NOW), None);
        assert_eq!(tickets.redeem(first.expose(), NOW), Some(Id([1; 16])));
        assert_eq!(tickets.redeem(first.expose(), NOW), None, "spent");
        assert_eq!(tickets.redeem(late.expose(), NOW + TICKET_LIFE), None, "too old");
    }

    #[test]
    fn a_new_ticket_for_the_same_key_replaces_the_old_one() {
        let mut tickets = Tickets::default();
        let old = tickets.issue(Id([1; 16]), NOW + TICKET_LIFE);
        let new = tickets.issue(Id([1; 16]), NOW + TICKET_LIFE);
        assert_eq!(tickets.redeem(old.expose(), NOW), None);
        assert_eq!(tickets.redeem(new.expose(), NOW), Some(Id([1; 16])));
    }
}
