//! B1–B12: broken answers and networks.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use wayleave_core::api::VerifyCause;
use wayleave_core::clock::SystemClock;
use wayleave_core::platform::http::Http;
use wayleave_core::platform::{
    Asked, KeyState, Kind, NetworkKind, Operation, PlatformError, verify_cause,
};

use super::{Check, HONEST, Need, in_sandbox, made_up, two};
use crate::conformance::case::{Case, Stage, Verdict, want};
use crate::conformance::place::Place;
use crate::conformance::wire::connect;
use crate::conformance::yard::Yard;
use crate::stub::{Reply, json, page, page_with};

const LIST: &[Need] = &[Need::Offers(Operation::List)];

pub const CHECKS: &[Check] = &[
    made_up!("B1", "empty body with JSON type", &[], b1, Not(HONEST)),
    made_up!("B2", "JSON text as body", &[], b2, Not(HONEST)),
    made_up!("B3", "the status wins over a body that looks like success", &[], b3, Not(HONEST)),
    made_up!("B4", "wrong content type, good JSON", LIST, b4, Not(HONEST)),
    made_up!("B5", "JSON cut off", &[], b5, Not(HONEST)),
    made_up!("B6", "5 MiB of body, with and without a length", &[], b6, Not(HONEST)),
    made_up!("B7", "silence and a body without an end", &[], b7, Not(HONEST)),
    made_up!(
        "B8",
        "429 with and without Retry-After",
        &[],
        b8,
        Not("none of its servers limits how often it is asked")
    ),
    made_up!("B9", "502 page: a read is repeated, nothing else", &[], b9, Not(HONEST)),
    made_up!("B10", "no name, nobody there, no TLS: told apart", &[], b10, Each(b10_stack)),
    in_sandbox!("B11", "a clock that is an hour off, either way", &[], b11, Each(b11)),
    made_up!("B12", "cancelled in the middle, the next call works", &[], b12, Each(b12_stack)),
];

/// The main operation ends with a protocol error on this answer.
async fn is_protocol_error(case: Case, what: &str, reply: Reply) -> Verdict {
    let error = case.answering(reply).await.main_error(what).await?;
    want!(matches!(error.kind, Kind::Protocol(_)), "{what}: {error:?}");
    Ok(())
}

async fn b1(case: Case) -> Verdict {
    is_protocol_error(case, "empty", json(200, "")).await?;
    is_protocol_error(case, "white space", json(200, " \r\n")).await
}

async fn b2(case: Case) -> Verdict {
    is_protocol_error(case, "text", json(200, "\"a text\"")).await?;
    let stage = case.answering(json(403, "\"access denied\"")).await;
    let error = stage.main_error("403 with a text").await?;
    want!(error.facts.said.as_deref() == Some("access denied"), "said: {:?}", error.facts.said);
    Ok(())
}

async fn b3(case: Case) -> Verdict {
    for (status, body) in [(500, "[]"), (500, "null"), (400, "no {\"a\":1}"), (500, "{}")] {
        let error = case.answering(json(status, body)).await.main_error(body).await?;
        want!(error.status == Some(status), "{status} {body}: {error:?}");
    }
    let good = two(&case);
    let error = case.answering(json(500, &good)).await.main_error("500 with a list").await?;
    want!(error.kind == Kind::Unavailable, "500 with a good body: {error:?}");
    Ok(())
}

async fn b4(case: Case) -> Verdict {
    for kind in ["text/plain", "application/octet-stream", "text/html", ""] {
        let stage = case.on([(Operation::List, vec![page(200, kind, &two(&case))])]).await;
        let listed = stage.list().await;
        want!(listed.as_ref().is_ok_and(|rows| rows.len() == 2), "{kind}: {listed:?}");
    }
    Ok(())
}

async fn b5(case: Case) -> Verdict {
    let whole = two(&case);
    for at in [1, whole.len() / 2, whole.len() - 1] {
        let cut: String = whole.chars().take(at).collect();
        is_protocol_error(case, "cut off", json(200, &cut)).await?;
    }
    Ok(())
}

