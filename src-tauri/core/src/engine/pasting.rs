//! Keys that the user already has: pasted, checked at the platform where it can tell, and kept.

use super::handle::Reply;
use super::keeper::Keeper;
use super::records::{put_credential, relabel};
use super::rules::check_name;
use super::sessions::session_of;
use super::{Engine, disclosing, fresh_id};
use crate::api::{Disclosure, ExpiryInput, HistoryEvent, PastedKey};
use crate::credential::{CredentialKind, CredentialMeta, CredentialSecret, Field};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::connection::is_visible;
use crate::platform::{AnyPlatform, Auth, Introduction, KeyForm, Kind, Platform, PlatformError};
use crate::secret::{Disclosed, Secret};

impl<H: Host> Engine<H> {
    /// Stores a key that the user brought. The same key again updates what is known about it.
    /// Where a key is the sign-in, the platform is asked first whose it is; one that it does not
    /// accept is not stored.
    pub(super) fn paste_key(
        &mut self,
        key: Disclosed,
        secret_key: Option<Disclosed>,
        about: PastedKey,
        reply: Reply,
    ) {
        let ready = self.pasted(&key, secret_key.as_ref(), &about).and_then(|meta| {
            let (platform, connection) = self.connection(meta.account)?;
            self.check_exchange(meta.account)?;
            Ok((meta, platform, connection))
        });
        let (meta, platform, connection) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.disclose(Err(error)),
        };
        let others: Vec<CredentialMeta> = self
            .state
            .credentials
            .values()
            .filter(|other| other.account == meta.account && other.kind == meta.kind)
            .cloned()
            .collect();
        let (keeper, http) = (self.keeper.clone(), self.sessions.http.clone());
        let secret = pasted_secret(&key, secret_key.as_ref());
        let account = meta.account;
        let store = async move {
            let introduction = if platform.descriptor().key_is_sign_in() {
                let session = session_of(copy(&secret, meta.kind)?, connection, http)?;
                Some(platform.introduce(&session).await.map_err(not_accepted)?)
            } else {
                None
            };
            let meta = introduced(meta, introduction.as_ref());
            let meta = match same_key(&keeper, &others, &secret).await? {
                Some(known) => CredentialMeta {
                    id: known.id,
                    platform_id: meta.platform_id.or(known.platform_id),
                    ..meta
                },
                None => meta,
            };
            keeper.commit(vec![put_credential(&meta, &secret)?]).await?;
            Ok((meta, introduction))
        };
        self.work(store, move |engine, stored: Result<(CredentialMeta, Option<Introduction>)>| {
            let refused = matches!(&stored, Err(error) if error.code == ErrorCode::SignInRefused);
            engine.note_attempt(account, refused);
            reply.disclose(stored.and_then(|(meta, introduction)| {
                let meta = engine.with_what_the_list_told(meta);
                engine.store_in_state(meta.clone());
                engine.note(HistoryEvent::Pasted, &meta, None);
                engine.take_introduction(&meta, introduction, about.username);
                engine.confirm_ends(meta.account);
                engine.view_of(meta.id).map(Disclosure::Credential)
            }));
        });
    }

    /// What was told about the account of a pasted key, by the platform or the user.
    fn take_introduction(
        &mut self,
        meta: &CredentialMeta,
        introduction: Option<Introduction>,
        username: Option<String>,
    ) {
        let typed = username.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let Ok(account) = self.state.account_mut(meta.account) else { return };
        if let Some(introduction) = introduction {
            let Introduction { username, scope, permissions, findings, own: _ } = introduction;
            account.meta.key = Some(meta.id);
            account.meta.username = username.or(typed).or_else(|| account.meta.username.take());
            account.meta.workspaces = scope.into_iter().collect();
            account.meta.permissions = permissions;
            account.meta.learned.forget(Auth::Key);
            for (operation, finding) in findings {
                account.meta.learned.note(Auth::Key, operation, finding);
            }
        } else if typed.is_some() {
            account.meta.username = typed;
        }
        self.refresh_facts(meta.account);
        self.persist_account(meta.account);
    }

    /// A key that is pasted again keeps what the platform has told about it meanwhile.
    fn with_what_the_list_told(&mut self, meta: CredentialMeta) -> CredentialMeta {
        let told = self.state.credentials.get(&meta.id).filter(|known| known.end_confirmed);
        let Some(known) = told.cloned() else { return meta };
        let kept = CredentialMeta {
            platform_id: meta.platform_id.clone().or(known.platform_id),
            created: known.created,
            expires: known.expires,
            end_confirmed: true,
            ..meta.clone()
        };
        if kept != meta {
            self.persist(relabel(&kept).into_iter().collect());
        }
        kept
    }

    fn pasted(
        &self,
        key: &Disclosed,
        secret_key: Option<&Disclosed>,
        about: &PastedKey,
    ) -> Result<CredentialMeta> {
        self.state.need_open()?;
        let (platform, _) = self.connection(about.account)?;
        let descriptor = platform.descriptor();
        // Where the platform lists the key, it has a name there.
        let nameless = descriptor.key_is_sign_in() && about.name.trim().is_empty();
        let name = if nameless { descriptor.parts[0].1 } else { about.name.as_str() };
        check_name(name)?;
        check_form(platform, key, secret_key)?;
        let workspace = about.workspace.trim();
        if descriptor.scope.typed
            && (workspace.is_empty() || workspace.chars().any(|c| c.is_control() || c == '/'))
        {
            return Err(Error::new(ErrorCode::InvalidInput, "which workspace does the key open?")
                .with("field", "workspace"));
        }
        if about.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(Error::new(ErrorCode::InvalidInput, "the key has ended already")
                .with("field", "expires"));
        }
        let kind = descriptor.key_kind();
        let public = (kind == CredentialKind::KeyPair)
            .then(|| key.expose_text().map(|text| text.trim().to_owned()))
            .flatten();
        Ok(CredentialMeta {
            name: name.to_owned(),
            workspace: workspace.into(),
            platform_id: about.token_id.clone().filter(|id| !id.trim().is_empty()).or(public),
            created: about.made,
            expires: about.expires,
            end_confirmed: descriptor.expiry == ExpiryInput::None,
            owner: about.owner.clone(),
            ..CredentialMeta::new(fresh_id(), kind, about.account)
        })
    }
}

