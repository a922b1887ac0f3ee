//! One adapter at a place, with a session there.

use std::sync::Arc;

use wayleave_core::api::SignInWay;
use wayleave_core::clock::FakeClock;
use wayleave_core::credential::Field;
use wayleave_core::platform::http::{Http, Pause};
use wayleave_core::platform::{
    Asked, IssueOutcome, IssueRequest, IssuedToken, Operation, RemoteToken, Revoked,
};
use wayleave_core::secret::Secret;
use wayleave_core::session::device::DeviceFlow;
use wayleave_core::session::{Session, portal};
use wayleave_sandbox::Effect;

use super::case::{Case, OFFERED, Verdict};
use super::place::Place;
use super::stack::{Running, Stack};
use super::wire::{FIRST, wish};
use crate::World;

/// An adapter with a session at a place.
pub struct Yard {
    pub case: Case,
    pub place: Place,
    pub session: Session,
    pub workspace: &'static str,
}

impl Yard {
    /// A sandbox of its own.
    pub fn in_sandbox(case: Case) -> Self {
        let mut world = World::start();
        let (session, workspace) = case.wire.in_sandbox(&world.sandbox, &world.http);
        world.connection = session.connection().clone();
        Self { case, place: Place::Sandbox(Box::new(world)), session, workspace }
    }

    /// The real servers, signed in there in this way; `client` acts in the usual client's place.
    pub async fn at_stack(
        case: Case,
        running: &Arc<Running>,
        way: SignInWay,
        client: Option<&str>,
    ) -> Result<Self, String> {
        running.clear().await?;
        let stack = Box::new(Stack::new(case, running, client)?);
        let place = Place::Stack(stack);
        let session = signed_in(&place, way).await?;
        if let Place::Stack(stack) = &place {
            stack.settle();
        }
        running.clear().await?;
        Ok(Self { case, place, session, workspace: case.wire.workspace() })
    }

    /// A client whose clock stands still and is `hours` behind the servers', and a session with it.
    pub async fn standing_still(&self, hours: i64) -> Result<(Http, Session), String> {
        let world = match &self.place {
            Place::Sandbox(world) => world,
            Place::Stack(stack) => {
                let http = stack.standing_still(hours);
                let (sealed, connection) = (self.session.to_sealed().await, &stack.connection);
                let save = Arc::new(|_| -> Saved { Box::pin(std::future::ready(Ok(()))) });
                let session = Session::restore(&sealed, connection.clone(), http.clone(), save);
                return Ok((http, session.map_err(|error| format!("{error:?}"))?));
            }
        };
        world.sandbox.clock().set_offset(0);
        let clock = FakeClock::at(world.http.clock().now());
        let pause: Pause = Arc::new(|_| Box::pin(std::future::ready(())));
        let http = Http::with_pause(Arc::new(clock), pause);
        let (session, _) = self.case.wire.in_sandbox(&world.sandbox, &http);
        world.sandbox.clock().set_offset(hours * 3600);
        Ok((http, session))
    }

    /// A person's session: in the sandbox one got with the browser, where there is that.
    pub async fn persons(&self) -> Result<Session, String> {
        let browser = self.case.descriptor().ways.contains(&SignInWay::Browser);
        match &self.place {
            Place::Sandbox(_) if browser => self.place.oidc().await,
            Place::Sandbox(_) | Place::Stack(_) => Ok(self.session.clone()),
        }
    }

    /// Stored forms of sessions that the real servers must refuse: of one that they ended, and
    /// of one that somebody altered.
    pub async fn dead(&self) -> Result<Secret, String> {
        let sealed = self.session.to_sealed().await;
        if self.session.with() != SignInWay::Portal {
            self.place.end_there(&self.session).await?;
            // From now on the access token needs renewing, which is refused.
            self.place.advance(400);
            return Ok(sealed);
        }
        let mut value: serde_json::Value =
            serde_json::from_slice(sealed.expose()).map_err(|error| error.to_string())?;
        let cookies = value["holder"]["cookies"].as_array_mut().ok_or("there are no cookies")?;
        for cookie in cookies {
            let text = cookie["value"].as_str().ok_or("a cookie has no value")?;
            let (middle, half) = (text.len() / 2, text.len() / 2 + 8);
            cookie["value"] = format!("{}AAAAAAAA{}", &text[..middle], &text[half..]).into();
        }
        Ok(Secret::from_text(value.to_string()))
    }

    pub async fn list(&self) -> Asked<Vec<RemoteToken>> {
        self.case.adapter.list(&self.session, self.workspace).await
    }

    /// The list, which must be had.
    pub async fn live(&self) -> Result<Vec<RemoteToken>, String> {
        self.list().await.map_err(|error| format!("the list: {error:?}"))
    }

    /// The ones in it that are not revoked.
    pub async fn unrevoked(&self) -> Result<Vec<RemoteToken>, String> {
        let mut rows = self.live().await?;
        rows.retain(|row| !self.case.wire.is_revoked(row));
        Ok(rows)
    }

