//! The adapters against real HTTP: the sandbox, and a server that says what no honest one does.
//! The rows of the conformance list are named by their numbers (`L3`, `R4`, …).
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where it finds trouble")]

#[path = "../sandbox/browser.rs"]
#[allow(dead_code, reason = "another suite uses the rest")]
mod browser;
mod callback;
mod conformance;
mod eodh;
mod hostile;
mod http;
mod odd;
#[path = "../python.rs"]
mod python;
#[path = "../report.rs"]
mod report;
mod sessions;
mod sign_in;
mod stub;
mod trust;
#[path = "../world.rs"]
#[allow(clippy::wildcard_enum_match_arm, reason = "what is not expected is shown and fails")]
mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use wayleave_core::clock::{Clock, FakeClock};
use wayleave_core::platform::http::{Http, Pause};
use wayleave_core::platform::{AnyPlatform, Connection, Platform as _};
use wayleave_core::secret::Secret;
use wayleave_core::session::{Save, Session};
use wayleave_sandbox::{Config, DEMO, Sandbox};

/// A client that follows nothing, for the browser.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client")
}

/// The sandbox's clock as ours, so that both agree.
struct Hands(Arc<Sandbox>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.clock().now()).expect("a time")
    }
}

/// A sandbox, a client whose clock is the sandbox's and whose pauses move it, and what was saved.
struct World {
    sandbox: Arc<Sandbox>,
    http: Http,
    connection: Connection,
    saved: Arc<Mutex<Vec<Secret>>>,
    pauses: Arc<Mutex<Vec<Duration>>>,
}

impl World {
    fn start() -> Self {
        let sandbox = Arc::new(Sandbox::start(Config::default()).expect("a sandbox starts"));
        let pauses = Arc::new(Mutex::new(Vec::new()));
        let (noted, hands) = (Arc::clone(&pauses), Arc::clone(&sandbox));
        let pause: Pause = Arc::new(move |wait| {
            noted.lock().unwrap().push(wait);
            // The time limit of a browser sign-in would be over at once.
            if wait >= Duration::from_mins(5) {
                return Box::pin(std::future::pending());
            }
            hands.clock().advance(i64::try_from(wait.as_secs()).unwrap());
            Box::pin(std::future::ready(()))
        });
        let clock = Arc::new(Hands(Arc::clone(&sandbox)));
        let http = Http::with_pause(clock, pause);
        let connection = connection(sandbox.hub_url(), Some(sandbox.client_id()));
        Self { sandbox, http, connection, saved: Arc::default(), pauses }
    }

    /// Notes every form that is to be stored.
    fn save(&self) -> Save {
        let saved = Arc::clone(&self.saved);
        Arc::new(move |sealed| {
            saved.lock().unwrap().push(sealed);
            Box::pin(std::future::ready(Ok(())))
        })
    }

    fn saves(&self) -> usize {
        self.saved.lock().unwrap().len()
    }

    /// Signs in at the portal with a real sequence of pages, and takes the cookies over.
    async fn portal(&self) -> Session {
        let header = self.cookies().await;
        let secret = Secret::from_text(header);
        let grant = wayleave_core::session::portal::exchange(&self.http, &self.connection, &secret);
        Session::begin(
            grant.await.expect("a grant"),
            self.connection.clone(),
            self.http.clone(),
            self.save(),
        )
    }

    async fn cookies(&self) -> String {
        let mut browser = browser::Browser::new(&self.sandbox);
        browser.sign_in(DEMO, "/workspaces/").await;
        browser.session()
    }

    /// A key of `demo-ws` made without a request, and a session with it.
    fn key(&self, name: &str) -> (String, Session) {
        let (id, key) = self.sandbox.make_token(DEMO, "demo-ws", name, 30.0).expect("a token");
        (id, self.with_key(&key))
    }

    fn with_key(&self, key: &str) -> Session {
        let secret = Secret::from_text(key.to_owned());
        Session::for_key(secret, self.connection.clone(), self.http.clone())
    }

    /// How many requests of this method and path arrived.
    fn count(&self, method: &str, path: &str) -> usize {
        let fits = |seen: &&wayleave_sandbox::Seen| seen.method == method && seen.path == path;
        self.sandbox.seen().iter().filter(fits).count()
    }
}

/// A connection to a custom hub.
fn connection(hub: &str, client_id: Option<&str>) -> Connection {
    let mut fields = vec![("environment", "custom"), ("hub", hub)];
    fields.extend(client_id.map(|id| ("client_id", id)));
    let fields = fields.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    AnyPlatform::Eodh.connect(&fields).expect("a connection")
}

/// A client on a clock that stands still, noting its pauses.
fn still_http() -> (Http, FakeClock, Arc<Mutex<Vec<Duration>>>) {
    let clock = FakeClock::at("2025-03-07T14:00:00Z".parse().expect("a time"));
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&pauses);
    let pause: Pause = Arc::new(move |wait| {
        noted.lock().unwrap().push(wait);
        Box::pin(std::future::ready(()))
    });
    let http = Http::with_pause(Arc::new(clock.clone()), pause);
    (http, clock, pauses)
}

/// A file of `tests/fixtures/platforms/eodh/`.
fn fixture(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/platforms/eodh/");
    std::fs::read_to_string(format!("{folder}{name}")).expect("a fixture")
}

/// The key of the fixtures.
const KEY: &str = "454f444800112233445566778899aabb";

/// A session that acts with the fixtures' key on a stub.
async fn on_stub(replies: impl IntoIterator<Item = stub::Reply>) -> (stub::Stub, Session) {
    let stub = stub::Stub::start(replies).await;
    let (http, _, _) = still_http();
    let secret = Secret::from_text(KEY.to_owned());
    let session = Session::for_key(secret, connection(&stub.origin, None), http);
    (stub, session)
}
