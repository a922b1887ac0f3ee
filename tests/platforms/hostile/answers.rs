//! Malformed answers to everything that an adapter and the sign-in ask.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wayleave_core::platform::http::Http;
use wayleave_core::platform::{Operation, Platform as _};
use wayleave_core::session::browser::BrowserFlow;
use wayleave_core::session::device::DeviceFlow;

use super::grammar::{Dice, answer};
use super::{Figures, count_panics, panics_of, resident_mib, seed, tell};
use crate::conformance::{Wire, connect, registrations, wish};
use crate::still_http;
use crate::stub::{Reply, Stub};

const ANSWERS: u64 = 10_000;
/// Answers of one server; then a fresh one, so that its own record stays small.
const BATCH: u64 = 100;
/// How often a server is asked for everything, at most.
const TURNS: u64 = 40;
/// Every answer ends; whoever still waits then, hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Everything that can be asked in the name of somebody, once.
async fn ask_everything(wire: &'static dyn Wire, stub: &Stub, http: &Http) {
    let connection = connect(wire, &stub.origin);
    let session = wire.session(connection.clone(), http.clone());
    let (platform, workspace) = (wire.platform(), wire.workspace());
    // What came of it does not matter here: that it came to an end does.
    let _ = platform.tokens(&session, workspace).await;
    let _ = platform.issue(&session, workspace, &wish(wire, "qgis_laptop")).await;
    let _ = platform.revoke(&session, workspace, "0b6c4f4e").await;
    let _ = platform.verify(&session, workspace).await;
    let _ = platform.issue_s3(&session, workspace).await;
    let spaces = platform.workspaces(&session).await.unwrap_or_default();
    let _ = platform.identify(&session, &spaces).await;
    let _ = platform.probe(http, &connection).await;
    let _ = BrowserFlow::open(http, &connection, false).await;
    let _ = DeviceFlow::open(http, &connection, false).await;
}

/// A server whose every answer is malformed, or honest now and then, so that later steps are
/// reached too. `served` counts.
async fn server(wire: &'static dyn Wire, dice: Arc<Mutex<Dice>>, served: Arc<Mutex<u64>>) -> Stub {
    Stub::serve(Arc::new(move |got| {
        let honest = wire.honest(got);
        let mut dice = dice.lock().expect("the dice");
        if dice.rarely(10) {
            return honest;
        }
        let Reply::Bytes(whole) = honest else { return honest };
        let end = whole.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
        *served.lock().expect("the count") += 1;
        Reply::Bytes(answer(&mut dice, &whole[end..]))
    }))
    .await
}

#[tokio::test]
#[ignore = "runs alone, by `hostile`"]
async fn malformed_answers() {
    count_panics();
    let dice = Arc::new(Mutex::new(Dice::new(seed())));
    let served = Arc::new(Mutex::new(0));
    let count = || *served.lock().expect("the count");
    let mut figures = Figures::default();
    let mut warm = None;
    let mut wires = registrations().iter().cycle();
    while count() < ANSWERS && figures.hangs == 0 {
        let wire = *wires.next().expect("a circle");
        let until = count() + BATCH;
        let (http, _, _) = still_http();
        let stub = server(wire, Arc::clone(&dice), Arc::clone(&served)).await;
        // Some turns send little: an adapter may spare a server that has just refused it.
        for _ in 0..TURNS {
            if count() >= until || figures.hangs > 0 {
                break;
            }
            let asked = tokio::time::timeout(PATIENCE, ask_everything(wire, &stub, &http)).await;
            figures.hangs += u64::from(asked.is_err());
        }
        if count() > ANSWERS / 10 {
            warm.get_or_insert_with(resident_mib);
        }
    }
    figures.cases = count();
    figures.growth_mib = resident_mib() - warm.unwrap_or(0.0);
    figures.known_bad = vec![
        ("a_parser_that_trusts".into(), a_parser_that_trusts() > 0),
        ("a_client_that_waits_for_ever".into(), waits_for_ever().await),
        ("a_client_that_keeps_every_answer".into(), keeps_every_answer() > 16.0),
    ];
    tell(figures);
}

/// Known-bad: reads what is there as if it were always there.
fn a_parser_that_trusts() -> u64 {
    let mut dice = Dice::new(seed());
    panics_of(|| {
        for _ in 0..20 {
            let bytes = answer(&mut dice, b"[{\"id\":\"a\"}]");
            let trusting = std::thread::spawn(move || {
                let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
                value[0]["id"].as_str().expect("an id").len()
            });
            // That it failed is what the count is for.
            let _ = trusting.join();
        }
    })
}

/// Known-bad: no time limit. The same wait that found no hang must find this one.
async fn waits_for_ever() -> bool {
    let stub = Stub::start([Reply::Silence]).await;
    let address = stub.origin.trim_start_matches("http://").to_owned();
    let asked = async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    tokio::time::timeout(Duration::from_secs(1), asked).await.is_err()
}

/// Known-bad: what a leak of the answers would look like to the measure of memory.
fn keeps_every_answer() -> f64 {
    let (mut dice, mut kept) = (Dice::new(seed()), Vec::new());
    let before = resident_mib();
    for _ in 0..ANSWERS {
        kept.push(answer(&mut dice, &[b'x'; 2048]));
    }
    let grown = resident_mib() - before;
    drop(kept);
    grown
}

/// The operations that a registration tells apart are those of the honest server.
#[test]
fn every_registration_is_fuzzed() {
    for wire in registrations() {
        let got = crate::stub::Got {
            method: "GET".into(),
            target: "/nowhere".into(),
            headers: Vec::new(),
            body: String::new(),
        };
        assert!(
            matches!(wire.honest(&got), Reply::Bytes(_)),
            "{}",
            wire.platform().descriptor().id
        );
        assert_ne!(wire.operation(&got), Some(Operation::Issue));
    }
}
