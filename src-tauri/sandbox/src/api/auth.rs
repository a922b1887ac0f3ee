//! Who is calling: a cookie session, a user's access token, or an API token.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::oidc::end::read_access;
use crate::portal::session::{self, Verdict};
use crate::random::fingerprint;
use crate::state::{ApiToken, App, Shared};
use crate::{reply, world};

/// What every API token begins with.
const MAGIC: &str = "454f4448";

/// A caller who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A person. `workspaces` narrows an access token made for some workspaces only; `claimed` are
    /// the memberships that a real issuer's token tells, where there is one.
    User { person: world::Person, claimed: Option<Vec<String>>, workspaces: Option<Vec<String>> },
    /// An API token of one workspace.
    Token { id: String, person: world::Person, workspace: String },
}

impl Caller {
    /// Whose credential it is.
    pub(crate) fn person(&self) -> world::Person {
        match self {
            Self::User { person, .. } | Self::Token { person, .. } => *person,
        }
    }

    /// Whether its owner belongs to a workspace.
    pub(crate) fn is_member(&self, workspace: &str) -> bool {
        let told = match self {
            Self::User { claimed: Some(names), .. } => names.iter().any(|n| n == workspace),
            Self::User { claimed: None, .. } | Self::Token { .. } => true,
        };
        told && self.person().is_member(workspace)
    }

    /// Whether the credential is for some workspaces only, and not for this one.
    pub(crate) fn is_for_others_than(&self, workspace: &str) -> bool {
        match self {
            Self::User { workspaces, .. } => {
                workspaces.as_ref().is_some_and(|names| !names.iter().any(|n| n == workspace))
            }
            Self::Token { workspace: own, .. } => own != workspace,
        }
    }
}

/// A caller, and a new session value that the answer must carry.
pub(crate) struct Signed {
    pub(crate) caller: Caller,
    /// What proved it, behind a real issuer.
    pub(crate) proof: Option<Proof>,
    renewed: Option<String>,
}

/// An access token of a real issuer.
pub(crate) struct Proof {
    pub(crate) token: String,
    /// Whether its audience names this API.
    pub(crate) names_us: bool,
}

impl Signed {
    /// A caller whom a real issuer's token names.
    pub(crate) fn proved(caller: Caller, proof: Proof) -> Self {
        Self { caller, proof: Some(proof), renewed: None }
    }

    /// Adds the new cookies, if any, to the answer.
    pub(crate) fn finish(self, response: Response) -> Response {
        with_renewed(response, self.renewed.as_deref())
    }
}

/// Somebody signed in by cookie.
pub(crate) struct CookieUser {
    pub(crate) username: String,
    renewed: Option<String>,
}

impl CookieUser {
    /// Adds the new cookies, if any, to the answer.
    pub(crate) fn finish(self, response: Response) -> Response {
        with_renewed(response, self.renewed.as_deref())
    }
}

fn with_renewed(mut response: Response, renewed: Option<&str>) -> Response {
    if let Some(value) = renewed {
        session::set_value(&mut response, value);
    }
    response
}

/// Lets a caller in, or gives the front server's 401 page. An `Authorization` header decides
/// alone; the cookies count only without one.
pub(crate) async fn sign_in(app: &App, headers: &HeaderMap) -> Result<Signed, Response> {
    let api_token = |token: &str| token.starts_with(MAGIC);
    match &app.front {
        Some(front) if !reply::bearer(headers).is_some_and(api_token) => {
            let signed = front.caller(headers).await;
            signed.ok_or_else(|| reply::nginx(StatusCode::UNAUTHORIZED))
        }
        _ => sign_in_here(app, headers),
    }
}

fn sign_in_here(app: &App, headers: &HeaderMap) -> Result<Signed, Response> {
    if let Some(token) = reply::bearer(headers) {
        let caller = by_bearer(app, token).ok_or_else(|| reply::nginx(StatusCode::UNAUTHORIZED))?;
        return Ok(Signed { caller, proof: None, renewed: None });
    }
    let user = by_cookie(app, headers)?;
    let person =
        world::person(&user.username).ok_or_else(|| reply::nginx(StatusCode::UNAUTHORIZED))?;
    let caller = Caller::User { person, claimed: None, workspaces: None };
    Ok(Signed { caller, proof: None, renewed: user.renewed })
}

/// Cookies only. This uses the session: it counts against idleness and may replace the cookies.
pub(crate) fn by_cookie(app: &App, headers: &HeaderMap) -> Result<CookieUser, Response> {
    let Some(value) = session::value_of(headers) else {
        return Err(reply::nginx(StatusCode::UNAUTHORIZED));
    };
    let now = app.clock.now();
    let mut data = app.data();
    let data = &mut *data;
    let ended = |sid: &str| data.oidc.sessions.get(sid).is_none_or(|session| session.ended);
    let refresh_after = data.settings.cookie_refresh_after;
    match data.portal.check(&value, now, refresh_after, ended, &app.random) {
        Verdict::Live { username, renewed } => Ok(CookieUser { username, renewed }),
        Verdict::Dead { clear } => {
            let mut response = reply::nginx(StatusCode::UNAUTHORIZED);
            if clear {
                session::clear_value(&mut response);
            }
            Err(response)
        }
    }
}

/// A bearer: an API token or an access token.
pub(crate) fn by_bearer(app: &Shared, token: &str) -> Option<Caller> {
    if let Some(token) = live_api_token(app, token) {
        let person = world::person(&token.username)?;
        return Some(Caller::Token { id: token.id, person, workspace: token.workspace });
    }
    let access = read_access(app, token)?;
    Some(Caller::User { person: access.person, claimed: None, workspaces: access.workspaces })
}

/// The API token with this secret, if it has not expired.
pub(crate) fn live_api_token(app: &Shared, secret: &str) -> Option<ApiToken> {
    if !secret.starts_with(MAGIC) {
        return None;
    }
    let print = fingerprint(secret);
    let now = app.clock.now();
    let data = app.data();
    data.tokens.iter().find(|t| t.fingerprint == print && now < t.expires).cloned()
}

/// Who a request claims to come from, for the record: changes nothing and names no secret.
pub(crate) fn describe(app: &Shared, headers: &HeaderMap) -> Option<String> {
    if let Some(token) = reply::bearer(headers) {
        return by_bearer(app, token).map(|caller| match caller {
            Caller::Token { id, .. } => format!("token:{id}"),
            Caller::User { person, .. } => format!("jwt:{}", person.username),
        });
    }
    let value = session::value_of(headers)?;
    app.data().portal.owner(&value).map(|name| format!("cookie:{name}"))
}
