//! S1–S10: temporary credentials for objects.

use std::sync::Arc;

use wayleave_core::credential::{CredentialSecret, Field};
use wayleave_core::platform::{Kind, Operation};

use super::{Check, Need, both, in_sandbox, made_up};
use crate::conformance::case::{Case, Stage, Verdict, want};
use crate::conformance::sandbox::Yard;
use crate::conformance::wire::time;
use crate::stub::{json, page};

const S3: &[Need] = &[Need::Offers(Operation::S3)];

pub const CHECKS: &[Check] = &[
    made_up!("S1", "every form of time that was seen", S3, s1),
    made_up!("S2", "a refusal told by a text means what the text says", S3, s2),
    made_up!("S3", "a refused caller is not signed in", S3, s3),
    made_up!("S4", "no part may be missing", S3, s4),
    both!("S5", "one request for one set, and its end is known", S3, s5, s5_sandbox),
    made_up!(
        "S6",
        "bucket and prefix as listed; a store in the making is not offered",
        &[Need::Store],
        s6
    ),
    made_up!("S7", "what credential_process needs is there", S3, s7),
    in_sandbox!("S8", "objects are put, read and listed with them", S3, s8),
    made_up!("S9", "STS: XML, fractional time, namespace, error codes", &[Need::Sts], s9),
    made_up!("S10", "nothing offers to revoke them", S3, s10),
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

async fn s3(case: Case) -> Verdict {
    let (_, not_accepted) = case.wire.s3_refusals();
    for refusal in case.wire.not_accepted().into_iter().chain(not_accepted) {
        let stage = minting(case, refusal.clone()).await;
        let Err(error) = stage.s3().await else { return Err("success".into()) };
        want!(error.kind == Kind::Unauthenticated, "{refusal:?}: {error:?}");
    }
    Ok(())
}

async fn s4(case: Case) -> Verdict {
    let stage = case.on([]).await;
    let set = stage.s3().await.map_err(|error| format!("{error:?}"))?;
    for field in [Field::AccessKeyId, Field::SecretAccessKey, Field::SessionToken] {
        want!(set.secret.field(field).is_some_and(|part| !part.is_empty()), "{field:?} is missing");
    }
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

async fn s5_sandbox(yard: Arc<Yard>) -> Verdict {
    let adapter = yard.case.adapter;
    let set = adapter.s3(&yard.session, yard.workspace).await.map_err(|e| format!("{e:?}"))?;
    let now = yard.http.clock().now();
    let left = set.expires.ok_or("no end")?.as_second() - now.as_second();
    let whole = i64::from(
        yard.case.descriptor().s3.and_then(|s3| s3.seconds).ok_or("no life in the descriptor")?,
    );
    want!((0..=whole).contains(&left), "{left} s left of {whole}");
    Ok(())
}

async fn s6(case: Case) -> Verdict {
    let store = case.wire.store().expect("the check counts");
    let stage = case.on([]).await;
    let all = case.adapter.workspaces(&stage.session).await.map_err(|e| format!("{e:?}"))?;
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
    let set = stage.s3().await.map_err(|error| format!("{error:?}"))?;
    want!(matches!(set.secret, CredentialSecret::S3 { .. }), "not of the kind that is served");
    // RFC 3339 in UTC, which is what Expiration must be.
    let end = set.expires.ok_or("no Expiration")?.to_string();
    want!(end.ends_with('Z') && time(&end) == set.expires, "{end}");
    Ok(())
}

async fn s8(yard: Arc<Yard>) -> Verdict {
    let adapter = yard.case.adapter;
    let set = adapter.s3(&yard.session, yard.workspace).await.map_err(|e| format!("{e:?}"))?;
    let endpoint = yard.world.sandbox.s3_endpoint();
    let keys =
        crate::conformance::objects::Keys::of(&set.secret, endpoint, wayleave_sandbox::REGION)?;
    let prefix = format!("/{}/{}/", wayleave_sandbox::BUCKET, yard.workspace);
    crate::conformance::objects::put_read_list(&keys, wayleave_sandbox::BUCKET, &prefix).await
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

async fn s10(case: Case) -> Verdict {
    let stage = case.on([]).await;
    let set = stage.s3().await.map_err(|error| format!("{error:?}"))?;
    let revocable = set.secret.field(Field::ApiKey).is_some();
    want!(!revocable, "a set of temporary credentials looks like a key that can be revoked");
    let sent = stage.sent(Operation::Revoke).len();
    want!(sent == 0, "{sent} requests to revoke");
    Ok(())
}
