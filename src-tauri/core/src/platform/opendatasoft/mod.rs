//! Opendatasoft and Huwise: the API keys of the Automation API (platforms.md C).
//!
//! Which permission managing keys takes is not documented: a 403 on the list means a key that
//! works and may not manage keys. Revoked keys stay in the list, with a reason.

mod wire;

use std::collections::BTreeMap;

use reqwest::Method;
use url::Url;

use self::wire::{Catalogue, DESCRIPTOR, Key, Page, Reason, User, Wanted};
use super::connection::{check_fields, given, is_uuid, is_visible, normalise};
use super::descriptor::Descriptor;
use super::http::{Body, Http, Request};
use super::{
    Asked, Connection, EditRequest, Finding, Introduction, IssueOutcome, IssueRequest, KeyForm,
    KeyState, Kind, Operation, Platform, RemoteToken, Revoked, steps,
};
use crate::api::WorkspaceView;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;

/// The adapter.
#[derive(Debug, Clone, Copy)]
pub struct Opendatasoft;

/// Keys asked for at once, and the most pages read.
const PAGE: usize = 1_000;
const PAGES: usize = 100;
/// What is written into the row of a key that is revoked.
const REASON: &str = "No longer needed";
/// What a domain without a dot is a part of.
const SUFFIX: &str = ".opendatasoft.com";

impl Platform for Opendatasoft {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn connect(&self, fields: &BTreeMap<String, String>) -> Result<Connection, Error> {
        check_fields(&DESCRIPTOR, fields)?;
        let typed = given(fields, "domain").unwrap_or_default();
        let name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let bare = typed.chars().all(name) && typed != "localhost";
        let typed = if bare { format!("{typed}{SUFFIX}") } else { typed };
        let hub = normalise(&typed).map_err(|error| error.with("field", "domain"))?;
        Ok(Connection::to_hub(DESCRIPTOR.id, hub))
    }

    fn manage_url(&self, connection: &Connection, _: Option<&str>) -> Option<Url> {
        connection.hub.join("account/").ok()
    }

