//! The answer to a request for a token, cut at every byte: by the engine with its vault, against
//! the sandbox. Whatever the cut, no token is left on the server that the vault does not know.

use std::sync::Arc;
use std::time::Duration;

use wayleave_core::api::{
    Answer, Ask, Confide, CredentialView, Disclosure, NewAccount, Snapshot, TokenRequest,
};
use wayleave_core::clock::SystemClock;
use wayleave_core::credential::AccountId;
use wayleave_core::engine::Handle;
use wayleave_core::error::Error;
use wayleave_core::host::RecordingHost;
use wayleave_core::secret::Secret;
use wayleave_sandbox::{Config, Control, DEMO, Effect, Sandbox};

use crate::world::{disclosed, engine};

use super::{Figures, count_panics, resident_mib, tell};

const TOKENS: &str = "/api/workspaces/demo-ws/me/tokens";
/// No issuing answer is longer.
const LONGEST: u64 = 4096;
const PATIENCE: Duration = Duration::from_mins(2);

struct Desk {
    sandbox: Sandbox,
    handle: Handle,
    account: AccountId,
    _home: tempfile::TempDir,
}

impl Desk {
    /// An engine with an open vault and a portal session in the sandbox.
    async fn open() -> Self {
        let sandbox = Sandbox::start(Config::default()).expect("a sandbox");
        let home = tempfile::tempdir().expect("a home");
        let clock = Arc::new(SystemClock);
        let handle = engine(home.path(), RecordingHost::default(), clock).await;
        let connection = [("hub".to_owned(), sandbox.hub_url().to_owned())].into();
        let new = NewAccount { platform: "eodh".into(), connection, name: None };
        let Answer::Account(account) = handle.ask(Ask::AddAccount(new)).await.expect("added")
        else {
            panic!("no account")
        };
        let account = account.id;
        let cookies = disclosed(&sandbox.portal_session(DEMO).expect("cookies"));
        let signed_in = handle.confide(Confide::SignInWithCookies { account, cookies }).await;
        assert!(matches!(signed_in, Ok(Disclosure::Account(_))), "signed in");
        let create =
            Confide::Create { passphrase: disclosed("a long enough passphrase"), keyring: false };
        handle.confide(create).await.expect("a vault");
        Self { sandbox, handle, account, _home: home }
    }

    async fn request(&self, name: &str) -> Result<CredentialView, Error> {
        let request = TokenRequest {
            account: self.account,
            workspace: "demo-ws".into(),
            name: name.into(),
            lifetime: Some(30),
            permissions: vec![],
            activity: None,
        };
        match self.handle.ask(Ask::RequestToken(request)).await? {
            Answer::Credential(credential) => Ok(credential),
            other => panic!("{other:?}"),
        }
    }

    async fn snapshot(&self) -> Snapshot {
        match self.handle.ask(Ask::Snapshot).await.expect("an answer") {
            Answer::Snapshot(snapshot) => *snapshot,
            other => panic!("{other:?}"),
        }
    }

    /// Tokens on the server whose id no credential of the vault has, or that one has twice.
    async fn unknown_tokens(&self) -> Vec<String> {
        let mut known: Vec<String> =
            self.snapshot().await.credentials.into_iter().filter_map(|c| c.platform_id).collect();
        let mut unknown = Vec::new();
        for token in self.sandbox.tokens() {
            match known.iter().position(|id| *id == token.id) {
                Some(at) => drop(known.swap_remove(at)),
                None => unknown.push(format!("{} {}", token.name, token.id)),
            }
        }
        unknown
    }

    fn cut_next(&self, after_bytes: u64) {
        let effect = Effect::Cut { after_bytes };
        self.sandbox.control(Control::ClearRules).expect("a control");
        self.sandbox.control(Control::ClearSeen).expect("a control");
        self.sandbox.rule(Some("POST"), TOKENS, Some(1), effect);
    }

    fn posts(&self) -> usize {
        let seen = self.sandbox.seen();
        seen.iter().filter(|seen| seen.method == "POST" && seen.path == TOKENS).count()
    }
}

#[tokio::test]
#[ignore = "runs alone, by `hostile`"]
async fn cut_at_every_byte() {
    count_panics();
    let desk = Desk::open().await;
    let mut figures = Figures::default();
    let mut warm = None;
    for at in 0..LONGEST {
        desk.cut_next(at);
        let asked = tokio::time::timeout(PATIENCE, desk.request(&format!("cut {at}"))).await;
        figures.cases += 1;
        let Ok(outcome) = asked else {
            figures.hangs += 1;
            break;
        };
        if desk.posts() != 1 {
            figures.wrong.push(format!("cut at {at}: {} POSTs", desk.posts()));
        }
        let unknown = desk.unknown_tokens().await;
        if !unknown.is_empty() {
            figures.wrong.push(format!("cut at {at}: {unknown:?} after {outcome:?}"));
            figures.unknown_tokens = unknown.len() as u64;
            break;
        }
        // The whole answer arrived: every byte before was tried.
        if outcome.is_ok() {
            break;
        }
        if at == 60 {
            warm = Some(resident_mib());
        }
    }
    figures.growth_mib = warm.map_or(0.0, |warm| resident_mib() - warm);
    let kept = desk.snapshot().await.credentials.len();
    if kept != 1 {
        figures.wrong.push(format!("{kept} credentials kept; only the uncut answer brings one"));
    }
    figures.known_bad.push(("an_issuer_that_forgets_what_it_lost".into(), forgets().await));
    desk.handle.stop().await;
    tell(figures);
}

/// Known-bad: the adapter alone, without the intent that finds the lost token again.
async fn forgets() -> bool {
    use wayleave_core::platform::Platform as _;
    let desk = Desk::open().await;
    let (http, _, _) = crate::still_http();
    let connection = crate::connection(desk.sandbox.hub_url(), None);
    let (_, key) = desk.sandbox.make_token(DEMO, "demo-ws", "key", 30.0).expect("a token");
    let before = desk.unknown_tokens().await.len();
    let key = Secret::from_text(key);
    let session = wayleave_core::session::Session::for_key(key, connection, http);
    desk.cut_next(100);
    let wire = crate::conformance::registrations()[0];
    let request = crate::conformance::wish(wire, "lost");
    let _ = wire.platform().issue(&session, "demo-ws", &request).await;
    let after = desk.unknown_tokens().await.len();
    desk.handle.stop().await;
    after == before + 1
}
