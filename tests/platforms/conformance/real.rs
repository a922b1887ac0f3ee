//! The column of the real servers: which checks are run there, with whom, and what must fail.

use std::sync::Arc;
use std::thread::JoinHandle;

use wayleave_core::api::SignInWay;

use super::case::{Case, Verdict};
use super::checks::{self, AtStack, Check};
use super::stack::Running;
use super::yard::Yard;
use super::{Cell, bad_at_stack, guarded};
use crate::report::Report;

/// What became of a check at the real servers.
pub enum Tried {
    Holds,
    Fails(String),
    /// They have no part in it, and why.
    Not(&'static str),
}

/// What became of one adapter's checks.
pub struct Column {
    /// Whether none of its servers can be had.
    closed: bool,
    /// `None`: the check does not count for it.
    tried: Vec<Option<Tried>>,
}

/// What became of all of them.
pub struct Found {
    /// A column for each registration.
    pub columns: Vec<Column>,
    /// The wrong variants, and whether they were caught.
    pub known_bad: Vec<(String, bool)>,
}

/// Puts everything to the real servers, in a thread of its own: most of it is waiting.
pub fn begin(running: Arc<Running>) -> JoinHandle<Found> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(all(&running))
    })
}

async fn all(running: &Arc<Running>) -> Found {
    let checks = checks::all();
    let mut columns = Vec::new();
    for wire in super::WIRES {
        let case = super::real(*wire);
        let closed = wire.at_stack(running).is_err();
        let mut column = Column { closed, tried: Vec::new() };
        for check in &checks {
            let counts = check.needs.iter().all(|need| need.lacking(&case).is_none());
            column.tried.push(if counts { Some(tried(check, case, running).await) } else { None });
        }
        columns.push(column);
    }
    let known_bad = known_bad(&checks, running).await;
    // Nobody who comes after is disturbed. Where that fails, they see it themselves.
    let _ = running.clear().await;
    Found { columns, known_bad }
}

async fn tried(check: &'static Check, case: Case, running: &Arc<Running>) -> Tried {
    let of_check = match check.stack {
        AtStack::Not(reason) => Some(reason),
        AtStack::Ways(_) | AtStack::Each(_) | AtStack::Once(_) => None,
    };
    let closed = case.wire.at_stack(running).err();
    match closed.or(of_check).or_else(|| case.wire.not_at_stack(check.id)) {
        Some(reason) => Tried::Not(reason),
        None => match at_stack(check, case, running, None).await {
            Ok(()) => Tried::Holds,
            Err(wrong) => Tried::Fails(wrong),
        },
    }
}

/// Runs a check at the real servers, signed in as its row says.
async fn at_stack(
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

/// The matrix with the stack in it. An adapter whose servers can be had has a fair number of
/// checks there.
pub fn merged(
    matrix: Vec<(&'static str, Vec<Cell>)>,
    columns: Vec<Column>,
    report: &mut Report,
    wrong: &mut Vec<String>,
) -> Vec<(&'static str, Vec<Cell>)> {
    let mut merged = Vec::new();
    for ((id, cells), column) in matrix.into_iter().zip(columns) {
        let Column { closed, tried } = column;
        let held = tried.iter().flatten().filter(|tried| matches!(tried, Tried::Holds)).count();
        let (limit, right) = if closed { ("=0", held == 0) } else { (">=15", held >= 15) };
        let figure = u32::try_from(held).map_or(f64::NAN, f64::from);
        report.check(&format!("{id}_at_stack"), figure, "checks", limit, right);
        if !right {
            wrong.push(format!("{id}: {held} checks at the stack, not {limit}"));
        }
        let cells = cells.into_iter().zip(tried);
        let cells = cells.map(|(cell, tried)| match tried {
            Some(tried) => cell.and_at_stack(tried),
            None => cell,
        });
        merged.push((id, cells.collect()));
    }
    merged
}

/// The wrong ones at the real servers, and whether their check saw them there.
async fn known_bad(checks: &[&'static Check], running: &Arc<Running>) -> Vec<(String, bool)> {
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
