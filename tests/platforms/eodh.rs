//! EODH against the sandbox: identity, lists, issuing, revoking, S3 credentials, verifying.

use wayleave_core::ErrorCode;
use wayleave_core::api::{Support, VerifyCause, WorkspaceView};
use wayleave_core::credential::{Field, Id};
use wayleave_core::issuance::{Verdict, Wish, prepare, reconcile};
use wayleave_core::platform::{
    AnyPlatform, Finding, IssueOutcome, IssueRequest, IssuedToken, KeyForm, KeyState, Kind,
    Operation, Platform as _, Revoked, learn, verify_cause,
};
use wayleave_core::session::Session;
use wayleave_sandbox::{Control, Effect, ForeignToken};

use crate::{World, connection};

const EODH: AnyPlatform = AnyPlatform::Eodh;
const TOKENS: &str = "/api/workspaces/demo-ws/me/tokens";

fn wanted(name: &str, days: u32) -> IssueRequest {
    IssueRequest { name: name.into(), lifetime: Some(days), permissions: vec![] }
}

async fn issue(session: &Session, request: &IssueRequest) -> IssuedToken {
    let outcome = EODH.issue(session, "demo-ws", request).await;
    let IssueOutcome::Issued(issued) = outcome else { panic!("{outcome:?}") };
    *issued
}

#[tokio::test]
async fn the_sandbox_is_such_a_hub_and_another_address_is_not() {
    let world = World::start();
    EODH.probe(&world.http, &world.connection).await.expect("a hub");
    let s3 = connection(world.sandbox.s3_endpoint(), None);
    let error = EODH.probe(&world.http, &s3).await.expect_err("no hub");
    assert_eq!(error.kind, Kind::NotThisPlatform);
}

#[tokio::test]
async fn workspaces_are_sorted_and_only_ready_stores_are_offered() {
    let world = World::start();
    let session = world.portal().await;
    let found = EODH.workspaces(&session).await.expect("workspaces");
    let names: Vec<_> = found.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["bare-ws", "demo-lab", "demo-ws", "new-ws"]);
    let of = |name: &str| found.iter().find(|w| w.name == name).expect("it");
    let store = of("demo-ws").s3.clone().expect("a store");
    assert_eq!(store.prefix, "demo-ws/");
    assert_eq!(store.endpoint.as_deref(), Some(world.sandbox.s3_endpoint()));
    assert_eq!(store.region, wayleave_sandbox::REGION);
    assert!(of("new-ws").s3.is_none() && !of("new-ws").can_issue, "still being made");
    assert!(of("bare-ws").s3.is_none() && of("bare-ws").can_issue);
}

#[tokio::test]
async fn the_user_name_is_found_in_every_way_and_is_never_the_workspace() {
    let world = World::start();
    let portal = world.portal().await;
    let spaces = EODH.workspaces(&portal).await.expect("workspaces");
    let name = Some("demo".to_owned());
    assert_eq!(EODH.identify(&portal, &spaces).await, Ok(name.clone()), "by the proxy");
    let gone = Effect::Answer {
        status: 404,
        content_type: "text/plain".into(),
        body: "404 page not found".into(),
        headers: vec![],
    };
    world.sandbox.rule(Some("GET"), "/oauth2/userinfo", None, gone.clone());
    let (_, key) = world.key("in demo-ws");
    assert_eq!(EODH.identify(&portal, &spaces).await, Ok(name), "by its tokens");
    world.sandbox.rule(Some("GET"), "*/users", None, gone);
    assert_eq!(EODH.identify(&portal, &spaces).await, Ok(None), "nowhere");
    assert_eq!(EODH.identify(&key, &spaces).await, Ok(None), "nowhere");
    assert_eq!(EODH.identify(&key, &[] as &[WorkspaceView]).await, Ok(None));
}

#[tokio::test]
async fn a_token_is_requested_listed_verified_and_revoked() {
    let world = World::start();
    let session = world.portal().await;
    let name = "QGIS “laptop” / Ω 'x'";
    let issued = issue(&session, &wanted(name, 7)).await;
    assert!(issued.warnings.is_empty(), "{:?}", issued.warnings);
    assert_eq!(EODH.recognise_key(issued.key.expose_text().unwrap()), KeyForm::Key);
    assert_eq!((issued.token.name.as_str(), issued.token.workspace.as_str()), (name, "demo-ws"));
    let id = issued.token.id.clone().expect("an id");
    let listed = EODH.tokens(&session, "demo-ws").await.expect("a list");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id.as_ref(), Some(&id));
    assert_eq!(listed[0].expires, issued.token.expires);

    let key = world.with_key(issued.key.expose_text().unwrap());
    assert_eq!(EODH.verify(&key, "demo-ws").await, Ok(KeyState::Works), "V1");
    let gone = EODH.revoke(&session, "demo-ws", &id).await;
    assert_eq!(gone, Ok(Revoked { already: false, confirmed: true }), "R2");
    let again = EODH.revoke(&session, "demo-ws", &id).await;
    assert_eq!(again, Ok(Revoked { already: true, confirmed: true }), "R6");
    let answer = EODH.verify(&key, "demo-ws").await;
    assert_eq!(answer, Ok(KeyState::NotAccepted));
    let now = world.http.clock().now();
    assert_eq!(verify_cause(&answer, issued.token.expires, now, 0), VerifyCause::Revoked);
    assert!(world.sandbox.seen().iter().all(|seen| !seen.secret_in_url), "A2");
}

