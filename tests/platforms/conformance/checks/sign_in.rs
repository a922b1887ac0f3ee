//! A8–A12: signing in, staying signed in, signing out.

use std::sync::Arc;

use wayleave_core::ErrorCode;
use wayleave_core::api::SignInWay;
use wayleave_core::platform::{Auth, Kind, Operation};
use wayleave_core::session::browser::BrowserFlow;
use wayleave_core::session::device::DeviceFlow;
use wayleave_core::session::{Session, SignInError};
use wayleave_sandbox::Effect;

use super::{Check, ELSEWHERE, Need, both, in_sandbox, made_up};
use crate::conformance::case::{Case, Verdict, want};
use crate::conformance::yard::Yard;
use crate::sign_in::{deliver, parameter};
use crate::stub::page;

const BROWSER: &[Need] = &[Need::Browser];

pub const CHECKS: &[Check] = &[
    in_sandbox!(
        "A8",
        "browser sign-in: PKCE, wrong and repeated answers, refusal",
        BROWSER,
        a8,
        Once(a8)
    ),
    in_sandbox!(
        "A9",
        "device sign-in: pending, slower, refused, ended",
        &[Need::Device],
        a9,
        Once(a9)
    ),
    in_sandbox!(
        "A10",
        "tokens are renewed once for all, and the session outlives a fault",
        BROWSER,
        a10,
        Once(a10)
    ),
    made_up!(
        "A11",
        "a wrong pair: one log-in, and none while locked out",
        &[Need::LogIn],
        a11,
        Not(ELSEWHERE)
    ),
    both!(
        "A12",
        "signing out clears here whatever the platform says",
        &[],
        a12,
        a12_yard,
        Ways(a12_yard)
    ),
];

async fn a8(yard: Arc<Yard>) -> Verdict {
    let place = &yard.place;
    let grant = place.grant().await?;
    want!(grant.with == SignInWay::Browser, "signed in by {:?}", grant.with);
    want!(grant.username.as_deref() == Some("demo"), "as {:?}", grant.username);
    let flow = BrowserFlow::open(place.http(), &place.asking(), false).await;
    let flow = flow.map_err(|error| format!("{error:?}"))?;
    let (redirect, state) = (parameter(&flow, "redirect_uri"), parameter(&flow, "state"));
    let issuer = &place.connection().issuer;
    let good = place.refuse(&flow).await?;
    let strays = [
        format!("{redirect}?code=c&state=0&iss={issuer}"),
        format!("{redirect}?code=c&state={state}&state={state}&iss={issuer}"),
        format!("{redirect}?code=c&state={state}&iss=https://evil.example"),
        redirect.replace("/callback", "/favicon.ico"),
    ];
    let http = place.http().clone();
    let wait = tokio::spawn(async move { flow.finish(&http).await });
    for stray in strays {
        let (status, _) = deliver(&stray).await;
        want!(status == 400 || status == 404, "{status}");
        want!(!wait.is_finished(), "a stray request ended the wait");
    }
    let (status, shown) = deliver(&good).await;
    want!(status == 200 && !shown.contains(&state), "the answer page: {status}");
    let ended = wait.await.map_err(|error| error.to_string())?;
    want!(matches!(ended, Err(SignInError::Refused)), "refused by the user: {ended:?}");
    let again = crate::client().get(&good).send().await;
    want!(again.is_err(), "the port is still open after the answer");
    code_of_another(&yard).await
}

/// PKCE and redirect bind a code to the flow that asked for it.
async fn code_of_another(yard: &Yard) -> Verdict {
    let place = &yard.place;
    let open = || BrowserFlow::open(place.http(), place.connection(), false);
    let theirs = open().await.map_err(|error| format!("{error:?}"))?;
    let ours = open().await.map_err(|error| format!("{error:?}"))?;
    let back = url::Url::parse(&place.lead(&theirs).await?).map_err(|error| error.to_string())?;
    let code = back.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code);
    let mut stolen = back.clone();
    stolen.set_port(port(&ours)).map_err(|()| "no port")?;
    let (state, issuer) = (parameter(&ours, "state"), place.connection().issuer.as_str());
    let pairs = [("code", code.as_deref().ok_or("no code")?), ("state", &state), ("iss", issuer)];
    stolen.query_pairs_mut().clear().extend_pairs(pairs);
    let (ended, _) = tokio::join!(ours.finish(place.http()), deliver(stolen.as_str()));
    want!(matches!(ended, Err(SignInError::Broken(_))), "the code of another flow: {ended:?}");
    Ok(())
}

/// Where a flow listens.
fn port(flow: &BrowserFlow) -> Option<u16> {
    url::Url::parse(&parameter(flow, "redirect_uri")).ok()?.port()
}

