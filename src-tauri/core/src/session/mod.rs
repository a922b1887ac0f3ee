//! Who is signed in, and how requests are sent in their name.
//!
//! A [`Session`] is the one holder of its secrets. Requests of a portal session go out one at a
//! time, and each answer's cookies are stored before the next one is sent, because two calls at
//! once end the session. A refresh of OpenID tokens runs once for all who wait for it, and what
//! it brought is stored before it is used. Both run to their end even when the caller is gone:
//! cut in the middle, they would lose the session.

pub mod browser;
pub mod callback;
pub mod cookies;
pub mod device;
mod holder;
pub mod oidc;
pub mod portal;
mod refresh;
mod sign_in;
pub mod tokens;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName};
use tokio::sync::{Mutex, MutexGuard};

use self::cookies::{Adopted, Jar};
use self::holder::Holder;
pub use self::holder::OidcTokens;
pub use self::sign_in::{Event, SignIn, SignInError};
use crate::api::SignInWay;
use crate::error::Error;
use crate::platform::descriptor::KeyHeader;
use crate::platform::http::{Answer, Http, Request};
use crate::platform::{
    AnyPlatform, Asked, Auth, Connection, Kind, Operation, Platform as _, PlatformError,
};
use crate::secret::Secret;

/// How long the portal keeps a session that is not used (platforms.md A.2).
pub const PORTAL_IDLE: SignedDuration = SignedDuration::from_mins(30);
/// How old the stored time of last use may get before it is stored anew.
const USED_STALE: SignedDuration = SignedDuration::from_mins(1);

/// Stores the sealed form of a session that changed. It has returned before the new state is
/// used. While there is no vault, the engine keeps the form in memory instead.
pub type Save =
    Arc<dyn Fn(Secret) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

/// What a sign-in brought: a session that has not begun.
#[derive(Debug)]
pub struct Grant {
    /// How it came about.
    pub with: SignInWay,
    /// The user name, where the sign-in told it.
    pub username: Option<String>,
    holder: Holder,
}

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// When it ends if nothing renews it; `None`: no end is known.
    pub until: Option<Timestamp>,
    /// When it was seen to have ended.
    pub ended: Option<Timestamp>,
}

/// A session. Cloning it shares it.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    connection: Connection,
    with: SignInWay,
    auth: Auth,
    http: Http,
    save: Option<Save>,
    holder: Mutex<Held>,
    status: StdMutex<Status>,
}

struct Held {
    holder: Holder,
    /// A form that could not be stored yet: stored before anything else is sent.
    unsaved: bool,
    /// The time of last use in the stored form.
    saved_use: Timestamp,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:?} at {})", self.0.auth, self.0.connection.host())
    }
}

impl Session {
    /// Begins a session of what a sign-in brought. It is not stored yet: hand
    /// [`Self::to_sealed`] to the vault before using it.
    pub fn begin(grant: Grant, connection: Connection, http: Http, save: Save) -> Self {
        Self::of(grant.holder, grant.with, connection, http, Some(save))
    }

    /// Takes up a session that was stored for this hub.
    pub fn restore(
        sealed: &Secret,
        connection: Connection,
        http: Http,
        save: Save,
    ) -> Result<Self, Error> {
        let (holder, with) = holder::unseal(sealed, &connection)?;
        Ok(Self::of(holder, with, connection, http, Some(save)))
    }

    /// A session that acts with an API token, which is stored elsewhere.
    pub fn for_key(key: Secret, connection: Connection, http: Http) -> Self {
        let holder = Holder::Key { key, secret_key: None };
        Self::of(holder, SignInWay::Paste, connection, http, None)
    }

    /// A session that acts with a pair, which is stored elsewhere.
    pub fn for_pair(key: Secret, secret_key: Secret, connection: Connection, http: Http) -> Self {
        let holder = Holder::Key { key, secret_key: Some(secret_key) };
        Self::of(holder, SignInWay::Paste, connection, http, None)
    }

    /// The key that it acts with, for platforms that want it in a request's content.
    pub async fn key(&self) -> Option<Secret> {
        match &self.0.holder.lock().await.holder {
            Holder::Key { key, .. } => Some(key.duplicate()),
            Holder::Oidc(_) | Holder::Portal { .. } | Holder::Ended { .. } => None,
        }
    }