async fn b6(case: Case) -> Verdict {
    let long = format!("[\"{}\"]", "x".repeat(5 << 20));
    is_protocol_error(case, "with a length", json(200, &long)).await?;
    let endless = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{long}");
    is_protocol_error(case, "without a length", Reply::Bytes(endless.into_bytes())).await
}

async fn b7(case: Case) -> Verdict {
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".to_vec();
    for reply in [Reply::Silence, Reply::Stall(begun)] {
        let mut stage = case.answering(reply).await;
        let error = ended_by_time(&mut stage, case.main()).await?;
        want!(error.kind == Kind::Network { kind: NetworkKind::Timeout, sent: true }, "{error:?}");
    }
    Ok(())
}

/// Starts an operation, waits for its request, then lets time jump to the limit.
pub async fn ended_by_time(
    stage: &mut Stage,
    operation: Operation,
) -> Result<PlatformError, String> {
    let (case, session) = (stage.case, stage.session.clone());
    let call = tokio::spawn(async move { ask_with(case, &session, operation).await });
    arrival(stage, if operation == case.main() { case.asks() } else { operation }).await?;
    tokio::time::pause();
    let answer = call.await.map_err(|error| format!("it broke: {error}"));
    tokio::time::resume();
    match answer? {
        Ok(()) => Err("silence was taken for success".into()),
        Err(error) => Ok(error),
    }
}

/// Waits until a request for this has arrived; others may come before it.
async fn arrival(stage: &mut Stage, operation: Operation) -> Verdict {
    while stage.sent(operation).is_empty() {
        stage.stub.arrived.recv().await.ok_or("no request arrived")?;
    }
    Ok(())
}

/// An operation from another task.
async fn ask_with(
    case: Case,
    session: &wayleave_core::session::Session,
    operation: Operation,
) -> Asked<()> {
    use wayleave_core::platform::IssueOutcome;
    let (adapter, workspace) = (case.adapter, case.wire.workspace());
    match operation {
        Operation::List => adapter.list(session, workspace).await.map(|_| ()),
        Operation::S3 => adapter.s3(session, workspace).await.map(|_| ()),
        Operation::Issue => {
            let request = crate::conformance::wire::wish(case.wire, "qgis_laptop");
            match adapter.issue(session, workspace, &request).await {
                IssueOutcome::Issued(_) | IssueOutcome::WithoutKey(_) => Ok(()),
                IssueOutcome::Refused(error) | IssueOutcome::Unknown(error) => Err(error),
            }
        }
        _ => adapter.verify(session, workspace).await.map(|_| ()),
    }
}

async fn b8(case: Case) -> Verdict {
    let busy = |after: &str| page_with(429, "text/html", &[("Retry-After", after)], "<html>");
    let stage = case.answering(busy("61")).await;
    let error = stage.main_error("429").await?;
    let wait = Some(Duration::from_secs(61));
    want!(error.kind == Kind::RateLimited { retry_after: wait }, "{error:?}");
    want!(stage.sent(case.asks()).len() == 1, "it was asked again though told to wait a minute");
    let stage = case.answering(page(429, "text/plain", "slow down")).await;
    let error = stage.main_error("429").await?;
    want!(error.kind == Kind::RateLimited { retry_after: None }, "{error:?}");
    want!(stage.sent(case.asks()).len() <= 4, "{} requests", stage.sent(case.asks()).len());
    if case.offers(Operation::List) {
        let stage = case.on([(Operation::List, vec![busy("2"), json(200, &two(&case))])]).await;
        want!(stage.list().await.is_ok(), "a read is repeated after 429");
        let pauses = stage.pauses.lock().expect("pauses").clone();
        want!(pauses == [Duration::from_secs(2)], "Retry-After: 2, paused {pauses:?}");
    }
    Ok(())
}

async fn b9(case: Case) -> Verdict {
    for operation in crate::conformance::case::OFFERED {
        if !case.offers(operation) {
            continue;
        }
        let bad = page(502, "text/html", "<html><h1>502 Bad Gateway</h1></html>");
        let stage = case.on([(operation, vec![bad])]).await;
        want!(stage.ask(operation).await.is_err(), "{operation}: 502 was taken for success");
        let sent = stage.sent(operation);
        let reads = sent.iter().filter(|got| got.method == "GET").count();
        let expected = if reads > 0 { 4 } else { 1 };
        want!(sent.len() == expected, "{operation}: {} requests, not {expected}", sent.len());
    }
    Ok(())
}

