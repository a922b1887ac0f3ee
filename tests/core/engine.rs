//! The engine against the sandbox: whole journeys without a window and without a socket.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use wayleave_core::api::{
    AccountView, Answer, Ask, Confide, CredentialState, CredentialView, Disclosure, HistoryEvent,
    NewAccount, OnForget, PastedKey, Purpose, Settings, SignInState, SignInWay, Snapshot, Snippet,
    TokenRequest, VaultState,
};
use wayleave_core::clock::{Clock, FakeClock, SystemClock};
use wayleave_core::credential::{AccountId, CredentialId, Field};
use wayleave_core::engine::Handle;
use wayleave_core::error::ErrorCode;
use wayleave_core::host::RecordingHost;
use wayleave_core::secret::Disclosed;
use wayleave_sandbox::{Config, Control, DEMO, Effect, ForeignToken, Sandbox};

use crate::world::{disclosed, engine};

const PASSPHRASE: &str = "a long enough passphrase";
const WORKSPACE: &str = "demo-ws";

struct World {
    sandbox: Sandbox,
    home: tempfile::TempDir,
    host: RecordingHost,
    handle: Handle,
}

impl World {
    async fn new() -> Self {
        Self::at(Arc::new(SystemClock)).await
    }

    async fn at(clock: Arc<dyn Clock>) -> Self {
        let sandbox = Sandbox::start(Config::default()).expect("a sandbox");
        let home = tempfile::tempdir().expect("a home");
        let host = RecordingHost::default();
        let handle = engine(home.path(), host.clone(), clock).await;
        Self { sandbox, home, host, handle }
    }

    /// The agent ends and another one starts.
    async fn restart(&mut self, clock: Arc<dyn Clock>) {
        self.handle.stop().await;
        self.handle = engine(self.home.path(), self.host.clone(), clock).await;
    }

    async fn ask(&self, ask: Ask) -> Answer {
        self.handle.ask(ask).await.expect("an answer")
    }

    async fn refused(&self, ask: Ask) -> ErrorCode {
        self.handle.ask(ask).await.expect_err("it is refused").code
    }

    async fn confide(&self, confide: Confide) -> Disclosure {
        self.handle.confide(confide).await.expect("a disclosure")
    }

    async fn snapshot(&self) -> Snapshot {
        match self.ask(Ask::Snapshot).await {
            Answer::Snapshot(snapshot) => *snapshot,
            other => panic!("{other:?}"),
        }
    }

    async fn add_account(&self) -> AccountView {
        let connection = [
            ("hub".to_owned(), self.sandbox.hub_url().to_owned()),
            ("client_id".to_owned(), self.sandbox.client_id().to_owned()),
        ];
        let new = NewAccount { platform: "eodh".into(), connection: connection.into(), name: None };
        match self.ask(Ask::AddAccount(new)).await {
            Answer::Account(account) => account,
            other => panic!("{other:?}"),
        }
    }

    async fn sign_in(&self, account: AccountId) -> AccountView {
        let cookies = self.sandbox.portal_session(DEMO).expect("cookies");
        let given = Confide::SignInWithCookies { account, cookies: disclosed(&cookies) };
        match self.confide(given).await {
            Disclosure::Account(account) => account,
            other => panic!("{other:?}"),
        }
    }

    async fn create(&self) {
        let passphrase = disclosed(PASSPHRASE);
        self.confide(Confide::Create { passphrase, keyring: false }).await;
    }

    async fn unlock(&self) {
        self.confide(Confide::Unlock { passphrase: disclosed(PASSPHRASE) }).await;
    }

    /// Account, session and vault.
    async fn ready(&self) -> AccountId {
        let account = self.add_account().await.id;
        self.sign_in(account).await;
        self.create().await;
        account
    }

    async fn request(&self, account: AccountId, name: &str) -> CredentialView {
        match self.ask(token_request(account, name)).await {
            Answer::Credential(credential) => credential,
            other => panic!("{other:?}"),
        }
    }