    /// A token that says who is signed in, for a service that takes it in place of a sign-in
    /// (platforms.md E.2): the ID token while it lasts, else the access token, renewed where
    /// needed.
    pub async fn web_identity(&self, operation: Operation) -> Asked<Secret> {
        if let Some(key) = self.key().await {
            return Ok(key);
        }
        let access = refresh::access_token(&self.0, operation, None).await?;
        let now = self.0.http.clock().now();
        Ok(match &self.0.holder.lock().await.holder {
            Holder::Oidc(tokens) => match &tokens.id_token {
                Some(id) if tokens::end_of_jwt(id).is_some_and(|end| end > now) => id.duplicate(),
                _ => access,
            },
            Holder::Portal { .. } | Holder::Key { .. } | Holder::Ended { .. } => access,
        })
    }

    /// The pair that it acts with.
    pub async fn pair(&self) -> Option<(Secret, Secret)> {
        match &self.0.holder.lock().await.holder {
            Holder::Key { key, secret_key: Some(secret_key) } => {
                Some((key.duplicate(), secret_key.duplicate()))
            }
            Holder::Key { .. } | Holder::Oidc(_) | Holder::Portal { .. } | Holder::Ended { .. } => {
                None
            }
        }
    }

    fn of(
        holder: Holder,
        with: SignInWay,
        connection: Connection,
        http: Http,
        save: Option<Save>,
    ) -> Self {
        let saved_use = match &holder {
            Holder::Portal { used, .. } => *used,
            Holder::Oidc(_) | Holder::Key { .. } | Holder::Ended { .. } => Timestamp::UNIX_EPOCH,
        };
        Self(Arc::new(Inner {
            connection,
            with,
            auth: holder.auth(),
            http,
            save,
            status: StdMutex::new(status_of(&holder)),
            holder: Mutex::new(Held { holder, unsaved: false, saved_use }),
        }))
    }

    /// Where it acts.
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// The client it sends with.
    pub fn http(&self) -> &Http {
        &self.0.http
    }

    /// As what it acts.
    pub fn auth(&self) -> Auth {
        self.0.auth
    }

    /// How it came about.
    pub fn with(&self) -> SignInWay {
        self.0.with
    }

    /// How it stands; never waits.
    pub fn status(&self) -> Status {
        *self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user name that the sign-in told, if it did.
    pub async fn username(&self) -> Option<String> {
        match &self.0.holder.lock().await.holder {
            Holder::Oidc(tokens) => tokens.username.clone(),
            Holder::Portal { .. } | Holder::Key { .. } | Holder::Ended { .. } => None,
        }
    }

    /// The form to store.
    pub async fn to_sealed(&self) -> Secret {
        self.0.sealed(&self.0.holder.lock().await.holder)
    }

    /// Sends a request to the hub in the name of whoever is signed in. Only the hub's own origin
    /// is ever sent a secret. Any status is an answer; an ended session is an error.
    pub async fn send(&self, request: Request) -> Asked<Answer> {
        if request.url.origin() != self.0.connection.hub.origin() {
            return Err(request.error(Kind::Address));
        }
        let whole = request.method != Method::GET || self.0.auth == Auth::Portal;
        if !whole {
            return self.0.send(request).await;
        }
        // Not cut when the caller goes away: an issued token or a renewed cookie would be lost.
        let (inner, lost) = (Arc::clone(&self.0), request.error(Kind::OutcomeUnknown));
        tokio::spawn(async move { inner.send(request).await }).await.unwrap_or(Err(lost))
    }

    /// The platform refused what it acts with: it sends nothing more.
    pub async fn give_up(&self) {
        let mut held = self.0.holder.lock().await;
        self.0.end(&mut held).await;
    }

    /// Ends the session here, and at the platform when `everywhere`. The session is over here
    /// whatever the platform answers; the error tells that it may live on there.
    pub async fn sign_out(&self, everywhere: bool) -> Asked<()> {
        let mut held = self.0.holder.lock().await;
        let at = self.0.http.clock().now();
        let ended = Holder::Ended { auth: self.0.auth, at };
        let old = std::mem::replace(&mut held.holder, ended);
        // Whoever signs out takes the stored form away: nothing may bring it back afterwards.
        held.unsaved = false;
        self.0.note_status(&held.holder);
        drop(held);
        if !everywhere {
            return Ok(());
        }
        match old {
            Holder::Oidc(tokens) => oidc::end(&self.0.http, &tokens).await,
            Holder::Portal { jar, .. } => portal::end(&self.0.http, &self.0.connection, &jar).await,
            Holder::Key { .. } | Holder::Ended { .. } => Ok(()),
        }
    }
}

impl Inner {
    async fn send(self: &Arc<Self>, request: Request) -> Asked<Answer> {
        match self.auth {
            Auth::Key => self.send_with_key(request).await,
            Auth::Oidc => self.send_with_token(request).await,
            Auth::Portal => self.send_with_cookies(request).await,
        }
    }

