//! The real servers of `tests/stack`, when they run: Keycloak, oauth2-proxy and MinIO, with the
//! sandbox's API behind them. Its front server tells what arrived, and disturbs what is named.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;
use wayleave_core::clock::{Clock, FakeClock, SystemClock};
use wayleave_core::platform::http::{Http, Pause};
use wayleave_core::platform::{Connection, Platform as _};
use wayleave_core::secret::Secret;
use wayleave_core::session::device::DeviceFlow;
use wayleave_core::session::{Grant, SignInError};
use wayleave_sandbox::{DEMO, Effect};

use super::case::{Case, Verdict, want};
use super::person::{AGENT, Person, trusting};

/// Names `run/stack.json` of a running stack.
const NAMED: &str = "WAYLEAVE_STACK";
/// Somebody who can sign in and for whom the object store has no policy (`realm.py`).
pub const GUEST: (&str, &str) = ("guest", "guest-demo-password");

/// A running stack.
pub struct Running {
    /// Origin of the hub: Keycloak, oauth2-proxy and the API.
    pub hub: String,
    /// Origin of the object store and its token service.
    pub store: String,
    /// Where the front server takes orders.
    orders: String,
    /// The authority of both.
    authority: PathBuf,
    /// Where all servers' logs are.
    logs: PathBuf,
    /// A client for what is no matter of the product.
    pub client: reqwest::Client,
    /// The demo person: they log in once and are known after that.
    pub demo: AsyncMutex<Person>,
}

/// A request that arrived.
#[derive(Debug, Clone, Deserialize)]
pub struct Heard {
    pub method: String,
    pub path: String,
    /// Names of its headers, lower case.
    pub headers: Vec<String>,
    /// Names of its cookies.
    pub cookies: Vec<String>,
}

#[derive(Deserialize)]
struct Told {
    hub: String,
    store: String,
    front_controls: String,
    authority: PathBuf,
}

impl Running {
    /// The one that the environment names.
    pub fn named() -> Option<Arc<Self>> {
        let file = PathBuf::from(std::env::var_os(NAMED)?);
        let text = std::fs::read(&file).expect("the stack's state (make stack)");
        let told: Told = serde_json::from_slice(&text).expect("the stack's state");
        let authority = std::fs::read(&told.authority).expect("the stack's authority");
        let demo = Person::new(&told.hub, &authority, (DEMO.username, DEMO.password));
        Some(Arc::new(Self {
            demo: AsyncMutex::new(demo.expect("a browser")),
            client: trusting(&authority).expect("a client"),
            logs: file.parent().expect("a folder").to_owned(),
            hub: told.hub,
            store: told.store,
            orders: told.front_controls,
            authority: told.authority,
        }))
    }

    /// Somebody else, who has not logged in yet.
    pub fn person(&self, who: (&'static str, &'static str)) -> Result<Person, String> {
        let authority = std::fs::read(&self.authority).map_err(|error| error.to_string())?;
        Person::new(&self.hub, &authority, who)
    }

    async fn order(&self, order: Value) -> Result<Value, String> {
        let text = |error: reqwest::Error| error.to_string();
        let answer = self.client.post(&self.orders).body(order.to_string()).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).map_err(text)?;
        let body = answer.bytes().await.map_err(text)?;
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }

    /// Forgets what arrived and what was to be disturbed.
    pub async fn clear(&self) -> Verdict {
        self.order(json!({ "do": "clear" })).await.map(|_| ())
    }

    async fn heard(&self) -> Result<Vec<Heard>, String> {
        let seen = self.order(json!({ "do": "seen" })).await?;
        serde_json::from_value(seen).map_err(|error| error.to_string())
    }
}

/// How a pause of the product passes.
#[derive(Clone, Copy)]
enum Turn {
    /// In no time, and our clock goes on by it.
    Skipped,
    /// The person types the device's code first; then as long as it is.
    Consenting,
    /// A second, whatever it is; our clock is left alone.
    Second,
}

/// Our clock: the machine's, set forward or back.
#[derive(Clone, Default)]
struct Ours(Arc<AtomicI64>);

impl Clock for Ours {
    fn now(&self) -> Timestamp {
        let off = SignedDuration::from_secs(self.0.load(Ordering::SeqCst));
        SystemClock.now().checked_add(off).expect("a time")
    }
}

/// One check's part of the stack: a client of its own with a clock of its own.
pub struct Stack {
    pub running: Arc<Running>,
    pub http: Http,
    pub connection: Connection,
    pub saved: Arc<Mutex<Vec<Secret>>>,
    pub pauses: Arc<Mutex<Vec<Duration>>>,
    clock: Ours,
    turns: Arc<Mutex<VecDeque<Turn>>>,
    /// Where the next device code is typed.
    typed: Arc<Mutex<Option<String>>>,
}

