//! The conformance suite: every check of platforms.md H for every adapter, against made-up
//! answers, against the sandbox, and against real servers: moto, and those of `tests/stack` when
//! `WAYLEAVE_STACK` names a running one. Its matrix is printed, and kept as report `conformance`.
//!
//! A new adapter is one registration in [`WIRES`]. One that is declared in the program and is not
//! registered here fails the suite.

#![allow(
    clippy::wildcard_enum_match_arm,
    clippy::similar_names,
    clippy::unused_async,
    reason = "a check fails on every outcome that it does not name; stages are in every state; all checks have one signature"
)]

mod bad;
mod bad_at_stack;
mod case;
mod checks;
mod dataos;
mod eodh;
mod moto;
mod objects;
mod oidc_sts;
mod opendatasoft;
mod ovh;
mod pages;
mod person;
mod place;
mod real;
mod stack;
mod wire;
mod yard;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wayleave_core::platform::{AnyPlatform, Operation, Platform as _};

use self::case::{Case, Later, Real, Verdict};
use self::checks::{Check, Need};
use self::real::Tried;
use self::stack::Running;
pub use self::wire::{Wire, connect, wish};
use self::yard::Yard;
use crate::report::Report;

/// How each platform speaks: one registration per adapter.
const WIRES: &[&dyn Wire] =
    &[&eodh::Eodh, &dataos::DataOs, &opendatasoft::Opendatasoft, &ovh::Ovh, &oidc_sts::OidcSts];

/// The same, for who tries all platforms in another way.
pub fn registrations() -> &'static [&'static dyn Wire] {
    WIRES
}

/// A check that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(3);

/// One place of the matrix.
enum Cell {
    /// It holds, where it was tried (`made-up`, `sandbox`, `moto`, `stack`), and why not at the
    /// stack, if that runs.
    Pass { places: String, not_at_stack: Option<&'static str> },
    /// It does not count for this adapter, and why.
    NotApplicable(String),
    /// It does not hold, and how.
    Fail(String),
}

impl Cell {
    fn failed(&self) -> bool {
        matches!(self, Self::Fail(_))
    }

    /// The same after what became of the check at the stack.
    fn and_at_stack(self, tried: Tried) -> Self {
        match (self, tried) {
            (Self::Pass { places, .. }, Tried::Holds) => {
                Self::Pass { places: format!("{places}, stack"), not_at_stack: None }
            }
            (Self::Pass { places, .. }, Tried::Not(reason)) => {
                Self::Pass { places, not_at_stack: Some(reason) }
            }
            (Self::Pass { .. }, Tried::Fails(wrong)) => Self::Fail(format!("stack: {wrong}")),
            (cell, _) => cell,
        }
    }

    fn word(&self) -> String {
        match self {
            Self::Pass { places, .. } => places.clone(),
            Self::NotApplicable(_) => "n/a".into(),
            Self::Fail(_) => "FAIL".into(),
        }
    }
}

/// Runs one check for one adapter, at all places but the stack.
async fn cell(check: &'static Check, case: Case) -> Cell {
    for need in check.needs {
        if let Some(reason) = need.lacking(&case) {
            return match in_its_place(*need, case).await {
                Ok(()) => Cell::NotApplicable(reason),
                Err(wrong) => Cell::Fail(wrong),
            };
        }
    }
    if let Some(run) = check.fixtures
        && let Err(wrong) = guarded(run(case)).await
    {
        return Cell::Fail(format!("made-up answers: {wrong}"));
    }
    if let Some(run) = check.sandbox {
        let yard = Arc::new(Yard::in_sandbox(case));
        if let Err(wrong) = guarded(run(yard)).await {
            return Cell::Fail(format!("sandbox: {wrong}"));
        }
    }
    let real = match real_server(check, case).await {
        Ok(real) => real,
        Err(wrong) => return Cell::Fail(format!("moto: {wrong}")),
    };
    let places = [
        check.fixtures.map(|_| "made-up"),
        check.sandbox.map(|_| "sandbox"),
        real.then_some("moto"),
    ];
    let places = places.into_iter().flatten().collect::<Vec<_>>().join(", ");
    Cell::Pass { places, not_at_stack: None }
}

/// The checks of S3 credentials against a real token service, where the platform's is of that
/// kind: they are minted, their end is known, and objects are put, read and listed with them.
async fn real_server(check: &Check, case: Case) -> Result<bool, String> {
    if !matches!(check.id, "S5" | "S8" | "S9") || !case.wire.sts() {
        return Ok(false);
    }
    let moto = tokio::task::spawn_blocking(moto::Moto::start).await.map_err(|e| e.to_string())?;
    let (http, _, _) = crate::still_http();
    let session = case.wire.at_sts(&moto.endpoint, &http).ok_or("no session at a real STS")?;
    let set = case.adapter.s3(&session, case.wire.workspace()).await;
    let set = set.map_err(|error| format!("{error:?}"))?;
    // By the machine's clock, which is moto's: it ends some time from now, at most in 12 hours.
    let now = wayleave_core::clock::Clock::now(&wayleave_core::clock::SystemClock);
    let left = set.expires.ok_or("no end")?.as_second() - now.as_second();
    if !(1..=43_200).contains(&left) {
        return Err(format!("it ends in {left} s"));
    }
    let keys = objects::Keys::of(&set.secret, &moto.endpoint, "us-east-1")?;
    let made = objects::send(&keys, "PUT", "/conformance", "").await?;
    if made.0 != 200 {
        return Err(format!("a bucket: {made:?}"));
    }
    objects::put_read_list(&keys, "conformance", "/conformance/below/").await?;
    Ok(true)
}

/// What is not offered answers so and sends nothing: tried in the place of each check that is
/// left out for it.
async fn in_its_place(need: Need, case: Case) -> Verdict {
    let Need::Offers(operation) = need else { return Ok(()) };
    let stage = case.on([]).await;
    let answer = stage.ask(operation).await;
    checks::refused_silently(&answer, stage.stub.got().len(), &operation.to_string())
}

/// A check that panics or hangs has failed.
async fn guarded(run: Later<'static, Verdict>) -> Verdict {
    let run = tokio::time::timeout(PATIENCE, tokio::spawn(AssertUnwindSafe(run)));
    match run.await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => Err(format!("it broke: {error}")),
        Err(_) => Err("it hangs".into()),
    }
}

