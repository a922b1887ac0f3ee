//! Takes the pictures of a state: dressed in both themes and widths, with axe-core's word on each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::states::{SIZES, Shape, THEMES, named};
use crate::journey::WINDOW;
use crate::leaks;
use crate::page::Page;
use crate::picture;
use crate::report::root;
use crate::stage::Stage;

/// Seconds that a copied secret stays: long enough for four pictures of its countdown.
pub const CLEARED_AFTER: u64 = 120;

/// The state that shows a key because somebody asked for it.
const SHOWS_A_KEY: &str = "credential-reveal";

/// States that are about one row, which a narrow window has below the fold.
const ABOUT_A_ROW: [(&str, &str); 3] = [
    ("credentials-focus", "QGIS, office PC"),
    ("credentials-copied", "Nightly peat index"),
    ("credentials-working", "Nightly peat index"),
];

/// When set, each state is photographed once, while a scene is being written. What is not taken
/// is counted as missing, as ever.
const BRIEF: &str = "WAYLEAVE_SCREENS_BRIEF";

/// What was taken, and what was found.
#[derive(Default)]
pub struct Album {
    /// Names of the pictures.
    pub taken: BTreeSet<String>,
    /// Rules that a page breaks.
    pub findings: Vec<String>,
    /// Pages that axe-core looked at.
    pub looked: u64,
}

/// Photographs one page.
pub struct Camera<'a> {
    /// The desktop.
    pub stage: &'a Stage,
    /// The window's page.
    pub page: &'a Page,
    /// Where the pictures go.
    pub album: &'a mut Album,
    /// Whether an agent answers, so that the theme can be set.
    pub agent: bool,
}

impl Camera<'_> {
    /// All pictures of a state that says `sees`.
    pub async fn shoot(&mut self, id: &str, sees: &str) {
        self.shoot_at(id, sees, None).await;
    }

    /// The same with the pointer over an element.
    pub async fn shoot_at(&mut self, id: &str, sees: &str, over: Option<&str>) {
        assert_eq!(named(id).shape, Shape::Page, "{id}");
        let brief = std::env::var_os(BRIEF).is_some();
        for theme in THEMES {
            for size in SIZES {
                if brief && (theme, size) != (THEMES[0], SIZES[0]) {
                    continue;
                }
                self.dress(theme, size).await;
                self.stage.run("xdotool", &["windowraise", &self.stage.window(WINDOW)]);
                self.bring_into_view(id).await;
                self.point(over).await;
                self.page.drawn().await;
                self.page.sees(sees).await;
                let name = format!("{id}-{theme}-{}", size.0);
                if id != SHOWS_A_KEY {
                    leaks::saw_page(&name, self.page.held().await);
                }
                self.stage.picture(&self.stage.window(WINDOW), &picture(&name));
                assert!(self.page.text().await.contains(sees), "{name} was gone too soon: {sees}");
                self.look(&name).await;
                self.album.taken.insert(name);
            }
        }
        self.dress(THEMES[0], SIZES[0]).await;
    }

    /// A picture of another window than the main one.
    pub fn window(&mut self, id: &str, title: &str, theme: &str) {
        let window = self.stage.window(title);
        let width = match named(id).shape {
            Shape::Unlock => 400,
            Shape::SignIn => 960,
            Shape::Page | Shape::Later(_) => panic!("{id} is in the main window"),
        };
        let name = format!("{id}-{theme}-{width}");
        self.stage.picture(&window, &picture(&name));
        self.album.taken.insert(name);
    }

    /// Gives the window a size and a theme. The theme is the setting where an agent answers, else
    /// the page is told directly.
    pub async fn dress(&self, theme: &str, (width, height): (u32, u32)) {
        let window = self.stage.window(WINDOW);
        let size = [window.as_str(), &width.to_string(), &height.to_string()];
        self.stage.run("xdotool", &[&["windowsize"], &size[..]].concat());
        let is_it = || async { self.page.run("return innerWidth").await == json!(width) };
        self.page.until("the size", is_it).await;
        let now = "return document.documentElement.dataset.theme";
        if self.page.run(now).await == json!(theme) {
            return;
        }
        let order = json!({ "ask": "set_settings", "theme": theme, "lock_after": null,
                            "clear_clipboard_after": CLEARED_AFTER, "notices": true });
        if self.agent {
            self.page.ask(order).await.expect("the theme is set");
        } else {
            let tell = format!("document.documentElement.dataset.theme = '{theme}'");
            self.page.run(&tell).await;
        }
        self.page.until("the theme", || async { self.page.run(now).await == json!(theme) }).await;
    }

    async fn bring_into_view(&self, id: &str) {
        let Some((_, row)) = ABOUT_A_ROW.iter().find(|(of, _)| *of == id) else { return };
        let script = format!(
            "[...document.querySelectorAll('[data-row]')].find((r) => r.innerText.includes({})) \
             .scrollIntoView({{ block: 'center' }})",
            json!(row)
        );
        self.page.run(&script).await;
    }

    async fn point(&self, over: Option<&str>) {
        let Some(selector) = over else {
            return self.stage.park_pointer(&self.stage.window(WINDOW));
        };
        let script = format!(
            "const r = document.querySelector({}).getBoundingClientRect(); \
             return [Math.round(r.x + r.width / 2), Math.round(r.y + r.height / 2)];",
            json!(selector)
        );
        let place = self.page.run(&script).await;
        let at = |n: usize| place[n].as_i64().expect("a place").to_string();
        let window = self.stage.window(WINDOW);
        self.stage.run("xdotool", &["mousemove", "--window", &window, &at(0), &at(1)]);
        let hovered =
            format!("return document.querySelector({}).matches(':hover')", json!(selector));
        self.page
            .until("the pointer", || async { self.page.run(&hovered).await == json!(true) })
            .await;
    }

    async fn look(&mut self, name: &str) {
        self.album.looked += 1;
        let found = findings(self.page).await;
        self.album.findings.extend(found.into_iter().map(|finding| format!("{name}: {finding}")));
    }
}

