//! D1–D3: what an adapter says of itself.

use std::sync::Arc;

use wayleave_core::platform::{Kind, Operation, Platform as _};

use super::{Check, NOTHING_SENT, made_up};
use crate::conformance::case::{Case, OFFERED, Verdict, want};
use crate::conformance::yard::Yard;

pub const CHECKS: &[Check] = &[
    made_up!("D1", "what is offered is done, what is not sends nothing", &[], d1, Each(d1_stack)),
    made_up!(
        "D2",
        "the preset lifetime lies within its limits",
        &[super::Need::Lifetime],
        d2,
        Not(NOTHING_SENT)
    ),
    made_up!("D3", "addresses are normalised, unsafe ones refused", &[], d3, Not(NOTHING_SENT)),
];

async fn d1(case: Case) -> Verdict {
    for operation in OFFERED {
        let stage = case.on([]).await;
        let answer = stage.ask(operation).await;
        let sent = stage.stub.got().len();
        if case.offers(operation) {
            want!(sent > 0, "{operation} is offered and sends nothing: {answer:?}");
            want!(
                !matches!(&answer, Err(error) if matches!(error.kind, Kind::NotSupported { .. })),
                "{operation} is offered and not supported"
            );
        } else {
            refused_silently(&answer, sent, &operation.to_string())?;
        }
    }
    Ok(())
}

async fn d1_stack(yard: Arc<Yard>) -> Verdict {
    for operation in OFFERED {
        let before = yard.place.heard().await?.len();
        let answer = match operation {
            Operation::Revoke if yard.case.offers(Operation::Issue) => {
                let issued = yard.issued("made_to_be_revoked").await?;
                yard.revoke(&issued.token.id.ok_or("no id")?).await.map(|_| ())
            }
            _ => yard.ask(operation).await,
        };
        let sent = yard.place.heard().await?.len() - before;
        if yard.case.offers(operation) {
            want!(answer.is_ok() && sent > 0, "{operation}: {sent} requests, {answer:?}");
        } else {
            refused_silently(&answer, sent, &operation.to_string())?;
        }
    }
    Ok(())
}

/// An operation that is not offered answers so, without a request.
pub fn refused_silently<T>(
    answer: &wayleave_core::platform::Asked<T>,
    sent: usize,
    what: &str,
) -> Verdict {
    let Err(error) = answer else { return Err(format!("{what} is not offered and was done")) };
    want!(
        matches!(error.kind, Kind::NotSupported { .. }),
        "{what} is not offered, and answers {error:?}"
    );
    want!(sent == 0, "{what} is not offered and sent {sent} requests");
    Ok(())
}

async fn d2(case: Case) -> Verdict {
    let lifetime = case.descriptor().lifetime.expect("the check counts");
    let within = (lifetime.min..=lifetime.max).contains(&lifetime.default);
    want!(within && lifetime.min > 0, "{lifetime:?}");
    Ok(())
}

async fn d3(case: Case) -> Verdict {
    let hub = |origin: &str| {
        let fields = case.wire.fields(origin).into_iter();
        let fields = fields.map(|(key, value)| (key.to_owned(), value)).collect();
        case.wire.platform().connect(&fields).map(|connection| connection.hub.to_string())
    };
    let plain = hub("https://bücher.example:8443").map_err(|e| format!("IDN refused: {e}"))?;
    want!(plain.starts_with("https://xn--bcher-kva.example:8443/"), "IDN: {plain}");
    for same in [
        "https://xn--bcher-kva.example:8443/",
        "  HTTPS://BÜCHER.example:8443 ",
        "https://bücher.example:8443/some/path?a=b#c",
    ] {
        want!(hub(same).as_ref() == Ok(&plain), "{same:?} → {:?}", hub(same));
    }
    let bare = hub("plain.example").map_err(|e| format!("no scheme: {e}"))?;
    want!(Ok(bare) == hub("https://plain.example"), "a scheme is not added");
    want!(hub("http://127.0.0.1:9").is_ok(), "plain http to this computer is for tests");
    for bad in [
        "http://plain.example",
        "https://user:pass@plain.example",
        "https://user@plain.example",
        "ftp://plain.example",
        "file:///etc/passwd",
        "https://a b.example",
        "",
    ] {
        want!(hub(bad).is_err(), "{bad:?} is accepted as {:?}", hub(bad));
    }
    Ok(())
}
