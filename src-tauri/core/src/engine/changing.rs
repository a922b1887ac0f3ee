//! What a platform changes of a credential in one call: rotating, editing, reading a key again.

use std::future::Future;

use super::handle::Reply;
use super::issuing::Heard;
use super::keeper::Keeper;
use super::records::put_credential;
use super::rules::{check_lifetime, check_name, check_token_name};
use super::sessions::{Access, open_access};
use super::{Engine, disclosing, fresh_id};
use crate::api::{Ability, ActivityKind, Answer, HistoryEvent, Support};
use crate::credential::{
    AccountId, CredentialId, CredentialKind, CredentialMeta, CredentialSecret, Field,
};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::{EditRequest, IssueOutcome, Kind, Operation, Platform, RemoteToken, learn};
use crate::secret::Secret;
use crate::session::Session;

type Changed = Heard<CredentialMeta>;

impl<H: Host> Engine<H> {
    /// Has the platform replace a token's key. The old key is dead from the platform's answer
    /// on, so the new one takes its place in one commit.
    pub(super) fn rotate(&mut self, id: CredentialId, lifetime: Option<u32>, reply: Reply) {
        let ready = self.may_change(id, Ability::Rotate).and_then(|(meta, access)| {
            let descriptor = access.platform.descriptor();
            let lifetime = lifetime.or(descriptor.lifetime.map(|range| range.default));
            check_lifetime(descriptor, lifetime)?;
            Ok((meta, access, lifetime, self.keeper.permit()?))
        });
        let (meta, access, lifetime, permit) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.answer(Err(error)),
        };
        let keeper = self.keeper.clone();
        let account = meta.account;
        let job = async move {
            let rotated = rotate_at(&keeper, access, meta, lifetime).await;
            drop(permit);
            rotated
        };
        self.change(ActivityKind::Rotate, HistoryEvent::Rotated, account, Some(id), job, reply);
    }

    /// Changes name and permissions, at the platform and here.
    pub(super) fn edit_token(
        &mut self,
        id: CredentialId,
        name: Option<String>,
        permissions: Option<Vec<String>>,
        reply: Reply,
    ) {
        let ready = self.may_change(id, Ability::Edit).and_then(|(meta, access)| {
            let token = meta.platform_id.clone().ok_or_else(|| {
                self.not_supported(meta.account, "change a token whose id is not known")
            })?;
            if let Some(name) = &name {
                check_name(name)?;
                check_token_name(access.platform.descriptor(), name)?;
            }
            Ok((meta, access, token))
        });
        let (meta, access, token) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.answer(Err(error)),
        };
        let keeper = self.keeper.clone();
        let account = meta.account;
        let job = async move {
            let session = open_access(&keeper, access).await?;
            edit_at(&keeper, session, meta, &token, name, permissions).await
        };
        self.change(ActivityKind::Edit, HistoryEvent::Edited, account, Some(id), job, reply);
    }

    /// Reads a token's key from the platform and stores it.
    pub(super) fn adopt(
        &mut self,
        account: AccountId,
        workspace: String,
        token: String,
        reply: Reply,
    ) {
        let ready = self.may(account, Ability::ReadKey, Some(&workspace));
        let access = match ready {
            Ok(access) => access,
            Err(error) => return reply.answer(Err(error)),
        };
        let ours = self.state.credentials.values().find(|meta| {
            meta.account == account
                && meta.kind == CredentialKind::ApiToken
                && meta.platform_id.as_deref() == Some(token.as_str())
        });
        let known = ours.cloned();
        let keeper = self.keeper.clone();
        let job = async move {
            let session = open_access(&keeper, access).await?;
            adopt_at(&keeper, session, account, &workspace, &token, known).await
        };
        self.change(ActivityKind::Read, HistoryEvent::Adopted, account, None, job, reply);
    }

    /// Runs a change to its end, and shows what came of it.
    fn change(
        &mut self,
        kind: ActivityKind,
        event: HistoryEvent,
        account: AccountId,
        credential: Option<CredentialId>,
        job: impl Future<Output = Result<Changed>> + Send + 'static,
        reply: Reply,
    ) {
        let (activity, _) = self.begin(None, kind, Some(account), credential);
        self.commit_to(activity);
        self.work(job, move |engine, heard: Result<Changed>| {
            engine.end(activity);
            let changed = heard.and_then(|heard| engine.take_heard(account, heard));
            reply.answer(changed.and_then(|meta| {
                engine.note(event, &meta, None);
                engine.store_in_state(meta.clone());
                engine.view_of(meta.id).map(Answer::Credential)
            }));
        });
    }

    /// A credential that the platform lets this account change, and how to ask it.
    fn may_change(&self, id: CredentialId, what: Ability) -> Result<(CredentialMeta, Access)> {
        let meta = self.state.credential(id)?.clone();
        if meta.kind != CredentialKind::ApiToken || meta.revoked.is_some() {
            return Err(Error::new(
                ErrorCode::NotSupported,
                "only a live API token can be changed",
            ));
        }
        let access = self.may(meta.account, what, Some(&meta.workspace))?;
        Ok((meta, access))
    }

    pub(super) fn may(
        &self,
        account: AccountId,
        what: Ability,
        workspace: Option<&str>,
    ) -> Result<Access> {
        self.state.need_open()?;
        let can = &self.state.account(account)?.facts.capabilities;
        let (support, words) = match what {
            Ability::Rotate => (can.rotate, "rotate tokens"),
            Ability::Edit => (can.edit, "change tokens"),
            Ability::ReadKey => (can.read_key, "read keys again"),
            Ability::Session => (can.session, "get session tokens"),
            Ability::Issue => (can.issue, "request tokens"),
            Ability::List => (can.list, "list tokens"),
            Ability::Revoke => (can.revoke, "revoke tokens"),
            Ability::S3 => (can.s3, "get S3 credentials"),
        };
        if support == Support::No {
            return Err(self.not_supported(account, words));
        }
        self.access(account, workspace)
    }
}

