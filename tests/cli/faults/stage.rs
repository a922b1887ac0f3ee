//! What the faults happen to, and how each is judged.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use wayleave_sandbox::{Config, DEMO, Effect, Sandbox};

use crate::home::{Home, Ran};
use crate::report::Report;

/// The workspace of these tests.
pub const WORKSPACE: &str = "demo-ws";
/// The path of its tokens.
pub const TOKENS: &str = "/api/workspaces/demo-ws/me/tokens";
/// The path of its S3 credentials.
pub const S3: &str = "/api/workspaces/demo-ws/me/s3-tokens";

/// A sandbox, and a home whose agent notes everything.
pub struct Stage {
    pub sandbox: Sandbox,
    pub home: Home,
}

impl Stage {
    /// An open vault with nothing in it.
    pub fn new() -> Self {
        let stage = Self::without_vault();
        stage.home.init_cheaply();
        stage
    }

    pub fn without_vault() -> Self {
        let sandbox = Sandbox::start(Config::default()).expect("a sandbox");
        let mut home = Home::new();
        home.set("WAYLEAVE_LOG", "trace");
        Self { sandbox, home }
    }

    /// With an account at the sandbox, and somebody signed in by cookies.
    pub fn signed_in() -> Self {
        let stage = Self::new();
        stage.add_account();
        stage.sign_in();
        stage
    }

    /// With a token in the vault besides, named `kept`.
    pub fn with_key() -> Self {
        let stage = Self::signed_in();
        stage.home.json(&["token", "request", "-w", WORKSPACE, "--name", "kept"]);
        stage
    }

    pub fn add_account(&self) {
        let (hub, client) = (self.sandbox.hub_url(), self.sandbox.client_id());
        let add = ["account", "add", "eodh", "--name", "Sandbox", "--environment", "custom"];
        self.home.json(&[&add[..], &["--hub", hub, "--client-id", client]].concat());
    }

    pub fn sign_in(&self) {
        let account = self
            .home
            .json_with(&["sign-in", "--with", "portal", "--cookies-stdin"], &self.cookies());
        assert_eq!(account["sign_in"]["state"], "signed_in");
    }

    /// A `Cookie` header of a session of its own.
    pub fn cookies(&self) -> String {
        format!("Cookie: {}\n", self.sandbox.portal_session(DEMO).expect("a session"))
    }

    /// Signs in again where a fault has ended the session.
    pub fn stay_signed_in(&self) {
        if self.home.json(&["account", "list"])[0]["sign_in"]["state"] != "signed_in" {
            self.sign_in();
        }
    }

    /// What the vault lists.
    pub fn vault(&self) -> Value {
        self.home.json(&["list"])
    }

    /// How many requests of this kind the hub has seen.
    pub fn seen(&self, method: &str, path: &str) -> usize {
        let same = |seen: &&wayleave_sandbox::Seen| seen.method == method && seen.path == path;
        self.sandbox.seen().iter().filter(same).count()
    }

    /// Makes the hub answer like this, `times` times.
    pub fn answer(&self, method: &str, path: &str, times: u32, answer: Answer<'_>) {
        let headers =
            answer.headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let effect = Effect::Answer {
            status: answer.status,
            content_type: answer.kind.into(),
            body: answer.body.into(),
            headers,
        };
        self.sandbox.rule(Some(method), path, Some(times), effect);
    }

    pub fn calm(&self) {
        self.sandbox.control(wayleave_sandbox::Control::ClearRules).expect("cleared");
        self.sandbox
            .control(wayleave_sandbox::Control::Latency { millis: 0 })
            .expect("without latency");
    }

    /// Each answer waits this long from now on.
    pub fn slow(&self, millis: u64) {
        self.sandbox.control(wayleave_sandbox::Control::Latency { millis }).expect("slowed down");
    }

    /// What a run leaked, into its output or the log.
    fn leaks(&self, ran: &Ran) -> Vec<String> {
        self.home.watch.plant_all(&self.sandbox);
        [("stdout", ran.stdout.as_str()), ("stderr", &ran.stderr), ("the log", &self.home.log())]
            .into_iter()
            .flat_map(|(place, text)| self.home.watch.search(place, text.as_bytes()))
            .map(|hit| format!("a secret leaks: {hit}"))
            .collect()
    }
}

impl Drop for Stage {
    /// Before the home ends and is searched.
    fn drop(&mut self) {
        self.home.watch.plant_all(&self.sandbox);
    }
}

/// An answer that a hub never meant.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    pub status: u16,
    pub kind: &'a str,
    pub body: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
}

/// What a fault must come to.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub code: &'static str,
    pub exit: i32,
}

pub const fn wanted(code: &'static str, exit: i32) -> Wanted {
    Wanted { code, exit }
}

/// One line of the list of bad input, over any number of cases. It is reported when it ends.
pub struct Check {
    id: &'static str,
    cases: u64,
    wrong: Vec<String>,
}

impl Check {
    pub fn new(id: &'static str) -> Self {
        Self { id, cases: 0, wrong: Vec::new() }
    }

    /// Runs it with `--json`; it must be refused like this and change nothing. Returns the error.
    pub fn refused(&mut self, stage: &Stage, arguments: &[&str], wanted: Wanted) -> Value {
        self.refused_with(stage, arguments, "", wanted)
    }

