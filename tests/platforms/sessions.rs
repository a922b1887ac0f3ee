//! Sessions under load and under faults: rotation, single flight, what is stored when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::platform::http::Request;
use wayleave_core::platform::{AnyPlatform, Kind, Operation, Platform as _};
use wayleave_core::secret::Secret;
use wayleave_core::session::{Save, Session, portal};
use wayleave_sandbox::{Control, Effect, SessionKind};

use crate::{World, connection};

const EODH: AnyPlatform = AnyPlatform::Eodh;
const TOKEN: &str = "/keycloak/realms/eodhp/protocol/openid-connect/token";

fn answer(status: u16, body: &str) -> Effect {
    Effect::Answer {
        status,
        content_type: "application/json".into(),
        body: body.into(),
        headers: vec![],
    }
}

impl World {
    fn restore(&self, sealed: &Secret) -> Session {
        let (connection, http) = (self.connection.clone(), self.http.clone());
        Session::restore(sealed, connection, http, self.save()).expect("a session")
    }

    fn last_saved(&self) -> Secret {
        self.saved.lock().unwrap().last().expect("a form").duplicate()
    }

    fn rotate(&self) {
        let control = Control::RotateCookies { after_seconds: Some(60) };
        self.sandbox.control(control).expect("a control");
        self.sandbox.clock().advance(61);
    }
}

