//! Where a check is run: servers, the person in front of them, the network between, and time.
//! What a check does there is the same in the sandbox and at the real servers.

use std::time::Duration;

use wayleave_core::platform::Connection;
use wayleave_core::platform::http::Http;
use wayleave_core::secret::Secret;
use wayleave_core::session::browser::BrowserFlow;
use wayleave_core::session::device::DeviceFlow;
use wayleave_core::session::{Grant, Save, Session, SignInError};
use wayleave_sandbox::{Control, DEMO, Effect, SessionKind};

use super::case::{Verdict, want};
use super::stack::{Heard, Stack};
use crate::World;
use crate::sign_in::{deliver, log_in, parameter};

/// The servers of a check.
pub enum Place {
    Sandbox(Box<World>),
    Stack(Box<Stack>),
}

/// Shown as a check's reason.
fn told(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

impl Place {
    pub fn http(&self) -> &Http {
        match self {
            Self::Sandbox(world) => &world.http,
            Self::Stack(stack) => &stack.http,
        }
    }

    pub fn connection(&self) -> &Connection {
        match self {
            Self::Sandbox(world) => &world.connection,
            Self::Stack(stack) => &stack.connection,
        }
    }

    fn saved(&self) -> &std::sync::Arc<std::sync::Mutex<Vec<Secret>>> {
        match self {
            Self::Sandbox(world) => &world.saved,
            Self::Stack(stack) => &stack.saved,
        }
    }

    /// How often a session was stored.
    pub fn saves(&self) -> usize {
        self.saved().lock().expect("what was saved").len()
    }

    fn save(&self) -> Save {
        let saved = std::sync::Arc::clone(self.saved());
        std::sync::Arc::new(move |sealed| {
            saved.lock().expect("what was saved").push(sealed);
            Box::pin(std::future::ready(Ok(())))
        })
    }

    /// What was waited for.
    pub fn pauses(&self) -> Vec<Duration> {
        match self {
            Self::Sandbox(world) => world.pauses.lock().expect("pauses").clone(),
            Self::Stack(stack) => stack.pauses.lock().expect("pauses").clone(),
        }
    }

    /// Time passes: in the sandbox everybody's, else ours.
    pub fn advance(&self, seconds: i64) {
        match self {
            Self::Sandbox(world) => world.sandbox.clock().advance(seconds),
            Self::Stack(stack) => stack.advance(seconds),
        }
    }

    /// What arrived, the person's own requests among it.
    pub async fn heard(&self) -> Result<Vec<Heard>, String> {
        match self {
            Self::Sandbox(world) => Ok(world.sandbox.seen().into_iter().map(heard).collect()),
            Self::Stack(stack) => stack.heard().await,
        }
    }

    /// How many requests to token endpoints arrived.
    pub async fn token_requests(&self) -> Result<usize, String> {
        Ok(self.heard().await?.iter().filter(|got| got.path.ends_with("/token")).count())
    }

    /// Something happens to the next requests whose path fits.
    pub async fn disturb(
        &self,
        method: Option<&str>,
        path: &str,
        times: Option<u32>,
        effect: Effect,
    ) -> Verdict {
        match self {
            Self::Sandbox(world) => {
                world.sandbox.rule(method, path, times, effect);
                Ok(())
            }
            Self::Stack(stack) => stack.disturb(method, path, times, effect).await,
        }
    }

    /// Where a secret lies open that was used: in an address, or in a server's log.
    pub fn leak(&self, secrets: &[String]) -> Result<Option<String>, String> {
        match self {
            Self::Sandbox(world) => {
                let seen = world.sandbox.seen();
                want!(!seen.is_empty(), "nothing was sent");
                Ok(seen.iter().find(|seen| seen.secret_in_url).map(told))
            }
            Self::Stack(stack) => {
                want!(!secrets.is_empty(), "there was no secret");
                stack.logged(secrets)
            }
        }
    }

    /// The person logs in and agrees, from an address on; where that leads back to.
    pub async fn lead(&self, flow: &BrowserFlow) -> Result<String, String> {
        match self {
            Self::Sandbox(world) => Ok(log_in(world, flow).await),
            Self::Stack(stack) => led(stack, flow, true).await,
        }
    }

    /// A connection as a client for which the person is asked to agree.
    pub fn asking(&self) -> Connection {
        match self {
            Self::Sandbox(world) => world.connection.clone(),
            Self::Stack(stack) => stack.as_client("desktop-consent"),
        }
    }

    /// The person does not agree; where that leads back to.
    pub async fn refuse(&self, flow: &BrowserFlow) -> Result<String, String> {
        match self {
            Self::Sandbox(world) => {
                let (redirect, state) = (parameter(flow, "redirect_uri"), parameter(flow, "state"));
                let issuer = world.sandbox.issuer();
                Ok(format!("{redirect}?error=access_denied&state={state}&iss={issuer}"))
            }
            Self::Stack(stack) => led(stack, flow, false).await,
        }
    }

    /// What the browser way brings.
    pub async fn grant(&self) -> Result<Grant, String> {
        let flow = BrowserFlow::open(self.http(), self.connection(), false).await.map_err(told)?;
        let back = self.lead(&flow).await?;
        let (grant, (status, _)) = tokio::join!(flow.finish(self.http()), deliver(&back));
        want!(status == 200, "the page after it: {status}");
        grant.map_err(told)
    }

    /// A session of what a sign-in brought.
    pub fn begin(&self, grant: Grant) -> Session {
        Session::begin(grant, self.connection().clone(), self.http().clone(), self.save())
    }

    /// A session got with the browser.
    pub async fn oidc(&self) -> Result<Session, String> {
        self.grant().await.map(|grant| self.begin(grant))
    }

    /// A session of somebody else, as another registered client.
    pub async fn oidc_as(
        &self,
        client: &str,
        who: (&'static str, &'static str),
    ) -> Result<Session, String> {
        let Self::Stack(stack) = self else { return Err("the sandbox has one client".into()) };
        let connection = stack.as_client(client);
        let flow = BrowserFlow::open(&stack.http, &connection, false).await.map_err(told)?;
        let page = stack.running.person(who)?.walk(flow.url.as_str(), true).await?;
        let back = page.location.ok_or_else(|| format!("nothing leads back: {}", page.status))?;
        let (grant, _) = tokio::join!(flow.finish(&stack.http), deliver(&back));
        let (grant, http) = (grant.map_err(told)?, stack.http.clone());
        Ok(Session::begin(grant, connection, http, self.save()))
    }

    /// An access token of the demo person, as a registered client gets it.
    pub async fn access_of(&self, client: &str) -> Result<Secret, String> {
        let session = self.oidc_as(client, (DEMO.username, DEMO.password)).await?;
        let sealed = session.to_sealed().await;
        let value: serde_json::Value = serde_json::from_slice(sealed.expose()).map_err(told)?;
        let access = value["holder"]["access"].as_str().ok_or("there is no access token")?;
        Ok(Secret::from_text(access.to_owned()))
    }

    /// A stored session, taken up again.
    pub fn restore(&self, sealed: &Secret) -> Result<Session, String> {
        self.restore_with(sealed, self.http().clone())
    }

    /// The same with another client.
    pub fn restore_with(&self, sealed: &Secret, http: Http) -> Result<Session, String> {
        Session::restore(sealed, self.connection().clone(), http, self.save()).map_err(told)
    }

    /// The provider ends a session; who holds it is not told.
    pub async fn end_there(&self, session: &Session) -> Verdict {
        match self {
            Self::Sandbox(world) => {
                let end = Control::ExpireSessions { kind: SessionKind::Oidc, username: None };
                world.sandbox.control(end).map(|_| ()).map_err(told)
            }
            Self::Stack(_) => {
                self.restore(&session.to_sealed().await)?.sign_out(true).await.map_err(told)
            }
        }
    }

    /// The person types a device's code: yes or no.
    pub async fn type_code(&self, flow: &DeviceFlow, allow: bool) -> Verdict {
        match self {
            Self::Sandbox(world) => {
                let control = Control::AnswerDevice {
                    username: DEMO.username.into(),
                    user_code: flow.user_code.clone(),
                    allow,
                };
                world.sandbox.control(control).map(|_| ()).map_err(told)
            }
            Self::Stack(stack) => stack.type_code(flow, allow).await,
        }
    }

    /// The provider is asked before the code was typed, then too soon, then it is typed.
    pub async fn type_late(&self, flow: &DeviceFlow) -> Verdict {
        let Self::Sandbox(world) = self else {
            if let Self::Stack(stack) = self {
                stack.type_late(flow);
            }
            return Ok(());
        };
        let says = |error: &str| Effect::Answer {
            status: 400,
            content_type: "application/json".into(),
            body: format!("{{\"error\":\"{error}\"}}"),
            headers: vec![],
        };
        world.sandbox.rule(Some("POST"), "*/token", Some(1), says("slow_down"));
        world.sandbox.rule(Some("POST"), "*/token", Some(1), says("authorization_pending"));
        self.type_code(flow, true).await
    }

    /// What becomes of a code that nobody types.
    pub async fn code_ends(&self) -> Result<Result<Grant, SignInError>, String> {
        match self {
            Self::Sandbox(world) => {
                let flow = DeviceFlow::open(&world.http, &world.connection, false).await;
                let flow = flow.map_err(told)?;
                world.sandbox.clock().advance(601);
                Ok(flow.finish(&world.http).await)
            }
            Self::Stack(stack) => stack.code_ends().await,
        }
    }

    /// Where objects are.
    pub fn s3_endpoint(&self) -> &str {
        match self {
            Self::Sandbox(world) => world.sandbox.s3_endpoint(),
            Self::Stack(stack) => &stack.running.store,
        }
    }

    /// A client for objects, which is not the product's.
    pub fn client(&self) -> reqwest::Client {
        match self {
            Self::Sandbox(_) => crate::client(),
            Self::Stack(stack) => stack.running.client.clone(),
        }
    }
}

fn heard(seen: wayleave_sandbox::Seen) -> Heard {
    let wayleave_sandbox::Seen { method, path, headers, cookies, .. } = seen;
    Heard { method, path, headers, cookies }
}

/// Through Keycloak's pages, back to this computer. Whether one agrees is asked for again.
async fn led(stack: &Stack, flow: &BrowserFlow, consent: bool) -> Result<String, String> {
    let mut url = flow.url.clone();
    if !consent {
        url.query_pairs_mut().append_pair("prompt", "consent");
    }
    let page = stack.running.demo.lock().await.walk(url.as_str(), consent).await?;
    let back = page.location.filter(|to| to.starts_with("http://127.0.0.1:"));
    back.ok_or_else(|| format!("nothing leads back from {}: {}", page.url, page.status))
}
