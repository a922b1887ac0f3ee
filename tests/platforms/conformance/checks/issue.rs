//! I1–I12: requests for tokens. One POST, whatever comes of it; no secret is lost or shown.

use std::sync::Arc;

use serde_json::Value;
use wayleave_core::credential::Id;
use wayleave_core::issuance::{Intent, Verdict as Judged, Wish, prepare, reconcile};
use wayleave_core::platform::{
    IssueOutcome, IssueRequest, IssueWarning, IssuedToken, Kind, Operation,
};
use wayleave_sandbox::Effect;

use super::broken::ended_by_time;
use super::{BEHIND, Check, ELSEWHERE, HONEST, NOTHING_SENT, Need, both, made_up};
use crate::conformance::case::{Case, Stage, Verdict, want};
use crate::conformance::wire::{FIRST, Row, wish};
use crate::conformance::yard::Yard;
use crate::stub::{Reply, json, page};

const ISSUE: &[Need] = &[Need::Offers(Operation::Issue)];
const WITH_ID: &[Need] = &[Need::Offers(Operation::Issue), Need::RemoteId];
const LIFE: &[Need] = &[Need::Offers(Operation::Issue), Need::Lifetime];
const LIST: &[Need] = &[Need::Offers(Operation::Issue), Need::Offers(Operation::List)];

pub const CHECKS: &[Check] = &[
    both!(
        "I1",
        "the request is the published one, field for field",
        ISSUE,
        i1,
        i1_yard,
        Each(i1_yard)
    ),
    made_up!("I2", "200 and 201", ISSUE, i2, Not(BEHIND)),
    made_up!("I3", "an answer without an id", WITH_ID, i3, Not(BEHIND)),
    made_up!("I4", "an answer without a secret", ISSUE, i4, Not(BEHIND)),
    made_up!(
        "I5",
        "a lifetime beyond the limits is refused before anything is sent",
        LIFE,
        i5,
        Not(NOTHING_SENT)
    ),
    made_up!("I6", "another lifetime than asked for is told", LIFE, i6, Not(BEHIND)),
    made_up!("I7", "400 with its fields", ISSUE, i7, Not(BEHIND)),
    both!(
        "I8",
        "made, and the answer lost: one POST, then the list decides",
        LIST,
        i8,
        i8_yard,
        Each(i8_yard)
    ),
    made_up!(
        "I9",
        "names: sent as they are, or refused before anything is sent",
        ISSUE,
        i9,
        Each(i9_stack)
    ),
    made_up!(
        "I10",
        "permissions, unknown ones too",
        &[Need::Offers(Operation::Issue), Need::Permissions],
        i10,
        Not(ELSEWHERE)
    ),
    made_up!(
        "I11",
        "the secret is handed over before anything else is asked",
        WITH_ID,
        i11,
        Not(BEHIND)
    ),
    made_up!("I12", "a failure shows no secret", ISSUE, i12, Not(HONEST)),
];

async fn asked(case: Case, value: &Value) -> (Stage, IssueOutcome) {
    let stage = case.on([(Operation::Issue, vec![json(200, &value.to_string())])]).await;
    let outcome = stage.issue(&wish(case.wire, FIRST.name)).await;
    (stage, outcome)
}

fn issued(outcome: IssueOutcome) -> Result<IssuedToken, String> {
    match outcome {
        IssueOutcome::Issued(issued) => Ok(*issued),
        other => Err(format!("not issued: {other:?}")),
    }
}

fn without(value: &Value, fields: &[&str]) -> Value {
    let mut value = value.clone();
    value.as_object_mut().expect("an object").retain(|key, _| !fields.contains(&key.as_str()));
    value
}

