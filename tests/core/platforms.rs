//! The engine on every platform whose sign-in is a key: whole journeys against the sandbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::Value;
use wayleave_core::api::{
    Ability, Answer, Ask, Confide, CredentialKind, CredentialState, Disclosure, OnRemove,
    OwnerKind, Purpose, RemoteState, Settings, SignInState, Support, TokenRequest,
};
use wayleave_core::clock::{Clock, FakeClock, SystemClock};
use wayleave_core::credential::Field;
use wayleave_core::error::ErrorCode;
use wayleave_sandbox::{ADA, Control, Effect, Rule};

use crate::world::{World, rule, wanted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dataos_from_a_pasted_key_to_a_rotated_one() {
    let world = World::new().await;
    let account = world.add("dataos", "host").await;
    assert_eq!(world.account(account).await.sign_in.state, SignInState::SignedOut);
    let bad = world.paste(account, "bm9uZS5ub25l", None).await.expect_err("nobody's key");
    assert_eq!(bad.code, ErrorCode::SignInRefused);
    assert!(world.snapshot().await.credentials.is_empty(), "nothing was stored");
    let first = world.paste(account, &world.keys.dataos, None).await.expect("the first key");
    assert_eq!(
        (first.name.as_str(), first.workspace.as_str()),
        ("first_key_of_demo", "demo"),
        "name and user are found out"
    );
    let view = world.account(account).await;
    assert_eq!(view.sign_in.state, SignInState::SignedIn);
    assert_eq!((view.username.as_deref(), view.key), (Some("demo"), Some(first.id)));
    let can = view.capabilities;
    assert_eq!((can.issue, can.rotate, can.read_key), (Support::Yes, Support::Yes, Support::Yes));
    assert_eq!((can.edit, can.s3, can.session), (Support::No, Support::No, Support::No));

    for (name, hours) in [("QGIS laptop", 24), ("qgis", 0), ("qgis", 10_000)] {
        let request = wanted(account, "demo", name, Some(hours));
        world.refused(Ask::RequestToken(request)).await;
    }
    let posted = world.count("POST", "/heimdall/api/v1/users/demo/tokens");
    assert_eq!(posted, 0, "what cannot be right is not sent");
    let made = world
        .credential(Ask::RequestToken(wanted(account, "demo", "qgis_laptop", Some(720))))
        .await;
    let life = made.expires.expect("an end").duration_since(SystemClock.now());
    assert!((life - SignedDuration::from_hours(720)).abs() < SignedDuration::from_mins(5));
    let again = wanted(account, "demo", "qgis_laptop", Some(24));
    assert_eq!(world.refused(Ask::RequestToken(again)).await.code, ErrorCode::Rejected, "G.9");

    let key = world.reveal(made.id, Field::ApiKey).await;
    assert_eq!(
        world.render(made.id, "apikey-header").await.expect("a form"),
        format!("apikey: {key}")
    );
    let trino = world.render(made.id, "trino").await.expect("a form");
    assert_eq!(trino, format!("user=demo\npassword={key}\n"));
    assert_eq!(world.render(made.id, "nothing").await.expect_err("none").code, ErrorCode::NotFound);

    let rotated = world.credential(Ask::Rotate { credential: made.id, lifetime: Some(48) }).await;
    assert_eq!(rotated.id, made.id);
    let new = world.reveal(made.id, Field::ApiKey).await;
    assert_ne!(new, key, "R9");
    let listed = world.remote(account).await;
    assert_eq!(listed.len(), 2);
    assert!(
        listed.iter().all(|t| t.state == RemoteState::Ours && t.kind.as_deref() == Some("apikey"))
    );
    assert!(world.sandbox.seen().iter().all(|seen| !seen.secret_in_url), "A2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dataos_shows_keys_again() {
    let world = World::new().await;
    let account = world.add("dataos", "host").await;
    world.paste(account, &world.keys.dataos, None).await.expect("the first key");
    let made =
        world.credential(Ask::RequestToken(wanted(account, "demo", "nightly", Some(24)))).await;
    let key = world.reveal(made.id, Field::ApiKey).await;
    world
        .handle
        .ask(Ask::Forget { credential: made.id, unexpired: wayleave_core::api::OnForget::Keep })
        .await
        .expect("it is forgotten");
    let orphan = world.remote(account).await.into_iter().find(|t| t.name == "nightly");
    let orphan = orphan.expect("it is there still");
    assert_eq!(orphan.state, RemoteState::Orphan);
    let adopt =
        Ask::Adopt { account, workspace: "demo".into(), platform_id: orphan.platform_id.clone() };
    let adopted = world.credential(adopt.clone()).await;
    assert_eq!(world.reveal(adopted.id, Field::ApiKey).await, key, "the same key again");
    assert_eq!(world.credential(adopt).await.id, adopted.id, "twice is once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dataos_keeps_a_token_whose_answer_was_lost() {
    let world = World::new().await;
    let account = world.add("dataos", "host").await;
    world.paste(account, &world.keys.dataos, None).await.expect("the first key");
    world
        .sandbox
        .control(rule("POST", "/heimdall/api/v1/users/demo/tokens", Effect::DropAnswer))
        .expect("a rule");
    let made = world.credential(Ask::RequestToken(wanted(account, "demo", "kept", Some(24)))).await;
    assert_eq!(made.platform_id.as_deref(), Some("kept"), "I8: read back, not asked for again");
    assert_eq!(world.count("POST", "/heimdall/api/v1/users/demo/tokens"), 1);
    world
        .sandbox
        .control(rule("POST", "/heimdall/api/v1/tokens", Effect::DropAnswer))
        .expect("a rule");
    let before = world.reveal(made.id, Field::ApiKey).await;
    world.credential(Ask::Rotate { credential: made.id, lifetime: None }).await;
    assert_ne!(world.reveal(made.id, Field::ApiKey).await, before, "the new key was read");
    assert_eq!(world.count("POST", "/heimdall/api/v1/tokens"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dataos_signs_out_here_and_everywhere() {
    let world = World::new().await;
    let account = world.add("dataos", "host").await;
    let first = world.paste(account, &world.keys.dataos, None).await.expect("the first key");
    world.handle.ask(Ask::SignOut { account, everywhere: false }).await.expect("signed out");
    let view = world.account(account).await;
    assert_eq!((view.sign_in.state, view.key), (SignInState::SignedOut, None));
    assert_eq!(world.snapshot().await.credentials.len(), 1, "the key stays a credential");
    assert_eq!(world.refused(Ask::Workspaces { account }).await.code, ErrorCode::NotSignedIn);
    world.paste(account, &world.keys.dataos, None).await.expect("again");
    assert_eq!(world.snapshot().await.credentials.len(), 1, "the same key is one credential");
    world.handle.ask(Ask::SignOut { account, everywhere: true }).await.expect("revoked");
    let gone = world.snapshot().await.credentials.into_iter().find(|c| c.id == first.id);
    assert_eq!(gone.expect("its row").state, CredentialState::Revoked, "R8");
    let bad = world.paste(account, &world.keys.dataos, None).await.expect_err("it is dead");
    assert_eq!(bad.code, ErrorCode::SignInRefused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opendatasoft_issues_edits_and_revokes_softly() {
    let world = World::new().await;
    let account = world.add("opendatasoft", "domain").await;
    let first = world.paste(account, &world.keys.opendatasoft, None).await.expect("the key");
    let view = world.account(account).await;
    let held = view.permissions.clone().expect("what the user may hand on");
    assert!(held.contains(&"explore_restricted_dataset".to_owned()));
    assert!(!held.contains(&"edit_theme".to_owned()), "only what the user has");
    assert_eq!(view.capabilities.issue, Support::Unknown, "not tried yet");
    let portal = first.workspace.clone();
    let with = |name: &str, permissions: &[&str]| {
        let permissions = permissions.iter().map(|p| (*p).to_owned()).collect();
        Ask::RequestToken(TokenRequest { permissions, ..wanted(account, &portal, name, None) })
    };
    let refused = world.refused(with("too much", &["edit_theme"])).await;
    assert_eq!(refused.code, ErrorCode::Rejected, "I7");
    assert_eq!(refused.params.get("field").map(String::as_str), Some("permissions"));
    let made = world.credential(with("QGIS \u{e9}", &["explore_restricted_dataset"])).await;
    assert_eq!((made.expires, made.end_confirmed), (None, false));
    assert_eq!(made.permissions, ["explore_restricted_dataset"]);
    assert_eq!(world.account(account).await.capabilities.issue, Support::Yes, "learned");
    assert!(!made.fields.contains(&Field::BearerHeader), "its keys are no bearer tokens");
    let key = world.reveal(made.id, Field::ApiKey).await;
    assert_eq!(
        world.render(made.id, "qgis-header").await.expect("a form"),
        format!("Apikey {key}")
    );

    let edit = Ask::EditToken {
        credential: made.id,
        name: Some("QGIS 2".into()),
        permissions: Some(vec!["edit_dataset".into()]),
    };
    let edited = world.credential(edit).await;
    assert_eq!(
        (edited.name.as_str(), edited.permissions.as_slice()),
        ("QGIS 2", &["edit_dataset".to_owned()][..])
    );
    let only_name =
        Ask::EditToken { credential: made.id, name: Some("QGIS 3".into()), permissions: None };
    assert_eq!(world.credential(only_name).await.permissions, ["edit_dataset"], "kept");

    let revoked = world.credential(Ask::Revoke { credential: made.id }).await;
    assert_eq!(revoked.state, CredentialState::Revoked);
    let row = world.remote(account).await.into_iter().find(|t| t.name == "QGIS 3");
    let row = row.expect("R10: the row stays").revoked.expect("and says so");
    assert_eq!(row.reason.as_deref(), Some("No longer needed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn opendatasoft_learns_that_a_key_may_not_manage_keys() {
    let world = World::new().await;
    let account = world.add("opendatasoft", "domain").await;
    let limited = world.sandbox.first_keys(ADA).opendatasoft;
    let kept = world.paste(account, &limited, None).await.expect("valid, though limited");
    let view = world.account(account).await;
    assert_eq!(view.sign_in.state, SignInState::SignedIn, "the key is kept");
    let can = view.capabilities;
    assert_eq!((can.issue, can.list, can.revoke), (Support::No, Support::No, Support::No));
    assert!(view.refused.contains(&Ability::Issue));
    let told = world.refused(Ask::RequestToken(wanted(account, &kept.workspace, "x", None))).await;
    assert_eq!(told.code, ErrorCode::NotSupported);
    assert!(told.params.get("url").is_some_and(|url| url.ends_with("/account/")));
    let keys = "/api/automation/v1.0/apikeys/";
    assert_eq!(world.count("POST", keys), 0, "D1: zero requests");
    let again = world.handle.ask(Ask::TryAgain { account }).await.expect("an account");
    let Answer::Account(again) = again else { panic!("{again:?}") };
    assert_eq!(again.capabilities.issue, Support::Unknown, "it is tried again on request");
    let told = world.refused(Ask::RequestToken(wanted(account, &kept.workspace, "x", None))).await;
    assert_eq!((told.code, world.count("POST", keys)), (ErrorCode::Forbidden, 1));
    assert_eq!(world.account(account).await.capabilities.issue, Support::No, "learned anew");
    let verified = world.handle.ask(Ask::Verify { credential: kept.id }).await.expect("verified");
    assert!(matches!(verified, Answer::Verified(verified) if verified.ok), "V3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ovh_exchanges_a_pair_and_never_twice_for_a_wrong_one() {
    let world = World::new().await;
    let account = world.add("ovh", "project").await;
    let wrong = world.paste(account, &world.keys.ovh_key, Some("wrong")).await;
    assert_eq!(wrong.expect_err("refused").code, ErrorCode::SignInRefused);
    assert_eq!(world.count("POST", "/iam/login"), 1, "A11: exactly one login");
    let missing = world.paste(account, &world.keys.ovh_key, None).await.expect_err("half a pair");
    assert_eq!(missing.params.get("field").map(String::as_str), Some("secret_key"));
    let (key, secret) = (world.keys.ovh_key.clone(), world.keys.ovh_secret.clone());
    let pair = world.paste(account, &key, Some(&secret)).await.expect("the pair");
    assert_eq!(pair.kind, CredentialKind::KeyPair);
    assert_eq!(
        pair.owner.as_ref().map(|o| (o.kind, o.name.as_str())),
        Some((OwnerKind::ServiceAccount, "ingest"))
    );
    assert_eq!(world.reveal(pair.id, Field::SecretKey).await, secret);
    assert_eq!(world.reveal(pair.id, Field::SecretAccessKey).await, secret, "static S3");
    let env = Confide::Render {
        credential: pair.id,
        snippet: wayleave_core::credential::Snippet::Env,
        purpose: Purpose::Output,
    };
    let Disclosure::Text(env) = world.confide(env).await.expect("a form") else { panic!() };
    let env = env.expose_text().expect("text");
    assert!(
        env.contains("forepaas") && env.contains("/datastore") && !env.contains("SESSION"),
        "S7"
    );
    let trino = world.render(pair.id, "trino").await.expect("a form");
    assert!(trino.contains(&format!("user={key}\npassword={secret}\n")), "{trino}");
    for ask in [
        Ask::RequestToken(wanted(account, &pair.workspace, "x", None)),
        Ask::Revoke { credential: pair.id },
        Ask::RemoteTokens { account, workspace: Some(pair.workspace.clone()) },
    ] {
        let told = world.refused(ask).await;
        assert_eq!(told.code, ErrorCode::NotSupported);
        assert!(told.params.get("url").is_some_and(|url| url.ends_with("/iam")), "{told:?}");
    }
    let removal = Ask::RemoveAccount { account, credentials: OnRemove::Revoke };
    assert_eq!(world.refused(removal).await.code, ErrorCode::NotSupported, "nothing is dropped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ovh_session_tokens_have_their_own_life() {
    let clock = FakeClock::at(SystemClock.now());
    let world = World::at(Arc::new(clock.clone())).await;
    let account = world.add("ovh", "project").await;
    let (key, secret) = (world.keys.ovh_key.clone(), world.keys.ovh_secret.clone());
    world.paste(account, &key, Some(&secret)).await.expect("the pair");
    // The vault stays open for as long as this looks at it.
    let never = Settings { lock_after: None, ..Settings::default() };
    world.handle.ask(Ask::SetSettings(never)).await.expect("settings");
    let logins = world.count("POST", "/iam/login");
    let token = world.credential(Ask::RequestSession { account, activity: None }).await;
    assert_eq!((token.kind, token.end_confirmed), (CredentialKind::SessionToken, false));
    let first = world.reveal(token.id, Field::Token).await;
    assert_eq!(world.count("POST", "/iam/login"), logins + 1, "a live one is not renewed");
    clock.advance(std::time::Duration::from_mins(59));
    let renewed = world.reveal(token.id, Field::Token).await;
    assert_ne!(renewed, first, "renewed when it is used");
    let all = world.snapshot().await.credentials;
    assert_eq!(all.iter().filter(|c| c.kind == CredentialKind::SessionToken).count(), 1);
    let ended = world.credential(Ask::Revoke { credential: token.id }).await;
    assert_eq!(ended.state, CredentialState::Revoked);
    let check = format!("{}/iam/v4/checkSession?token={renewed}", world.sandbox.hub_url());
    let answer = reqwest_get(&check).await;
    assert_eq!(answer, 401, "it is ended at the platform");
    // From here on the platform refuses: two attempts, then none.
    world
        .sandbox
        .control(Control::Rule(Rule {
            method: Some("POST".into()),
            path: "/iam/login".into(),
            who: None,
            times: None,
            effect: Effect::Answer {
                status: 401,
                content_type: "application/json".into(),
                body: r#"{"error":"Unauthorized"}"#.into(),
                headers: vec![],
            },
        }))
        .expect("a rule");
    let before = world.count("POST", "/iam/login");
    for _ in 0..4 {
        world.refused(Ask::RequestSession { account, activity: None }).await;
    }
    assert_eq!(world.count("POST", "/iam/login"), before + 2, "a full stop after two failures");
    let told = world.refused(Ask::RequestSession { account, activity: None }).await;
    assert_eq!(told.code, ErrorCode::RateLimited);
    world.handle.ask(Ask::SignOut { account, everywhere: false }).await.expect("signed out");
}

async fn reqwest_get(url: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    client.get(url).send().await.expect("an answer").status().as_u16()
}

/// Every ability that an account is said not to have is refused with a page, without a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_offered_sends_nothing() {
    let world = World::new().await;
    let fields: BTreeMap<&str, &str> =
        [("dataos", "host"), ("opendatasoft", "domain"), ("ovh", "project")].into();
    for (platform, field) in fields {
        let account = world.add(platform, field).await;
        let can = world.account(account).await.capabilities;
        let before = world.sandbox.seen().len();
        let can: Value = serde_json::to_value(can).expect("JSON");
        if can["s3"] == "no" {
            let ask = Ask::RequestS3 { account, workspace: "x".into(), activity: None };
            assert_eq!(world.refused(ask).await.code, ErrorCode::NotSupported, "{platform}");
        }
        if can["session"] == "no" {
            let ask = Ask::RequestSession { account, activity: None };
            assert_eq!(world.refused(ask).await.code, ErrorCode::NotSupported, "{platform}");
        }
        assert_eq!(world.sandbox.seen().len(), before, "D1: {platform}");
    }
}