impl Stack {
    /// The connection that an adapter makes there, as `client` instead of the usual client.
    pub fn new(case: Case, running: &Arc<Running>, client: Option<&str>) -> Result<Self, String> {
        let fields = case.wire.at_stack(running)?.into_iter();
        let fields = fields.map(|(key, value)| (key.to_owned(), value)).collect();
        let made = case.wire.platform().connect(&fields).map_err(|error| format!("{error:?}"))?;
        let client_id = client.map(str::to_owned).or(made.client_id.clone());
        let connection = Connection { client_id, ..made };
        let (clock, turns, typed) = (Ours::default(), Arc::default(), Arc::default());
        let pauses: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let pause = pause(running, &clock, &pauses, &turns, &typed);
        let http = Http::with_pause(Arc::new(clock.clone()), pause);
        http.trust(&connection, Some(&running.authority));
        let (running, saved) = (Arc::clone(running), Arc::default());
        Ok(Self { running, http, connection, saved, pauses, clock, turns, typed })
    }

    /// Sets our clock forward, or back; servers keep to theirs.
    pub fn advance(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Our clock is right again, and nothing has been waited for.
    pub fn settle(&self) {
        self.clock.0.store(0, Ordering::SeqCst);
        self.pauses.lock().expect("pauses").clear();
    }

    /// A client whose clock stands still, `hours` behind the servers'.
    pub fn standing_still(&self, hours: i64) -> Http {
        let then = SystemClock.now().checked_sub(SignedDuration::from_hours(hours));
        let pause: Pause = Arc::new(|_| Box::pin(std::future::ready(())));
        let http = Http::with_pause(Arc::new(FakeClock::at(then.expect("a time"))), pause);
        http.trust(&self.connection, Some(&self.running.authority));
        http
    }

    /// The same connection as another registered client.
    pub fn as_client(&self, id: &str) -> Connection {
        Connection { client_id: Some(id.to_owned()), ..self.connection.clone() }
    }

    /// What arrived since the last [`Running::clear`].
    pub async fn heard(&self) -> Result<Vec<Heard>, String> {
        self.running.heard().await
    }

    /// The front server does this to the next requests with this method whose path fits; `*`
    /// stands for any text.
    pub async fn disturb(
        &self,
        method: Option<&str>,
        path: &str,
        times: Option<u32>,
        effect: Effect,
    ) -> Verdict {
        let pattern: Vec<_> = path.split('*').map(escaped).collect();
        let path = format!("^{}$", pattern.join(".*"));
        let mut rule = json!({ "path": path, "times": times.map_or(-1, i64::from) });
        match effect {
            Effect::Answer { status, content_type, body, mut headers } => {
                headers.push(("Content-Type".into(), content_type));
                rule["do"] = "answer".into();
                rule["status"] = status.into();
                rule["headers"] = json!(headers);
                rule["text"] = body.into();
            }
            Effect::DropAnswer => rule["do"] = "drop_after".into(),
            Effect::Cut { after_bytes } => {
                rule["do"] = "cut".into();
                rule["bytes"] = after_bytes.into();
            }
            other => return Err(format!("the front server cannot do {other:?}")),
        }
        if let Some(method) = method {
            rule["method"] = method.into();
        }
        self.running.order(json!({ "do": "rule", "rule": rule })).await.map(|_| ())
    }

    /// The front server takes this text out of the next request to the token service.
    pub async fn take_from_next_sts(&self, text: &str) -> Verdict {
        let rule = json!({ "do": "edit_request", "path": "^/$", "method": "POST", "from": text,
                           "to": "", "body": "Action=Assume" });
        self.running.order(json!({ "do": "rule", "rule": rule })).await.map(|_| ())
    }

    /// The next request with this method and path waits before it reaches its server.
    pub async fn hold(&self, method: &str, path: &str) -> Result<Value, String> {
        let path = format!("^{}$", escaped(path));
        let rule = json!({ "do": "hold_before", "path": path, "method": method });
        self.running.order(json!({ "do": "rule", "rule": rule })).await
    }

    /// Waits until a request waits.
    pub async fn held(&self, rule: &Value) -> Verdict {
        let order = json!({ "do": "await", "id": rule, "what": "waiting", "seconds": 120 });
        let reached = self.running.order(order).await?;
        want!(reached == true, "the request did not arrive");
        Ok(())
    }

    /// Lets it go.
    pub async fn release(&self, rule: &Value) -> Verdict {
        self.running.order(json!({ "do": "release", "id": rule })).await.map(|_| ())
    }

    /// A secret that is in a server's log: which log. The person's own requests do not count,
    /// since the protocol puts codes into their addresses.
    pub fn logged(&self, secrets: &[String]) -> Result<Option<String>, String> {
        let broken = |error: std::io::Error| error.to_string();
        let mut read = 0;
        for entry in std::fs::read_dir(&self.running.logs).map_err(broken)? {
            let path = entry.map_err(broken)?.path();
            if path.extension().is_none_or(|kind| kind != "log") {
                continue;
            }
            read += 1;
            if holds(&path, secrets).map_err(broken)? {
                return Ok(Some(path.display().to_string()));
            }
        }
        want!(read >= 5, "{read} logs of five servers");
        Ok(None)
    }

    /// The person types the code of a device: yes or no.
    pub async fn type_code(&self, flow: &DeviceFlow, allow: bool) -> Verdict {
        type_at(&self.running, &address(flow), allow).await
    }

    /// The provider is asked before the code was typed, and again too soon; then it is typed.
    pub fn type_late(&self, flow: &DeviceFlow) {
        *self.typed.lock().expect("the address") = Some(address(flow));
        let turns = [Turn::Skipped, Turn::Skipped, Turn::Consenting];
        self.turns.lock().expect("turns").extend(turns);
    }

    /// What becomes of a code that nobody types, by the provider's word: our clock is set back,
    /// so that it cannot know by itself.
    pub async fn code_ends(&self) -> Result<Result<Grant, SignInError>, String> {
        let short = self.as_client("desktop-device-short");
        let flow = DeviceFlow::open(&self.http, &short, false).await;
        let flow = flow.map_err(|error| format!("{error:?}"))?;
        let until = flow.until;
        self.advance(-600);
        self.turns.lock().expect("turns").extend([Turn::Second; 60]);
        let ended = flow.finish(&self.http).await;
        want!(self.clock.now() < until, "it was not the provider who ended it");
        self.turns.lock().expect("turns").clear();
        self.settle();
        Ok(ended)
    }
}

fn address(flow: &DeviceFlow) -> String {
    flow.complete.as_ref().unwrap_or(&flow.url).to_string()
}

async fn type_at(running: &Running, url: &str, allow: bool) -> Verdict {
    let page = running.demo.lock().await.walk(url, allow).await?;
    let asked = page.url.contains("/device");
    want!(page.status < 400 && asked, "the code led to {} with {}", page.url, page.status);
    Ok(())
}

/// How pauses pass: noted, and for the device flow as its turns say.
fn pause(
    running: &Arc<Running>,
    clock: &Ours,
    pauses: &Arc<Mutex<Vec<Duration>>>,
    turns: &Arc<Mutex<VecDeque<Turn>>>,
    typed: &Arc<Mutex<Option<String>>>,
) -> Pause {
    let (running, clock) = (Arc::clone(running), clock.clone());
    let (pauses, turns, typed) = (Arc::clone(pauses), Arc::clone(turns), Arc::clone(typed));
    Arc::new(move |wait| {
        pauses.lock().expect("pauses").push(wait);
        // The time limit of a browser sign-in would be over at once.
        if wait >= Duration::from_mins(5) {
            return Box::pin(std::future::pending());
        }
        match turns.lock().expect("turns").pop_front().unwrap_or(Turn::Skipped) {
            Turn::Skipped => {
                clock.0.fetch_add(i64::try_from(wait.as_secs()).unwrap_or(0), Ordering::SeqCst);
                Box::pin(std::future::ready(()))
            }
            Turn::Second => Box::pin(tokio::time::sleep(Duration::from_secs(1))),
            Turn::Consenting => {
                let (running, url) = (Arc::clone(&running), typed.lock().expect("it").take());
                Box::pin(async move {
                    // Without consent the flow is not granted, which its check sees.
                    let _ = type_at(&running, &url.unwrap_or_default(), true).await;
                    // The provider's own rule for asking again, kept as asked.
                    tokio::time::sleep(wait).await;
                })
            }
        }
    })
}

/// A text as part of a regular expression.
fn escaped(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    text.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\{c}") }).collect()
}

/// Whether a log holds one of these, plain or percent-encoded.
fn holds(log: &Path, secrets: &[String]) -> std::io::Result<bool> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    Ok(text.lines().filter(|line| !line.contains(AGENT)).any(|line| {
        let plain = super::checks::percent_decoded(line);
        secrets.iter().any(|secret| line.contains(secret) || plain.contains(secret))
    }))
}
