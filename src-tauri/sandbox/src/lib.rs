//! A local data platform with the manners of the EO Data Hub, for demo, tests and offline work.
//!
//! [`Sandbox::start`] brings up, on loopback only:
//!
//! * **the hub** at [`Sandbox::hub_url`]: portal pages, cookie sign-in (`/oauth2/…`), the OpenID
//!   issuer (`/keycloak/realms/eodhp`), the API (`/api/…`), files (`/files/…`), tiles
//!   (`/tiles/…`) and a small STAC catalogue (`/api/catalogue/stac`);
//! * **S3** at [`Sandbox::s3_endpoint`]: path style, region [`REGION`], bucket [`BUCKET`], SigV4
//!   with a session token; each credential reaches its workspace's prefix only. `POST /` there is
//!   the token service (`AssumeRoleWithWebIdentity`), where the role
//!   `arn:aws:iam::000000000000:role/WORKSPACE` stands for a workspace;
//! * on the hub's origin also, small, **DataOS** (`/heimdall`), **Opendatasoft**
//!   (`/api/automation/v1.0`) and **OVH Data Platform** (`/iam`), with [`FirstKeys`];
//! * with [`Config::controls_port`], **controls** at [`Sandbox::controls_url`]: `POST /` with a
//!   [`Control`] in JSON.
//!
//! # Where S3 is
//! The real hub's credentials name no endpoint; clients know AWS. Here a workspace's object store
//! says it in its `host`, which is `127.0.0.1:PORT`: a client that finds a loopback host there
//! uses `http://` and path style. `access_url` is the plain HTTP door to the same objects
//! (`/files/{workspace}/{bucket}/`), served by the hub.
//!
//! # Time
//! All that expires follows the sandbox's own clock ([`Control::AdvanceClock`]), and so does the
//! `Date` header of its answers. Signing times at S3 are compared with the machine's clock
//! ([`Config::s3_skew_seconds`]).
//!
//! # Where it is not the real thing
//! Statuses and limits of the closed token service are unknown; the sandbox answers 200 to a new
//! token, 204 to a deletion, takes 1 to 30 days and 30 by default. Signing out of the portal ends
//! its session at once. Cookies of the identity provider are `SameSite=Lax` without `Secure`,
//! because WebKit keeps no secure cookies from loopback http. Nothing here is hardened: it is
//! never linked into a shipped program.
//!
//! # Behind real parts
//! With [`Config::behind`] it is the API alone, behind a real Keycloak, oauth2-proxy and MinIO
//! (`make stack`): it validates their tokens and mints S3 credentials at the store.
//!
//! # Threads
//! The sandbox runs on a runtime of its own, so it works from tests with or without one and is
//! not stopped by paused time. All methods return at once.

#![allow(
    clippy::result_large_err,
    reason = "a refusal is a whole HTTP answer, made once a request and never passed far"
)]

mod api;
mod behind;
mod clock;
mod config;
mod controls;
mod oidc;
mod others;
mod pages;
mod portal;
mod random;
mod reply;
mod routes;
mod s3;
mod seen;
mod server;
mod stand_in;
mod state;
mod sts;
mod tiles;
mod world;

use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Runtime;

pub use behind::Behind;
pub use clock::Clock;
pub use config::Config;
pub use controls::{
    Control, DeviceTimes, Effect, ForeignToken, HandedOut, OidcLifetimes, Rule, ServerToken,
    SessionKind,
};
pub use others::FirstKeys;
pub use seen::Seen;
pub use world::{
    ADA, BUCKET, DEMO, MANY, PEOPLE, Person, REGION, Stage, Workspace, person, workspace,
};

use state::{App, Parts, Shared};

/// A running sandbox; dropping it stops it.
pub struct Sandbox {
    app: App,
    controls_url: Option<String>,
    runtime: Option<Runtime>,
    /// Removed with the sandbox.
    _objects: Option<tempfile::TempDir>,
}

impl Sandbox {
    /// Starts one.
    ///
    /// # Errors
    /// When a port is taken, the object directory cannot be used, or the system has no entropy.
    pub fn start(config: Config) -> io::Result<Self> {
        let hub = server::bind(config.port)?;
        let s3 = server::bind(config.s3_port)?;
        let controls = config.controls_port.map(server::bind).transpose()?;
        let (directory, objects) = if let Some(directory) = config.s3_directory.clone() {
            (directory, None)
        } else {
            let made = tempfile::tempdir()?;
            (made.path().to_owned(), Some(made))
        };
        s3::prepare(&directory)?;
        let random = random::Random::new()?;
        let app = Arc::new(Shared::new(Parts {
            signer: oidc::keys::Signer::new(&random)?,
            random,
            hub: public(&config, |behind| &behind.hub, &hub)?,
            s3: public(&config, |behind| &behind.store, &s3)?,
            front: config.behind.map(behind::Front::new).transpose()?,
            client_id: config.client_id,
            s3_directory: directory,
        }));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("sandbox")
            .enable_all()
            .build()?;
        let controls_url = controls.as_ref().map(origin).transpose()?;
        let objects_service = s3::service(&app, config.s3_skew_seconds)?;
        runtime.spawn(server::serve(hub, routes::hub(&app)));
        runtime.spawn(server::serve(s3, routes::s3(&app, objects_service)));
        if let Some(listener) = controls {
            runtime.spawn(server::serve(listener, routes::controls(&app)));
        }
        Ok(Self { app, controls_url, runtime: Some(runtime), _objects: objects })
    }