async fn rotate_at(
    keeper: &Keeper,
    access: Access,
    meta: CredentialMeta,
    lifetime: Option<u32>,
) -> Result<Changed> {
    let platform = access.platform;
    let secret = disclosing::open(keeper, meta.id, meta.kind).await?;
    let old = secret.field(Field::ApiKey).ok_or_else(|| Error::internal("no key to rotate"))?;
    let session = open_access(keeper, access).await?;
    let auth = session.auth();
    let (asked, rotated) = match platform.rotate(&session, &meta.workspace, &old, lifetime).await {
        IssueOutcome::Issued(issued) => (Ok(()), Ok((issued.token, issued.key))),
        IssueOutcome::Refused(error) => (Err(error.clone()), Err(Error::from(error))),
        IssueOutcome::WithoutKey(token) => (Ok(()), read_new(&session, &meta, &token, &old).await),
        IssueOutcome::Unknown(error) => {
            let token = RemoteToken { id: meta.platform_id.clone(), ..RemoteToken::default() };
            (Err(error), read_new(&session, &meta, &token, &old).await)
        }
    };
    let workspace = meta.workspace.clone();
    let outcome = match rotated {
        Ok((token, key)) => store_rotated(keeper, meta, &token, key).await,
        Err(error) => Err(error),
    };
    let finding = learn(platform, &session, &workspace, Operation::Rotate, &asked).await;
    Ok(Heard { auth, learned: Some((Operation::Rotate, finding)), outcome })
}

/// After a lost answer: the platform shows keys again, so it tells whether there is a new one.
async fn read_new(
    session: &Session,
    meta: &CredentialMeta,
    token: &RemoteToken,
    old: &Secret,
) -> Result<(RemoteToken, Secret)> {
    let unknown = || {
        Error::new(
            ErrorCode::OutcomeUnknown,
            "the answer was lost; the old key may be dead, and the new one could not be read",
        )
        .with("name", &meta.name)
        .with("workspace", &meta.workspace)
    };
    let id = token.id.as_deref().or(meta.platform_id.as_deref()).ok_or_else(unknown)?;
    let platform = crate::platform::AnyPlatform::by_id(&session.connection().platform);
    let platform = platform.ok_or_else(unknown)?;
    let read = platform.read_key(session, &meta.workspace, id).await;
    let (token, key) = read.map_err(|_| unknown())?;
    if key.matches(old.expose()) {
        return Err(Error::new(
            ErrorCode::PlatformUnavailable,
            "the answer was lost, and the key was not replaced; the old one goes on working",
        ));
    }
    Ok((token, key))
}

