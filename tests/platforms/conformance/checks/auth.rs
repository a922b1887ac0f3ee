//! A0–A12: who asks, how it is shown, and what refusals mean.

use std::sync::Arc;

use wayleave_core::ErrorCode;
use wayleave_core::api::SignInWay;
use wayleave_core::platform::{Finding, Kind, Operation, learn};
use wayleave_sandbox::{Effect, SessionKind};

use super::{Check, Need, both, in_sandbox, made_up};
use crate::conformance::case::{Case, OFFERED, Stage, Verdict, want};
use crate::conformance::sandbox::Yard;
use crate::stub::{Got, Stub, page, page_with};

const BROWSER: &[Need] = &[Need::Browser];

pub const CHECKS: &[Check] = &[
    made_up!(
        "A0",
        "a refusal counts against the account only when the key is good",
        &[Need::Learned],
        a0
    ),
    made_up!("A1", "the key is in its one header, in no other", &[], a1),
    both!("A2", "no secret in an address", &[], a2, a2_sandbox),
    made_up!("A3", "the platform's \"not accepted\" is: not signed in", &[], a3),
    made_up!("A4", "the platform's \"may not\" is: forbidden", &[], a4),
    made_up!(
        "A5",
        "a redirect to a sign-in page, or that page with 200, is: not signed in",
        &[],
        a5
    ),
    made_up!("A6", "pages of a server in front leave no markup in a message", &[], a6),
    made_up!("A7", "a redirect elsewhere is not followed, no credential leaves", &[], a7),
    in_sandbox!("A8", "browser sign-in: PKCE, wrong and repeated answers, refusal", BROWSER, a8),
    in_sandbox!("A9", "device sign-in: pending, slower, refused, ended", &[Need::Device], a9),
    in_sandbox!(
        "A10",
        "tokens are renewed once for all, and the session outlives a fault",
        BROWSER,
        a10
    ),
    made_up!("A11", "a wrong pair: one log-in, and none while locked out", &[Need::LogIn], a11),
    both!("A12", "signing out clears here whatever the platform says", &[], a12, a12_sandbox),
];

async fn a0(case: Case) -> Verdict {
    let operations = [Operation::Issue, Operation::Revoke, Operation::S3];
    for operation in operations.into_iter().filter(|&o| case.offers(o)) {
        let refusal = case.wire.forbidden().remove(0);
        let stage = case.on([(operation, vec![refusal])]).await;
        let result = stage.ask(operation).await;
        want!(result.is_err(), "{operation}: the refusal was taken for success");
        let found = learnt(&stage, operation, &result).await;
        want!(found == Some(Finding::Refused), "{operation}, good key: {found:?}");
        let dead = case.wire.not_accepted().remove(0);
        let all = [Operation::List, Operation::Issue, Operation::Revoke, Operation::S3];
        let more = [Operation::Workspaces, Operation::Verify, Operation::Identify];
        let script = all.into_iter().chain(more).map(|o| (o, vec![dead.clone()]));
        let stage = case.on(script).await;
        let result = stage.ask(operation).await;
        let found = learnt(&stage, operation, &result).await;
        want!(found.is_none(), "{operation}, dead key: {found:?}");
    }
    Ok(())
}

async fn learnt(
    stage: &Stage,
    operation: Operation,
    result: &wayleave_core::platform::Asked<()>,
) -> Option<Finding> {
    let platform = stage.case.wire.platform();
    learn(platform, &stage.session, stage.workspace(), operation, result).await
}

/// Every request of every offered operation, on an honest server.
async fn all_requests(case: Case) -> Vec<Got> {
    let mut all = Vec::new();
    for operation in OFFERED.into_iter().chain([Operation::Verify]) {
        if operation == Operation::Verify || case.offers(operation) {
            let stage = case.on([]).await;
            // What came of it is other checks' matter.
            let _ = stage.ask(operation).await;
            all.extend(stage.stub.got());
        }
    }
    all
}

async fn a1(case: Case) -> Verdict {
    let requests = all_requests(case).await;
    want!(!requests.is_empty(), "nothing was sent");
    for got in requests {
        want!(case.wire.bears(&got), "{} {} does not", got.method, got.target);
        let agent = got.header("user-agent").unwrap_or_default();
        want!(agent.starts_with("Wayleave/"), "user agent {agent:?}");
        want!(got.header("accept").is_some(), "{} has no Accept", got.target);
    }
    Ok(())
}

async fn a2(case: Case) -> Verdict {
    for got in all_requests(case).await {
        let plain = percent_decoded(&got.target);
        want!(!plain.contains(case.wire.secret()), "{} {}", got.method, got.target.len());
        let referer = got.header("referer").is_none();
        want!(referer, "{} tells where it came from", got.target);
    }
    Ok(())
}