    pub async fn issue(&self, request: &IssueRequest) -> IssueOutcome {
        self.case.adapter.issue(&self.session, self.workspace, request).await
    }

    pub async fn issued(&self, name: &str) -> Result<IssuedToken, String> {
        match self.issue(&wish(self.case.wire, name)).await {
            IssueOutcome::Issued(issued) => Ok(*issued),
            other => Err(format!("{name} was not issued: {other:?}")),
        }
    }

    pub async fn revoke(&self, id: &str) -> Asked<Revoked> {
        self.case.adapter.revoke(&self.session, self.workspace, id).await
    }

    pub async fn ask(&self, operation: Operation) -> Asked<()> {
        self.ask_with(&self.session, operation).await
    }

    pub async fn ask_with(&self, session: &Session, operation: Operation) -> Asked<()> {
        let (adapter, workspace) = (self.case.adapter, self.workspace);
        match operation {
            Operation::List => adapter.list(session, workspace).await.map(|_| ()),
            Operation::S3 => adapter.s3(session, workspace).await.map(|_| ()),
            Operation::Issue => {
                let request = wish(self.case.wire, FIRST.name);
                match adapter.issue(session, workspace, &request).await {
                    IssueOutcome::Issued(_) | IssueOutcome::WithoutKey(_) => Ok(()),
                    IssueOutcome::Refused(error) | IssueOutcome::Unknown(error) => Err(error),
                }
            }
            Operation::Revoke => adapter.revoke(session, workspace, FIRST.id).await.map(|_| ()),
            _ => adapter.verify(session, workspace).await.map(|_| ()),
        }
    }

    /// Does all that is offered; every secret that was in it. What came of it is other checks'
    /// matter.
    pub async fn use_all(&self) -> Vec<String> {
        let mut secrets = secrets_of(&self.session).await;
        for operation in OFFERED.into_iter().filter(|&o| self.case.offers(o)) {
            match operation {
                Operation::Issue => {
                    if let Ok(issued) = self.issued("used_once").await {
                        secrets.extend(issued.key.expose_text().map(str::to_owned));
                        if let Some(id) = issued.token.id {
                            let _ = self.revoke(&id).await;
                        }
                    }
                }
                Operation::S3 => {
                    let set = self.case.adapter.s3(&self.session, self.workspace).await;
                    let secret = set.ok().map(|set| set.secret);
                    let parts = [Field::SecretAccessKey, Field::SessionToken].into_iter();
                    secrets.extend(parts.filter_map(|field| {
                        secret.as_ref()?.field(field)?.expose_text().map(str::to_owned)
                    }));
                }
                _ => drop(self.ask(operation).await),
            }
        }
        let _ = self.ask(self.case.main()).await;
        secrets
    }

    /// Disturbs the next requests of an operation.
    pub async fn disturb(
        &self,
        operation: Operation,
        times: Option<u32>,
        effect: Effect,
    ) -> Verdict {
        let (method, path) = self.case.wire.sandbox_rule(operation);
        self.place.disturb(Some(method), &path, times, effect).await
    }

    /// How many requests of an operation arrived.
    pub async fn count(&self, operation: Operation) -> Result<usize, String> {
        let (method, path) = self.case.wire.sandbox_rule(operation);
        let heard = self.place.heard().await?;
        Ok(heard.iter().filter(|got| got.method == method && got.path == path).count())
    }
}

type Saved =
    std::pin::Pin<Box<dyn Future<Output = Result<(), wayleave_core::error::Error>> + Send>>;

/// Signs the demo person in at the real servers.
async fn signed_in(place: &Place, way: SignInWay) -> Result<Session, String> {
    let Place::Stack(stack) = place else { return Err("the sandbox gives sessions".into()) };
    let (http, connection) = (&stack.http, &stack.connection);
    let grant = match way {
        SignInWay::Browser => place.grant().await?,
        SignInWay::Device => {
            let flow = DeviceFlow::open(http, connection, false).await;
            let flow = flow.map_err(|error| format!("{error:?}"))?;
            stack.type_code(&flow, true).await?;
            flow.finish(http).await.map_err(|error| format!("{error:?}"))?
        }
        SignInWay::Portal => {
            let cookies = stack.running.demo.lock().await.portal().await?;
            let handed = Secret::from_text(cookies);
            let grant = portal::exchange(http, connection, &handed).await;
            grant.map_err(|error| format!("{error:?}"))?
        }
        SignInWay::Paste => return Err("nobody signs in by pasting".into()),
    };
    Ok(place.begin(grant))
}

/// What a session's stored form keeps secret.
async fn secrets_of(session: &Session) -> Vec<String> {
    let sealed = session.to_sealed().await;
    let value: serde_json::Value = serde_json::from_slice(sealed.expose()).unwrap_or_default();
    let holder = &value["holder"];
    let tokens = ["access", "refresh", "id_token", "key", "secret_key"].map(|name| &holder[name]);
    let cookies = holder["cookies"].as_array().into_iter().flatten().map(|c| &c["value"]);
    let texts = tokens.into_iter().chain(cookies).filter_map(serde_json::Value::as_str);
    texts.map(str::to_owned).collect()
}