async fn b10(case: Case) -> Verdict {
    let stage = case.on([]).await;
    let at = |origin: &str| case.wire.session(connect(case.wire, origin), stage.http.clone());
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
        format!("http://{}", listener.local_addr().map_err(|e| e.to_string())?)
    };
    let no_tls = crate::http::speaks_no_tls().await;
    for (origin, kind) in [
        ("https://nowhere.invalid", NetworkKind::Dns),
        (&closed, NetworkKind::Refused),
        (&no_tls, NetworkKind::Tls),
    ] {
        let answer = ask_with(case, &at(origin), case.main()).await;
        let Err(error) = answer else { return Err(format!("{origin}: success")) };
        want!(error.kind == Kind::Network { kind, sent: false }, "{origin}: {error:?}");
    }
    Ok(())
}

/// An authority that nobody knows: told as such, and nothing is sent.
async fn b10_stack(yard: Arc<Yard>) -> Verdict {
    let sealed = yard.session.to_sealed().await;
    let stranger = Http::new(Arc::new(SystemClock));
    let session = yard.place.restore_with(&sealed, stranger)?;
    let Err(error) = yard.ask_with(&session, yard.case.main()).await else {
        return Err("a certificate of nobody was accepted".into());
    };
    let tls = Kind::Network { kind: NetworkKind::Tls, sent: false };
    want!(error.kind == tls, "{error:?}");
    let heard = yard.place.heard().await?.len();
    want!(heard == 0, "{heard} requests arrived all the same");
    Ok(())
}

async fn b11(yard: Arc<Yard>) -> Verdict {
    for hours in [1, -1] {
        let (http, session) = yard.standing_still(hours).await?;
        for _ in 0..3 {
            let answer = yard.ask_with(&session, yard.case.main()).await;
            answer.map_err(|error| format!("{hours} h: {error}"))?;
        }
        let skew = http.skew("127.0.0.1").ok_or("the skew is not known")?;
        want!((skew - hours * 3600).abs() <= SKEW_LEEWAY, "{hours} h off, measured {skew} s");
        let now = http.clock().now();
        let end =
            now.checked_add(SignedDuration::from_mins(30 * hours)).map_err(|e| e.to_string())?;
        let cause = verify_cause(&Ok(KeyState::NotAccepted), Some(end), now, skew);
        let expected = if hours > 0 { VerifyCause::Expired } else { VerifyCause::Clock };
        want!(cause == expected, "{hours} h: {cause:?}");
    }
    Ok(())
}

/// How far off a measured difference of clocks may be, in seconds: our clock stands still
/// meanwhile, and servers' clocks do not.
const SKEW_LEEWAY: i64 = 60;

/// Held up on its way, given up by the caller, and let go.
async fn b12_stack(yard: Arc<Yard>) -> Verdict {
    let Place::Stack(stack) = &yard.place else { return Err("for the real servers".into()) };
    let main = yard.case.main();
    let (method, path) = yard.case.wire.sandbox_rule(main);
    let held = stack.hold(method, &path).await?;
    let calling = Arc::clone(&yard);
    let call = tokio::spawn(async move { calling.ask(main).await });
    stack.held(&held).await?;
    call.abort();
    want!(call.await.is_err_and(|error| error.is_cancelled()), "it was not cancelled");
    stack.release(&held).await?;
    yard.ask(main).await.map_err(|error| format!("the next call failed: {error}"))
}

async fn b12(case: Case) -> Verdict {
    let main = case.main();
    let mut stage = case.first([(case.asks(), vec![Reply::Silence])]).await;
    let session = stage.session.clone();
    let call = tokio::spawn(async move { ask_with(case, &session, main).await });
    arrival(&mut stage, case.asks()).await?;
    call.abort();
    want!(call.await.is_err_and(|error| error.is_cancelled()), "it was not cancelled");
    stage.main().await.map_err(|error| format!("the next call failed: {error}"))
}