/// Adapters that the program declares and nobody registered.
fn unregistered(wires: &[&dyn Wire]) -> Vec<&'static str> {
    let registered: Vec<AnyPlatform> = wires.iter().map(|wire| wire.platform()).collect();
    let missing = AnyPlatform::ALL.iter().filter(|platform| !registered.contains(platform));
    missing.map(|platform| platform.descriptor().id).collect()
}

fn real(wire: &'static dyn Wire) -> Case {
    Case { wire, adapter: Box::leak(Box::new(Real(wire.platform()))) }
}

#[tokio::test]
async fn conformance() {
    let beside = Running::named().map(real::begin);
    let target = beside.as_ref().map_or("make test-rust", |_| "make test-stack");
    let mut report = Report::new("conformance", target);
    let checks = checks::all();
    let mut matrix: Vec<(&str, Vec<Cell>)> = Vec::new();
    for wire in WIRES {
        let case = real(*wire);
        let mut column = Vec::new();
        for check in &checks {
            column.push(cell(check, case).await);
        }
        matrix.push((case.descriptor().id, column));
    }
    let missing = unregistered(WIRES);
    let mut wrong: Vec<String> =
        missing.iter().map(|id| format!("{id} is declared and not in the matrix")).collect();
    let pages = platforms_pages(&mut report, &mut wrong).await;
    let mut caught = known_bad(&checks).await;
    if let Some(beside) = beside {
        let found = beside.join().expect("the real servers' part reports whatever happens");
        matrix = real::merged(matrix, found.columns, &mut report, &mut wrong);
        caught.extend(found.known_bad);
    }
    let table = table(&checks, &matrix);
    eprintln!("{table}\n{pages}");
    for (id, column) in &matrix {
        let failed = column.iter().filter(|cell| cell.failed()).count();
        let count = |n: usize| u32::try_from(n).map_or(f64::NAN, f64::from);
        let passed = column.iter().filter(|cell| matches!(cell, Cell::Pass { .. })).count();
        let cases = (column.len() as u64, failed as u64);
        report.cases(&format!("{id}_failed"), count(failed), "checks", "=0", cases, failed == 0);
        report.check(&format!("{id}_passed"), count(passed), "checks", ">0", passed > 0);
        for (check, cell) in checks.iter().zip(column) {
            if let Cell::Fail(why) = cell {
                wrong.push(format!("{} {id}: {why}", check.id));
            }
        }
    }
    let adapters = u32::try_from(matrix.len()).map_or(f64::NAN, f64::from);
    report.check("adapters", adapters, "adapters", ">=1", adapters >= 1.0);
    let gone = u32::try_from(missing.len()).map_or(f64::NAN, f64::from);
    report.check("adapters_missing", gone, "adapters", "=0", missing.is_empty());
    for (name, caught) in caught {
        if !caught {
            wrong.push(format!("known bad {name} was not caught"));
        }
        report.known_bad(&name, caught);
    }
    report.attach("matrix", as_json(&checks, &matrix));
    report.write();
    report.write_text("matrix", &format!("{table}\n{pages}"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the platforms' own pages let a user do, a row each, added to the report; told as a table.
async fn platforms_pages(report: &mut Report, wrong: &mut Vec<String>) -> String {
    let (mut rows, mut lines, mut failed, mut missed) = (Vec::new(), Vec::new(), 0_u32, 0_u32);
    for row in pages::ROWS {
        let why = row.holds().await.err();
        let word = why.as_ref().map_or("pass", |_| "FAIL");
        lines.push(format!("{:<14}{:<84}{word}\n", row.platform, row.what));
        rows.push(json!({ "platform": row.platform, "row": row.what, "fail": why }));
        if let Some(why) = why {
            failed += 1;
            wrong.push(format!("{}, {}: {why}", row.platform, row.what));
        }
        if !row.fails_when_spoiled().await {
            missed += 1;
            wrong.push(format!("{}, {}: holds without the platform", row.platform, row.what));
        }
    }
    let cases = (pages::ROWS.len() as u64, failed.into());
    report.cases("pages_failed", failed.into(), "rows", "=0", cases, failed == 0);
    report.known_bad("a_page_whose_platform_refuses", missed == 0);
    report.attach("pages", Value::Array(rows));
    lines.concat()
}

/// The wrong adapters, and whether their check saw them; the right one passes the same check.
async fn known_bad(checks: &[&'static Check]) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for bad in bad::ALL {
        let wire = WIRES.iter().find(|wire| wire.platform() == bad.adapter.platform());
        let wire = *wire.expect("the variant's platform is registered");
        let check =
            checks.iter().find(|check| check.id == bad.check).expect("there is such a check");
        let caught = cell(check, Case { wire, adapter: bad.adapter }).await.failed();
        found.push((bad.name.to_owned(), caught));
    }
    found.push(("an_adapter_without_a_registration".into(), !unregistered(&[]).is_empty()));
    found
}

/// The matrix as a table for people, and the reasons below it.
fn table(checks: &[&Check], matrix: &[(&str, Vec<Cell>)]) -> String {
    let heads: String = matrix.iter().map(|(id, _)| padded(id)).collect::<Vec<_>>().concat();
    let mut lines = vec![format!("{:<5}{:<74}{heads}", "", "check")];
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (row, check) in checks.iter().enumerate() {
        let mut line = format!("{:<5}{:<74}", check.id, check.what);
        for (id, column) in matrix {
            line += &padded(&column[row].word());
            let told = match &column[row] {
                Cell::NotApplicable(reason) => format!("{id}: {reason}"),
                Cell::Fail(why) => format!("{id}: FAIL: {why}"),
                Cell::Pass { not_at_stack: Some(reason), .. } => {
                    format!("{id}: not at the stack: {reason}")
                }
                Cell::Pass { .. } => continue,
            };
            reasons.entry(told).or_default().push(check.id.to_owned());
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.push(String::new());
    lines.extend(reasons.iter().map(|(told, rows)| format!("{} {told}", rows.join(", "))));
    lines.join("\n") + "\n"
}

/// One column's width.
fn padded(word: &str) -> String {
    format!("{word:<32}")
}

fn as_json(checks: &[&Check], matrix: &[(&str, Vec<Cell>)]) -> Value {
    let column = |cells: &Vec<Cell>| {
        let told = |cell: &Cell| match cell {
            Cell::Pass { places, not_at_stack: None } => json!({ "pass": places }),
            Cell::Pass { places, not_at_stack } => {
                json!({ "pass": places, "not_at_stack": not_at_stack })
            }
            Cell::NotApplicable(reason) => json!({ "not_applicable": reason }),
            Cell::Fail(why) => json!({ "fail": why }),
        };
        let rows = checks.iter().zip(cells).map(|(check, cell)| (check.id.to_owned(), told(cell)));
        Value::Object(rows.collect())
    };
    let columns = matrix.iter().map(|(id, cells)| ((*id).to_owned(), column(cells)));
    Value::Object(columns.collect())
}

/// The operations of the reasons read as sentences.
#[test]
fn reasons_are_sentences() {
    let case = real(WIRES[0]);
    for need in [Need::LogIn, Need::Paged, Need::Sts, Need::Rotate, Need::Permissions] {
        let reason = need.lacking(&case).expect("EODH has none of these");
        assert!(reason.split(' ').count() > 3, "{reason}");
    }
    assert_eq!(case.main(), Operation::List);
}