async fn i1(case: Case) -> Verdict {
    let request = wish(case.wire, FIRST.name);
    let stage = case.on([]).await;
    issued(stage.issue(&request).await)?;
    let sent = stage.sent(Operation::Issue);
    want!(sent.len() == 1 && sent[0].method == "POST", "{} requests", sent.len());
    let body: Value = serde_json::from_str(&sent[0].body).map_err(|e| e.to_string())?;
    let expected = case.wire.request_body(&request);
    want!(body == expected, "sent {body}, published {expected}");
    want!(sent[0].header("content-type") == Some("application/json"), "its content type");
    Ok(())
}

async fn i1_yard(yard: Arc<Yard>) -> Verdict {
    let issued = yard.issued("issued_here").await?;
    want!(issued.warnings.is_empty(), "{:?}", issued.warnings);
    want!(!issued.key.is_empty(), "no key");
    want!(issued.token.name == "issued_here", "{:?}", issued.token.name);
    Ok(())
}

async fn i2(case: Case) -> Verdict {
    for status in [200, 201] {
        let body = case.wire.created(&FIRST).to_string();
        let stage = case.on([(Operation::Issue, vec![json(status, &body)])]).await;
        let issued = issued(stage.issue(&wish(case.wire, FIRST.name)).await)?;
        let key = issued.key.expose_text() == Some(case.wire.secret());
        want!(key, "{status}: the key is not the one in the answer");
    }
    Ok(())
}

async fn i3(case: Case) -> Verdict {
    let value = without(&case.wire.created(&FIRST), case.wire.id_fields());
    let (stage, outcome) = asked(case, &value).await;
    let issued = issued(outcome)?;
    want!(issued.token.id.is_none(), "an id from nowhere: {:?}", issued.token.id);
    want!(issued.warnings.contains(&IssueWarning::IdMissing), "{:?}", issued.warnings);
    want!(stage.sent(Operation::Issue).len() == 1, "one POST");
    Ok(())
}

async fn i4(case: Case) -> Verdict {
    for empty in [false, true] {
        let mut value = case.wire.created(&FIRST);
        if empty {
            case.wire.secret_fields().iter().for_each(|field| value[*field] = "".into());
        } else {
            value = without(&value, case.wire.secret_fields());
        }
        let (stage, outcome) = asked(case, &value).await;
        match outcome {
            IssueOutcome::WithoutKey(token) => {
                want!(token.id.is_some(), "what to revoke is not known");
            }
            // Where keys may be read again, one read may bring it.
            IssueOutcome::Issued(_) if case.wire.rereads() => {}
            other => return Err(format!("{other:?}")),
        }
        want!(stage.sent(Operation::Issue).len() == 1, "one POST");
    }
    Ok(())
}

async fn i5(case: Case) -> Verdict {
    let limits = case.descriptor().lifetime.expect("the check counts");
    let beyond = [0, limits.min.saturating_sub(1), limits.max.saturating_add(1), u32::MAX];
    for days in beyond.into_iter().filter(|days| !(limits.min..=limits.max).contains(days)) {
        let stage = case.on([]).await;
        let request = IssueRequest { lifetime: Some(days), ..wish(case.wire, FIRST.name) };
        let outcome = stage.issue(&request).await;
        let IssueOutcome::Refused(error) = outcome else {
            return Err(format!("{days}: {outcome:?}"));
        };
        want!(matches!(error.kind, Kind::Validation(_)), "{days}: {error:?}");
        want!(stage.stub.got().is_empty(), "{days}: something was sent");
    }
    Ok(())
}

async fn i6(case: Case) -> Verdict {
    for end in ["2025-04-09T13:55:56Z", "2025-03-09T13:55:56Z"] {
        let value = case.wire.created(&Row { expires: Some(end), ..FIRST });
        let (_stage, outcome) = asked(case, &value).await;
        let issued = issued(outcome)?;
        want!(
            issued.warnings.contains(&IssueWarning::LifetimeDiffers),
            "{end}: {:?}",
            issued.warnings
        );
        want!(issued.token.expires == end.parse().ok(), "{:?}", issued.token.expires);
    }
    let (_stage, outcome) = asked(case, &case.wire.created(&FIRST)).await;
    let issued = issued(outcome)?;
    want!(issued.warnings.is_empty(), "as asked: {:?}", issued.warnings);
    Ok(())
}

