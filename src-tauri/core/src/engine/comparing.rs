//! The vault beside the platform: what lives there, what is ours, and what the list knows better.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Engine;
use super::handle::Reply;
use super::issuing::Heard;
use super::keeper::Keeper;
use super::keeping::revoke_at;
use super::sessions::{Access, open_access};
use crate::api::{
    ActivityKind, Answer, HistoryEvent, RemoteState, RemoteTokenView, RevocationView,
};
use crate::credential::{AccountId, CredentialKind, CredentialMeta};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::platform::{Operation, Platform, RemoteToken, Revoked, learn};

/// What the platform lists, by workspace; `None` where it could not be read.
type Listing = BTreeMap<String, Vec<RemoteToken>>;

impl<H: Host> Engine<H> {
    /// Looks for the true ends of keys whose end only the user told, or nobody, as soon as
    /// anything can read the platform's list.
    pub(super) fn confirm_ends(&mut self, account: AccountId) {
        let mut workspaces: Vec<String> = self
            .state
            .credentials
            .values()
            .filter(|meta| meta.account == account && meta.kind == CredentialKind::ApiToken)
            .filter(|meta| !meta.end_confirmed && meta.revoked.is_none())
            .map(|meta| meta.workspace.clone())
            .collect();
        workspaces.sort();
        workspaces.dedup();
        for workspace in workspaces {
            let Ok(access) = self.access(account, Some(&workspace)) else { continue };
            let list = list(self.keeper.clone(), access, vec![workspace]);
            self.work(list, move |engine, heard: Result<Heard<Listing>>| {
                // Nobody asked for this: a key that may not list is no news.
                if let Ok(listing) = heard.and_then(|heard| engine.take_heard(account, heard)) {
                    engine.compare(account, &listing);
                }
            });
        }
    }

    pub(super) fn remote_tokens(
        &mut self,
        account: AccountId,
        workspace: Option<String>,
        reply: Reply,
    ) {
        let ready = self.state.account(account).map(|account| match &workspace {
            Some(one) => vec![one.clone()],
            None => account.meta.workspaces.iter().map(|w| w.name.clone()).collect(),
        });
        let ready =
            ready.and_then(|names| Ok((names, self.access(account, workspace.as_deref())?)));
        let (names, access) = match ready {
            Ok(ready) => ready,
            Err(error) => return reply.answer(Err(error)),
        };
        let (activity, cancelled) = self.begin(None, ActivityKind::Read, Some(account), None);
        let list = list(self.keeper.clone(), access, names);
        let list = async move {
            tokio::select! {
                listed = list => listed,
                _ = cancelled => Err(Error::new(ErrorCode::Cancelled, "reading was cancelled")),
            }
        };
        self.work(list, move |engine, heard: Result<Heard<Listing>>| {
            engine.end(activity);
            let listed = heard.and_then(|heard| engine.take_heard(account, heard));
            reply.answer(listed.map(|listing| {
                engine.compare(account, &listing);
                Answer::RemoteTokens(engine.remote_views(account, &listing))
            }));
        });
    }

    /// Takes over what a list tells about credentials of the vault: ids, ends, absence.
    fn compare(&mut self, account: AccountId, listing: &Listing) {
        let known: Vec<CredentialMeta> = self
            .state
            .credentials
            .values()
            .filter(|meta| meta.account == account && meta.kind == CredentialKind::ApiToken)
            .filter(|meta| meta.revoked.is_none())
            .cloned()
            .collect();
        let ids: Vec<&str> = known.iter().filter_map(|m| m.platform_id.as_deref()).collect();
        for meta in &known {
            let Some(tokens) = listing.get(&meta.workspace) else { continue };
            match counterpart(meta, tokens, &ids) {
                Some(token) => {
                    self.state.missing.remove(&meta.id);
                    self.change_meta(meta.id, |meta| take_over(meta, token));
                    if let Some(revocation) = &token.revoked {
                        self.revoked_elsewhere(meta, revocation.at);
                    }
                    if let Some(meta) = self.state.credentials.get(&meta.id).cloned() {
                        self.seen(&meta);
                    }
                }
                None if meta.platform_id.is_some() => {
                    self.state.missing.insert(meta.id);
                }
                None => {}
            }
        }
    }

    /// The platform keeps the row of a token that somebody revoked there.
    fn revoked_elsewhere(&mut self, meta: &CredentialMeta, at: Option<Timestamp>) {
        let at = at.unwrap_or_else(|| self.clock.now());
        self.note(HistoryEvent::Revoked, meta, None);
        self.change_meta(meta.id, |meta| meta.revoked = Some(at));
        self.refresh_facts(meta.account);
    }

    fn remote_views(&self, account: AccountId, listing: &Listing) -> Vec<RemoteTokenView> {
        let ours = |id: &str| {
            self.state
                .credentials
                .values()
                .find(|meta| meta.account == account && meta.platform_id.as_deref() == Some(id))
        };
        let mut views: Vec<RemoteTokenView> = Vec::new();
        for token in listing.values().flatten() {
            let id = token.id.clone().unwrap_or_default();
            let credential = ours(&id).map(|meta| meta.id);
            let state = if credential.is_some() { RemoteState::Ours } else { RemoteState::Orphan };
            views.push(RemoteTokenView {
                platform_id: id,
                name: token.name.clone(),
                workspace: token.workspace.clone(),
                created: token.created,
                expires: token.expires,
                state,
                credential,
                kind: token.kind.clone(),
                permissions: token.permissions.clone(),
                revoked: token
                    .revoked
                    .as_ref()
                    .map(|r| RevocationView { at: r.at, reason: r.reason.clone() }),
            });
        }
        let missing = self.state.missing.iter().filter_map(|id| self.state.credentials.get(id));
        views.extend(missing.filter(|meta| meta.account == account).map(|meta| RemoteTokenView {
            platform_id: meta.platform_id.clone().unwrap_or_default(),
            name: meta.name.clone(),
            workspace: meta.workspace.clone(),
            created: meta.created,
            expires: meta.expires,
            state: RemoteState::Missing,
            credential: Some(meta.id),
            kind: None,
            permissions: meta.permissions.clone(),
            revoked: None,
        }));
        views
    }

