//! A0–A7: who asks, how it is shown, and what refusals mean.

use std::sync::Arc;

use wayleave_core::platform::descriptor::KeyHeader;
use wayleave_core::platform::{Auth, Finding, Kind, Operation, learn};

use super::{Check, HONEST, Need, both, made_up, percent_decoded};
use crate::conformance::case::{Case, OFFERED, Stage, Verdict, want};
use crate::conformance::yard::Yard;
use crate::stub::{Got, Stub, page, page_with};

pub const CHECKS: &[Check] = &[
    made_up!(
        "A0",
        "a refusal counts against the account only when the key is good",
        &[Need::Learned],
        a0,
        Not("what a refusal counts for is decided here; the refusals are those of A3 and A4")
    ),
    made_up!("A1", "the key is in its one header, in no other", &[], a1, Each(a1_stack)),
    both!("A2", "no secret in an address", &[], a2, a2_yard, Each(a2_yard)),
    made_up!("A3", "the platform's \"not accepted\" is: not signed in", &[], a3, Each(a3_stack)),
    made_up!("A4", "the platform's \"may not\" is: forbidden", &[], a4, Once(a4_stack)),
    made_up!(
        "A5",
        "a redirect to a sign-in page, or that page with 200, is: not signed in",
        &[],
        a5,
        Not("its proxy answers 401 to whoever asks for JSON, and its store knows no pages")
    ),
    made_up!("A6", "pages of a server in front leave no markup in a message", &[], a6, Not(HONEST)),
    made_up!(
        "A7",
        "a redirect elsewhere is not followed, no credential leaves",
        &[],
        a7,
        Not(HONEST)
    ),
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

async fn a1_stack(yard: Arc<Yard>) -> Verdict {
    yard.use_all().await;
    let heard = yard.place.heard().await?;
    want!(!heard.is_empty(), "nothing was sent");
    let in_content = matches!(yard.case.descriptor().key_header, KeyHeader::None);
    let by_cookie = yard.session.auth() == Auth::Portal;
    for got in heard {
        let has = |name: &str| got.headers.iter().any(|header| header == name);
        let expected = (!in_content && !by_cookie, !in_content && by_cookie);
        let sent = (has("authorization"), has("cookie"));
        want!(sent == expected, "{} {}: (authorization, cookie) {sent:?}", got.method, got.path);
        let strange = got.cookies.iter().find(|name| !name.starts_with("_oauth2_proxy"));
        want!(strange.is_none(), "a cookie that is not the session's: {strange:?}");
    }
    Ok(())
}

async fn a2_yard(yard: Arc<Yard>) -> Verdict {
    let secrets = yard.use_all().await;
    let leak = yard.place.leak(&secrets)?;
    want!(leak.is_none(), "{leak:?}");
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

/// Refused by the servers themselves: of a session that they ended, and of altered cookies.
async fn a3_stack(yard: Arc<Yard>) -> Verdict {
    let dead = yard.dead().await?;
    for operation in OFFERED.into_iter().filter(|&o| yard.case.offers(o)) {
        let session = yard.place.restore(&dead)?;
        let before = yard.place.heard().await?.len();
        let Err(error) = yard.ask_with(&session, operation).await else {
            return Err(format!("{operation}: a dead session was let in"));
        };
        want!(error.kind == Kind::Unauthenticated, "{operation}: {error:?}");
        want!(yard.place.heard().await?.len() > before, "{operation}: nobody was asked");
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

async fn a4_stack(yard: Arc<Yard>) -> Verdict {
    let (client, who) = yard.case.wire.unwelcome().ok_or("the registration names nobody")?;
    let session = yard.place.oidc_as(client, who).await?;
    for operation in OFFERED.into_iter().filter(|&o| yard.case.offers(o)) {
        let Err(error) = yard.ask_with(&session, operation).await else {
            return Err(format!("{operation}: done for somebody who may not"));
        };
        want!(error.kind == Kind::Forbidden && !error.retryable(), "{operation}: {error:?}");
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