fn percent_decoded(target: &str) -> String {
    let decoded = url::form_urlencoded::parse(target.as_bytes());
    decoded.map(|(key, value)| [key, value].join("=")).collect::<Vec<_>>().join("\n")
}

async fn a2_sandbox(yard: Arc<Yard>) -> Verdict {
    let offered = OFFERED.into_iter().filter(|&o| yard.case.offers(o));
    for operation in offered.chain([yard.case.main()]) {
        let _ = yard.ask(operation).await;
    }
    let seen = yard.world.sandbox.seen();
    want!(!seen.is_empty(), "nothing was sent");
    let bad = seen.iter().find(|seen| seen.secret_in_url);
    want!(bad.is_none(), "{bad:?}");
    Ok(())
}

async fn a3(case: Case) -> Verdict {
    for operation in OFFERED.into_iter().filter(|&o| case.offers(o)) {
        for reply in case.wire.not_accepted() {
            let stage = case.on([(operation, vec![reply.clone()])]).await;
            let Err(error) = stage.ask(operation).await else {
                return Err(format!("{operation}: {reply:?} was taken for success"));
            };
            want!(error.kind == Kind::Unauthenticated, "{operation}, {reply:?}: {error:?}");
            stage.silent(&error)?;
        }
    }
    Ok(())
}

async fn a4(case: Case) -> Verdict {
    for operation in OFFERED.into_iter().filter(|&o| case.offers(o)) {
        for reply in case.wire.forbidden() {
            let stage = case.on([(operation, vec![reply.clone()])]).await;
            let Err(error) = stage.ask(operation).await else {
                return Err(format!("{operation}: {reply:?} was taken for success"));
            };
            want!(error.kind == Kind::Forbidden, "{operation}, {reply:?}: {error:?}");
        }
    }
    Ok(())
}

const LOGIN: &str = "<html><form id=\"kc-form-login\" method=\"post\">\
    <input type=\"password\"></form></html>";

async fn a5(case: Case) -> Verdict {
    let redirects = ["/login?next=%2F", "https://sso.example/realms/x/openid-connect/auth?a=b"];
    let redirects = redirects.map(|to| page_with(302, "", &[("Location", to)], ""));
    for reply in redirects.into_iter().chain([page(200, "text/html; charset=utf-8", LOGIN)]) {
        let error = case.answering(reply.clone()).await.main_error("a sign-in page").await?;
        want!(error.kind == Kind::Unauthenticated, "{reply:?}: {error:?}");
    }
    let stage = case.answering(page(200, "text/html", "<html>Welcome</html>")).await;
    let error = stage.main_error("some page").await?;
    want!(matches!(error.kind, Kind::Protocol(_)), "a page that asks nothing: {error:?}");
    Ok(())
}

async fn a6(case: Case) -> Verdict {
    for status in [401, 403, 502] {
        let text = format!("<html>\r\n<head><title>{status}</title></head><hr>nginx</html>\r\n");
        let stage = case.answering(page(status, "text/html", &text)).await;
        let error = stage.main_error("a server's page").await?;
        let told = wayleave_core::Error::from(error);
        let shown = format!("{told:?}");
        want!(!shown.contains('<') && !shown.contains("nginx"), "{status}: {shown}");
    }
    Ok(())
}

async fn a7(case: Case) -> Verdict {
    for operation in OFFERED.into_iter().filter(|&o| case.offers(o)) {
        for status in [301, 302, 303, 307, 308] {
            let elsewhere = Stub::start([]).await;
            let to = format!("{}/elsewhere", elsewhere.origin);
            let reply = page_with(status, "", &[("Location", &to)], "");
            let stage = case.on([(operation, vec![reply])]).await;
            want!(stage.ask(operation).await.is_err(), "{operation} {status}: success");
            want!(elsewhere.got().is_empty(), "{operation} {status} was followed");
        }
    }
    Ok(())
}

async fn a8(yard: Arc<Yard>) -> Verdict {
    use wayleave_core::session::SignInError;
    let world = &yard.world;
    let grant = world.browser(false).await.map_err(|error| format!("{error:?}"))?;
    want!(grant.with == SignInWay::Browser, "signed in by {:?}", grant.with);
    let (redirect, state, flow) = world.flow().await;
    let issuer = world.sandbox.issuer();
    let good = format!("{redirect}?error=access_denied&state={state}&iss={issuer}");
    let strays = [
        format!("{redirect}?code=c&state=0&iss={issuer}"),
        format!("{redirect}?code=c&state={state}&state={state}&iss={issuer}"),
        format!("{redirect}?code=c&state={state}&iss=https://evil.example"),
        redirect.replace("/callback", "/favicon.ico"),
    ];
    let http = world.http.clone();
    let wait = tokio::spawn(async move { flow.finish(&http).await });
    for stray in strays {
        let (status, _) = crate::sign_in::deliver(&stray).await;
        want!(status == 400 || status == 404, "{status}");
        want!(!wait.is_finished(), "a stray request ended the wait");
    }
    let (status, shown) = crate::sign_in::deliver(&good).await;
    want!(status == 200 && !shown.contains(&state), "the answer page: {status}");
    let ended = wait.await.map_err(|error| error.to_string())?;
    want!(matches!(ended, Err(SignInError::Refused)), "refused by the user: {ended:?}");
    let again = crate::client().get(&good).send().await;
    want!(again.is_err(), "the port is still open after the answer");
    Ok(())
}

