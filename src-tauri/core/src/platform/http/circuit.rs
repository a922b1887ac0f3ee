//! Sparing a server that does not answer, or that asked for patience (security.md 6.4).
//!
//! After [`FAILURES`] requests in a row to which no answer came, the circuit to that origin is
//! open: requests fail at once, as the last one did, and one trial is let through per pause. Any
//! answer closes it; an answer from anywhere ends every pause, since the network is up again.
//! What a server said in `Retry-After` counts for everybody who asks it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use url::Url;

use crate::platform::error::{Kind, NetworkKind};

/// Failures in a row that open a circuit.
pub const FAILURES: u32 = 5;
/// The first pause of an open circuit; doubled with each trial that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The circuits to all origins that were asked.
#[derive(Default)]
pub struct Circuits(Mutex<BTreeMap<String, Circuit>>);

#[derive(Default)]
struct Circuit {
    /// Failures since the last answer.
    failures: u32,
    /// How the last one failed, and when a trial may be made.
    open: Option<(NetworkKind, Instant)>,
    /// When the server wants to be asked again.
    patience: Option<Timestamp>,
}

impl Circuits {
    /// Whether a request may be sent now; if not, what it fails with.
    pub fn admit(&self, url: &Url, now: Timestamp) -> Result<(), Kind> {
        let mut all = self.lock();
        let Some(circuit) = all.get_mut(&key(url)) else { return Ok(()) };
        if let Some(until) = circuit.patience {
            match u64::try_from(until.duration_since(now).as_secs()) {
                Ok(left) if left > 0 => {
                    let retry_after = Some(Duration::from_secs(left));
                    return Err(Kind::RateLimited { retry_after });
                }
                Ok(_) | Err(_) => circuit.patience = None,
            }
        }
        let Some((kind, trial)) = &mut circuit.open else { return Ok(()) };
        if Instant::now() < *trial {
            return Err(Kind::Network { kind: *kind, sent: false });
        }
        // This one is the trial; the next waits for what comes of it.
        *trial = Instant::now() + pause(circuit.failures);
        Ok(())
    }

    /// An answer came, whatever it says.
    pub fn answered(&self, url: &Url) {
        let mut all = self.lock();
        for circuit in all.values_mut() {
            if let Some((_, trial)) = &mut circuit.open {
                *trial = Instant::now();
            }
        }
        if let Some(circuit) = all.get_mut(&key(url)) {
            (circuit.failures, circuit.open) = (0, None);
        }
    }

    /// No answer came.
    pub fn failed(&self, url: &Url, kind: NetworkKind) {
        let mut all = self.lock();
        let circuit = all.entry(key(url)).or_default();
        circuit.failures = circuit.failures.saturating_add(1);
        if circuit.failures >= FAILURES {
            circuit.open = Some((kind, Instant::now() + pause(circuit.failures)));
        }
    }

    /// The server asked for this much patience, from everybody.
    pub fn asked_to_wait(&self, url: &Url, now: Timestamp, wait: Duration) {
        let until = SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok());
        self.lock().entry(key(url)).or_default().patience = until;
    }

    /// That time was waited for.
    pub fn waited(&self, url: &Url) {
        if let Some(circuit) = self.lock().get_mut(&key(url)) {
            circuit.patience = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Circuit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// How long a circuit stays open after that many failures in a row.
fn pause(failures: u32) -> Duration {
    let doubled = failures.saturating_sub(FAILURES).min(5);
    (FIRST_PAUSE * 2_u32.pow(doubled)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: NetworkKind = NetworkKind::Timeout;

    fn url(text: &str) -> Url {
        text.parse().expect("an address")
    }

    fn now() -> Timestamp {
        "2026-01-01T12:00:00Z".parse().expect("a time")
    }

    #[tokio::test(start_paused = true)]
    async fn a_circuit_opens_tries_and_closes() {
        let (circuits, hub) = (Circuits::default(), url("https://hub.example/a"));
        for _ in 0..FAILURES {
            assert_eq!(circuits.admit(&hub, now()), Ok(()));
            circuits.failed(&hub, TIMEOUT);
        }
        let shut = Err(Kind::Network { kind: TIMEOUT, sent: false });
        assert_eq!(circuits.admit(&hub, now()), shut, "nothing is sent");
        assert_eq!(circuits.admit(&url("https://other.example/"), now()), Ok(()));
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(circuits.admit(&hub, now()), Ok(()), "one trial");
        assert_eq!(circuits.admit(&hub, now()), shut, "and no second one meanwhile");
        circuits.failed(&hub, TIMEOUT);
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(circuits.admit(&hub, now()), shut, "the pause is longer now");
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(circuits.admit(&hub, now()), Ok(()));
        circuits.answered(&hub);
        for _ in 0..FAILURES - 1 {
            circuits.failed(&hub, TIMEOUT);
            assert_eq!(circuits.admit(&hub, now()), Ok(()), "it counts from the beginning");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_anywhere_ends_the_pause() {
        let (circuits, hub) = (Circuits::default(), url("https://hub.example/"));
        for _ in 0..FAILURES + 9 {
            circuits.failed(&hub, NetworkKind::Dns);
        }
        assert!(circuits.admit(&hub, now()).is_err());
        circuits.answered(&url("https://other.example/"));
        assert_eq!(circuits.admit(&hub, now()), Ok(()), "half-open");
        assert!(circuits.admit(&hub, now()).is_err(), "for one trial");
    }

    #[test]
    fn patience_is_everybodys() {
        let (circuits, hub) = (Circuits::default(), url("https://hub.example/"));
        circuits.asked_to_wait(&hub, now(), Duration::from_secs(30));
        let left =
            |seconds| Err(Kind::RateLimited { retry_after: Some(Duration::from_secs(seconds)) });
        assert_eq!(circuits.admit(&hub, now()), left(30));
        let later = now().checked_add(SignedDuration::from_secs(20)).expect("a time");
        assert_eq!(circuits.admit(&hub, later), left(10));
        let over = now().checked_add(SignedDuration::from_secs(31)).expect("a time");
        assert_eq!(circuits.admit(&hub, over), Ok(()));
        circuits.asked_to_wait(&hub, now(), Duration::from_secs(30));
        circuits.waited(&hub);
        assert_eq!(circuits.admit(&hub, now()), Ok(()));
    }
}
