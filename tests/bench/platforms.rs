//! Report `bench-platforms`: how fast many keys are listed, and how long an adapter is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use wayleave_core::agent::client::Client;
use wayleave_core::api::{Answer, Ask, Confide, NewAccount};
use wayleave_core::credential::AccountId;
use wayleave_core::platform::{AnyPlatform, Platform as _};
use wayleave_sandbox::{Config, Control, ForeignToken, MANY, Sandbox};

use crate::report::{Report, root};
use crate::{disclosed, median, timed};

/// Keys in each of the 20 workspaces.
const KEYS: usize = 50;

/// Measures, through an agent with an open vault.
pub fn bench(client: &Client) {
    let mut report = Report::new("bench-platforms", "make bench");
    let millis = list_1000(client).as_secs_f64() * 1000.0;
    report.check("list_1000_ms", millis, "ms", "<=1000", millis <= 1000.0);
    let (lines, file) = longest_adapter();
    println!("the longest adapter file is {}", file.display());
    let figure = u32::try_from(lines).map_or(f64::NAN, f64::from);
    report.check("lines_per_platform", figure, "lines", "<=400", lines <= 400);
    report.known_bad("a_file_of_401_lines", too_long(&vec!["x"; 401].join("\n")));
    report.write();
}

/// All keys of all workspaces by one request to the agent, as a screen asks; the median of five.
fn list_1000(client: &Client) -> Duration {
    let sandbox = Sandbox::start(Config::default()).expect("a sandbox");
    for workspace in MANY.workspaces {
        for number in 0..KEYS {
            let token = ForeignToken {
                username: MANY.username.into(),
                workspace: (*workspace).into(),
                name: format!("key {number}"),
                age_seconds: 60,
                expires_in: 86_400,
            };
            sandbox.control(Control::AddToken(token)).expect("a control");
        }
    }
    let account = sign_in(client, &sandbox);
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut keys = 0;
        times.push(timed(|| keys = list(client, account)));
        assert_eq!(keys, MANY.workspaces.len() * KEYS, "all of them");
    }
    median(times)
}

fn sign_in(client: &Client, sandbox: &Sandbox) -> AccountId {
    let connection = [("hub".to_owned(), sandbox.hub_url().to_owned())].into();
    let new = NewAccount { platform: "eodh".into(), connection, name: None };
    let Answer::Account(account) = client.ask(Ask::AddAccount(new)).expect("an account") else {
        panic!("no account")
    };
    let cookies = disclosed(&sandbox.portal_session(MANY).expect("cookies"));
    let with = Confide::SignInWithCookies { account: account.id, cookies };
    client.confide(with).expect("signed in");
    client.ask(Ask::Workspaces { account: account.id }).expect("workspaces");
    account.id
}

fn list(client: &Client, account: AccountId) -> usize {
    let ask = Ask::RemoteTokens { account, workspace: None };
    match client.ask(ask).expect("a list") {
        Answer::RemoteTokens(tokens) => tokens.len(),
        other => panic!("{other:?}"),
    }
}

/// Lines before the tests of a file.
fn lines_of(source: &str) -> usize {
    source.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

fn too_long(source: &str) -> bool {
    lines_of(source) > 400
}

/// The longest file of any adapter: `platform/ID.rs`, or those in the folder `platform/ID`.
fn longest_adapter() -> (usize, PathBuf) {
    let folder = root().join("src-tauri/core/src/platform");
    let mut all = Vec::new();
    for platform in AnyPlatform::ALL {
        let id = platform.descriptor().id.replace('-', "_");
        let files = files_of(&folder, &id);
        assert!(!files.is_empty(), "the adapter {id} has no file of its name");
        all.extend(files);
    }
    let length =
        |path: PathBuf| (lines_of(&std::fs::read_to_string(&path).expect("it can be read")), path);
    all.into_iter().map(length).max().expect("there are adapters")
}

fn files_of(folder: &Path, id: &str) -> Vec<PathBuf> {
    let own = folder.join(format!("{id}.rs"));
    let inside = std::fs::read_dir(folder.join(id)).into_iter().flatten();
    let inside = inside.filter_map(Result::ok).map(|entry| entry.path());
    inside.chain(own.exists().then_some(own)).collect()
}