    fn recognise_key(&self, text: &str) -> KeyForm {
        let text = text.trim();
        if text.is_empty() || text.len() > 4096 || !is_visible(text) {
            KeyForm::Unusable
        } else if is_uuid(text) || (text.starts_with("ak_") && text.len() <= 16) {
            KeyForm::TokenId
        } else if text.len() == 56 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            KeyForm::Key
        } else {
            KeyForm::Odd
        }
    }

    /// A portal answers its catalogue, or refuses it in its own words.
    async fn probe(&self, http: &Http, connection: &Connection) -> Asked<()> {
        let url = explore(connection, Operation::Probe)?;
        let answer = http.send(&Request::get(Operation::Probe, url)).await?;
        let other = answer.error(Kind::NotThisPlatform);
        match answer.status {
            200 => {
                let found = answer.json::<Catalogue>().map_err(|_| other.clone())?;
                if found.total_count.is_some() { Ok(()) } else { Err(other) }
            }
            401 | 403 if !answer.is_html() => Ok(()),
            429 | 500.. => Err(answer.failure()),
            _ => Err(other),
        }
    }

    async fn introduce(&self, session: &Session) -> Asked<Introduction> {
        let connection = session.connection();
        let scope = Some(scope(connection));
        let keys = match list(session).await {
            Ok(keys) => keys,
            Err(error) if error.kind == Kind::Forbidden => {
                if self.is_refused(session).await? {
                    return Err(error.becoming(Kind::Unauthenticated));
                }
                return Ok(Introduction { scope, findings: may_not(), ..Introduction::default() });
            }
            Err(error) => return Err(error),
        };
        let key = session.key().await;
        let same = |listed: &Key| match (&listed.key, &key) {
            (Some(listed), Some(key)) => listed.matches(key.expose()),
            _ => false,
        };
        let own = keys.into_iter().find(same).map(|key| key.remote(connection.host()));
        let username = own.as_ref().and_then(|own| own.user_id.clone());
        let permissions = match &username {
            Some(name) => permissions_of(session, name).await,
            None => None,
        };
        Ok(Introduction {
            permissions: permissions.or_else(|| own.as_ref().map(|own| own.permissions.clone())),
            username,
            scope,
            own,
            findings: vec![(Operation::List, Finding::Works)],
        })
    }

    async fn workspaces(&self, session: &Session) -> Asked<Vec<WorkspaceView>> {
        Ok(vec![scope(session.connection())])
    }

    async fn tokens(&self, session: &Session, portal: &str) -> Asked<Vec<RemoteToken>> {
        Ok(list(session).await?.into_iter().map(|key| key.remote(portal)).collect())
    }

    async fn issue(&self, session: &Session, portal: &str, request: &IssueRequest) -> IssueOutcome {
        let wanted = Wanted { label: &request.name, permissions: &request.permissions };
        let post = check(session, Operation::Issue, &wanted).and_then(|body| {
            let url = automation(session.connection(), Operation::Issue, &["apikeys"])?;
            Ok(Request::post(Operation::Issue, url, body))
        });
        let post = match post {
            Ok(post) => post,
            Err(error) => return IssueOutcome::Refused(error),
        };
        let answer = match steps::post_once(session, post).await {
            Ok(answer) => answer,
            Err(outcome) => return *outcome,
        };
        let received = answer.received;
        let mut made = match answer.json::<Key>() {
            Ok(made) => made,
            Err(error) if error.kind == Kind::Unauthenticated => {
                return IssueOutcome::Refused(error);
            }
            Err(error) => return IssueOutcome::Unknown(error),
        };
        let key = made.key.take();
        let token = made.remote(portal);
        match (key, token.id.as_deref()) {
            (Some(key), _) => steps::issued(token, key, false, None, received),
            // The key may be shown again: an answer without it is completed once (G.2).
            (None, Some(id)) => match self.read_key(session, portal, id).await {
                Ok((token, key)) => steps::issued(token, key, false, None, received),
                Err(_) => IssueOutcome::WithoutKey(Box::new(token)),
            },
            (None, None) => IssueOutcome::WithoutKey(Box::new(token)),
        }
    }

    async fn revoke(&self, session: &Session, portal: &str, id: &str) -> Asked<Revoked> {
        let segments = ["apikeys", id, "revoke"];
        let url = automation(session.connection(), Operation::Revoke, &segments)?;
        let body = Body::Json(steps::json(&Reason { reason: REASON }));
        let answer = session.send(Request::post(Operation::Revoke, url, body)).await?;
        steps::confirm_revoked(self, session, portal, id, &answer).await
    }

    async fn edit(
        &self,
        session: &Session,
        portal: &str,
        id: &str,
        request: &EditRequest,
    ) -> Asked<RemoteToken> {
        let wanted = Wanted { label: &request.name, permissions: &request.permissions };
        let body = check(session, Operation::Edit, &wanted)?;
        let url = automation(session.connection(), Operation::Edit, &["apikeys", id])?;
        let put = Request { method: Method::PUT, ..Request::post(Operation::Edit, url, body) };
        let edited: Key = session.send(put).await?.json()?;
        Ok(edited.remote(portal))
    }

    async fn read_key(
        &self,
        session: &Session,
        portal: &str,
        id: &str,
    ) -> Asked<(RemoteToken, Secret)> {
        let url = automation(session.connection(), Operation::ReadKey, &["apikeys", id])?;
        let answer = session.send(Request::get(Operation::ReadKey, url)).await?;
        let missing = answer.error(Kind::Protocol("the answer holds no key"));
        let mut found: Key = answer.json()?;
        let key = found.key.take().ok_or(missing)?;
        Ok((found.remote(portal), key))
    }

    /// A public portal answers its catalogue to everybody: only that the list is not refused, or
    /// refused by permission to a key that the catalogue takes, proves a key.
    async fn verify(&self, session: &Session, _: &str) -> Asked<KeyState> {
        match list(session).await {
            Ok(_) => Ok(KeyState::Works),
            // Without an answer it is this session that is over, not the key.
            Err(error) if error.kind == Kind::Unauthenticated && error.status.is_some() => {
                Ok(KeyState::NotAccepted)
            }
            Err(error) if error.kind == Kind::Forbidden => {
                let refused = self.is_refused(session).await?;
                Ok(if refused { KeyState::NotAccepted } else { KeyState::WorksWithoutList })
            }
            Err(error) => Err(error),
        }
    }
}

