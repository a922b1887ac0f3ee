//! The suite `canary-window`: what the journeys of the window show and leave behind is searched for
//! every secret that was planted or handed out on the way. Searched are the page as it stood at
//! each step, all files below the desktop's home, and arguments and environment of every process
//! on it. What a test must see is in a place that is meant for secrets, and told apart there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::canary::{self, Canary, Hit};
use crate::report::Report;
use crate::stage::{KEYRING_PASSWORD, Stage};

/// Pages of the stage that stands now: their name and all that they held. One stage at a time.
static PAGES: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// What all stages of this run came to.
#[derive(Default)]
struct Totals {
    stages: u64,
    secrets: u64,
    pages: u64,
    files: u64,
    processes: u64,
    hits: Vec<Hit>,
    caught: Vec<(&'static str, bool)>,
}

static TOTALS: Mutex<Option<Totals>> = Mutex::new(None);

/// Keeps what a page holds, to be searched when its stage ends.
pub fn saw_page(name: &str, held: String) {
    hold(&PAGES).push((name.to_owned(), held));
}

/// A place that holds a secret on purpose, as a broken page would: it must be found there.
pub fn must_find(stage: &Stage, what: &'static str, held: &str) {
    let found = !planted(stage).search(what, held.as_bytes()).is_empty();
    add(|totals| totals.caught.push((what, found)));
    assert!(found, "a secret was not found where it is: {what}");
}

/// Searches everything of a stage at its end.
pub fn settle(stage: &Stage) {
    let canary = planted(stage);
    let (searched, mut hits) = canary.search_tree(std::path::Path::new(&stage.home()));
    let pages = std::mem::take(&mut *hold(&PAGES));
    for (name, held) in &pages {
        hits.extend(canary.search(name, held.as_bytes()));
    }
    let at_work = canary::at_work(std::path::Path::new(&stage.home()));
    let processes: Vec<_> = at_work.into_iter().flat_map(canary::told_of).collect();
    for (place, bytes) in &processes {
        hits.extend(canary.search(place, bytes));
    }
    for hit in &hits {
        println!("a secret where none may be: {hit}");
    }
    let found = hits.len();
    add(|totals| {
        totals.stages += 1;
        totals.secrets += canary.planted() as u64;
        totals.pages += pages.len() as u64;
        totals.files += searched.files;
        totals.processes += processes.len() as u64;
        totals.hits.append(&mut hits);
    });
    assert!(found == 0, "secrets where none may be: {found}");
}

/// What the sandbox handed out, and what was typed.
fn planted(stage: &Stage) -> Canary {
    let mut canary = Canary::default();
    canary.plant("the keyring's password", KEYRING_PASSWORD);
    for secret in stage.handed_out().as_array().into_iter().flatten() {
        let said = |name: &str| secret[name].as_str().unwrap_or_default();
        canary.plant(said("kind"), said("value").as_bytes());
    }
    for (name, key) in stage.hub.told["first_keys"].as_object().into_iter().flatten() {
        // The first half of a key pair is public: the platform lists it, and so does the vault.
        if name != "ovh_key" {
            canary.plant(name, key.as_str().unwrap_or_default().as_bytes());
        }
    }
    canary
}

/// Adds to `target/reports/canary-window.json`.
fn add(change: impl FnOnce(&mut Totals)) {
    let mut slot = hold(&TOTALS);
    let totals = slot.get_or_insert_default();
    change(totals);
    let mut report = Report::new("canary-window", "e2e");
    let (cases, hits) = (totals.pages + totals.files + totals.processes, totals.hits.len() as u64);
    report.cases("hits", figure(hits), "secrets", "=0", (cases, hits), hits == 0);
    for (name, unit, count) in [
        ("secrets_planted", "secrets", totals.secrets),
        ("pages_searched", "pages", totals.pages),
        ("files_searched", "files", totals.files),
        ("processes_searched", "processes", totals.processes),
    ] {
        report.check(name, figure(count), unit, ">=1", totals.stages == 0 || count > 0);
    }
    for (name, caught) in &totals.caught {
        report.known_bad(name, *caught);
    }
    report.write();
}

fn figure(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn hold<T>(slot: &'static Mutex<T>) -> MutexGuard<'static, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