    async fn send_with_key(&self, request: Request) -> Asked<Answer> {
        let sent = match &self.holder.lock().await.holder {
            Holder::Key { key, .. } => with_key(request, key, &self.connection),
            Holder::Oidc(_) | Holder::Portal { .. } | Holder::Ended { .. } => {
                return Err(request.error(Kind::Unauthenticated));
            }
        };
        self.http.send(&sent).await
    }

    /// A request whose token was refused is sent once more with a renewed one, where nothing can
    /// have come of the first.
    async fn send_with_token(self: &Arc<Self>, mut request: Request) -> Asked<Answer> {
        let access = refresh::access_token(self, request.operation, None).await?;
        request.headers.push((AUTHORIZATION, bearer(&access)));
        let answer = self.http.send(&request).await?;
        let at_the_door = answer.is_refused_at_the_door();
        if !at_the_door && (answer.status != 401 || request.method != Method::GET) {
            return Ok(answer);
        }
        match refresh::access_token(self, request.operation, Some(&access)).await {
            Ok(renewed) => {
                request.headers.retain(|(name, _)| name != AUTHORIZATION);
                request.headers.push((AUTHORIZATION, bearer(&renewed)));
                self.http.send(&request).await
            }
            // The old token and the answer to it are all there is.
            Err(error) if error.kind == Kind::Unauthenticated && !at_the_door => Ok(answer),
            Err(error) => Err(error),
        }
    }

    /// One call at a time, with every answer's cookies adopted before the next. Nobody waits for
    /// the pauses between repetitions.
    async fn send_with_cookies(&self, request: Request) -> Asked<Answer> {
        let mut tries = 0;
        loop {
            let mut held = self.holder.lock().await;
            self.save_if_needed(&mut held, request.operation).await?;
            let answer = self.once_with_cookies(&mut held, &request).await?;
            if matches!(held.holder, Holder::Ended { .. }) {
                return Err(answer.error(Kind::Unauthenticated));
            }
            drop(held);
            match self.http.wait_before_retry(&request, &answer, tries) {
                Some(wait) => self.http.wait_for(&request, wait).await,
                None => return Ok(answer),
            }
            tries += 1;
        }
    }

    async fn once_with_cookies(&self, held: &mut Held, request: &Request) -> Asked<Answer> {
        let answer = self.cookie_call(held, request).await?;
        let doubtful = answer.status == 401 || (300..400).contains(&answer.status);
        if doubtful && !matches!(held.holder, Holder::Ended { .. }) {
            // A 401 may be about this request only: the hub is asked whether the session lives.
            let check = Request::get(request.operation, portal::check_url(&self.connection)?);
            let verdict = self.cookie_call(held, &check).await?;
            if verdict.failure().kind == Kind::Unauthenticated && !verdict.is_success() {
                self.end(held).await;
            }
        }
        Ok(answer)
    }

    /// Sends once with the cookies there are, and takes over what the answer sets.
    async fn cookie_call(&self, held: &mut Held, request: &Request) -> Asked<Answer> {
        let Holder::Portal { jar, .. } = &held.holder else {
            return Err(request.error(Kind::Unauthenticated));
        };
        let Some(cookies) = jar.header_for(&request.url) else {
            return Err(request.error(Kind::Unauthenticated));
        };
        let answer = self.http.once(&copy_with_cookies(request, cookies)).await?;
        self.adopt(held, &answer).await;
        Ok(answer)
    }

