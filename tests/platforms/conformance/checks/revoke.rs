//! R1–R10: taking a token away, and believing it only when it is seen.

use std::sync::Arc;

use wayleave_core::ErrorCode;
use wayleave_core::platform::{Asked, Operation, Revoked};

use super::{BEHIND, Check, ELSEWHERE, HONEST, Need, both, in_sandbox, made_up};
use crate::conformance::case::{Case, Stage, Verdict, want};
use crate::conformance::wire::{FIRST, SECOND};
use crate::conformance::yard::Yard;
use crate::stub::{Reply, json, page};

const REVOKE: &[Need] = &[Need::Offers(Operation::Revoke), Need::Offers(Operation::List)];

pub const CHECKS: &[Check] = &[
    made_up!("R1", "2xx with an empty body", REVOKE, r1, Not(BEHIND)),
    both!("R2", "204, and it is gone", REVOKE, r2, r2_yard, Each(r2_yard)),
    made_up!(
        "R3",
        "404, or a success that the list denies, is not believed",
        REVOKE,
        r3,
        Not(HONEST)
    ),
    made_up!("R4", "500: it stays", REVOKE, r4, Not(HONEST)),
    made_up!("R5", "403: it stays", REVOKE, r5, Not(BEHIND)),
    in_sandbox!("R6", "twice", REVOKE, r6, Each(r6)),
    made_up!(
        "R7",
        "an id with special characters stays one segment",
        &[Need::Offers(Operation::Revoke)],
        r7,
        Each(r7_stack)
    ),
    made_up!(
        "R8",
        "the key in use is revoked last, and that ends it cleanly",
        REVOKE,
        r8,
        Not("an API token goes past the real servers to the API, which is the sandbox's")
    ),
    made_up!(
        "R9",
        "rotating keeps the old one until the new one is there",
        &[Need::Rotate],
        r9,
        Not(ELSEWHERE)
    ),
    made_up!(
        "R10",
        "revoking sends a reason and keeps the row",
        &[Need::SoftRevoke, Need::Offers(Operation::Revoke)],
        r10,
        Not(ELSEWHERE)
    ),
];

/// The list after the first token went: marked where the platform marks, gone where it does not.
fn without_first(case: &Case) -> Reply {
    let mut rows = vec![case.wire.row(&SECOND)];
    rows.extend(case.wire.revoked_row(&FIRST));
    json(200, &case.wire.list(rows).to_string())
}

fn with_first(case: &Case) -> Reply {
    json(200, &case.wire.list(vec![case.wire.row(&FIRST)]).to_string())
}

async fn revoked(case: Case, answer: Reply, list: Reply) -> (Stage, Asked<Revoked>) {
    let script = [(Operation::Revoke, vec![answer]), (Operation::List, vec![list])];
    let stage = case.on(script).await;
    let gone = stage.revoke(case.wire.id_of(&FIRST)).await;
    (stage, gone)
}

fn is(answer: &Asked<Revoked>, already: bool, confirmed: bool) -> Verdict {
    let expected = Revoked { already, confirmed };
    want!(answer.as_ref() == Ok(&expected), "{answer:?}, not {expected:?}");
    Ok(())
}

fn fails(answer: &Asked<Revoked>, code: ErrorCode, what: &str) -> Verdict {
    want!(answer.as_ref().is_err_and(|error| error.code() == code), "{what}: {answer:?}");
    Ok(())
}

async fn r1(case: Case) -> Verdict {
    for status in [200, 202] {
        let (_stage, gone) = revoked(case, page(status, "", ""), without_first(&case)).await;
        is(&gone, false, true)?;
    }
    Ok(())
}

async fn r2(case: Case) -> Verdict {
    let (stage, gone) = revoked(case, page(204, "", ""), without_first(&case)).await;
    is(&gone, false, true)?;
    want!(stage.sent(Operation::Revoke).len() == 1, "sent once");
    Ok(())
}

async fn r2_yard(yard: Arc<Yard>) -> Verdict {
    let id = yard.issued("to_be_revoked").await?.token.id.ok_or("no id")?;
    let gone = yard.revoke(&id).await;
    is(&gone, false, true)?;
    let left = yard.unrevoked().await?;
    want!(left.iter().all(|row| row.id.as_ref() != Some(&id)), "it is still there");
    Ok(())
}