#[tokio::test]
async fn a_key_manages_itself_and_is_revoked_last() {
    let world = World::start();
    let (id, key) = world.key("itself");
    let other = issue(&key, &wanted("by key", 1)).await.token.id.expect("an id");
    assert_eq!(EODH.tokens(&key, "demo-ws").await.expect("a list").len(), 2);
    let gone = EODH.revoke(&key, "demo-ws", &other).await;
    assert_eq!(gone, Ok(Revoked { already: false, confirmed: true }));
    let itself = EODH.revoke(&key, "demo-ws", &id).await;
    assert_eq!(itself, Ok(Revoked { already: false, confirmed: true }), "R8");
}

#[tokio::test]
async fn an_ended_key_and_one_of_another_workspace_are_told_apart() {
    let world = World::start();
    let (_, key) = world.key("short");
    assert_eq!(EODH.verify(&key, "demo-lab").await, Ok(KeyState::OtherWorkspace), "A0");
    let expires = world.sandbox.tokens()[0].expiry.parse().ok();
    world.sandbox.clock().advance(31 * 86_400);
    let answer = EODH.verify(&key, "demo-ws").await;
    assert_eq!(answer, Ok(KeyState::NotAccepted));
    let now = world.http.clock().now();
    assert_eq!(verify_cause(&answer, expires, now, 0), VerifyCause::Expired, "V2");
    let behind = now.checked_sub(jiff::SignedDuration::from_hours(40 * 24)).expect("a time");
    assert_eq!(verify_cause(&answer, expires, behind, 40 * 86_400), VerifyCause::Expired, "B11");
}

#[tokio::test]
async fn a_key_that_may_not_list_is_limited_not_dead() {
    let world = World::start();
    let (_, key) = world.key("limited");
    let refused = Effect::Answer {
        status: 403,
        content_type: "application/json".into(),
        body: String::new(),
        headers: vec![],
    };
    world.sandbox.rule(None, TOKENS, None, refused);
    assert_eq!(EODH.verify(&key, "demo-ws").await, Ok(KeyState::WorksWithoutList), "V3");
    let listed = EODH.tokens(&key, "demo-ws").await;
    let found = learn(EODH, &key, "demo-ws", Operation::List, &listed).await;
    assert_eq!(found, Some(Finding::Refused), "A3, A.8");
    let mut learned = wayleave_core::platform::Learned::default();
    learned.note(key.auth(), Operation::List, Finding::Refused);
    let can = EODH.descriptor().effective(key.auth(), &learned);
    assert_eq!((can.list, can.issue), (Support::No, Support::Unknown));
    let minted = EODH.issue_s3(&key, "demo-ws").await;
    let found = learn(EODH, &key, "demo-ws", Operation::S3, &minted).await;
    assert_eq!(found, Some(Finding::Works));
}

#[tokio::test]
async fn a_refusal_of_a_dead_key_teaches_nothing() {
    let world = World::start();
    let dead = world.with_key(crate::KEY);
    let minted = EODH.issue_s3(&dead, "demo-ws").await;
    let error = minted.as_ref().expect_err("dead");
    assert_eq!(error.kind, Kind::Unauthenticated, "S3");
    assert_eq!(learn(EODH, &dead, "demo-ws", Operation::S3, &minted).await, None);
}

#[tokio::test]
async fn out_of_range_requests_are_refused_without_a_request() {
    let world = World::start();
    let (_, key) = world.key("limits");
    let long = "x".repeat(129);
    for (name, days) in [("a", 0), ("a", 31), ("", 5), (long.as_str(), 5)] {
        let outcome = EODH.issue(&key, "demo-ws", &wanted(name, days)).await;
        assert!(matches!(outcome, IssueOutcome::Refused(_)), "I5, I9: {name} {days}");
    }
    for workspace in ["..", "", "a/b", "a\u{0}"] {
        let outcome = EODH.issue(&key, workspace, &wanted("a", 5)).await;
        assert!(matches!(outcome, IssueOutcome::Refused(_)), "{workspace:?}");
        let error = EODH.issue_s3(&key, workspace).await.expect_err("no workspace");
        assert_eq!(error.code(), ErrorCode::Rejected);
    }
    assert!(world.sandbox.seen().is_empty(), "nothing was sent");
    let longest = "é".repeat(128);
    issue(&key, &wanted(&longest, 30)).await;
}

