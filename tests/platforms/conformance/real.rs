//! The column of the real servers: which checks are run there, with whom, and what must fail.

use std::sync::Arc;

use wayleave_core::api::SignInWay;

use super::case::{Case, Verdict};
use super::checks::{AtStack, Check};
use super::stack::Running;
use super::yard::Yard;
use super::{Cell, bad_at_stack, guarded};

/// Why the real servers have no part in a check of an adapter; `None`: they have.
pub fn not_at_stack(check: &Check, case: Case, running: &Running) -> Option<&'static str> {
    let of_check = match check.stack {
        AtStack::Not(reason) => Some(reason),
        AtStack::Ways(_) | AtStack::Each(_) | AtStack::Once(_) => None,
    };
    let closed = case.wire.at_stack(running).err();
    closed.or(of_check).or_else(|| case.wire.not_at_stack(check.id))
}

/// Runs a check at the real servers, signed in as its row says.
pub async fn at_stack(
    check: &'static Check,
    case: Case,
    running: &Arc<Running>,
    client: Option<&'static str>,
) -> Verdict {
    let mut ways: Vec<SignInWay> = case.descriptor().ways.to_vec();
    ways.retain(|way| *way != SignInWay::Paste);
    let run = match check.stack {
        AtStack::Ways(run) => run,
        AtStack::Each(run) => {
            ways.dedup_by_key(|way| *way == SignInWay::Portal);
            run
        }
        AtStack::Once(run) => {
            ways.truncate(1);
            run
        }
        AtStack::Not(reason) => return Err(reason.into()),
    };
    for way in ways {
        let running = Arc::clone(running);
        let signed_in = async move {
            let yard = Yard::at_stack(case, &running, way, client).await;
            run(Arc::new(yard.map_err(|error| format!("signing in: {error}"))?)).await
        };
        guarded(Box::pin(signed_in)).await.map_err(|wrong| format!("{way:?}: {wrong}"))?;
    }
    Ok(())
}

/// How many checks of an adapter were put to the real servers, and what is right: some, where
/// its servers can be had at all.
pub fn tried_at_stack(
    column: &[Cell],
    case: Case,
    running: &Running,
) -> (usize, (&'static str, bool)) {
    let word = |cell: &&Cell| cell.word().contains("stack");
    let tried = column.iter().filter(word).count();
    let can_be_had = case.wire.at_stack(running).is_ok();
    (tried, if can_be_had { (">=15", tried >= 15) } else { ("=0", tried == 0) })
}

/// The wrong ones at the real servers, and whether their check saw them there.
pub async fn known_bad_at_stack(
    checks: &[&'static Check],
    running: &Arc<Running>,
) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for bad in bad_at_stack::ALL {
        let wire = super::WIRES.iter().find(|wire| wire.platform() == bad.adapter.platform());
        let wire = *wire.expect("the variant's platform is registered");
        let check =
            checks.iter().find(|check| check.id == bad.check).expect("there is such a check");
        let case = Case { wire, adapter: bad.adapter };
        let verdict = at_stack(check, case, running, bad.client).await;
        let seen = verdict.as_ref().is_err_and(|why| why.contains(bad.seen));
        found.push((format!("{}_at_the_stack", bad.name), seen));
    }
    found
}
