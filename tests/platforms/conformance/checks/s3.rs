//! S1–S10: temporary credentials for objects.

use std::sync::Arc;

use wayleave_core::api::{SignInWay, WorkspaceView};
use wayleave_core::clock::{Clock as _, SystemClock};
use wayleave_core::credential::{CredentialSecret, Field};
use wayleave_core::platform::{IssuedS3, Kind, Operation};
use wayleave_core::secret::Secret;
use wayleave_core::session::Session;
use wayleave_core::session::tokens::end_of_jwt;
use wayleave_sandbox::{BUCKET, REGION};

use super::{Check, NOTHING_SENT, Need, both, in_sandbox, made_up};
use crate::conformance::case::{Case, Stage, Verdict, want};
use crate::conformance::objects::{Keys, put_read_list, send};
use crate::conformance::place::Place;
use crate::conformance::wire::{Store, time};
use crate::conformance::yard::Yard;
use crate::stub::{json, page};

const S3: &[Need] = &[Need::Offers(Operation::S3)];

pub const CHECKS: &[Check] = &[
    made_up!(
        "S1",
        "every form of time that was seen",
        S3,
        s1,
        Not("its token service writes one form, which S5 reads")
    ),
    made_up!("S2", "a refusal told by a text means what the text says", S3, s2, Once(s2_stack)),
    made_up!("S3", "a refused caller is not signed in", S3, s3, Each(s3_stack)),
    made_up!("S4", "no part may be missing", S3, s4, Each(s4_stack)),
    both!("S5", "one request for one set, and its end is known", S3, s5, s5_yard, Each(s5_stack)),
    made_up!(
        "S6",
        "bucket and prefix as listed; a store in the making is not offered",
        &[Need::Store],
        s6,
        Each(s6_stack)
    ),
    made_up!("S7", "what credential_process needs is there", S3, s7, Each(s7_stack)),
    in_sandbox!("S8", "objects are put, read and listed with them", S3, s8, Each(s8)),
    made_up!(
        "S9",
        "STS: XML, fractional time, namespace, error codes",
        &[Need::Sts],
        s9,
        Once(s9_stack)
    ),
    made_up!("S10", "nothing offers to revoke them", S3, s10, Not(NOTHING_SENT)),
];

async fn minting(case: Case, reply: crate::stub::Reply) -> Stage {
    case.on([(Operation::S3, vec![reply])]).await
}

fn reply(case: &Case, time: &str) -> Result<crate::stub::Reply, String> {
    case.wire.s3(time).ok_or_else(|| "the registration has no such answer".to_owned())
}

async fn s1(case: Case) -> Verdict {
    for text in [
        "2025-03-07T14:55:56Z",
        "2025-03-07 14:55:56 +0000 UTC",
        "2025-03-07T15:55:56+01:00",
        "2025-03-07T14:55:56.123456Z",
    ] {
        let stage = minting(case, reply(&case, text)?).await;
        let set = stage.s3().await.map_err(|error| format!("{text}: {error:?}"))?;
        let seconds = set.expires.map(jiff::Timestamp::as_second);
        want!(
            seconds == time("2025-03-07T14:55:56Z").map(jiff::Timestamp::as_second),
            "{text}: {:?}",
            set.expires
        );
    }
    let stage = minting(case, reply(&case, "soon")?).await;
    let set = stage.s3().await.map_err(|error| format!("{error:?}"))?;
    want!(set.expires.is_none(), "an end made up of nothing: {:?}", set.expires);
    Ok(())
}

async fn s2(case: Case) -> Verdict {
    let (no_access, _) = case.wire.s3_refusals();
    want!(!no_access.is_empty(), "the registration has no such refusals");
    for refusal in no_access {
        let stage = minting(case, refusal.clone()).await;
        let Err(error) = stage.s3().await else { return Err("success".into()) };
        want!(error.kind == Kind::Forbidden && !error.retryable(), "{refusal:?}: {error:?}");
        stage.silent(&error)?;
    }
    Ok(())
}