    /// [`Check::refused`] with this standard input.
    pub fn refused_with(
        &mut self,
        stage: &Stage,
        arguments: &[&str],
        input: &str,
        wanted: Wanted,
    ) -> Value {
        let words = [arguments, &["--json"]].concat();
        let (error, wrong) = observed(stage, wanted, || stage.home.run_with(&words, input));
        self.case(&format!("{arguments:?}"), wrong);
        error
    }

    /// Counts a case, and what was wrong with it.
    pub fn case(&mut self, what: &str, wrong: Vec<String>) {
        self.cases += 1;
        self.wrong.extend(wrong.into_iter().map(|wrong| format!("{what}: {wrong}")));
    }

    /// Counts a case that must be so.
    pub fn so(&mut self, what: &str, so: bool) {
        self.case(what, if so { Vec::new() } else { vec!["it is not so".to_owned()] });
    }

    /// A run that is judged by itself: no vault can be listed here.
    pub fn told(&mut self, what: &str, ran: &Ran, wanted: Wanted) -> Value {
        self.case(what, judged(ran, wanted));
        error_of(ran)
    }

    /// Reports, and fails where anything was wrong.
    pub fn done(self) {
        let failed = self.wrong.len() as u64;
        let (id, cases) = (self.id, self.cases);
        report(|r| r.cases(id, figure(failed), "wrong", "=0", (cases, failed), failed == 0));
        assert!(cases > 0 && self.wrong.is_empty(), "{id}: {:#?}", self.wrong);
    }
}

/// Runs something that must be refused; the error, and all that was wrong with it.
pub fn observed(stage: &Stage, wanted: Wanted, run: impl FnOnce() -> Ran) -> (Value, Vec<String>) {
    let before = stage.vault();
    let ran = run();
    let mut wrong = judged(&ran, wanted);
    wrong.extend(stage.leaks(&ran));
    if stage.vault() != before {
        wrong.push("the vault's list changed".to_owned());
    }
    (error_of(&ran), wrong)
}

fn error_of(ran: &Ran) -> Value {
    let told = ran.stderr.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    told.map_or(Value::Null, |told| told["error"].clone())
}

/// What is wrong with how a refusal was told.
pub fn judged(ran: &Ran, wanted: Wanted) -> Vec<String> {
    let mut wrong = Vec::new();
    if ran.code != wanted.exit {
        wrong.push(format!("exit code {} instead of {}: {}", ran.code, wanted.exit, ran.stderr));
    }
    if !ran.stdout.is_empty() {
        wrong.push("something is on standard output".to_owned());
    }
    if ran.stderr.contains("a fault of Wayleave at") {
        wrong.push("it panicked".to_owned());
    }
    let error = error_of(ran);
    if error["code"] != wanted.code {
        wrong.push(format!("code {} instead of {}", error["code"], wanted.code));
    }
    for part in ["message", "kept", "advice"] {
        if error[part].as_str().is_none_or(str::is_empty) {
            wrong.push(format!("no `{part}`"));
        }
    }
    wrong
}

/// Looks until it is so, for a minute at most.
pub fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{what}");
}

/// Whether this test may do what only an administrator may.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs a command to its end; whether it went well.
pub fn well(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Adds to `target/reports/faults.json`; the tests of this suite run side by side in one process.
pub fn report(add: impl FnOnce(&mut Report)) {
    static REPORT: Mutex<Option<Report>> = Mutex::new(None);
    let mut slot = REPORT.lock().unwrap_or_else(PoisonError::into_inner);
    let report = slot.get_or_insert_with(|| Report::new("faults", "test-rust"));
    add(report);
    report.write();
}

fn figure(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The judgement itself, under variants that are broken: a secret in the output, a vault that
/// changed, another code, another exit code, no advice.
#[test]
fn a_broken_refusal_is_caught() {
    let stage = Stage::with_key();
    let gone = || stage.home.run(&["show", "nothing", "--json"]);
    let not_found = wanted("not_found", 7);
    assert_eq!(observed(&stage, not_found, gone).1, Vec::<String>::new());
    let (_, changed) = observed(&stage, not_found, || {
        stage.home.json(&["rename", "kept", "other"]);
        gone()
    });
    stage.home.json(&["rename", "other", "kept"]);
    let key = stage.home.run(&["reveal", "kept", "--field", "api_key"]).stdout;
    let leaking = |place: &str| {
        let mut ran = gone();
        if place == "stdout" { &mut ran.stdout } else { &mut ran.stderr }.push_str(key.trim());
        let wrong = stage.leaks(&ran);
        wrong.iter().any(|wrong| wrong.contains(place))
    };
    let leaks = leaking("stdout") && leaking("stderr");
    let code = !judged(&gone(), wanted("offline", 7)).is_empty();
    let exit = !judged(&gone(), wanted("not_found", 1)).is_empty();
    let mut bare = gone();
    bare.stderr = "{\"error\":{\"code\":\"not_found\",\"message\":\"gone\",\"kept\":\"\"}}".into();
    let parts = judged(&bare, not_found).len() == 2;
    report(|r| {
        r.known_bad("a_secret_in_the_output", leaks);
        r.known_bad("a_changed_vault_list", !changed.is_empty());
        r.known_bad("another_code", code);
        r.known_bad("another_exit_code", exit);
        r.known_bad("nothing_kept_and_no_advice", parts);
    });
    assert!(leaks && !changed.is_empty() && code && exit && parts, "{leaks} {changed:?} {code}");
}
