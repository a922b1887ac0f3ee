//! Temporary S3 credentials: minted by the platform, kept as one row that is renewed in place.
//! Nothing can be listed or revoked of them, so a lost answer costs nothing.

use jiff::Timestamp;

use super::handle::Reply;
use super::issuing::{Heard, cancelled_error};
use super::keeper::Keeper;
use super::records::put_credential;
use super::sessions::{Access, open_access};
use super::{Engine, fresh_id};
use crate::api::{ActivityKind, Answer, Support, WorkspaceView};
use crate::credential::{AccountId, CredentialKind, CredentialMeta, Id, S3Location};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::{IssuedS3, Operation, Platform, learn};

impl<H: Host> Engine<H> {
    pub(super) fn request_s3(
        &mut self,
        account: AccountId,
        workspace: String,
        activity: Option<Id>,
        reply: Reply,
    ) {
        self.mint_s3(account, workspace, activity, |engine, minted| {
            reply.answer(minted.and_then(|meta| engine.view_of(meta.id).map(Answer::Credential)));
        });
    }

    /// Has the platform mint S3 credentials of a workspace, in the place of those there are.
    pub(super) fn mint_s3(
        &mut self,
        account: AccountId,
        workspace: String,
        activity: Option<Id>,
        then: impl FnOnce(&mut Self, Result<CredentialMeta>) + Send + 'static,
    ) {
        let ready = self
            .state
            .need_open()
            .and_then(|()| self.check_s3(account))
            .and_then(|()| self.access(account, Some(&workspace)))
            .and_then(|access| Ok((access, self.keeper.permit()?)));
        let (access, permit) = match ready {
            Ok(ready) => ready,
            Err(error) => return then(self, Err(error)),
        };
        let kind = ActivityKind::RequestS3;
        let (activity, cancelled) = self.begin(activity, kind, Some(account), None);
        let known = self.location_of(account, &workspace);
        let meta = self.s3_meta(account, &workspace);
        let keeper = self.keeper.clone();
        let job = async move {
            let request = mint(&keeper, access, workspace, known);
            let minted = tokio::select! {
                minted = request => minted?,
                _ = cancelled => return Err(cancelled_error()),
            };
            let Heard { auth, learned, outcome } = minted;
            let outcome = match outcome {
                Ok((issued, location)) => store_s3(&keeper, meta, issued, location).await,
                Err(error) => Err(error),
            };
            drop(permit);
            Ok(Heard { auth, learned, outcome })
        };
        self.work(job, move |engine, heard| {
            let minted = engine.requested(activity, account, heard);
            then(engine, minted);
        });
    }

    fn check_s3(&self, account: AccountId) -> Result<()> {
        if self.state.account(account)?.facts.capabilities.s3 == Support::No {
            return Err(self.not_supported(account, "get S3 credentials"));
        }
        Ok(())
    }

    fn location_of(&self, account: AccountId, workspace: &str) -> Option<S3Location> {
        let workspaces = &self.state.account(account).ok()?.meta.workspaces;
        workspaces.iter().find(|w| w.name == workspace)?.s3.clone()
    }

    /// S3 credentials of a workspace are one row that is renewed in place.
    fn s3_meta(&self, account: AccountId, workspace: &str) -> CredentialMeta {
        let same = self.state.credentials.values().find(|meta| {
            meta.kind == CredentialKind::S3
                && meta.account == account
                && meta.workspace == workspace
        });
        same.cloned()
            .unwrap_or_else(|| CredentialMeta {
                name: format!("Files of {workspace}"),
                workspace: workspace.into(),
                ..CredentialMeta::new(fresh_id(), CredentialKind::S3, account)
            })
            .requested_at(self.clock.now())
    }
}

type Minted = Heard<(IssuedS3, Option<S3Location>)>;

async fn mint(
    keeper: &Keeper,
    access: Access,
    workspace: String,
    known: Option<S3Location>,
) -> Result<Minted> {
    let platform = access.platform;
    let session = open_access(keeper, access).await?;
    let auth = session.auth();
    let location = match known {
        Some(location) => Some(location),
        None => match platform.workspaces(&session).await {
            Ok(workspaces) => match ready_store(&workspaces, &workspace) {
                Ok(location) => location,
                Err(error) => return Ok(Heard { auth, learned: None, outcome: Err(error) }),
            },
            Err(error) => return Ok(Heard { auth, learned: None, outcome: Err(error.into()) }),
        },
    };
    log::debug!("s3: asking");
    let asked = platform.issue_s3(&session, &workspace).await;
    log::debug!("s3: answered");
    let finding = learn(platform, &session, &workspace, Operation::S3, &asked).await;
    let outcome = asked.map(|issued| (issued, location)).map_err(Error::from);
    Ok(Heard { auth, learned: Some((Operation::S3, finding)), outcome })
}

/// A workspace without a ready store has no files to open (platforms.md A.9.7).
fn ready_store(workspaces: &[WorkspaceView], name: &str) -> Result<Option<S3Location>> {
    let workspace = workspaces.iter().find(|w| w.name == name).ok_or_else(|| {
        Error::new(ErrorCode::NotFound, "there is no such workspace").with("field", "workspace")
    })?;
    match &workspace.s3 {
        Some(location) => Ok(Some(location.clone())),
        None => Err(Error::new(
            ErrorCode::NotSupported,
            "the workspace has no object store that is ready",
        )),
    }
}

async fn store_s3(
    keeper: &Keeper,
    meta: CredentialMeta,
    issued: IssuedS3,
    location: Option<S3Location>,
) -> Result<CredentialMeta> {
    let meta = CredentialMeta {
        expires: issued.expires,
        end_confirmed: issued.expires.is_some(),
        s3: location,
        ..meta
    };
    keeper.commit(vec![put_credential(&meta, &issued.secret)?]).await?;
    log::debug!("s3: kept");
    Ok(meta)
}

impl CredentialMeta {
    pub(super) fn requested_at(mut self, now: Timestamp) -> Self {
        self.created = Some(now);
        self.revoked = None;
        self
    }
}