    async fn adopt(&self, held: &mut Held, answer: &Answer) {
        let Holder::Portal { jar, used } = &mut held.holder else { return };
        let adopted = jar.adopt(&answer.headers, &answer.url, answer.received);
        if adopted == Adopted::Cleared && !answer.is_success() {
            self.end(held).await;
            return;
        }
        *used = answer.received;
        let stale = answer.received.duration_since(held.saved_use) > USED_STALE;
        held.unsaved |= adopted == Adopted::Renewed || stale;
        self.note_status(&held.holder);
        // The answer is the caller's in any case; the next call tries to store again, and is not
        // sent before it succeeded.
        let _ = self.save_if_needed(held, answer.operation).await;
    }

    /// The session is over: its secrets go, and that it is over is stored.
    async fn end(&self, held: &mut Held) {
        held.holder = Holder::Ended { auth: self.auth, at: self.http.clock().now() };
        held.unsaved = true;
        self.note_status(&held.holder);
        let _ = self.save_if_needed(held, Operation::SignOut).await;
    }

    async fn save_if_needed(&self, held: &mut Held, operation: Operation) -> Asked<()> {
        let (true, Some(save)) = (held.unsaved, &self.save) else { return Ok(()) };
        save(self.sealed(&held.holder)).await.map_err(|error| {
            PlatformError::new(operation, self.connection.host(), Kind::NotStored(Box::new(error)))
        })?;
        held.unsaved = false;
        if let Holder::Portal { used, .. } = &held.holder {
            held.saved_use = *used;
        }
        Ok(())
    }

    fn sealed(&self, holder: &Holder) -> Secret {
        holder::seal(holder, self.with, &self.connection)
    }

    fn note_status(&self, holder: &Holder) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status_of(holder);
    }

    async fn held(&self) -> MutexGuard<'_, Held> {
        self.holder.lock().await
    }
}

fn status_of(holder: &Holder) -> Status {
    let until = match holder {
        Holder::Oidc(tokens) if tokens.refresh.is_some() => tokens.refresh_ends,
        Holder::Oidc(tokens) => Some(tokens.access_ends),
        Holder::Portal { used, .. } => used.checked_add(PORTAL_IDLE).ok(),
        Holder::Key { .. } => None,
        Holder::Ended { at, .. } => Some(*at),
    };
    let ended = match holder {
        Holder::Ended { at, .. } => Some(*at),
        Holder::Oidc(_) | Holder::Portal { .. } | Holder::Key { .. } => None,
    };
    Status { until, ended }
}

fn bearer(token: &Secret) -> Secret {
    scheme("Bearer", token)
}

fn scheme(scheme: &str, token: &Secret) -> Secret {
    let mut value = Vec::with_capacity(scheme.len() + 1 + token.len());
    value.extend_from_slice(scheme.as_bytes());
    value.push(b' ');
    value.extend_from_slice(token.expose());
    Secret::new(value)
}

/// A request with the key where its platform wants it.
fn with_key(request: Request, key: &Secret, connection: &Connection) -> Request {
    let platform = AnyPlatform::by_id(&connection.platform);
    let header = platform.map_or(KeyHeader::None, |platform| platform.descriptor().key_header);
    match header {
        KeyHeader::Authorization(name) => request.header(AUTHORIZATION, scheme(name, key)),
        KeyHeader::Named(name) => request.header(HeaderName::from_static(name), key.duplicate()),
        KeyHeader::None => request,
    }
}

/// The same request with the cookies of the moment.
fn copy_with_cookies(request: &Request, cookies: Secret) -> Request {
    use crate::platform::http::Body;
    let body = match &request.body {
        Body::Empty => Body::Empty,
        Body::Json(text) => Body::Json(text.duplicate()),
        Body::Form(text) => Body::Form(text.duplicate()),
    };
    let headers =
        request.headers.iter().map(|(name, value)| (name.clone(), value.duplicate())).collect();
    let Request { operation, method, url, .. } = request;
    Request { operation: *operation, method: method.clone(), url: url.clone(), headers, body }
        .header(COOKIE, cookies)
}

impl Grant {
    /// A portal session, proved by an answer that came at `used`.
    fn portal(jar: Jar, used: Timestamp) -> Self {
        Self { with: SignInWay::Portal, username: None, holder: Holder::Portal { jar, used } }
    }

    /// Tokens of an OpenID provider.
    fn oidc(with: SignInWay, tokens: OidcTokens) -> Self {
        let username = tokens.username.clone();
        Self { with, username, holder: Holder::Oidc(Box::new(tokens)) }
    }
}
