//! What the shipped window does not let others do.

use std::path::PathBuf;

use crate::page::Page;
use crate::portal_page;
use crate::report::Report;
use crate::stage::Stage;
use crate::{desktop, journey, runtime};

/// The window without feature `e2e`, as it is shipped; `make programs` puts it beside the other.
fn shipped() -> PathBuf {
    let shipped = desktop().with_file_name("wayleave-desktop-shipped");
    assert!(shipped.is_file(), "`make programs` builds {}", shipped.display());
    shipped
}

/// WebDriver gets no session with the shipped window, and gets one with the tests' own; the
/// sign-in window offers its pages nothing.
#[test]
fn window_is_closed_to_others() {
    let mut report = Report::new("window", "e2e");
    let stage = Stage::new(&desktop(), false);
    runtime().block_on(async {
        let driven = Page::open(&stage, &shipped()).await;
        journey::tell(&mut report, "shipped_window_cannot_be_driven", driven.is_err());
    });
    drop(stage);
    let stage = Stage::new(&desktop(), false);
    runtime().block_on(async {
        let driven = Page::open(&stage, &desktop()).await;
        report.known_bad("a window built with e2e", driven.is_ok());
        if let Ok(page) = driven {
            closed_page(&page, &mut report).await;
            page.0.close().await.expect("it closes");
        }
    });
    drop(stage);
    portal_page::offers_nothing(&mut report);
    report.write();
}

/// The main page has no network, no inline script, no command of another window, no plugin.
async fn closed_page(page: &Page, report: &mut Report) {
    page.sees("Where is your data?").await;
    let refused =
        page.0.execute_async(include_str!("closed.js"), vec![]).await.expect("the script runs");
    let open: Vec<_> = refused
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(_, refused)| **refused != true)
        .map(|(name, _)| name.clone())
        .collect();
    let cases = refused.as_object().map_or(0, serde_json::Map::len) as u64;
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let figure = open.len() as f64;
    let ok = open.is_empty() && cases > 8;
    report.cases("page_doors_open", figure, "doors", "0", (cases, open.len() as u64), ok);
    assert!(ok, "open to the page: {open:?} of {cases}");
}