async fn a9(yard: Arc<Yard>) -> Verdict {
    use wayleave_core::session::SignInError;
    use wayleave_core::session::device::DeviceFlow;
    let world = &yard.world;
    let start = || DeviceFlow::open(&world.http, &world.connection, false);
    let flow = start().await.map_err(|error| format!("{error:?}"))?;
    let says = |error: &str| Effect::Answer {
        status: 400,
        content_type: "application/json".into(),
        body: format!("{{\"error\":\"{error}\"}}"),
        headers: vec![],
    };
    let token = "*/token";
    world.sandbox.rule(Some("POST"), token, Some(1), says("slow_down"));
    world.sandbox.rule(Some("POST"), token, Some(1), says("authorization_pending"));
    answer_device(world, &flow.user_code, true)?;
    let grant = flow.finish(&world.http).await.map_err(|error| format!("{error:?}"))?;
    want!(grant.with == SignInWay::Device, "signed in by {:?}", grant.with);
    let waits: Vec<u64> =
        world.pauses.lock().unwrap().iter().map(std::time::Duration::as_secs).collect();
    want!(waits.len() == 3 && waits[2] == waits[1] + 5, "slow_down lengthens by 5 s: {waits:?}");
    let flow = start().await.map_err(|error| format!("{error:?}"))?;
    answer_device(world, &flow.user_code, false)?;
    let ended = flow.finish(&world.http).await;
    want!(matches!(ended, Err(SignInError::Refused)), "denied: {ended:?}");
    let flow = start().await.map_err(|error| format!("{error:?}"))?;
    world.sandbox.clock().advance(601);
    let ended = flow.finish(&world.http).await;
    want!(matches!(ended, Err(SignInError::Expired)), "ended: {ended:?}");
    Ok(())
}

fn answer_device(world: &crate::World, code: &str, allow: bool) -> Verdict {
    let control = wayleave_sandbox::Control::AnswerDevice {
        username: "demo".into(),
        user_code: code.into(),
        allow,
    };
    world.sandbox.control(control).map(|_| ()).map_err(|error| error.to_string())
}

async fn a10(yard: Arc<Yard>) -> Verdict {
    let world = &yard.world;
    let session = world.oidc().await;
    let posts = || world.sandbox.seen().iter().filter(|s| s.path.ends_with("/token")).count();
    let before = posts();
    world.sandbox.clock().advance(290);
    let ask = |session: wayleave_core::session::Session| {
        let yard = Arc::clone(&yard);
        async move { yard.ask_with(&session, yard.case.main()).await }
    };
    let calls = (0..5).map(|_| ask(session.clone()));
    for answer in join_all(calls).await {
        answer.map_err(|error| format!("while renewing: {error}"))?;
    }
    want!(posts() == before + 1, "{} renewals for five calls", posts() - before);
    want!(world.saves() == 1, "stored {} times before use", world.saves());
    world.sandbox.clock().advance(400);
    let trouble = Effect::Answer {
        status: 503,
        content_type: String::new(),
        body: String::new(),
        headers: vec![],
    };
    world.sandbox.rule(Some("POST"), "*/token", Some(1), trouble);
    want!(ask(session.clone()).await.is_err(), "the provider is in trouble");
    want!(session.status().ended.is_none(), "a provider in trouble ended the session");
    ask(session.clone()).await.map_err(|error| format!("after the trouble: {error}"))?;
    let end = wayleave_sandbox::Control::ExpireSessions { kind: SessionKind::Oidc, username: None };
    world.sandbox.control(end).map_err(|error| error.to_string())?;
    world.sandbox.clock().advance(400);
    let error = ask(session.clone()).await.expect_err("over");
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

async fn a12_sandbox(yard: Arc<Yard>) -> Verdict {
    let session = if yard.case.descriptor().ways.contains(&SignInWay::Browser) {
        yard.world.oidc().await
    } else {
        yard.session.clone()
    };
    let fault = Effect::Answer {
        status: 500,
        content_type: String::new(),
        body: String::new(),
        headers: vec![],
    };
    for path in ["*logout*", "*revoke*", "*sign_out*"] {
        yard.world.sandbox.rule(None, path, None, fault.clone());
    }
    let _ = session.sign_out(true).await;
    want!(yard.case.adapter.verify(&session, yard.workspace).await.is_err(), "it goes on");
    Ok(())
}
