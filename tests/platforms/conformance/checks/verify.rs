//! V1–V6: what a key is worth.

use std::sync::Arc;

use wayleave_core::api::VerifyCause;
use wayleave_core::platform::{KeyForm, KeyState, Kind, Operation, Platform as _, verify_cause};

use super::{BEHIND, Check, ELSEWHERE, NOTHING_SENT, Need, both, made_up};
use crate::conformance::case::{Case, OFFERED, Verdict, want};
use crate::conformance::wire::{FIRST, time};
use crate::conformance::yard::Yard;

pub const CHECKS: &[Check] = &[
    both!("V1", "a good key works", &[], v1, v1_yard, Ways(v1_yard)),
    made_up!(
        "V2",
        "a refused key past its end has ended, before it was revoked",
        &[],
        v2,
        Each(v2_stack)
    ),
    made_up!(
        "V3",
        "a key that may not list is limited, not dead",
        &[Need::Learned, Need::Offers(Operation::List)],
        v3,
        Not(BEHIND)
    ),
    made_up!(
        "V4",
        "200 with \"not valid\" is not accepted",
        &[Need::InvalidWith200],
        v4,
        Not(ELSEWHERE)
    ),
    made_up!("V5", "the 200 of a public address proves nothing", &[], v5, Each(v5_stack)),
    made_up!(
        "V6",
        "an id pasted in place of the key is not taken for one",
        &[Need::RemoteId],
        v6,
        Not(NOTHING_SENT)
    ),
];

async fn v1(case: Case) -> Verdict {
    let stage = case.on([]).await;
    let state = stage.verify().await;
    want!(state == Ok(KeyState::Works), "{state:?}");
    want!(case.wire.platform().recognise_key(case.wire.secret()) == KeyForm::Key, "its form");
    Ok(())
}

async fn v1_yard(yard: Arc<Yard>) -> Verdict {
    let state = yard.case.adapter.verify(&yard.session, yard.workspace).await;
    want!(state == Ok(KeyState::Works), "{state:?}");
    Ok(())
}

/// The key is not accepted, wherever it is asked about.
async fn refused(case: Case) -> wayleave_core::platform::Asked<KeyState> {
    let dead = case.wire.not_accepted().remove(0);
    let operations = OFFERED.into_iter().chain([
        Operation::Verify,
        Operation::Workspaces,
        Operation::Identify,
        Operation::SignIn,
    ]);
    case.on(operations.map(|operation| (operation, vec![dead.clone()]))).await.verify().await
}

fn is_dead(state: &wayleave_core::platform::Asked<KeyState>) -> bool {
    match state {
        Ok(state) => *state == KeyState::NotAccepted,
        Err(error) => error.kind == Kind::Unauthenticated,
    }
}

async fn v2(case: Case) -> Verdict {
    let state = refused(case).await;
    want!(is_dead(&state), "{state:?}");
    let end = time("2025-04-06T13:55:56Z");
    let after = time("2025-04-07T00:00:00Z").expect("a time");
    let before = time("2025-04-05T00:00:00Z").expect("a time");
    want!(verify_cause(&state, end, after, 0) == VerifyCause::Expired, "after its end");
    want!(verify_cause(&state, end, before, 0) == VerifyCause::Revoked, "before its end");
    want!(verify_cause(&state, None, after, 0) == VerifyCause::Revoked, "without an end");
    Ok(())
}

async fn v2_stack(yard: Arc<Yard>) -> Verdict {
    let dead = yard.place.restore(&yard.dead().await?)?;
    let state = yard.case.adapter.verify(&dead, yard.workspace).await;
    want!(is_dead(&state), "{state:?}");
    Ok(())
}

async fn v3(case: Case) -> Verdict {
    for reply in case.wire.forbidden() {
        let state = case.on([(Operation::List, vec![reply])]).await.verify().await;
        want!(state == Ok(KeyState::WorksWithoutList), "{state:?}");
    }
    Ok(())
}

async fn v4(case: Case) -> Verdict {
    let (operation, reply) = case.wire.invalid_with_200().expect("the check counts");
    let dead = case.wire.forbidden().remove(0);
    let script = [(Operation::List, vec![dead]), (operation, vec![reply])];
    let state = case.on(script).await.verify().await;
    want!(is_dead(&state), "{state:?}");
    Ok(())
}

async fn v5(case: Case) -> Verdict {
    // An honest server answers 404 to what is no operation; here all that is public says 200.
    let state = refused(case).await;
    want!(is_dead(&state), "{state:?}");
    Ok(())
}

/// The issuer describes itself to everybody, and the session is dead all the same.
async fn v5_stack(yard: Arc<Yard>) -> Verdict {
    let issuer = &yard.place.connection().issuer;
    let public = format!("{issuer}/.well-known/openid-configuration");
    let answer = yard.place.client().get(public).send().await.map_err(|e| e.to_string())?;
    want!(answer.status() == 200, "the public address: {}", answer.status());
    v2_stack(yard).await
}

async fn v6(case: Case) -> Verdict {
    let form = case.wire.platform().recognise_key(FIRST.id);
    want!(form == KeyForm::TokenId, "an id is seen as {form:?}");
    want!(case.wire.platform().recognise_key("two words") == KeyForm::Unusable, "two words");
    want!(case.wire.platform().recognise_key("") == KeyForm::Unusable, "nothing");
    Ok(())
}