async fn a9(yard: Arc<Yard>) -> Verdict {
    let place = &yard.place;
    let start = || DeviceFlow::open(place.http(), place.connection(), false);
    let flow = start().await.map_err(|error| format!("{error:?}"))?;
    place.type_late(&flow).await?;
    let grant = flow.finish(place.http()).await.map_err(|error| format!("{error:?}"))?;
    want!(grant.with == SignInWay::Device, "signed in by {:?}", grant.with);
    let waits: Vec<u64> = place.pauses().iter().map(std::time::Duration::as_secs).collect();
    want!(waits.len() == 3 && waits[2] == waits[1] + 5, "slow_down lengthens by 5 s: {waits:?}");
    let flow = start().await.map_err(|error| format!("{error:?}"))?;
    place.type_code(&flow, false).await?;
    let ended = flow.finish(place.http()).await;
    want!(matches!(ended, Err(SignInError::Refused)), "denied: {ended:?}");
    let ended = place.code_ends().await?;
    want!(matches!(ended, Err(SignInError::Expired)), "ended: {ended:?}");
    Ok(())
}

async fn a10(yard: Arc<Yard>) -> Verdict {
    let place = &yard.place;
    let session = place.oidc().await?;
    let (before, saves) = (place.token_requests().await?, place.saves());
    place.advance(290);
    let ask = |session: Session| {
        let yard = Arc::clone(&yard);
        async move { yard.ask_with(&session, yard.case.main()).await }
    };
    let calls = (0..5).map(|_| ask(session.clone()));
    for answer in join_all(calls).await {
        answer.map_err(|error| format!("while renewing: {error}"))?;
    }
    let renewals = place.token_requests().await? - before;
    want!(renewals == 1, "{renewals} renewals for five calls");
    want!(place.saves() == saves + 1, "stored {} times before use", place.saves() - saves);
    place.advance(400);
    let trouble = Effect::Answer {
        status: 503,
        content_type: String::new(),
        body: String::new(),
        headers: vec![],
    };
    place.disturb(Some("POST"), "*/token", Some(1), trouble).await?;
    want!(ask(session.clone()).await.is_err(), "the provider is in trouble");
    want!(session.status().ended.is_none(), "a provider in trouble ended the session");
    ask(session.clone()).await.map_err(|error| format!("after the trouble: {error}"))?;
    place.end_there(&session).await?;
    place.advance(400);
    let Err(error) = ask(session.clone()).await else { return Err("it goes on".into()) };
    want!(error.code() == ErrorCode::SessionEnded, "invalid_grant: {error:?}");
    want!(session.status().ended.is_some(), "an ended session looks alive");
    Ok(())
}

/// All at once, in order of their start.
async fn join_all<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T>>,
) -> Vec<T> {
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (call, done) in calls.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = call.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
    done.into_iter().flatten().collect()
}

async fn a11(case: Case) -> Verdict {
    let refused = case.wire.log_in_refused().expect("the check counts");
    let stage = case.on([(Operation::SignIn, vec![refused])]).await;
    let error = stage.main_error("a wrong pair").await?;
    want!(error.kind == Kind::Unauthenticated, "{error:?}");
    want!(stage.sent(Operation::SignIn).len() == 1, "one log-in only");
    stage.main_error("again at once").await?;
    want!(stage.sent(Operation::SignIn).len() == 1, "the next one waits");
    Ok(())
}

async fn a12(case: Case) -> Verdict {
    let broken = page(500, "text/plain", "boom");
    let stage = case.on([(Operation::SignOut, vec![broken])]).await;
    // It may live on there; here it is over.
    let _ = stage.session.sign_out(true).await;
    let before = stage.stub.got().len();
    let error = stage.main_error("after signing out").await?;
    want!(error.kind == Kind::Unauthenticated, "{error:?}");
    want!(stage.stub.got().len() == before, "something was sent after signing out");
    Ok(())
}

async fn a12_yard(yard: Arc<Yard>) -> Verdict {
    let session = yard.persons().await?;
    if session.auth() == Auth::Oidc {
        ended_there_too(&yard).await?;
    }
    let fault = Effect::Answer {
        status: 500,
        content_type: String::new(),
        body: String::new(),
        headers: vec![],
    };
    for path in ["*logout*", "*revoke*", "*sign_out*"] {
        yard.place.disturb(None, path, None, fault.clone()).await?;
    }
    let _ = session.sign_out(true).await;
    want!(yard.case.adapter.verify(&session, yard.workspace).await.is_err(), "it goes on");
    Ok(())
}

/// Signed out everywhere, a copy of the session is of no use.
async fn ended_there_too(yard: &Yard) -> Verdict {
    let session = yard.place.oidc().await?;
    let copy = session.to_sealed().await;
    session.sign_out(true).await.map_err(|error| format!("signing out: {error:?}"))?;
    yard.place.advance(400);
    let answer = yard.ask_with(&yard.place.restore(&copy)?, yard.case.main()).await;
    let over = answer.as_ref().is_err_and(|error| error.kind == Kind::Unauthenticated);
    want!(over, "a copy after signing out everywhere: {answer:?}");
    Ok(())
}