/// The store has no policy for the person.
async fn s2_stack(yard: Arc<Yard>) -> Verdict {
    let (client, who) = yard.case.wire.unwelcome().ok_or("the registration names nobody")?;
    let session = yard.place.oidc_as(client, who).await?;
    let answer = yard.case.adapter.s3(&session, yard.workspace).await;
    let Err(error) = answer else { return Err("success".into()) };
    want!(error.kind == Kind::Forbidden && !error.retryable(), "{error:?}");
    want!(error.facts.said.is_some(), "the store's words are lost: {error:?}");
    Ok(())
}

async fn s3(case: Case) -> Verdict {
    let (_, not_accepted) = case.wire.s3_refusals();
    for refusal in case.wire.not_accepted().into_iter().chain(not_accepted) {
        let stage = minting(case, refusal.clone()).await;
        let Err(error) = stage.s3().await else { return Err("success".into()) };
        want!(error.kind == Kind::Unauthenticated, "{refusal:?}: {error:?}");
    }
    Ok(())
}

async fn s3_stack(yard: Arc<Yard>) -> Verdict {
    let dead = yard.place.restore(&yard.dead().await?)?;
    let Err(error) = yard.case.adapter.s3(&dead, yard.workspace).await else {
        return Err("a dead session was given credentials".into());
    };
    want!(error.kind == Kind::Unauthenticated, "{error:?}");
    Ok(())
}

/// What a yard's session is given.
async fn minted(yard: &Yard) -> Result<IssuedS3, String> {
    let set = yard.case.adapter.s3(&yard.session, yard.workspace).await;
    set.map_err(|error| format!("{error:?}"))
}

fn is_whole(set: &IssuedS3) -> Verdict {
    for field in [Field::AccessKeyId, Field::SecretAccessKey, Field::SessionToken] {
        want!(set.secret.field(field).is_some_and(|part| !part.is_empty()), "{field:?} is missing");
    }
    Ok(())
}

async fn s4_stack(yard: Arc<Yard>) -> Verdict {
    is_whole(&minted(&yard).await?)
}

async fn s4(case: Case) -> Verdict {
    let stage = case.on([]).await;
    is_whole(&stage.s3().await.map_err(|error| format!("{error:?}"))?)?;
    for lacking in ["{}", "null", r#"{"accessKeyId":"A","secretAccessKey":"B"}"#, "<Empty/>"] {
        let stage = minting(case, json(200, lacking)).await;
        let Err(error) = stage.s3().await else { return Err(format!("{lacking}: success")) };
        want!(matches!(error.kind, Kind::Protocol(_)), "{lacking}: {error:?}");
    }
    Ok(())
}

async fn s5(case: Case) -> Verdict {
    let stage = case.on([]).await;
    for sets in 1..=2 {
        let set = stage.s3().await.map_err(|error| format!("{error:?}"))?;
        want!(set.expires.is_some(), "their end is not known");
        want!(stage.sent(Operation::S3).len() == sets, "{sets} sets");
    }
    Ok(())
}

async fn s5_yard(yard: Arc<Yard>) -> Verdict {
    ends_in_time(&yard, &minted(&yard).await?)
}

fn ends_in_time(yard: &Yard, set: &IssuedS3) -> Verdict {
    let now = yard.place.http().clock().now();
    let left = set.expires.ok_or("no end")?.as_second() - now.as_second();
    let whole = i64::from(
        yard.case.descriptor().s3.and_then(|s3| s3.seconds).ok_or("no life in the descriptor")?,
    );
    want!((0..=whole).contains(&left), "{left} s left of {whole}");
    Ok(())
}

/// The end that was told is the one that the store wrote into the set; and once reached, the
/// objects are closed.
async fn s5_stack(yard: Arc<Yard>) -> Verdict {
    let before = yard.count(Operation::S3).await?;
    let set = minted(&yard).await?;
    want!(yard.count(Operation::S3).await? == before + 1, "more than one request");
    ends_in_time(&yard, &set)?;
    let token = set.secret.field(Field::SessionToken).ok_or("no session token")?;
    let within = end_of_jwt(&token);
    want!(within == set.expires, "told {:?}, written {within:?}", set.expires);
    if yard.case.wire.sts() && yard.session.with() == SignInWay::Browser {
        closed_after_the_end(&yard).await?;
    }
    Ok(())
}

