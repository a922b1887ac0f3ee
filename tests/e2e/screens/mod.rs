//! Every page and state of the window, in the real window on a real agent: photographed in both
//! themes and widths, looked at by axe-core, and laid beside its drawing (`make screens`).

mod after;
mod camera;
mod daily;
mod first_run;
mod passphrase;
mod sheet;
mod states;
mod trouble;

use std::collections::BTreeMap;
use std::fs;

use crate::page::Page;
use crate::report::{Report, root};
use crate::stage::Stage;
use crate::{desktop, picture, pictures, runtime};
use camera::{Album, Camera};

/// Pictures and a contact sheet under target/screens, findings in the report `screens`.
#[test]
fn screens() {
    let drawings = root().join("tests/e2e/drawings");
    let mut report = Report::new("screens", "screens");
    let mut album = Album::default();
    for state in states::STATES {
        for name in state.pictures() {
            let _ = fs::remove_file(picture(&name));
        }
    }
    runtime().block_on(async {
        with_keyring(&mut album, &mut report).await;
        passphrase::all(&mut album, &mut report).await;
        trouble::all(&mut album, &mut report).await;
    });
    let stage = Stage::new(&desktop(), false);
    sheet::write(&stage, &drawings);
    judge(&stage, &album, &camera::drawings(&drawings), &mut report);
}

async fn with_keyring(album: &mut Album, report: &mut Report) {
    let mut stage = Stage::new(&desktop(), true);
    stage.plant("qgis", QGIS);
    let page = Page::open(&stage, &desktop()).await.expect("the window opens");
    first_run::all(&mut camera(&stage, &page, album), report).await;
    daily::all(&mut camera(&stage, &page, album)).await;
    page.run("document.body.append(document.createElement('button'))").await;
    report.known_bad("a button without a name", !camera::findings(&page).await.is_empty());
    page.run("document.body.lastElementChild.remove()").await;
    stage.end_sandbox();
    after::all(&mut camera(&stage, &page, album)).await;
    page.0.close().await.expect("it closes");
}

/// Says its version; started otherwise it is only started.
const QGIS: &str = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'QGIS 3.40.6-Bratislava'\n";

fn camera<'a>(stage: &'a Stage, page: &'a Page, album: &'a mut Album) -> Camera<'a> {
    Camera { stage, page, album, agent: true }
}

fn judge(
    stage: &Stage,
    album: &Album,
    drawings: &std::collections::BTreeSet<String>,
    report: &mut Report,
) {
    let missing = states::missing(&album.taken, drawings);
    let prints = camera::prints(stage, &album.taken);
    let twins = states::twins(&prints);
    let wanted: usize = states::STATES.iter().map(|state| state.pictures().len()).sum();
    count(report, "missing_states", &missing, wanted as u64);
    count(report, "same_pictures", &twins, prints.len() as u64);
    count(report, "axe_violations", &album.findings, album.looked);
    report.known_bad("a picture that was not taken", one_less_is_missed(album, drawings, &missing));
    report.known_bad("a drawing without a state", {
        let mut more = drawings.clone();
        more.insert("a-new-drawing".to_owned());
        states::missing(&album.taken, &more).len() == missing.len() + 1
    });
    report.known_bad("one picture for two states", one_more_is_a_twin(&prints, &twins));
    let told = states::STATES.iter().map(|s| s.told(&album.taken)).collect();
    report.attach("states", serde_json::Value::Array(told));
    report.write();
    let wrong = [missing, twins, album.findings.clone()].concat();
    println!("pictures and sheet.html: {}", pictures().display());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn count(report: &mut Report, name: &str, wrong: &[String], cases: u64) {
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let figure = wrong.len() as f64;
    report.cases(name, figure, "", "0", (cases, wrong.len() as u64), wrong.is_empty());
}

fn one_less_is_missed(
    album: &Album,
    drawings: &std::collections::BTreeSet<String>,
    missing: &[String],
) -> bool {
    let mut less = album.taken.clone();
    less.pop_first();
    states::missing(&less, drawings).len() == missing.len() + 1
}

fn one_more_is_a_twin(prints: &BTreeMap<String, String>, twins: &[String]) -> bool {
    let Some(print) = prints.values().next().cloned() else { return false };
    let mut more = prints.clone();
    more.insert("~another-state".to_owned(), print);
    states::twins(&more).len() == twins.len() + 1
}