async fn store_rotated(
    keeper: &Keeper,
    meta: CredentialMeta,
    token: &RemoteToken,
    key: Secret,
) -> Result<CredentialMeta> {
    let meta = CredentialMeta {
        platform_id: token.id.clone().or(meta.platform_id),
        expires: token.expires,
        end_confirmed: token.expires.is_some(),
        verified: None,
        ..meta
    };
    let put = put_credential(&meta, &CredentialSecret::ApiToken(key))?;
    keeper.commit(vec![put]).await.map_err(|error| {
        Error::new(
            ErrorCode::IssuedButNotStored,
            format!("the key was replaced and could not be stored: {error}"),
        )
        .with("revoked", false)
    })?;
    Ok(meta)
}

async fn edit_at(
    keeper: &Keeper,
    session: Session,
    meta: CredentialMeta,
    token: &str,
    name: Option<String>,
    permissions: Option<Vec<String>>,
) -> Result<Changed> {
    let platform = crate::platform::AnyPlatform::by_id(&session.connection().platform)
        .ok_or_else(|| Error::internal("a session of no platform"))?;
    let auth = session.auth();
    let heard = |learned, outcome| Ok(Heard { auth, learned, outcome });
    // What is not changed is sent as the platform has it now, also what we do not know.
    let listed = match platform.tokens(&session, &meta.workspace).await {
        Ok(listed) => listed.into_iter().find(|listed| listed.id.as_deref() == Some(token)),
        Err(error) if error.kind == Kind::Forbidden => None,
        Err(error) => return heard(None, Err(error.into())),
    };
    let (listed_name, listed_permissions) = match listed {
        Some(listed) => (listed.name, listed.permissions),
        None => (meta.name.clone(), meta.permissions.clone()),
    };
    let request = EditRequest {
        name: name.clone().unwrap_or(listed_name),
        permissions: permissions.unwrap_or(listed_permissions),
    };
    let asked = platform.edit(&session, &meta.workspace, token, &request).await;
    let finding = learn(platform, &session, &meta.workspace, Operation::Edit, &asked).await;
    let outcome = match asked {
        Ok(edited) => {
            let meta = CredentialMeta {
                name: name.unwrap_or(meta.name),
                permissions: edited.permissions,
                ..meta
            };
            keeper.commit(vec![super::records::relabel(&meta)?]).await.map(|()| meta)
        }
        Err(error) => Err(error.into()),
    };
    heard(Some((Operation::Edit, finding)), outcome)
}

async fn adopt_at(
    keeper: &Keeper,
    session: Session,
    account: AccountId,
    workspace: &str,
    token: &str,
    known: Option<CredentialMeta>,
) -> Result<Changed> {
    let platform = crate::platform::AnyPlatform::by_id(&session.connection().platform)
        .ok_or_else(|| Error::internal("a session of no platform"))?;
    let asked = platform.read_key(&session, workspace, token).await;
    let finding = learn(platform, &session, workspace, Operation::ReadKey, &asked).await;
    let outcome = match asked {
        Ok((token, key)) => {
            let meta = adopted(account, workspace, token, known);
            let put = put_credential(&meta, &CredentialSecret::ApiToken(key))?;
            keeper.commit(vec![put]).await.map(|()| meta)
        }
        Err(error) => Err(error.into()),
    };
    let learned = Some((Operation::ReadKey, finding));
    Ok(Heard { auth: session.auth(), learned, outcome })
}

fn adopted(
    account: AccountId,
    workspace: &str,
    token: RemoteToken,
    known: Option<CredentialMeta>,
) -> CredentialMeta {
    let RemoteToken { id, name, created, expires, permissions, revoked, .. } = token;
    let fallback = || id.clone().unwrap_or_default();
    let (credential, name) = match &known {
        Some(known) => (known.id, known.name.clone()),
        None => (fresh_id(), if name.is_empty() { fallback() } else { name }),
    };
    CredentialMeta {
        name,
        workspace: workspace.to_owned(),
        platform_id: id,
        created,
        expires,
        end_confirmed: true,
        revoked: revoked.and_then(|revoked| revoked.at),
        permissions,
        owner: known.and_then(|known| known.owner),
        ..CredentialMeta::new(credential, CredentialKind::ApiToken, account)
    }
}