/// A set that lives as long as the token for which it was given: some seconds.
async fn closed_after_the_end(yard: &Yard) -> Verdict {
    let Place::Stack(stack) = &yard.place else { return Err("for the real store".into()) };
    let token = yard.place.access_of("desktop-brief").await?;
    let session =
        Session::for_key(token, yard.place.connection().clone(), yard.place.http().clone());
    stack.take_from_next_sts("&DurationSeconds=[0-9]+").await?;
    let set = yard.case.adapter.s3(&session, yard.workspace).await;
    let set = set.map_err(|error| format!("a brief set: {error:?}"))?;
    let end = set.expires.ok_or("no end")?;
    let keys = keys(yard, &set)?;
    put_read_list(&keys, BUCKET, &prefix(yard)).await?;
    let path = format!("{}conformance.txt", prefix(yard));
    loop {
        // Read before asking: what is refused after this moment was asked after it.
        let now = SystemClock.now();
        let (status, body) = send(&keys, "GET", &path, "").await?;
        if status == 403 {
            let unknown = body.contains("<Code>InvalidAccessKeyId</Code>");
            want!(unknown && SystemClock.now() >= end, "before its end: {body}");
            return Ok(());
        }
        want!(status == 200, "{status}: {body}");
        want!(now.as_second() <= end.as_second() + 60, "open a minute after its end");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

async fn s6(case: Case) -> Verdict {
    let store = case.wire.store().expect("the check counts");
    let stage = case.on([]).await;
    let all = case.adapter.workspaces(&stage.session).await.map_err(|e| format!("{e:?}"))?;
    tells(&store, &all)
}

async fn s6_stack(yard: Arc<Yard>) -> Verdict {
    let store = yard.case.wire.store().expect("the check counts");
    let all = yard.case.adapter.workspaces(&yard.session).await.map_err(|e| format!("{e:?}"))?;
    tells(&store, &all)
}

fn tells(store: &Store, all: &[WorkspaceView]) -> Verdict {
    let of = |name: &str| all.iter().find(|workspace| workspace.name == name);
    let (name, bucket, prefix) = store.ready;
    let found = of(name).and_then(|workspace| workspace.s3.clone()).ok_or("no store")?;
    want!(found.bucket == bucket && found.prefix == prefix, "{found:?}");
    want!(!found.region.is_empty(), "no region: {found:?}");
    let making = of(store.unready).ok_or("a workspace is missing")?;
    want!(making.s3.is_none(), "offered before it is ready: {:?}", making.s3);
    let mut sorted: Vec<_> = all.iter().map(|workspace| &workspace.name).collect();
    sorted.sort();
    want!(all.iter().map(|w| &w.name).eq(sorted), "not sorted by name");
    Ok(())
}

async fn s7(case: Case) -> Verdict {
    let stage = case.on([]).await;
    serves(&stage.s3().await.map_err(|error| format!("{error:?}"))?)
}

async fn s7_stack(yard: Arc<Yard>) -> Verdict {
    serves(&minted(&yard).await?)
}

fn serves(set: &IssuedS3) -> Verdict {
    want!(matches!(set.secret, CredentialSecret::S3 { .. }), "not of the kind that is served");
    // RFC 3339 in UTC, which is what Expiration must be.
    let end = set.expires.ok_or("no Expiration")?.to_string();
    want!(end.ends_with('Z') && time(&end) == set.expires, "{end}");
    Ok(())
}

/// A set as a program holds it.
fn keys(yard: &Yard, set: &IssuedS3) -> Result<Keys, String> {
    let keys = Keys::of(&set.secret, yard.place.s3_endpoint(), REGION)?;
    Ok(Keys { client: yard.place.client(), ..keys })
}

/// Where the yard's workspace has its objects.
fn prefix(yard: &Yard) -> String {
    format!("/{BUCKET}/{}/", yard.workspace)
}

async fn s8(yard: Arc<Yard>) -> Verdict {
    let keys = keys(&yard, &minted(&yard).await?)?;
    put_read_list(&keys, BUCKET, &prefix(&yard)).await?;
    let theirs = send(&keys, "GET", &format!("/{BUCKET}/coastal-lab/conformance.txt"), "").await?;
    want!(theirs.0 == 403, "the objects of others: {theirs:?}");
    Ok(())
}

async fn s9(case: Case) -> Verdict {
    let xml = |end: &str| {
        format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><Credentials><SessionToken>T</SessionToken>\
             <SecretAccessKey>S</SecretAccessKey><Expiration>{end}</Expiration>\
             <AccessKeyId>A</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>\
             </AssumeRoleWithWebIdentityResponse>"
        )
    };
    for end in ["2025-03-07T14:55:56.123456Z", "2025-03-07T14:55:56Z"] {
        for text in [xml(end), xml(end).replace("<Cred", "<s:Cred").replace("</Cred", "</s:Cred")] {
            let stage = minting(case, page(200, "text/xml", &text)).await;
            let set = stage.s3().await.map_err(|error| format!("{end}: {error:?}"))?;
            want!(set.expires == time(end), "{end}: {:?}", set.expires);
        }
    }
    for (code, kind) in [
        ("ExpiredTokenException", Kind::Unauthenticated),
        ("ExpiredToken", Kind::Unauthenticated),
        ("InvalidIdentityToken", Kind::Unauthenticated),
        ("AccessDenied", Kind::Forbidden),
        ("IDPCommunicationError", Kind::Unavailable),
    ] {
        let text = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>words</Message></Error></ErrorResponse>"
        );
        let stage = minting(case, page(400, "text/xml", &text)).await;
        let Err(error) = stage.s3().await else { return Err(format!("{code}: success")) };
        want!(error.kind == kind, "{code}: {error:?}");
    }
    Ok(())
}