#[tokio::test]
async fn parallel_calls_through_rotating_cookies_all_succeed() {
    let world = World::start();
    let session = world.portal().await;
    for _ in 0..3 {
        world.rotate();
        let calls = (0..4).map(|_| {
            let session = session.clone();
            tokio::spawn(async move { EODH.workspaces(&session).await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.expect("ran").expect("workspaces").len(), 4);
        }
    }
    assert!(world.saves() >= 3, "each rotation was stored");
    // Killed now, the stored form goes on where this process stopped.
    let again = world.restore(&world.last_saved());
    world.rotate();
    EODH.workspaces(&again).await.expect("workspaces");
}

/// Known-bad: a form from before a rotation kills the session, so storing first matters.
#[tokio::test]
async fn a_form_from_before_a_rotation_is_dead() {
    let world = World::start();
    let session = world.portal().await;
    let old = session.to_sealed().await;
    world.rotate();
    EODH.workspaces(&session).await.expect("rotated");
    let stale = world.restore(&old);
    let error = EODH.workspaces(&stale).await.expect_err("superseded");
    assert_eq!(error.kind, Kind::Unauthenticated);
    assert!(stale.status().ended.is_some());
}

#[tokio::test]
async fn an_ended_portal_session_is_told_and_stored_as_ended() {
    let world = World::start();
    let session = world.portal().await;
    let end = Control::ExpireSessions { kind: SessionKind::Portal, username: None };
    world.sandbox.control(end).expect("a control");
    let error = EODH.workspaces(&session).await.expect_err("ended");
    assert_eq!(error.code(), ErrorCode::SessionEnded);
    assert_eq!(session.status().ended, Some(world.http.clock().now()));
    let again = world.restore(&world.last_saved());
    assert!(again.status().ended.is_some());
    let before = world.sandbox.seen().len();
    EODH.workspaces(&again).await.expect_err("still");
    assert_eq!(world.sandbox.seen().len(), before, "nothing is sent for an ended session");
}

#[tokio::test]
async fn an_idle_portal_session_ends() {
    let world = World::start();
    let session = world.portal().await;
    world.sandbox.clock().advance(29 * 60);
    EODH.workspaces(&session).await.expect("in time");
    world.sandbox.clock().advance(29 * 60);
    EODH.workspaces(&session).await.expect("its use counted");
    world.sandbox.clock().advance(31 * 60);
    let error = EODH.workspaces(&session).await.expect_err("idle");
    assert_eq!(error.kind, Kind::Unauthenticated);
}

#[tokio::test]
async fn a_401_of_one_request_does_not_end_a_living_session() {
    let world = World::start();
    let session = world.portal().await;
    let path = "/api/workspaces/demo-ws/me/s3-tokens";
    world.sandbox.rule(Some("POST"), path, Some(1), answer(401, "Invalid client"));
    let error = EODH.issue_s3(&session, "demo-ws").await.expect_err("401");
    assert_eq!(error.kind, Kind::Unavailable, "A.9.3: the server's own trouble");
    assert_eq!(session.status().ended, None);
    EODH.issue_s3(&session, "demo-ws").await.expect("it lives");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_lose_the_rotation() {
    let world = World::start();
    let session = world.portal().await;
    world.rotate();
    let slow = Effect::Delay { millis: 150 };
    world.sandbox.rule(Some("GET"), "/api/workspaces", Some(1), slow);
    let before = world.count("GET", "/api/workspaces");
    let call = tokio::spawn({
        let session = session.clone();
        async move { EODH.workspaces(&session).await }
    });
    while world.count("GET", "/api/workspaces") == before {
        tokio::task::yield_now().await;
    }
    call.abort();
    EODH.workspaces(&session).await.expect("the renewed cookies were adopted");
    assert!(world.saves() >= 1);
}

#[tokio::test]
async fn nothing_is_sent_while_a_change_cannot_be_stored() {
    let world = World::start();
    let full = Arc::new(AtomicBool::new(true));
    let disk = Arc::clone(&full);
    let save: Save = Arc::new(move |_| {
        let failed = disk.load(Ordering::SeqCst);
        let error = Error::new(ErrorCode::VaultUnwritable, "the disk is full");
        Box::pin(std::future::ready(if failed { Err(error) } else { Ok(()) }))
    });
    let header = Secret::from_text(world.cookies().await);
    let grant = portal::exchange(&world.http, &world.connection, &header).await.expect("a grant");
    let session = Session::begin(grant, world.connection.clone(), world.http.clone(), save);
    world.rotate();
    EODH.workspaces(&session).await.expect("the answer is the caller's all the same");
    let before = world.sandbox.seen().len();
    let error = EODH.workspaces(&session).await.expect_err("not stored");
    assert_eq!(error.code(), ErrorCode::VaultUnwritable);
    assert_eq!(world.sandbox.seen().len(), before, "not sent");
    full.store(false, Ordering::SeqCst);
    EODH.workspaces(&session).await.expect("stored, then sent");
}

#[tokio::test]
async fn tokens_are_renewed_once_for_all_and_stored_before_use() {
    let world = World::start();
    let session = world.oidc().await;
    let first = session.to_sealed().await;
    let posts = world.count("POST", TOKEN);
    world.sandbox.clock().advance(290);
    let calls = (0..5).map(|_| {
        let session = session.clone();
        tokio::spawn(async move { EODH.workspaces(&session).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("ran").expect("workspaces");
    }
    assert_eq!(world.count("POST", TOKEN), posts + 1, "A10: one refresh");
    assert_eq!(world.saves(), 1);
    let again = world.restore(&world.last_saved());
    world.sandbox.clock().advance(290);
    EODH.workspaces(&again).await.expect("the stored tokens go on");
    // Known-bad: the form from before the refresh holds a spent token, which ends the session.
    let stale = world.restore(&first);
    let error = EODH.workspaces(&stale).await.expect_err("reuse");
    assert_eq!(error.kind, Kind::Unauthenticated);
    assert!(stale.status().ended.is_some());
}

#[tokio::test]
async fn a_lost_refresh_is_never_asked_again() {
    let world = World::start();
    let session = world.oidc().await;
    world.sandbox.clock().advance(290);
    world.sandbox.rule(Some("POST"), TOKEN, Some(1), Effect::DropAnswer);
    let posts = world.count("POST", TOKEN);
    // The access token still counts for ten seconds: it is used to its end.
    EODH.workspaces(&session).await.expect("the rest of the old token");
    world.sandbox.clock().advance(60);
    let error = EODH.workspaces(&session).await.expect_err("over");
    assert_eq!(error.kind, Kind::Unauthenticated);
    assert_eq!(world.count("POST", TOKEN), posts + 1, "the old token was shown once");
    assert!(session.status().ended.is_some());
}

/// The proxy's words for a token that it does not take, ended before its time by our clock.
fn forbidden() -> Effect {
    let body = "Forbidden\n".into();
    Effect::Answer { status: 403, content_type: "text/plain".into(), body, headers: vec![] }
}

#[tokio::test]
async fn a_token_refused_at_the_door_is_renewed_once() {
    let world = World::start();
    let session = world.oidc().await;
    let posts = world.count("POST", TOKEN);
    world.sandbox.rule(Some("GET"), "/api/workspaces", Some(1), forbidden());
    EODH.workspaces(&session).await.expect("with the renewed one");
    assert_eq!(world.count("POST", TOKEN), posts + 1);
    // Nothing behind the door saw it, so this holds for what is never repeated otherwise.
    let path = "/api/workspaces/demo-ws/me/s3-tokens";
    world.sandbox.rule(Some("POST"), path, Some(1), forbidden());
    EODH.issue_s3(&session, "demo-ws").await.expect("with the renewed one");
    assert_eq!((world.count("POST", path), world.count("POST", TOKEN)), (2, posts + 2));
    // The hub's own refusal is about the person: the token is good.
    world.sandbox.rule(Some("GET"), "/api/workspaces", Some(1), answer(403, ""));
    let error = EODH.workspaces(&session).await.expect_err("not permitted");
    assert_eq!((error.kind, error.hint), (Kind::Forbidden, None));
    assert_eq!(world.count("POST", TOKEN), posts + 2);
}

#[tokio::test]
async fn a_renewed_token_refused_at_the_door_tells_of_the_registration() {
    let world = World::start();
    let session = world.oidc().await;
    let posts = world.count("POST", TOKEN);
    world.sandbox.rule(Some("GET"), "/api/workspaces", Some(2), forbidden());
    let error = EODH.workspaces(&session).await.expect_err("not for this hub");
    assert_eq!(error.code(), ErrorCode::Forbidden);
    assert!(error.hint.is_some_and(|hint| hint.contains("audience")), "{error:?}");
    assert_eq!(world.count("POST", TOKEN), posts + 1, "asked once");
    assert_eq!(session.status().ended, None);
    let end = Control::ExpireSessions { kind: SessionKind::Oidc, username: None };
    world.sandbox.control(end).expect("a control");
    world.sandbox.rule(Some("GET"), "/api/workspaces", Some(1), forbidden());
    let error = EODH.workspaces(&session).await.expect_err("ended");
    assert_eq!(error.code(), ErrorCode::SessionEnded, "not a missing permission");
}

#[tokio::test]
async fn a_provider_in_trouble_ends_nothing() {
    let world = World::start();
    let session = world.oidc().await;
    world.sandbox.clock().advance(400);
    world.sandbox.rule(Some("POST"), TOKEN, Some(1), answer(503, ""));
    let error = EODH.workspaces(&session).await.expect_err("trouble");
    assert_eq!(error.code(), ErrorCode::PlatformUnavailable);
    assert_eq!(session.status().ended, None);
    EODH.workspaces(&session).await.expect("later it works");
}

#[tokio::test]
async fn an_ended_oidc_session_is_told() {
    let world = World::start();
    let session = world.oidc().await;
    let end = Control::ExpireSessions { kind: SessionKind::Oidc, username: None };
    world.sandbox.control(end).expect("a control");
    world.sandbox.clock().advance(400);
    let error = EODH.workspaces(&session).await.expect_err("ended");
    assert_eq!(error.code(), ErrorCode::SessionEnded);
    assert!(session.status().ended.is_some());
}

/// A refusal of a refresh without a word, which RFC 6749 does not know and a provider gives.
#[tokio::test]
async fn a_refresh_refused_without_a_word_ends_the_session() {
    let world = World::start();
    let session = world.oidc().await;
    world.sandbox.clock().advance(400);
    world.sandbox.rule(Some("POST"), TOKEN, Some(1), answer(400, ""));
    let error = EODH.workspaces(&session).await.expect_err("refused");
    assert_eq!(error.code(), ErrorCode::SessionEnded);
    assert!(session.status().ended.is_some());
    // A page of something that stands between is no provider's word.
    let other = world.oidc().await;
    world.sandbox.clock().advance(400);
    world.sandbox.rule(Some("POST"), TOKEN, Some(1), answer(400, "<html>Bad Request</html>"));
    EODH.workspaces(&other).await.expect_err("for now");
    assert_eq!(other.status().ended, None);
    EODH.workspaces(&other).await.expect("later it works");
}

#[tokio::test]
async fn a_provider_that_lets_nobody_end_a_session_is_told_as_that() {
    let world = World::start();
    let oidc = world.oidc().await;
    world.sandbox.rule(Some("POST"), "*/logout", None, answer(404, ""));
    world.sandbox.rule(Some("POST"), "*/revoke", None, answer(401, ""));
    let error = oidc.sign_out(true).await.expect_err("it lives on there");
    assert_eq!(error.code(), ErrorCode::NotSupported);
    assert!(oidc.status().ended.is_some(), "over here");
}

#[tokio::test]
async fn signing_out_everywhere_ends_it_there() {
    let world = World::start();
    let portal = world.portal().await;
    let sealed = portal.to_sealed().await;
    portal.sign_out(true).await.expect("signed out");
    EODH.workspaces(&portal).await.expect_err("over here");
    EODH.workspaces(&world.restore(&sealed)).await.expect_err("over there");
    let oidc = world.oidc().await;
    let sealed = oidc.to_sealed().await;
    oidc.sign_out(true).await.expect("signed out");
    world.sandbox.clock().advance(400);
    EODH.workspaces(&world.restore(&sealed)).await.expect_err("over there");
}

#[tokio::test]
async fn signing_out_ends_it_here_even_when_the_platform_fails() {
    let world = World::start();
    let oidc = world.oidc().await;
    world.sandbox.rule(Some("POST"), "*/logout", None, answer(500, ""));
    world.sandbox.rule(Some("POST"), "*/revoke", None, answer(500, ""));
    let error = oidc.sign_out(true).await.expect_err("it may live on there");
    assert_eq!(error.code(), ErrorCode::PlatformUnavailable);
    assert!(oidc.status().ended.is_some(), "A12");
    EODH.workspaces(&oidc).await.expect_err("over here");
}

#[tokio::test]
async fn a_session_stays_with_its_hub() {
    let world = World::start();
    let session = world.portal().await;
    let sealed = session.to_sealed().await;
    let elsewhere = connection("https://elsewhere.example", None);
    let other = Session::restore(&sealed, elsewhere, world.http.clone(), world.save());
    assert_eq!(other.expect_err("another hub").code, ErrorCode::Internal);
    let url = format!("{}/x", world.sandbox.s3_endpoint()).parse().expect("an address");
    let error = session.send(Request::get(Operation::List, url)).await.expect_err("A7");
    assert_eq!(error.kind, Kind::Address);
    let text = format!("{session:?} {sealed:?}");
    assert!(!text.contains("oauth2_proxy"), "{text}");
}