    /// Origin of the hub, without a slash at the end.
    pub fn hub_url(&self) -> &str {
        &self.app.hub
    }

    /// Origin of S3, without a slash at the end.
    pub fn s3_endpoint(&self) -> &str {
        &self.app.s3
    }

    /// Origin of the control endpoint, if there is one.
    pub fn controls_url(&self) -> Option<&str> {
        self.controls_url.as_deref()
    }

    /// The OpenID issuer.
    pub fn issuer(&self) -> String {
        self.app.issuer()
    }

    /// Id of the public OpenID client.
    pub fn client_id(&self) -> &str {
        &self.app.client_id
    }

    /// The sandbox's clock.
    pub fn clock(&self) -> &Clock {
        &self.app.clock
    }

    /// Does what a control says; returns what the control endpoint would.
    ///
    /// # Errors
    /// When the control names a token or a workspace that is not there.
    pub fn control(&self, control: Control) -> io::Result<Value> {
        controls::apply(&self.app, control).map_err(|(_, text)| io::Error::other(text))
    }

    /// Disturbs matching requests; see [`Rule`].
    pub fn rule(&self, method: Option<&str>, path: &str, times: Option<u32>, effect: Effect) {
        let rule = Rule {
            method: method.map(str::to_owned),
            path: path.to_owned(),
            who: None,
            times,
            effect,
        };
        self.app.data().settings.rules.push(rule);
    }

    /// Every request so far, to the hub and to S3.
    pub fn seen(&self) -> Vec<Seen> {
        self.app.data().seen.all()
    }

    /// Every API token on the server, of everybody, expired ones too.
    pub fn tokens(&self) -> Vec<ServerToken> {
        self.app.data().tokens.iter().map(ServerToken::from).collect()
    }

    /// Every secret that was handed out so far, for tests that look for them where they must not be.
    pub fn handed_out(&self) -> Vec<HandedOut> {
        self.app.data().secrets()
    }

    /// The keys of the other platforms (DataOS, Opendatasoft, OVH Data Platform) that somebody has
    /// from the start. Their routes are on the hub's origin.
    pub fn first_keys(&self, who: Person) -> FirstKeys {
        others::first_keys(&who)
    }

    /// Signs somebody in at the portal and returns the `Cookie` header of the session.
    ///
    /// # Errors
    /// When nobody has that name.
    pub fn portal_session(&self, who: Person) -> io::Result<String> {
        let control = Control::SignIn { username: who.username.to_owned() };
        let made = self.control(control)?;
        let pair = |pair: &Value| {
            let part = |n: usize| pair.get(n).and_then(Value::as_str).unwrap_or_default();
            format!("{}={}", part(0), part(1))
        };
        let cookies = made.get("cookies").and_then(Value::as_array);
        let pairs: Vec<String> = cookies.into_iter().flatten().map(pair).collect();
        Ok(pairs.join("; "))
    }

    /// Plays the browser at an OpenID authorisation request: logs `who` in and returns where the
    /// browser goes next, which is the client's loopback address. Nothing is sent there.
    ///
    /// # Errors
    /// When the address is no authorisation request, or the issuer would refuse it with a page.
    pub fn authorize(&self, who: Person, url: &str) -> io::Result<String> {
        let control = Control::Authorize { username: who.username.to_owned(), url: url.to_owned() };
        let next = self.control(control)?;
        Ok(next.get("location").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// An ID token of the issuer for the public client, without a sign-in: for tests that begin
    /// where somebody is signed in.
    pub fn web_identity(&self, who: Person) -> String {
        let now = self.app.clock.now();
        self.app.signer.sign(&serde_json::json!({
            "iss": self.issuer(), "aud": self.client_id(), "azp": self.client_id(),
            "sub": who.subject, "preferred_username": who.username, "typ": "ID",
            "iat": now, "exp": now + 86_400,
        }))
    }

    /// Makes an API token without any request, for tests that begin with a key in hand. `days` is
    /// 1 to 30. Returns its id and its secret.
    ///
    /// # Errors
    /// When the person is no member, or name or life are out of range.
    pub fn make_token(
        &self,
        who: Person,
        workspace: &str,
        name: &str,
        days: f64,
    ) -> io::Result<(String, String)> {
        if !who.is_member(workspace) {
            return Err(io::Error::other(format!("{} has no workspace {workspace}", who.username)));
        }
        api::tokens::make(&self.app, who.username, workspace, name, Some(days))
            .map(|(token, secret)| (token.id, secret))
            .map_err(io::Error::other)
    }

    /// Stops it: no new connection is taken and open ones end, also in the middle of an answer.
    pub fn shutdown(mut self) {
        self.stop_now();
    }

    fn stop_now(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop_now();
    }
}

/// The origin under which something is known: that of the part in front of it, where there is one.
fn public(
    config: &Config,
    of: fn(&Behind) -> &String,
    listener: &std::net::TcpListener,
) -> io::Result<String> {
    config.behind.as_ref().map_or_else(|| origin(listener), |behind| Ok(of(behind).clone()))
}

/// `http://127.0.0.1:PORT` of a listener.
fn origin(listener: &std::net::TcpListener) -> io::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