    async fn reveal(&self, credential: CredentialId, field: Field) -> String {
        let purpose = Purpose::Reveal;
        let reveal = Confide::Reveal { credential, field: Some(field), purpose };
        match self.confide(reveal).await {
            Disclosure::Fields { fields, .. } => {
                fields[0].1.expose_text().expect("text").to_owned()
            }
            other => panic!("{other:?}"),
        }
    }
}

fn token_request(account: AccountId, name: &str) -> Ask {
    Ask::RequestToken(TokenRequest {
        account,
        workspace: WORKSPACE.into(),
        name: name.into(),
        lifetime: Some(30),
        permissions: vec![],
        activity: None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_main_job_from_first_run_to_a_copied_key() {
    let world = World::new().await;
    assert_eq!(world.snapshot().await.vault.state, VaultState::Missing);
    let account = world.add_account().await.id;

    let flow = match world.confide(Confide::StartPortal { account }).await {
        Disclosure::PortalFlow { flow, proof } => (flow, proof),
        other => panic!("{other:?}"),
    };
    let again = world.handle.confide(Confide::StartPortal { account }).await;
    assert_eq!(again.expect_err("one at a time").code, ErrorCode::SignInOpen);
    let cookies = world.sandbox.portal_session(DEMO).expect("cookies");
    let finish = |proof: Disclosed| Confide::FinishPortal {
        flow: flow.0.id,
        proof,
        cookies: disclosed(&cookies),
    };
    let forged = world.handle.confide(finish(disclosed("guessed"))).await;
    assert_eq!(forged.expect_err("forged").code, ErrorCode::FlowUnknown);
    world.confide(finish(flow.1)).await;

    let signed_in = world.snapshot().await.accounts.remove(0);
    assert_eq!(signed_in.sign_in.state, SignInState::SignedIn);
    assert_eq!(signed_in.username.as_deref(), Some(DEMO.username));
    assert!(signed_in.workspaces.iter().any(|w| w.name == WORKSPACE && w.can_issue));
    assert_eq!(world.refused(token_request(account, "early")).await, ErrorCode::NoVault);

    world.create().await;
    let credential = world.request(account, "QGIS, office PC").await;
    assert_eq!(credential.state, CredentialState::Active);
    let key = world.reveal(credential.id, Field::ApiKey).await;
    assert!(key.starts_with("454f4448") && key.len() == 32, "a key of the hub");
    let named = async |name: &str| {
        let (name, field) = (name.to_owned(), Some(Field::ApiKey));
        let asked = Confide::RevealNamed { name, field, purpose: Purpose::Reveal };
        match world.handle.confide(asked).await {
            Ok(Disclosure::Fields { credential, .. }) => Ok(credential),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.code),
        }
    };
    assert_eq!(named("QGIS, office PC").await, Ok(credential.id));
    assert_eq!(named("QGIS").await, Err(ErrorCode::NotFound));
    world.request(account, "QGIS, office PC").await;
    assert_eq!(named("QGIS, office PC").await, Err(ErrorCode::NotFound), "two have it");
    assert_eq!(world.reveal(credential.id, Field::Username).await, DEMO.username);
    assert_eq!(world.reveal(credential.id, Field::BearerHeader).await, format!("Bearer {key}"));
    let verified = world.ask(Ask::Verify { credential: credential.id }).await;
    assert!(matches!(verified, Answer::Verified(view) if view.ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locking_closes_everything_and_unlocking_brings_it_back() {
    let mut world = World::new().await;
    let account = world.ready().await;
    let credential = world.request(account, "QGIS").await;
    world.ask(Ask::RequestS3 { account, workspace: WORKSPACE.into(), activity: None }).await;

    world.ask(Ask::Lock).await;
    let locked = world.snapshot().await;
    assert_eq!(locked.vault.state, VaultState::Locked);
    assert_eq!((locked.accounts.len(), locked.credentials.len()), (0, 0));
    assert_eq!(locked.watched.len(), 2);
    assert_eq!(world.refused(token_request(account, "x")).await, ErrorCode::VaultLocked);

    world.restart(Arc::new(SystemClock)).await;
    let wrong =
        world.handle.confide(Confide::Unlock { passphrase: disclosed("not the one") }).await;
    assert_eq!(wrong.expect_err("wrong").code, ErrorCode::WrongPassphrase);
    world.unlock().await;
    let open = world.snapshot().await;
    assert_eq!(open.credentials.len(), 2);
    assert_eq!(open.accounts[0].sign_in.state, SignInState::SignedIn, "the session was sealed");
    assert!(open.credentials.iter().any(|c| c.id == credential.id));
    world.ask(Ask::Workspaces { account }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_not_asked_again_and_its_token_is_revoked() {
    let world = World::new().await;
    let account = world.ready().await;
    world.sandbox.rule(Some("POST"), "/api/*/me/tokens", Some(1), Effect::DropAnswer);
    let lost = world.handle.ask(token_request(account, "QGIS")).await.expect_err("lost");
    assert_eq!(lost.code, ErrorCode::OutcomeUnknown);
    assert_eq!(lost.params["revoked"], "true");
    assert_eq!(world.sandbox.tokens(), []);
    let posts = world.sandbox.seen().into_iter().filter(|s| s.method == "POST").count();
    assert_eq!(posts, 1, "one request, whatever comes of it");
    assert_eq!(world.snapshot().await.credentials, []);
    world.request(account, "QGIS").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_the_same_name_made_elsewhere_meanwhile_survives() {
    let world = World::new().await;
    let account = world.ready().await;
    let slow = Effect::Delay { millis: 400 };
    world.sandbox.rule(Some("GET"), "/api/*/me/tokens", None, slow);
    world.sandbox.rule(Some("POST"), "/api/*/me/tokens", Some(1), Effect::DropAnswer);
    let handle = world.handle.clone();
    let asking = tokio::spawn(async move { handle.ask(token_request(account, "QGIS")).await });
    wait_until(|| world.sandbox.seen().iter().any(|s| s.path.ends_with("/me/tokens"))).await;
    let elsewhere = ForeignToken {
        username: DEMO.username.into(),
        workspace: WORKSPACE.into(),
        name: "QGIS".into(),
        age_seconds: 0,
        expires_in: 86_400,
    };
    world.sandbox.control(Control::AddToken(elsewhere)).expect("made elsewhere");
    let lost = asking.await.expect("ran").expect_err("lost");
    assert_eq!(lost.code, ErrorCode::OutcomeUnknown);
    assert_eq!(lost.params["candidates"].split(' ').count(), 2);
    assert_eq!(world.sandbox.tokens().len(), 2, "neither is revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_without_an_id_is_stored_first_and_found_afterwards() {
    let world = World::new().await;
    let account = world.ready().await;
    let strip = Effect::Strip { fields: vec!["id".into()] };
    world.sandbox.rule(Some("POST"), "/api/*/me/tokens", Some(1), strip);
    let credential = world.request(account, "QGIS").await;
    assert_eq!(credential.platform_id.as_deref(), Some(world.sandbox.tokens()[0].id.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_and_forgetting_keep_what_was() {
    let world = World::new().await;
    let account = world.ready().await;
    let kept = world.request(account, "kept on the platform").await;
    let revoked = world.request(account, "revoked").await;
    let ask_first = Ask::Forget { credential: kept.id, unexpired: OnForget::Ask };
    assert_eq!(world.refused(ask_first).await, ErrorCode::StillValid);
    world.ask(Ask::Forget { credential: kept.id, unexpired: OnForget::Keep }).await;
    world.ask(Ask::Forget { credential: revoked.id, unexpired: OnForget::Revoke }).await;
    assert_eq!(world.snapshot().await.credentials, []);
    let left: Vec<String> = world.sandbox.tokens().into_iter().map(|t| t.name).collect();
    assert_eq!(left, ["kept on the platform"]);
    let Answer::History(history) = world.ask(Ask::History { credential: None }).await else {
        panic!("no history")
    };
    let gone = history.iter().find(|row| row.event == HistoryEvent::Forgotten).expect("written");
    assert_eq!(gone.workspace, WORKSPACE);
    assert!(gone.platform_id.is_some() && gone.expires.is_some(), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_browser_and_the_device_sign_in_too() {
    let world = World::new().await;
    let account = world.add_account().await.id;
    let flow = match world.ask(Ask::SignIn { account, way: SignInWay::Browser }).await {
        Answer::Flow(flow) => flow,
        other => panic!("{other:?}"),
    };
    let callback = world.sandbox.authorize(DEMO, &flow.url).expect("the browser's way back");
    let (_, answered) =
        tokio::join!(reqwest::get(&callback), world.ask(Ask::AwaitSignIn { flow: flow.id }));
    assert!(matches!(answered, Answer::Account(a) if a.sign_in.with == Some(SignInWay::Browser)));
    world.ask(Ask::SignOut { account, everywhere: true }).await;

    let times = wayleave_sandbox::DeviceTimes { expires_in: 600, interval: 1 };
    world.sandbox.control(Control::DeviceTimes(times)).expect("set");
    let flow = match world.ask(Ask::SignIn { account, way: SignInWay::Device }).await {
        Answer::Flow(flow) => flow,
        other => panic!("{other:?}"),
    };
    let answer = Control::AnswerDevice {
        username: DEMO.username.into(),
        user_code: flow.user_code.expect("a code"),
        allow: true,
    };
    world.sandbox.control(answer).expect("allowed");
    let answered = world.ask(Ask::AwaitSignIn { flow: flow.id }).await;
    assert!(matches!(answered, Answer::Account(a) if a.username.as_deref() == Some("demo")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_sign_in_has_a_clear_end() {
    let world = World::new().await;
    let account = world.add_account().await.id;
    let flow = match world.ask(Ask::SignIn { account, way: SignInWay::Browser }).await {
        Answer::Flow(flow) => flow.id,
        other => panic!("{other:?}"),
    };
    let handle = world.handle.clone();
    let waiting = tokio::spawn(async move { handle.ask(Ask::AwaitSignIn { flow }).await });
    world.ask(Ask::CancelSignIn { flow }).await;
    assert_eq!(waiting.await.expect("ran").expect_err("over").code, ErrorCode::Cancelled);
    assert_eq!(world.snapshot().await.flows, []);
    assert_eq!(world.refused(Ask::CancelSignIn { flow }).await, ErrorCode::FlowUnknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pasted_key_learns_its_true_end_from_the_list() {
    let world = World::new().await;
    let account = world.add_account().await.id;
    world.create().await;
    let (id, key) = world.sandbox.make_token(DEMO, WORKSPACE, "by hand", 3.0).expect("made");
    let about = |name: &str| PastedKey {
        account,
        workspace: WORKSPACE.into(),
        username: Some("demo".into()),
        name: name.into(),
        token_id: None,
        made: None,
        expires: None,
        owner: None,
    };
    let paste = |key: &str| Confide::PasteKey {
        key: disclosed(key),
        secret_key: None,
        about: about("by hand"),
    };
    let wrong = world.handle.confide(paste(&id)).await.expect_err("an id is no key");
    assert_eq!(wrong.code, ErrorCode::TokenIdNotKey);
    world.confide(paste(&key)).await;
    world.confide(paste(&key)).await;
    wait_for(&world, |s| s.credentials.iter().any(|c| c.end_confirmed)).await;
    world.confide(paste(&key)).await;
    let snapshot = world.snapshot().await;
    assert_eq!(snapshot.credentials.len(), 1, "the same key twice is one credential");
    assert_eq!(snapshot.credentials[0].platform_id.as_deref(), Some(id.as_str()));
    assert!(snapshot.credentials[0].expires.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_warning_comes_once_locked_and_across_restarts() {
    let clock = FakeClock::at(SystemClock.now());
    let mut world = World::at(Arc::new(clock.clone())).await;
    let account = world.ready().await;
    let end = world.request(account, "secret name").await.expires.expect("an end");
    world.ask(Ask::Lock).await;
    for (hours, expected) in [(168, 1), (24, 2), (1, 3), (0, 4)] {
        clock.set(end - SignedDuration::from_hours(hours));
        for _ in 0..3 {
            world.restart(Arc::new(clock.clone())).await;
            wait_for(&world, |s| s.vault.state == VaultState::Locked).await;
        }
        let host = world.host.clone();
        wait_until(move || host.notices().len() >= expected).await;
        assert_eq!(world.host.notices().len(), expected, "{hours} hours before the end");
    }
    for notice in world.host.notices() {
        assert!(!format!("{notice:?}").contains("secret name"), "{notice:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_credentials_that_are_about_to_end_are_renewed_before_they_are_handed_out() {
    let clock = FakeClock::at(SystemClock.now());
    let world = World::at(Arc::new(clock.clone())).await;
    let account = world.ready().await;
    let never = Settings { lock_after: None, ..Settings::default() };
    world.ask(Ask::SetSettings(never)).await;
    let short = |seconds| world.sandbox.control(Control::S3Lifetime { seconds }).expect("a life");
    let minted = || world.sandbox.seen().iter().filter(|s| s.path.ends_with("/s3-tokens")).count();
    let render = |credential| Confide::Render {
        credential,
        snippet: Snippet::Env,
        purpose: Purpose::Output,
    };
    let written = async |credential| match world.handle.confide(render(credential)).await {
        Ok(Disclosure::Text(text)) => Ok(text.expose_text().expect("text").to_owned()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    };
    let request = || Ask::RequestS3 { account, workspace: WORKSPACE.into(), activity: None };

    short(Some(300));
    let Answer::Credential(set) = world.ask(request()).await else { panic!("no credential") };
    let key_id = world.reveal(set.id, Field::AccessKeyId).await;
    assert_eq!(minted(), 1, "a part by itself belongs to the parts that were copied before");
    short(None);
    let renewed = written(set.id).await.expect("the set");
    assert_eq!(minted(), 2, "renewed first");
    assert!(!renewed.contains(&key_id), "what is handed out is the renewed set");
    assert_eq!(written(set.id).await, Ok(renewed), "one that lasts is handed out as it is");
    assert_eq!(minted(), 2);
    let all = world.snapshot().await.credentials;
    assert_eq!(all.iter().map(|c| c.id).collect::<Vec<_>>(), [set.id], "in its own place");

    // The platform does not answer: the set is used to its end, and not beyond it.
    short(Some(300));
    world.ask(request()).await;
    let last = world.reveal(set.id, Field::AccessKeyId).await;
    let down = Effect::Answer {
        status: 503,
        content_type: "text/plain".into(),
        body: "down".into(),
        headers: vec![],
    };
    world.sandbox.rule(Some("POST"), "/api/*/me/s3-tokens", None, down);
    assert!(written(set.id).await.expect("the set").contains(&last));
    clock.advance(Duration::from_mins(6));
    assert_eq!(written(set.id).await, Err(ErrorCode::PlatformUnavailable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_wishes_are_refused_before_anything_is_sent() {
    let world = World::new().await;
    let account = world.ready().await;
    let before = world.sandbox.seen().len();
    for name in ["", "   ", &"x".repeat(129), "line\nbreak"] {
        assert_eq!(world.refused(token_request(account, name)).await, ErrorCode::InvalidName);
    }
    for days in [0, 31] {
        let mut ask = token_request(account, "QGIS");
        if let Ask::RequestToken(request) = &mut ask {
            request.lifetime = Some(days);
        }
        assert_eq!(world.refused(ask).await, ErrorCode::InvalidLifetime);
    }
    assert_eq!(world.sandbox.seen().len(), before);
    for name in ["quo\"ted", "sla/shed", "🛰 satellite"] {
        world.request(account, name).await;
    }
}

/// Polls what has no channel to wait on.
async fn wait_until(mut there: impl FnMut() -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let poll = async {
        while !there() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), poll).await.expect("it does not come");
}

async fn wait_for(world: &World, there: impl Fn(&Snapshot) -> bool) {
    let mut snapshots = world.handle.snapshots();
    let waiting = snapshots.wait_for(|snapshot| there(snapshot));
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect("it does not come")
        .expect("the engine lives");
}
