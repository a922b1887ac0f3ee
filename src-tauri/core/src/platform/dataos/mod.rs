//! DataOS: the tokens of its gateway Heimdall (platforms.md B).
//!
//! A token's name is its id. Lists hold the keys, so every answer is read as secret material.
//! A wrong or ended key is told apart from a missing permission by text, and where that fails by
//! asking `authorize`, which answers 200 to everybody.

mod wire;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use url::Url;

use self::wire::{Authorize, Create, DESCRIPTOR, Rotate, Token, Verdict, Who, is_key};
use super::connection::{check_fields, given, is_visible, normalise};
use super::descriptor::Descriptor;
use super::http::{Answer, Body, Http, Request};
use super::{
    Asked, Connection, Introduction, IssueOutcome, IssueRequest, KeyForm, KeyState, Kind,
    Operation, Platform, PlatformError, RemoteToken, Revoked, steps,
};
use crate::api::WorkspaceView;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;

/// The adapter.
#[derive(Debug, Clone, Copy)]
pub struct DataOs;

/// Most entries read of a list.
const LIST_LIMIT: usize = 100_000;
/// The tag that names a user.
const USER_TAG: &str = "users:id:";

impl Platform for DataOs {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn connect(&self, fields: &BTreeMap<String, String>) -> Result<Connection, Error> {
        check_fields(&DESCRIPTOR, fields)?;
        let host = given(fields, "host").unwrap_or_default();
        let hub = normalise(&host).map_err(|error| error.with("field", "host"))?;
        Ok(Connection::to_hub(DESCRIPTOR.id, hub))
    }

    fn manage_url(&self, connection: &Connection, _: Option<&str>) -> Option<Url> {
        Some(connection.hub.clone())
    }

    fn recognise_key(&self, text: &str) -> KeyForm {
        let text = text.trim();
        if text.is_empty() || text.len() > 4096 || !is_visible(text) {
            KeyForm::Unusable
        } else if is_key(&Secret::from_text(text.to_owned())) {
            KeyForm::Key
        } else {
            KeyForm::Odd
        }
    }