#[tokio::test]
async fn a_lost_answer_is_reconciled_by_the_list_and_posted_once() {
    let world = World::start();
    let session = world.portal().await;
    let request = wanted("lost", 30);
    for effect in [Effect::DropAnswer, Effect::Cut { after_bytes: 120 }] {
        world.sandbox.control(Control::ClearRules).expect("a control");
        world.sandbox.control(Control::ClearSeen).expect("a control");
        let before = EODH.tokens(&session, "demo-ws").await.expect("a list");
        let (id, account) = (Id([1; 16]), Id([2; 16]));
        let wish = Wish { id, account, workspace: "demo-ws", request: &request };
        let now = world.http.clock().now();
        let intent = prepare(wish, Some(&before), now, 0);
        world.sandbox.rule(Some("POST"), TOKENS, None, effect);
        let outcome = EODH.issue(&session, "demo-ws", &request).await;
        assert!(matches!(outcome, IssueOutcome::Unknown(_)), "I8: {outcome:?}");
        assert_eq!(world.count("POST", TOKENS), 1, "one POST only");
        let listed = EODH.tokens(&session, "demo-ws").await.expect("a list");
        let Verdict::Ours(ours) = reconcile(&intent, &listed) else { panic!("ours") };

        // Somebody else makes one of the same name during the request: both stay.
        let foreign = ForeignToken {
            username: "demo".into(),
            workspace: "demo-ws".into(),
            name: "lost".into(),
            age_seconds: 0,
            expires_in: 86_400,
        };
        world.sandbox.control(Control::AddToken(foreign)).expect("a control");
        let listed = EODH.tokens(&session, "demo-ws").await.expect("a list");
        let Verdict::Unclear(both) = reconcile(&intent, &listed) else { panic!("unclear") };
        assert_eq!(both.len(), 2);
        let id = ours.id.expect("an id");
        EODH.revoke(&session, "demo-ws", &id).await.expect("revoked");
    }
}

#[tokio::test]
async fn server_faults_are_unknown_and_refusals_are_refused() {
    let world = World::start();
    let session = world.portal().await;
    let said = |status, kind: &str, body: &str| Effect::Answer {
        status,
        content_type: kind.into(),
        body: body.into(),
        headers: vec![],
    };
    for status in [500, 502, 504] {
        world.sandbox.rule(Some("POST"), TOKENS, Some(1), said(status, "text/html", "<html>"));
        let outcome = EODH.issue(&session, "demo-ws", &wanted("x", 5)).await;
        assert!(matches!(outcome, IssueOutcome::Unknown(_)), "{status}: {outcome:?}");
    }
    for status in [400, 403, 404, 409, 422, 429] {
        let body = r#"{"detail":"no"}"#;
        world.sandbox.rule(Some("POST"), TOKENS, Some(1), said(status, "application/json", body));
        let outcome = EODH.issue(&session, "demo-ws", &wanted("x", 5)).await;
        let IssueOutcome::Refused(error) = outcome else { panic!("{status}: {outcome:?}") };
        assert_eq!(error.facts.said.as_deref(), Some("no"));
    }
    assert!(world.pauses.lock().unwrap().is_empty(), "B9: a POST is never repeated");
    assert_eq!(world.count("POST", TOKENS), 9);
}

#[tokio::test]
async fn s3_credentials_work_for_their_workspace_only() {
    let world = World::start();
    let session = world.portal().await;
    let issued = EODH.issue_s3(&session, "demo-ws").await.expect("credentials");
    let ends = issued.expires.expect("an end").as_second();
    assert_eq!(ends - world.http.clock().now().as_second(), 3600);
    for field in [Field::AccessKeyId, Field::SecretAccessKey, Field::SessionToken] {
        assert!(issued.secret.field(field).is_some_and(|secret| !secret.is_empty()), "S4");
    }
    for workspace in ["tidewatch", "no-such-ws", "new-ws"] {
        let error = EODH.issue_s3(&session, workspace).await.expect_err("no access");
        assert_eq!(error.kind, Kind::Forbidden, "S2 {workspace}");
        assert!(error.hint.is_some() && !error.retryable());
    }
}