async fn i7(case: Case) -> Verdict {
    for body in [
        r#"{"error_code":"validation_error","message":"Invalid input","detail":{"label":["not so"]}}"#,
        r#"{"detail":[{"loc":["body","label"],"msg":"not so","type":"x"}]}"#,
        r#"{"detail":{"label":"not so"}}"#,
    ] {
        let stage = case.on([(Operation::Issue, vec![json(400, body)])]).await;
        let outcome = stage.issue(&wish(case.wire, FIRST.name)).await;
        let IssueOutcome::Refused(error) = outcome else { return Err(format!("{outcome:?}")) };
        let fields = vec![("label".to_owned(), "not so".to_owned())];
        want!(error.kind == Kind::Validation(fields), "{body}: {error:?}");
    }
    Ok(())
}

async fn i8(case: Case) -> Verdict {
    let whole = case.wire.created(&FIRST).to_string();
    let short = format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{whole}");
    for (what, reply) in [
        ("dropped", Reply::Bytes(Vec::new())),
        ("cut", Reply::Bytes(short.into_bytes())),
        ("502", page(502, "text/html", "<html>502</html>")),
        ("504", page(504, "text/html", "<html>504</html>")),
        ("empty", json(200, "")),
    ] {
        let stage = case.on([(Operation::Issue, vec![reply])]).await;
        let outcome = stage.issue(&wish(case.wire, FIRST.name)).await;
        let IssueOutcome::Unknown(error) = outcome else {
            return Err(format!("{what}: {outcome:?}"));
        };
        stage.silent(&error)?;
        let posts = stage.sent(Operation::Issue).len();
        want!(posts == 1, "{what}: {posts} POSTs");
    }
    let mut stage = case.on([(Operation::Issue, vec![Reply::Silence])]).await;
    let error = ended_by_time(&mut stage, Operation::Issue).await?;
    want!(error.may_have_happened(), "after a time-out: {error:?}");
    want!(stage.sent(Operation::Issue).len() == 1, "after a time-out: POSTed again");
    Ok(())
}

/// An intent, as the engine makes it before the POST.
async fn intent(yard: &Yard, request: &IssueRequest) -> Result<Intent, String> {
    let before = yard.live().await?;
    let (id, account) = (Id([1; 16]), Id([2; 16]));
    let wish = Wish { id, account, workspace: yard.workspace, request };
    Ok(prepare(wish, Some(&before), yard.place.http().clock().now(), 0))
}

async fn i8_yard(yard: Arc<Yard>) -> Verdict {
    for (number, effect) in
        [Effect::DropAnswer, Effect::Cut { after_bytes: 120 }].into_iter().enumerate()
    {
        let request = wish(yard.case.wire, &format!("lost_{number}"));
        let intent = intent(&yard, &request).await?;
        yard.disturb(Operation::Issue, Some(1), effect).await?;
        let before = yard.count(Operation::Issue).await?;
        let outcome = yard.issue(&request).await;
        want!(matches!(outcome, IssueOutcome::Unknown(_)), "{outcome:?}");
        want!(yard.count(Operation::Issue).await? == before + 1, "one POST only");
        let listed = yard.live().await?;
        let judged = reconcile(&intent, &listed);
        let Judged::Ours(ours) = judged else { return Err(format!("not found: {judged:?}")) };
        let id = ours.id.ok_or("without an id")?;
        yard.revoke(&id).await.map_err(|error| format!("{error:?}"))?;
        let judged = reconcile(&intent, &yard.unrevoked().await?);
        want!(judged == Judged::NotMade, "after revoking: {judged:?}");
    }
    Ok(())
}