/// Refuses what cannot be a key of this platform.
fn check_form(
    platform: AnyPlatform,
    key: &Disclosed,
    secret_key: Option<&Disclosed>,
) -> Result<()> {
    let wrong = |field: &str| {
        Err(Error::new(ErrorCode::InvalidInput, "that cannot be a key").with("field", field))
    };
    match platform.recognise_key(key.expose_text().unwrap_or_default().trim()) {
        KeyForm::TokenId => {
            return Err(Error::new(
                ErrorCode::TokenIdNotKey,
                "that is a Token ID, the name of a key, not the key",
            )
            .with("field", "key"));
        }
        KeyForm::Unusable => return wrong("key"),
        KeyForm::Key | KeyForm::Odd => {}
    }
    let parts = platform.descriptor().parts.len();
    match secret_key {
        None if parts > 1 => Err(Error::new(ErrorCode::InvalidInput, "the secret key is missing")
            .with("field", "secret_key")),
        Some(_) if parts == 1 => wrong("secret_key"),
        Some(second) => {
            let text = second.expose_text().unwrap_or_default().trim();
            let fine = !text.is_empty() && text.len() <= 4096 && is_visible(text);
            if fine { Ok(()) } else { wrong("secret_key") }
        }
        None => Ok(()),
    }
}

fn pasted_secret(key: &Disclosed, secret_key: Option<&Disclosed>) -> CredentialSecret {
    let trimmed = |text: &Disclosed| Secret::new(text.expose().trim_ascii().to_vec());
    match secret_key {
        Some(secret_key) => {
            CredentialSecret::KeyPair { api_key: trimmed(key), secret_key: trimmed(secret_key) }
        }
        None => CredentialSecret::ApiToken(trimmed(key)),
    }
}

fn copy(secret: &CredentialSecret, kind: CredentialKind) -> Result<CredentialSecret> {
    CredentialSecret::from_body(kind, &secret.to_body())
        .ok_or_else(|| Error::internal("a key cannot be copied"))
}

/// A key that the platform refuses is a sign-in that was refused: nothing was stored.
fn not_accepted(error: PlatformError) -> Error {
    let refused = error.kind == Kind::Unauthenticated;
    let error = Error::from(error);
    if refused { Error { code: ErrorCode::SignInRefused, ..error } } else { error }
}

/// What the platform told stands over what the user said.
fn introduced(meta: CredentialMeta, introduction: Option<&Introduction>) -> CredentialMeta {
    let Some(Introduction { scope, own, .. }) = introduction else { return meta };
    let (workspace, s3) = match scope {
        Some(scope) => (scope.name.clone(), scope.s3.clone()),
        None => (meta.workspace, meta.s3),
    };
    let meta = CredentialMeta { workspace, s3, ..meta };
    let Some(own) = own else { return meta };
    CredentialMeta {
        name: if own.name.is_empty() { meta.name } else { own.name.clone() },
        platform_id: own.id.clone().or(meta.platform_id),
        created: own.created.or(meta.created),
        expires: own.expires.or(meta.expires),
        end_confirmed: meta.end_confirmed || own.expires.is_some(),
        permissions: own.permissions.clone(),
        ..meta
    }
}

/// The credential that holds this very key, if one does.
async fn same_key(
    keeper: &Keeper,
    others: &[CredentialMeta],
    pasted: &CredentialSecret,
) -> Result<Option<CredentialMeta>> {
    let Some(key) = pasted.field(Field::ApiKey) else { return Ok(None) };
    for other in others {
        let secret = disclosing::open(keeper, other.id, other.kind).await?;
        let same = secret.field(Field::ApiKey).is_some_and(|known| known.matches(key.expose()));
        if same {
            return Ok(Some(other.clone()));
        }
    }
    Ok(None)
}