/// The store's own refusals: all with one code, told apart by their words.
async fn s9_stack(yard: Arc<Yard>) -> Verdict {
    let place = &yard.place;
    let ask = async |token: &str| {
        let token = Secret::from_text(token.to_owned());
        let session = Session::for_key(token, place.connection().clone(), place.http().clone());
        match yard.case.adapter.s3(&session, yard.workspace).await {
            Ok(_) => Err("credentials for a bad token".to_owned()),
            Err(error) if error.kind == Kind::Unauthenticated => Ok(error.facts.said),
            Err(error) => Err(format!("{error:?}")),
        }
    };
    let good = place.access_of("wayleave-desktop").await?;
    let good = good.expose_text().ok_or("no text")?;
    let (signed, signature) = good.rsplit_once('.').ok_or("no JWT")?;
    let (_, body) = signed.split_once('.').ok_or("no JWT")?;
    for bad in [
        "garbage",
        &format!("{signed}.AAAA{}", &signature[4..]),
        &format!("eyJhbGciOiJub25lIn0.{body}."),
    ] {
        let said = ask(bad).await?;
        want!(said.is_some(), "the store's words are lost");
    }
    let quick = place.access_of("desktop-quick").await?;
    let quick = quick.expose_text().ok_or("no text")?;
    for _ in 0..300 {
        let said = ask(quick).await?.unwrap_or_default();
        if said.contains("expired") {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Err("a token of two seconds does not end".into())
}

async fn s10(case: Case) -> Verdict {
    let stage = case.on([]).await;
    let set = stage.s3().await.map_err(|error| format!("{error:?}"))?;
    let revocable = set.secret.field(Field::ApiKey).is_some();
    want!(!revocable, "a set of temporary credentials looks like a key that can be revoked");
    let sent = stage.sent(Operation::Revoke).len();
    want!(sent == 0, "{sent} requests to revoke");
    Ok(())
}