async fn i9(case: Case) -> Verdict {
    let max = case.descriptor().name_max;
    let (longest, too_long) = ("x".repeat(max), "x".repeat(max + 1));
    let wide = "é".repeat(max);
    let names = ["Ω “x” 'y'", "a/b", "..", "%2e", "\u{1f680}", "a b", &longest, &wide];
    for name in names {
        let stage = case.on([]).await;
        let request = wish(case.wire, name);
        let outcome = stage.issue(&request).await;
        let sent = stage.sent(Operation::Issue);
        match outcome {
            IssueOutcome::Refused(error) if sent.is_empty() => {
                want!(matches!(error.kind, Kind::Validation(_)), "{name:?}: {error:?}");
            }
            _ => {
                want!(sent.len() == 1, "{name:?}: {} requests", sent.len());
                let body: Value = serde_json::from_str(&sent[0].body).map_err(|e| e.to_string())?;
                want!(body == case.wire.request_body(&request), "{name:?} was sent as {body}");
            }
        }
    }
    let stage = case.on([]).await;
    want!(stage.issue(&wish(case.wire, &longest)).await.is_issued(), "the longest name");
    for name in [too_long.as_str(), ""] {
        let stage = case.on([]).await;
        let outcome = stage.issue(&wish(case.wire, name)).await;
        want!(matches!(outcome, IssueOutcome::Refused(_)), "{} characters", name.len());
        want!(stage.stub.got().is_empty(), "{} characters were sent", name.len());
    }
    Ok(())
}

/// Through every server on the way, there and back.
async fn i9_stack(yard: Arc<Yard>) -> Verdict {
    for name in ["Ω “x” 'y'", "a/b ..", "%2e&c=d", "\u{1f680}"] {
        let issued = yard.issued(name).await?;
        let id = issued.token.id.ok_or("no id")?;
        let rows = yard.live().await?;
        let ours = rows.iter().find(|row| row.id.as_ref() == Some(&id)).ok_or("not listed")?;
        want!(ours.name == name, "{name:?} came back as {:?}", ours.name);
        yard.revoke(&id).await.map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}

/// Whether a token was handed out.
trait IsIssued {
    fn is_issued(&self) -> bool;
}

impl IsIssued for IssueOutcome {
    fn is_issued(&self) -> bool {
        matches!(self, Self::Issued(_))
    }
}

async fn i10(case: Case) -> Verdict {
    case.wire.permissions_round_trip(case).await
}

async fn i11(case: Case) -> Verdict {
    for value in
        [case.wire.created(&FIRST), without(&case.wire.created(&FIRST), case.wire.id_fields())]
    {
        let (stage, outcome) = asked(case, &value).await;
        let last = stage.stub.got().last().and_then(|got| case.wire.operation(got));
        want!(issued(outcome)?.key.expose_text() == Some(case.wire.secret()), "the key");
        want!(last == Some(Operation::Issue), "after the POST, {last:?} was asked first");
    }
    Ok(())
}

async fn i12(case: Case) -> Verdict {
    let secret = case.wire.secret();
    let echo = case.wire.created(&FIRST).to_string();
    for (status, kind, body) in [
        (500, "text/plain", format!("could not store {secret}")),
        (400, "application/json", format!("{{\"message\":\"bad key {secret}\"}}")),
        (400, "application/json", format!("{{\"detail\":{{\"{secret}\":[\"{secret}\"]}}}}")),
        (200, "application/json", echo[..echo.len() - 2].to_owned()),
        (409, "application/json", echo.clone()),
    ] {
        let stage = case.on([(Operation::Issue, vec![page(status, kind, &body)])]).await;
        match stage.issue(&wish(case.wire, FIRST.name)).await {
            IssueOutcome::Refused(error) | IssueOutcome::Unknown(error) => stage.silent(&error)?,
            other => return Err(format!("{status}: {other:?}")),
        }
    }
    let (stage, outcome) = asked(case, &case.wire.created(&FIRST)).await;
    stage.secretless(&format!("{outcome:?}"))
}