    pub(super) fn revoke_remote(
        &mut self,
        account: AccountId,
        workspace: String,
        token: String,
        reply: Reply,
    ) {
        let ours = self
            .state
            .credentials
            .values()
            .find(|meta| {
                meta.account == account && meta.platform_id.as_deref() == Some(token.as_str())
            })
            .cloned();
        let access = match self.access(account, Some(&workspace)) {
            Ok(access) => access,
            Err(error) => return reply.answer(Err(error)),
        };
        let (activity, _) = self.begin(None, ActivityKind::Revoke, Some(account), None);
        self.commit_to(activity);
        let keeper = self.keeper.clone();
        let job = async move { revoke_at(&keeper, access, &workspace, &token).await };
        self.work(job, move |engine, heard: Result<Heard<Revoked>>| {
            engine.end(activity);
            let revoked = heard.and_then(|heard| engine.take_heard(account, heard));
            if let (Ok(_), Some(meta)) = (&revoked, ours) {
                engine.mark_revoked(&meta);
            }
            reply.answer(revoked.map(|_| Answer::Done));
        });
    }
}

/// Reads the lists of several workspaces; the first that cannot be read ends it.
async fn list(keeper: Keeper, access: Access, workspaces: Vec<String>) -> Result<Heard<Listing>> {
    let platform = access.platform;
    let session = open_access(&keeper, access).await?;
    let auth = session.auth();
    let mut listing = Listing::new();
    let mut learned = None;
    for workspace in workspaces {
        let asked = platform.tokens(&session, &workspace).await;
        let finding = learn(platform, &session, &workspace, Operation::List, &asked).await;
        learned = Some((Operation::List, finding));
        match asked {
            Ok(tokens) => drop(listing.insert(workspace, tokens)),
            Err(error) => return Ok(Heard { auth, learned, outcome: Err(error.into()) }),
        }
    }
    Ok(Heard { auth, learned, outcome: Ok(listing) })
}

/// The listed token that a credential is. Without an id it is one that nobody else is, of the
/// same name, and the only one such.
fn counterpart<'a>(
    meta: &CredentialMeta,
    tokens: &'a [RemoteToken],
    taken: &[&str],
) -> Option<&'a RemoteToken> {
    if let Some(id) = &meta.platform_id {
        return tokens.iter().find(|token| token.id.as_ref() == Some(id));
    }
    let free = |token: &&RemoteToken| {
        token.name == meta.name && token.id.as_deref().is_some_and(|id| !taken.contains(&id))
    };
    let mut candidates = tokens.iter().filter(free);
    let first = candidates.next()?;
    candidates.next().is_none().then_some(first)
}

/// What the platform says of a token stands over what the user said.
fn take_over(meta: &mut CredentialMeta, token: &RemoteToken) {
    meta.platform_id = token.id.clone().or_else(|| meta.platform_id.take());
    meta.created = token.created.or(meta.created);
    meta.permissions.clone_from(&token.permissions);
    if token.expires.is_some() {
        meta.expires = token.expires;
        meta.end_confirmed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Id;

    fn token(id: &str, name: &str) -> RemoteToken {
        RemoteToken {
            id: Some(id.into()),
            name: name.into(),
            workspace: "demo-ws".into(),
            expires: Some(Timestamp::constant(2_000_000_000, 0)),
            ..RemoteToken::default()
        }
    }

    fn pasted(name: &str) -> CredentialMeta {
        CredentialMeta {
            name: name.into(),
            workspace: "demo-ws".into(),
            ..CredentialMeta::new(Id([1; 16]), CredentialKind::ApiToken, Id([2; 16]))
        }
    }

    #[test]
    fn a_pasted_key_is_found_by_its_name_only_when_it_is_the_only_one() {
        let listed =
            [token("a", "QGIS"), token("b", "other"), token("c", "twice"), token("d", "twice")];
        let found = |name: &str, taken: &[&str]| {
            counterpart(&pasted(name), &listed, taken).and_then(|t| t.id.clone())
        };
        assert_eq!(found("QGIS", &[]).as_deref(), Some("a"));
        assert_eq!(found("QGIS", &["a"]), None, "another credential is that one");
        assert_eq!(found("twice", &[]), None, "either could be it");
        assert_eq!(found("twice", &["c"]).as_deref(), Some("d"));
    }

    #[test]
    fn the_platforms_word_stands_over_the_users() {
        let mut meta = pasted("QGIS");
        meta.expires = Some(Timestamp::constant(1, 0));
        take_over(&mut meta, &token("a", "QGIS"));
        assert!(meta.end_confirmed);
        assert_eq!(meta.expires, token("a", "QGIS").expires);
        assert_eq!(meta.platform_id.as_deref(), Some("a"));
    }
}
