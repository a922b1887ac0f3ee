//! The UK EO Data Hub, and any hub built like it (platforms.md A).

mod profile;
mod s3;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use url::Url;

use self::profile::{DESCRIPTOR, is_key, locate};
use self::wire::{ApiDoc, CreateToken, Discovery, S3, Token, User, UserInfo, Workspace};
use super::connection::{check_fields, given, invalid, is_uuid, is_visible};
use super::descriptor::Descriptor;
use super::http::{Body, Http, Request};
use super::{
    Asked, Auth, Connection, IssueOutcome, IssueRequest, IssuedS3, KeyForm, KeyState, Kind,
    Operation, Platform, PlatformError, RemoteToken, Revoked, steps,
};
use crate::api::WorkspaceView;
use crate::credential::CredentialSecret;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;

/// The adapter.
#[derive(Debug, Clone, Copy)]
pub struct Eodh;

/// The title by which the workspace service's description is known.
const API_TITLE: &str = "EODHP Workspace Services API";
/// Why the proxy before the hub may refuse a token that has just been renewed.
const NOT_FOR_THE_HUB: &str = "the registration of this client at the platform lacks the audience \
                               of the hub";
/// Most entries read of a list.
const LIST_LIMIT: usize = 10_000;
/// In how many workspaces the user's name is looked for.
const IDENTIFY_LIMIT: usize = 5;

impl Platform for Eodh {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn connect(&self, fields: &BTreeMap<String, String>) -> Result<Connection, Error> {
        check_fields(&DESCRIPTOR, fields)?;
        let (environment, hub) = locate(given(fields, "environment"), given(fields, "hub"))?;
        let client_id = given(fields, "client_id");
        if client_id.as_ref().is_some_and(|id| id.len() > 255 || !is_visible(id)) {
            return Err(invalid("a client id is visible characters only", "client_id"));
        }
        let issuer = format!("{}/keycloak/realms/eodhp", hub.origin().ascii_serialization());
        Ok(Connection { environment, issuer, client_id, ..Connection::to_hub(DESCRIPTOR.id, hub) })
    }

    fn manage_url(&self, connection: &Connection, workspace: Option<&str>) -> Option<Url> {
        let mut url = connection.hub.join("workspaces/").ok()?;
        if let Some(workspace) = workspace {
            url.query_pairs_mut().append_pair("workspace", workspace);
        }
        Some(url)
    }

    fn recognise_key(&self, text: &str) -> KeyForm {
        let text = text.trim();
        if text.is_empty() || text.len() > 4096 || !is_visible(text) {
            KeyForm::Unusable
        } else if is_key(text) {
            KeyForm::Key
        } else if is_uuid(text) {
            KeyForm::TokenId
        } else {
            KeyForm::Odd
        }
    }

    async fn probe(&self, http: &Http, connection: &Connection) -> Asked<()> {
        let doc = path(connection, Operation::Probe, &["docs", "workspace-services", "doc.json"])?;
        let described = http.send(&Request::get(Operation::Probe, doc)).await?.json::<ApiDoc>();
        if described.is_ok_and(|found| found.info.title == API_TITLE) {
            return Ok(());
        }
        let error = |kind| PlatformError::new(Operation::Probe, connection.host(), kind);
        let discovery = format!("{}/.well-known/openid-configuration", connection.issuer);
        let discovery = Url::parse(&discovery).map_err(|_| error(Kind::Address))?;
        let answer = http.send(&Request::get(Operation::Probe, discovery)).await?;
        if answer.status >= 500 || answer.status == 429 {
            return Err(answer.failure());
        }
        match answer.json::<Discovery>() {
            Ok(found) if found.issuer == connection.issuer => Ok(()),
            _ => Err(error(Kind::NotThisPlatform)),
        }
    }