async fn r3(case: Case) -> Verdict {
    let unknown = ErrorCode::OutcomeUnknown;
    for status in [404, 410] {
        let (_stage, gone) = revoked(case, json(status, ""), without_first(&case)).await;
        is(&gone, true, true)?;
        let (_stage, gone) = revoked(case, json(status, ""), with_first(&case)).await;
        fails(&gone, unknown, "404, and listed all the same")?;
        let (_stage, gone) = revoked(case, json(status, ""), json(500, "")).await;
        fails(&gone, unknown, "404, and no list")?;
    }
    let (_stage, gone) = revoked(case, page(204, "", ""), with_first(&case)).await;
    fails(&gone, unknown, "2xx, and listed all the same")?;
    let (_stage, gone) = revoked(case, page(204, "", ""), json(500, "")).await;
    is(&gone, false, false)
}

async fn r4(case: Case) -> Verdict {
    for status in [500, 502, 503] {
        let (stage, gone) = revoked(case, page(status, "", ""), with_first(&case)).await;
        fails(&gone, ErrorCode::PlatformUnavailable, "a fault")?;
        want!(stage.sent(Operation::Revoke).len() == 1, "{status}: sent again");
    }
    Ok(())
}

async fn r5(case: Case) -> Verdict {
    for reply in case.wire.forbidden() {
        let (_stage, gone) = revoked(case, reply, with_first(&case)).await;
        fails(&gone, ErrorCode::Forbidden, "403")?;
    }
    Ok(())
}

async fn r6(yard: Arc<Yard>) -> Verdict {
    let id = yard.issued("twice").await?.token.id.ok_or("no id")?;
    is(&yard.revoke(&id).await, false, true)?;
    let again = yard.revoke(&id).await;
    want!(again.as_ref().is_ok_and(|gone| gone.confirmed), "the second time: {again:?}");
    Ok(())
}

async fn r7(case: Case) -> Verdict {
    for id in ["a?b#c d", "%2e%2e", "é&=+;", "a:b@c"] {
        let stage = case.on([]).await;
        let answer = stage.revoke(id).await;
        let sent = stage.stub.got();
        let Some(got) = sent.first() else {
            want!(answer.is_err(), "{id:?}: nothing was sent and all is well");
            continue;
        };
        let url = url::Url::parse(&stage.stub.origin).and_then(|url| url.join(&got.target));
        let url = url.map_err(|error| error.to_string())?;
        let segment = url.path_segments().is_some_and(|mut all| all.any(|s| decoded(s) == id));
        want!(segment && url.query().is_none(), "{id:?} became {}", got.target);
    }
    for id in ["..", ".", "", "a/b", "a\nb"] {
        let stage = case.on([]).await;
        want!(stage.revoke(id).await.is_err(), "{id:?} is no id");
        want!(stage.stub.got().is_empty(), "{id:?} was sent");
    }
    Ok(())
}

/// No server on the way makes another path of it: nothing else goes.
async fn r7_stack(yard: Arc<Yard>) -> Verdict {
    let kept = yard.issued("kept").await?.token.id.ok_or("no id")?;
    let before = yard.unrevoked().await?.len();
    for id in ["a?b#c d", "%2e%2e", "é&=+;", "a:b@c", "%2e%2e%2ftokens"] {
        let answer = yard.revoke(id).await;
        let gone = answer.as_ref().is_ok_and(|gone| !gone.already);
        want!(!gone, "{id:?} revoked something: {answer:?}");
        want!(yard.unrevoked().await?.len() == before, "{id:?} took something away");
    }
    is(&yard.revoke(&kept).await, false, true)
}

/// Percent-decoding of one segment; `&`, `=` and `+` are themselves there.
fn decoded(segment: &str) -> String {
    let plain = segment.replace('&', "%26").replace('=', "%3D").replace('+', "%2B");
    url::form_urlencoded::parse(plain.as_bytes()).map(|(key, _)| key.into_owned()).collect()
}

async fn r8(case: Case) -> Verdict {
    let dead = case.wire.not_accepted().remove(0);
    let (_stage, gone) = revoked(case, page(204, "", ""), dead).await;
    is(&gone, false, true)
}

async fn r9(case: Case) -> Verdict {
    case.wire.rotates(case).await
}

async fn r10(case: Case) -> Verdict {
    let (stage, gone) = revoked(case, json(200, "{}"), without_first(&case)).await;
    is(&gone, false, true)?;
    let field = case.wire.reason_field().ok_or("no reason is sent")?;
    let sent = stage.sent(Operation::Revoke);
    let body: serde_json::Value = serde_json::from_str(&sent[0].body).map_err(|e| e.to_string())?;
    let reason = body.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
    want!(!reason.is_empty(), "without a reason: {body}");
    let rows = stage.list().await.map_err(|error| format!("{error:?}"))?;
    want!(rows.iter().filter(|row| case.wire.is_revoked(row)).count() == 1, "the row is kept");
    Ok(())
}