impl Opendatasoft {
    /// Whether the catalogue, which is open to good keys, refuses this one.
    async fn is_refused(&self, session: &Session) -> Asked<bool> {
        let url = explore(session.connection(), Operation::Verify)?;
        let answer = session.send(Request::get(Operation::Verify, url)).await?;
        match answer.status {
            401 => Ok(true),
            200..=299 | 403 => Ok(false),
            _ => Err(answer.failure()),
        }
    }
}

/// What a key opens: the portal.
fn scope(connection: &Connection) -> WorkspaceView {
    let name = connection.host().to_owned();
    WorkspaceView { name, status: String::new(), can_issue: true, s3: None }
}

/// What a key cannot do that may not read the list (platforms.md C.3).
fn may_not() -> Vec<(Operation, Finding)> {
    let managing =
        [Operation::List, Operation::Issue, Operation::Revoke, Operation::Edit, Operation::ReadKey];
    managing.into_iter().map(|operation| (operation, Finding::Refused)).collect()
}

/// An address of the Automation API; each ends in a slash.
fn automation(connection: &Connection, operation: Operation, segments: &[&str]) -> Asked<Url> {
    let whole = [&["api", "automation", "v1.0"], segments].concat();
    let mut url = connection
        .at(&whole)
        .map_err(|error| steps::refused(connection, operation, "id", &error.message))?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.push("");
    }
    Ok(url)
}

/// The catalogue, without a dataset in the answer.
fn explore(connection: &Connection, operation: Operation) -> Asked<Url> {
    let segments = ["api", "explore", "v2.1", "catalog", "datasets"];
    let mut url = connection
        .at(&segments)
        .map_err(|error| steps::refused(connection, operation, "domain", &error.message))?;
    url.set_query(Some("limit=0"));
    Ok(url)
}

/// All keys, page by page. A `next` of another origin is not followed, nor one that leads back.
async fn list(session: &Session) -> Asked<Vec<Key>> {
    let mut url = automation(session.connection(), Operation::List, &["apikeys"])?;
    url.set_query(Some(&format!("limit={PAGE}")));
    let mut keys: Vec<Key> = Vec::new();
    for _ in 0..PAGES {
        let answer = session.send(Request::get(Operation::List, url.clone())).await?;
        let page: Option<Page> = answer.json()?;
        let Some(Page { total_count, next, results }) = page else { break };
        let results = results.unwrap_or_default();
        let read = results.len();
        keys.extend(results);
        let complete = total_count.is_some_and(|total| keys.len() as u64 >= total);
        let followed = next.and_then(|next| url.join(&next).ok());
        let followed = followed.filter(|next| next.origin() == url.origin() && *next != url);
        match followed {
            _ if read == 0 || complete => break,
            Some(next) => url = next,
            // Nothing tells that there is more.
            None if total_count.is_none() => break,
            None => url.set_query(Some(&format!("limit={PAGE}&offset={}", keys.len()))),
        }
    }
    Ok(keys)
}

/// What a user may hand on; asking for it takes a permission of its own.
async fn permissions_of(session: &Session, username: &str) -> Option<Vec<String>> {
    let url = automation(session.connection(), Operation::Identify, &["users", username]).ok()?;
    let answer = session.send(Request::get(Operation::Identify, url)).await.ok()?;
    let user: User = answer.json().ok()?;
    Some(user.permissions).filter(|permissions| !permissions.is_empty())
}

/// The content that makes or changes a key.
fn check(session: &Session, operation: Operation, wanted: &Wanted<'_>) -> Asked<Body> {
    let refused = |field, why| Err(steps::refused(session.connection(), operation, field, why));
    let length = wanted.label.chars().count();
    if !(1..=DESCRIPTOR.name_max).contains(&length) || wanted.label.trim().is_empty() {
        return refused("name", "a label has 1 to 128 characters");
    }
    let odd = |text: &String| text.is_empty() || text.len() > 128 || !is_visible(text);
    if wanted.permissions.iter().any(odd) {
        return refused("permissions", "a permission is a word");
    }
    Ok(Body::Json(steps::json(wanted)))
}