    async fn identify(
        &self,
        session: &Session,
        workspaces: &[WorkspaceView],
    ) -> Asked<Option<String>> {
        if let Some(name) = session.username().await {
            return Ok(Some(name));
        }
        if session.auth() == Auth::Portal
            && let Some(name) = proxy_user(session).await?
        {
            return Ok(Some(name));
        }
        for workspace in workspaces.iter().take(IDENTIFY_LIMIT) {
            if let Some(name) = user_of_tokens(session, &workspace.name).await? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    async fn workspaces(&self, session: &Session) -> Asked<Vec<WorkspaceView>> {
        let url = path(session.connection(), Operation::Workspaces, &["workspaces"])?;
        let request = Request::get(Operation::Workspaces, url);
        let listed: Vec<Workspace> = read_list(session, request).await?;
        let mut views: Vec<_> = listed.into_iter().filter_map(Workspace::view).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }

    async fn tokens(&self, session: &Session, workspace: &str) -> Asked<Vec<RemoteToken>> {
        let url = tokens_url(session, Operation::List, workspace, None)?;
        let request = Request::get(Operation::List, url);
        let listed: Vec<Token> = read_list(session, request).await?;
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
        let answer = match steps::post_once(session, post).await {
            Ok(answer) => answer,
            Err(outcome) => return *outcome,
        };
        let received = answer.received;
        match answer.json::<Token>() {
            Ok(token) => issued(token, workspace, request, received),
            Err(error) if error.kind == Kind::Unauthenticated => IssueOutcome::Refused(error),
            Err(error) => IssueOutcome::Unknown(error),
        }
    }

    async fn revoke(&self, session: &Session, workspace: &str, id: &str) -> Asked<Revoked> {
        let url = tokens_url(session, Operation::Revoke, workspace, Some(id))?;
        let answer = session.send(Request::delete(Operation::Revoke, url)).await?;
        steps::confirm_revoked(self, session, workspace, id, &answer).await
    }

    async fn verify(&self, session: &Session, workspace: &str) -> Asked<KeyState> {
        match self.tokens(session, workspace).await {
            Ok(_) => return Ok(KeyState::Works),
            Err(error) if is_refusal(&error) => {}
            Err(error) => return Err(error),
        }
        // The token service may refuse a good key its list; the workspace itself does not.
        let url = path(session.connection(), Operation::Verify, &["workspaces", workspace])?;
        let answer = session.send(Request::get(Operation::Verify, url)).await?;
        match answer.status {
            200..=299 => answer.json::<serde::de::IgnoredAny>().map(|_| KeyState::WorksWithoutList),
            401 if answer.body.is_empty() => Ok(KeyState::OtherWorkspace),
            401 => Ok(KeyState::NotAccepted),
            403 => Ok(KeyState::OtherWorkspace),
            _ => match answer.failure() {
                error if error.kind == Kind::Unauthenticated => Ok(KeyState::NotAccepted),
                error => Err(error),
            },
        }
    }

    async fn issue_s3(&self, session: &Session, workspace: &str) -> Asked<IssuedS3> {
        let segments = ["workspaces", workspace, "me", "s3-tokens"];
        let url = path(session.connection(), Operation::S3, &segments)?;
        let answer = session.send(Request::post(Operation::S3, url, Body::Empty)).await?;
        if !answer.is_success() {
            return Err(s3::refusal(&answer));
        }
        let missing = answer.error(Kind::Protocol("the answer lacks a part of the credentials"));
        let found: S3 = answer.json()?;
        let (Some(access_key_id), Some(secret_access_key), Some(session_token)) =
            (found.access_key_id, found.secret_access_key, found.session_token)
        else {
            return Err(missing);
        };
        let secret = CredentialSecret::S3 { access_key_id, secret_access_key, session_token };
        let expires = found.expiration.as_deref().and_then(super::http::parse_time);
        Ok(IssuedS3 { secret, expires })
    }
}

/// Whether the platform said no, rather than nothing.
fn is_refusal(error: &PlatformError) -> bool {
    matches!(error.kind, Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound)
}

/// An address below `/api`.
fn path(connection: &Connection, operation: Operation, segments: &[&str]) -> Asked<Url> {
    let whole: Vec<&str> = std::iter::once("api").chain(segments.iter().copied()).collect();
    connection.at(&whole).map_err(|error| {
        let field = ("workspace".to_owned(), error.message);
        PlatformError::new(operation, connection.host(), Kind::Validation(vec![field]))
    })
}

/// Always `me`, never a user name (platforms.md A.9.5).
fn tokens_url(
    session: &Session,
    operation: Operation,
    workspace: &str,
    id: Option<&str>,
) -> Asked<Url> {
    let mut segments = vec!["workspaces", workspace, "me", "tokens"];
    segments.extend(id);
    path(session.connection(), operation, &segments)
}

/// A list; `null` is an empty one.
async fn read_list<T: DeserializeOwned>(session: &Session, request: Request) -> Asked<Vec<T>> {
    let too_long = request.error(Kind::Protocol("the list is longer than 10,000 entries"));
    let answer = session.send(request).await?;
    if session.auth() == Auth::Oidc && answer.is_refused_at_the_door() {
        return Err(answer.failure().hinted(NOT_FOR_THE_HUB));
    }
    let listed: Option<Vec<T>> = answer.json()?;
    match listed {
        Some(listed) if listed.len() > LIST_LIMIT => Err(too_long),
        listed => Ok(listed.unwrap_or_default()),
    }
}

fn issue_request(session: &Session, workspace: &str, request: &IssueRequest) -> Asked<Request> {
    let url = tokens_url(session, Operation::Issue, workspace, None)?;
    let refused = |field: &str, why: &str| {
        let kind = Kind::Validation(vec![(field.to_owned(), why.to_owned())]);
        PlatformError::new(Operation::Issue, session.connection().host(), kind)
    };
    if request.name.is_empty() || request.name.chars().count() > DESCRIPTOR.name_max {
        return Err(refused("name", "a name has 1 to 128 characters"));
    }
    let days = request.lifetime.filter(|&days| {
        DESCRIPTOR.lifetime.is_some_and(|range| (range.min..=range.max).contains(&days))
    });
    let days = days.ok_or_else(|| refused("lifetime", "a lifetime is 1 to 30 days"))?;
    let body = serde_json::to_vec(&CreateToken { name: &request.name, expires: days })
        .map_err(|_| refused("name", "the name cannot be sent"))?;
    Ok(Request::post(Operation::Issue, url, Body::Json(Secret::new(body))))
}

/// What an answer to a request for a token holds.
fn issued(
    mut token: Token,
    workspace: &str,
    request: &IssueRequest,
    received: Timestamp,
) -> IssueOutcome {
    let key = token.key.take();
    let token = token.remote(workspace);
    let Some(key) = key else { return IssueOutcome::WithoutKey(Box::new(token)) };
    let odd = !key.expose_text().is_some_and(is_key);
    let day = SignedDuration::from_hours(24);
    let asked = request.lifetime.map(|days| (day * i32::try_from(days).unwrap_or(i32::MAX), day));
    steps::issued(token, key, odd, asked, received)
}

/// The name that the proxy before the hub knows (inferred: it may not be offered).
async fn proxy_user(session: &Session) -> Asked<Option<String>> {
    let connection = session.connection();
    let Ok(url) = connection.at(&["oauth2", "userinfo"]) else { return Ok(None) };
    let answer = session.send(Request::get(Operation::Identify, url)).await?;
    Ok(answer.json::<UserInfo>().ok().and_then(|user| user.preferred_username))
}

/// The owner of the listed tokens, found among the members of the workspace.
async fn user_of_tokens(session: &Session, workspace: &str) -> Asked<Option<String>> {
    let Some(tokens) = if_permitted(Eodh.tokens(session, workspace).await)? else {
        return Ok(None);
    };
    let owners: BTreeSet<String> = tokens.into_iter().filter_map(|token| token.user_id).collect();
    let mut owners = owners.into_iter();
    // More than one owner means that the list is not only the caller's: it tells nothing.
    let (Some(owner), None) = (owners.next(), owners.next()) else { return Ok(None) };
    let segments = ["workspaces", workspace, "users"];
    let url = path(session.connection(), Operation::Identify, &segments)?;
    let users = read_list::<User>(session, Request::get(Operation::Identify, url)).await;
    let users = if_permitted(users)?.unwrap_or_default();
    Ok(users.into_iter().find(|user| user.id.as_ref() == Some(&owner)).and_then(|u| u.username))
}

/// `None` where the platform does not tell; an error where nothing more can be asked.
fn if_permitted<T>(result: Asked<T>) -> Asked<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind, Kind::Network { .. } | Kind::NotStored(_)) => Err(error),
        Err(_) => Ok(None),
    }
}
