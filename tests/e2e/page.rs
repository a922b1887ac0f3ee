//! The main window's page through WebDriver, by the names that a screen reader hears.

use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::leaks;
use crate::stage::{PATIENCE, Stage};

const LOOK: Duration = Duration::from_millis(40);

/// The page of a running window.
pub struct Page(pub Client);

/// Counts what a pointer really did in the page: trusted presses, from the first paint.
const COUNT: &str = "if (window.presses === undefined) { window.presses = 0; \
     addEventListener('pointerdown', (e) => { if (e.isTrusted) window.presses += 1; }, true); }";

impl Page {
    /// Starts the window under WebDriver.
    pub async fn open(stage: &Stage, program: &Path) -> Result<Self, String> {
        let options = json!({ "webkitgtk:browserOptions": { "binary": program, "args": [] } });
        let driver = format!("http://127.0.0.1:{}", stage.driver);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(options.as_object().expect("an object").clone());
        let client = tokio::time::timeout(PATIENCE, builder.connect(&driver))
            .await
            .map_err(|_| "no session within the time".to_owned())?
            .map_err(|e| e.to_string())?;
        let page = Self(client);
        page.run(COUNT).await;
        Ok(page)
    }

    /// Runs a script in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.0.execute(script, vec![]).await.expect("the script runs")
    }

    /// Pointer presses so far.
    pub async fn presses(&self) -> u64 {
        self.run("return window.presses").await.as_u64().expect("they are counted")
    }

    /// The button, link or other control with a name, once it is there and can be used.
    pub async fn control(&self, name: &str) -> Element {
        let path = format!(
            "//*[self::button or self::a or self::input or self::summary or @role='menuitem' or \
             @role='option' or @role='radio' or @role='switch'][not(@disabled)]\
             [@aria-label={q} or normalize-space(.)={q} or @placeholder={q} or \
             @id=//label[normalize-space(.)={q} or normalize-space(text())={q}]/@for or ancestor::label[normalize-space(.)={q}]]",
            q = quoted(name)
        );
        self.find(&path, name).await
    }

    /// Waits until there is no control with that name.
    pub async fn control_gone(&self, name: &str) {
        let script = "return [...document.querySelectorAll('button')].map((b) => b.getAttribute('aria-label') ?? b.innerText)";
        self.until(&format!("the end of “{name}”"), || async {
            let names = self.run(script).await;
            !names.as_array().is_some_and(|names| names.iter().any(|held| held == name))
        })
        .await;
    }

    /// Presses a control with the pointer, as soon as it stands still enough to be hit.
    pub async fn press(&self, name: &str) {
        self.until(&format!("a press on “{name}”"), || async {
            self.control(name).await.click().await.is_ok()
        })
        .await;
    }

    /// Presses a control that ends the program: the driver's session ends with it, before or after it could answer.
    pub async fn press_last(&self, name: &str) {
        self.settled().await;
        let control = self.control(name).await;
        self.until(&format!("the end by “{name}”"), || async {
            control.click().await.is_err() && self.0.execute("return 1", vec![]).await.is_err()
        })
        .await;
    }

    /// Presses the button that begins with a text.
    pub async fn press_starting(&self, text: &str) {
        self.control_starting(text).await.click().await.expect("it can be pressed");
    }

    /// The button that begins with a text, once it can be used.
    pub async fn control_starting(&self, text: &str) -> Element {
        let path = format!(
            "//button[not(@disabled)][starts-with(normalize-space(.), {q}) or \
             .//*[normalize-space(text())={q}]]",
            q = quoted(text)
        );
        self.find(&path, text).await
    }

    /// Presses Escape where the keyboard is.
    pub async fn escape(&self) {
        let element = self.0.active_element().await.expect("something has the keyboard");
        element.send_keys("\u{e00c}").await.expect("it takes keys");
    }

    /// Presses an item of the open menu; its keys stand behind its words.
    pub async fn press_item(&self, words: &str) {
        let path =
            format!("//*[@role='menuitem'][starts-with(normalize-space(.), {})]", quoted(words));
        self.until(&format!("a press on “{words}”"), || async {
            self.find(&path, words).await.click().await.is_ok()
        })
        .await;
    }

    /// Opens the first menu of a list.
    pub async fn press_more(&self) {
        let path = "//ul//button[starts-with(@aria-label, 'More for ')]";
        self.find(path, "More for …").await.click().await.expect("it can be pressed");
    }

    /// Chooses one of several ways, by the words in bold.
    pub async fn choose(&self, words: &str) {
        let path = format!("//label[.//*[normalize-space(text())={}]]", quoted(words));
        let scroll = "arguments[0].scrollIntoView({ block: 'center' })";
        self.until(&format!("a choice of “{words}”"), || async {
            let label = self.find(&path, words).await;
            let named = serde_json::to_value(&label).expect("a reference");
            self.0.execute(scroll, vec![named]).await.expect("it is scrolled");
            label.click().await.is_ok()
        })
        .await;
    }

    /// Replaces what stands in a field.
    pub async fn fill(&self, id: &str, text: &str) {
        let field = self.find(&format!("//*[@id={}]", quoted(id)), id).await;
        field.click().await.expect("it can be pressed");
        field.clear().await.expect("it can be emptied");
        field.send_keys(text).await.expect("it takes text");
    }

    /// Takes messages away, which would lie over what is pictured.
    pub async fn quiet(&self) {
        let close = "const all = document.querySelectorAll('button[aria-label=\"Dismiss\"]'); \
             all.forEach((button) => button.click()); return all.length;";
        self.until("no message", || async { self.run(close).await == json!(0) }).await;
    }

    /// Asks the agent as the page does; the error is its code.
    pub async fn ask(&self, ask: Value) -> Result<Value, String> {
        self.call("ask", json!({ "ask": ask })).await
    }

    /// Calls a command of the window as the page does; the error is its code.
    pub async fn call(&self, command: &str, arguments: Value) -> Result<Value, String> {
        let script = "const [command, given, done] = arguments; \
             window.__TAURI_INTERNALS__.invoke(command, given) \
             .then((value) => done({ value }), (error) => done({ error: error.code ?? String(error) }))";
        let said = self.0.execute_async(script, vec![json!(command), arguments]).await;
        let said = said.expect("the script runs");
        match said["error"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(said["value"].clone()),
        }
    }

    /// Begins a question and does not wait for its answer.
    pub async fn begin(&self, ask: Value) {
        let script = "window.__TAURI_INTERNALS__.invoke('ask', { ask: arguments[0] })";
        let script = format!("{script}.catch(() => undefined)");
        self.0.execute(&script, vec![ask]).await.expect("the script runs");
    }

    /// Waits for a text somewhere on the page.
    pub async fn sees(&self, text: &str) {
        let path = format!("//body//*[contains(normalize-space(.), {})]", quoted(text));
        self.find(&path, text).await;
    }

    /// All text of the page.
    pub async fn text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page has drawn what it knows, and keeps it for the suite `canary-window`.
    pub async fn settled(&self) {
        self.drawn().await;
        leaks::saw_page("a page", self.held().await);
    }

    /// All that the page holds: elements with what stands in their attributes, its address, and
    /// what it stored. What somebody types stands in none of them.
    pub async fn held(&self) -> String {
        let script = "return [document.documentElement.outerHTML, location.href, \
             JSON.stringify(localStorage), JSON.stringify(sessionStorage)].join('\\n')";
        self.run(script).await.as_str().expect("a text").to_owned()
    }

    /// Waits until the page has drawn what it knows.
    pub async fn drawn(&self) {
        let script = "const done = arguments[0]; \
             const frames = () => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))); \
             const ends = (a) => a.effect.getTiming().iterations !== Infinity; \
             const still = () => Promise.allSettled(document.getAnimations().filter(ends).map((a) => a.finished)); \
             document.fonts.ready.then(frames).then(still).then(frames).then(() => done(1));";
        self.0.execute_async(script, vec![]).await.expect("it draws");
    }

    /// What has the keyboard, by the name that a reader hears.
    pub async fn focused(&self) -> String {
        let name = self
            .run(
                "const e = document.activeElement; return e === document.body || e.tagName === 'MAIN' ? '' : \
                 (e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || e.id)",
            )
            .await;
        name.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    async fn find(&self, path: &str, name: &str) -> Element {
        let wanted = self.0.wait().at_most(PATIENCE).every(LOOK).for_element(Locator::XPath(path));
        match wanted.await {
            Ok(element) => element,
            Err(error) => panic!("no “{name}” on the page ({error}):\n{}", self.text().await),
        }
    }

    /// Looks again and again until `look` says yes.
    #[allow(clippy::disallowed_methods, reason = "a deadline of a test")]
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, look: impl Fn() -> F) {
        let start = Instant::now();
        while !look().await {
            assert!(start.elapsed() < PATIENCE, "in vain: {what}\n{}", self.text().await);
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// An XPath string; none of our words has both kinds of quotes.
fn quoted(text: &str) -> String {
    if text.contains('\'') { format!("\"{text}\"") } else { format!("'{text}'") }
}