/// Rules that the page breaks, with the first element that does.
pub async fn findings(page: &Page) -> Vec<String> {
    let axe = fs::read_to_string(root().join("ui/node_modules/axe-core/axe.min.js"));
    let axe = axe.expect("`make ui` installs axe-core");
    page.run(&format!("if (!window.axe) {{ {axe} }}")).await;
    let script = "const done = arguments[0]; window.axe.run(document, { resultTypes: ['violations'] })\
         .then((r) => done(r.violations.map((v) => v.id + ' ' + v.nodes[0].html.slice(0, 160))))";
    let found = page.0.execute_async(script, vec![]).await.expect("axe runs");
    found.as_array().expect("a list").iter().map(Value::to_string).collect()
}

/// What is drawn in each picture, as a number: the same for the same pixels.
pub fn prints(stage: &Stage, taken: &BTreeSet<String>) -> BTreeMap<String, String> {
    let files = taken.iter().map(|name| picture(name).display().to_string());
    let arguments: Vec<String> =
        ["-format".to_owned(), "%t %#\n".to_owned()].into_iter().chain(files).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = stage.run("identify", &arguments);
    let pairs = said.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, print)| (name.to_owned(), print.to_owned())).collect()
}

/// Stems of the drawings in a folder: `credentials-menu` of `credentials-menu-dark-480.png`.
pub fn drawings(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).expect("the drawings are there");
    let names = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned());
    names.filter_map(|name| stem(&name).map(str::to_owned)).collect()
}

fn stem(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".png")?;
    let (rest, width) = name.rsplit_once('-')?;
    let (stem, theme) = rest.rsplit_once('-')?;
    (width.parse::<u32>().is_ok() && THEMES.contains(&theme)).then_some(stem)
}