    /// `authorize` answers everybody: an empty token is a 200 that says no, or a refusal.
    async fn probe(&self, http: &Http, connection: &Connection) -> Asked<()> {
        let url = path(connection, Operation::Probe, &["authorize"])?;
        let body = Body::Json(Secret::from_text(r#"{"token":""}"#.into()));
        let answer = http.send(&Request::post(Operation::Probe, url, body)).await?;
        let other = answer.status == 404 || answer.status == 405 || answer.is_html();
        if other { Err(answer.error(Kind::NotThisPlatform)) } else { Ok(()) }
    }

    async fn introduce(&self, session: &Session) -> Asked<Introduction> {
        let user = match who(session, Operation::Verify).await? {
            Ok(user) => user,
            Err(refused) => return Err(refused),
        };
        let own = own_token(session, &user).await;
        Ok(Introduction {
            username: Some(user.clone()),
            scope: Some(scope(user)),
            own,
            ..Introduction::default()
        })
    }

    async fn workspaces(&self, session: &Session) -> Asked<Vec<WorkspaceView>> {
        Ok(vec![scope(who(session, Operation::Workspaces).await??)])
    }

    async fn tokens(&self, session: &Session, workspace: &str) -> Asked<Vec<RemoteToken>> {
        let listed = list(session, workspace).await?;
        Ok(listed.into_iter().map(|token| token.remote(workspace)).collect())
    }

    async fn issue(
        &self,
        session: &Session,
        workspace: &str,
        request: &IssueRequest,
    ) -> IssueOutcome {
        let post = match issue_request(session, workspace, request) {
            Ok(post) => post,
            Err(error) => return IssueOutcome::Refused(error),
        };
        let mut outcome = handed_out(session, post, workspace, request.lifetime).await;
        // The key is shown again on demand: an answer without it may be completed (G.2).
        if let IssueOutcome::WithoutKey(token) = &outcome
            && let Ok((token, key)) = self.read_key(session, workspace, &token.name).await
        {
            let at = session.http().clock().now();
            outcome = steps::issued(token, key, false, None, at);
        }
        outcome
    }

    async fn revoke(&self, session: &Session, workspace: &str, id: &str) -> Asked<Revoked> {
        let url = tokens_url(session.connection(), Operation::Revoke, workspace, Some(id))?;
        let answer = session.send(Request::delete(Operation::Revoke, url)).await?;
        if answer.status == 403 {
            return Err(judge(session, &answer).await);
        }
        steps::confirm_revoked(self, session, workspace, id, &answer).await
    }

    async fn rotate(
        &self,
        session: &Session,
        workspace: &str,
        key: &Secret,
        lifetime: Option<u32>,
    ) -> IssueOutcome {
        let post = match rotate_request(session, workspace, key, lifetime) {
            Ok(post) => post,
            Err(error) => return IssueOutcome::Refused(error),
        };
        handed_out(session, post, workspace, lifetime).await
    }

    async fn read_key(
        &self,
        session: &Session,
        workspace: &str,
        id: &str,
    ) -> Asked<(RemoteToken, Secret)> {
        let url = tokens_url(session.connection(), Operation::ReadKey, workspace, Some(id))?;
        let answer = session.send(Request::get(Operation::ReadKey, url)).await?;
        let missing = answer.error(Kind::Protocol("the answer holds no key"));
        let mut token: Token = read(session, answer).await?;
        let key = token.key().ok_or(missing)?;
        Ok((token.remote(workspace), key))
    }

    async fn verify(&self, session: &Session, workspace: &str) -> Asked<KeyState> {
        let Ok(user) = who(session, Operation::Verify).await? else {
            return Ok(KeyState::NotAccepted);
        };
        if user != workspace {
            return Ok(KeyState::OtherWorkspace);
        }
        match self.tokens(session, workspace).await {
            Ok(_) => Ok(KeyState::Works),
            Err(error) if error.kind == Kind::Unauthenticated => Ok(KeyState::NotAccepted),
            Err(error) if error.kind == Kind::Forbidden => Ok(KeyState::WorksWithoutList),
            Err(error) => Err(error),
        }
    }
}

/// What a key opens: everything that its user may.
fn scope(user: String) -> WorkspaceView {
    WorkspaceView { name: user, status: String::new(), can_issue: true, s3: None }
}

/// An address below `/heimdall/api/v1`.
fn path(connection: &Connection, operation: Operation, segments: &[&str]) -> Asked<Url> {
    let whole = [&["heimdall", "api", "v1"], segments].concat();
    connection.at(&whole).map_err(|error| {
        let field = ("name".to_owned(), error.message);
        PlatformError::new(operation, connection.host(), Kind::Validation(vec![field]))
    })
}

fn tokens_url(
    connection: &Connection,
    operation: Operation,
    user: &str,
    name: Option<&str>,
) -> Asked<Url> {
    let mut segments = vec!["users", user, "tokens"];
    segments.extend(name);
    path(connection, operation, &segments)
}

/// Whose the session's key is; the inner error: it is nobody's.
async fn who(session: &Session, operation: Operation) -> Asked<Result<String, PlatformError>> {
    let url = path(session.connection(), operation, &["authorize"])?;
    let key = session.key().await;
    let token = key.as_ref().and_then(Secret::expose_text).unwrap_or_default();
    let body = steps::json(&Authorize { token });
    let answer = session.send(Request::post(operation, url, Body::Json(body))).await?;
    let refused = answer.error(Kind::Unauthenticated);
    if answer.status == 401 || answer.status == 403 {
        return Ok(Err(refused));
    }
    let unnamed = answer.error(Kind::Protocol("the answer does not say whose key it is"));
    let verdict: Verdict = answer.json()?;
    if !verdict.valid || !verdict.allow || verdict.error.is_some() {
        return Ok(Err(refused));
    }
    let Some(Who { id, tags }) = verdict.result else { return Err(unnamed) };
    let tagged = || tags.iter().find_map(|tag| tag.strip_prefix(USER_TAG)).map(str::to_owned);
    id.or_else(tagged).map(Ok).ok_or(unnamed)
}

/// The session's own key in the list, found by the key itself.
async fn own_token(session: &Session, user: &str) -> Option<RemoteToken> {
    let key = session.key().await?;
    let listed = list(session, user).await.ok()?;
    listed.into_iter().find_map(|mut token| {
        let same = token.key().is_some_and(|listed| listed.matches(key.expose()));
        same.then(|| token.remote(user))
    })
}

/// A list, with its keys; `null` is an empty one.
async fn list(session: &Session, user: &str) -> Asked<Vec<Token>> {
    let url = tokens_url(session.connection(), Operation::List, user, None)?;
    let answer = session.send(Request::get(Operation::List, url)).await?;
    let too_long = answer.error(Kind::Protocol("the list is longer than 100,000 entries"));
    let listed: Option<Vec<Token>> = read(session, answer).await?;
    match listed {
        Some(listed) if listed.len() > LIST_LIMIT => Err(too_long),
        listed => Ok(listed.unwrap_or_default()),
    }
}

/// The content of an answer that worked; a 403 is judged first.
async fn read<T: serde::de::DeserializeOwned>(session: &Session, answer: Answer) -> Asked<T> {
    if answer.status == 403 {
        return Err(judge(session, &answer).await);
    }
    answer.json()
}

/// What a 403 means: a dead key, which its text or `authorize` tells, or a missing permission.
async fn judge(session: &Session, answer: &Answer) -> PlatformError {
    let error = answer.failure();
    if is_about_key(answer.text()) || matches!(who(session, answer.operation).await, Ok(Err(_))) {
        return error.becoming(Kind::Unauthenticated);
    }
    error.hinted("this needs the tag roles:id:operator, or a key of the user")
}

/// Posts once and reads the token that comes back.
async fn handed_out(
    session: &Session,
    post: Request,
    workspace: &str,
    lifetime: Option<u32>,
) -> IssueOutcome {
    let answer = match steps::post_once(session, post).await {
        Ok(answer) => answer,
        Err(outcome) => return dead_key(*outcome),
    };
    let received = answer.received;
    match answer.json::<Token>() {
        Ok(mut token) => match token.key() {
            Some(key) => {
                let odd = !is_key(&key);
                let hour = SignedDuration::from_hours(1);
                let asked = lifetime.map(|hours| (SignedDuration::from_hours(hours.into()), hour));
                steps::issued(token.remote(workspace), key, odd, asked, received)
            }
            None => IssueOutcome::WithoutKey(Box::new(token.remote(workspace))),
        },
        Err(error) if error.kind == Kind::Unauthenticated => IssueOutcome::Refused(error),
        Err(error) => IssueOutcome::Unknown(error),
    }
}

/// A refusal whose text says that the key is dead.
fn dead_key(outcome: IssueOutcome) -> IssueOutcome {
    match outcome {
        IssueOutcome::Refused(error) if error.kind == Kind::Forbidden && says_dead(&error) => {
            IssueOutcome::Refused(error.becoming(Kind::Unauthenticated))
        }
        IssueOutcome::Issued(_)
        | IssueOutcome::WithoutKey(_)
        | IssueOutcome::Refused(_)
        | IssueOutcome::Unknown(_) => outcome,
    }
}

fn says_dead(error: &PlatformError) -> bool {
    is_about_key(error.facts.said.as_deref().unwrap_or_default())
}

/// The texts of a 403 that is about the key itself (platforms.md B.4).
fn is_about_key(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("invalid token") || text.contains("header isn't set")
}

fn issue_request(session: &Session, user: &str, request: &IssueRequest) -> Asked<Request> {
    let connection = session.connection();
    if !is_name(&request.name) {
        let why = "a name has 1 to 64 characters of a-z, 0-9, _ and -";
        return Err(steps::refused(connection, Operation::Issue, "name", why));
    }
    let duration = duration(connection, Operation::Issue, request.lifetime)?;
    let url = tokens_url(connection, Operation::Issue, user, None)?;
    let name = &request.name;
    let body = steps::json(&Create::new(name, duration));
    Ok(Request::post(Operation::Issue, url, Body::Json(body)))
}

fn rotate_request(
    session: &Session,
    user: &str,
    key: &Secret,
    lifetime: Option<u32>,
) -> Asked<Request> {
    let connection = session.connection();
    let duration = duration(connection, Operation::Rotate, lifetime)?;
    let url = path(connection, Operation::Rotate, &["tokens"])?;
    let token = key.expose_text().unwrap_or_default();
    let body = steps::json(&Rotate { token, duration, user_id: user });
    Ok(Request::post(Operation::Rotate, url, Body::Json(body)))
}

/// Whole hours, which all of its documents agree on.
fn duration(connection: &Connection, operation: Operation, hours: Option<u32>) -> Asked<String> {
    let range = DESCRIPTOR.lifetime;
    let hours = hours.filter(|hours| range.is_some_and(|r| (r.min..=r.max).contains(hours)));
    hours.map(|hours| format!("{hours}h")).ok_or_else(|| {
        steps::refused(connection, operation, "lifetime", "a lifetime is 1 to 9,999 hours")
    })
}

/// Names become part of an address, and are ids.
fn is_name(name: &str) -> bool {
    let fine = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=DESCRIPTOR.name_max).contains(&name.len()) && name.bytes().all(fine)
}
