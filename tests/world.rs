//! The engine as an agent runs it, by itself ([`engine`]) and on the sandbox's platforms whose sign-in
//! is a key ([`World`]). Shared by test binaries: `#[path = "../world.rs"] mod world;`.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::Path;
use std::sync::Arc;

use wayleave_core::api::{
    AccountView, Answer, Ask, Confide, CredentialView, Disclosure, KeyOwner, NewAccount, OwnerKind,
    PastedKey, Purpose, RemoteTokenView, Snapshot, TokenRequest,
};
use wayleave_core::clock::{Clock, SystemClock};
use wayleave_core::credential::{AccountId, CredentialId, Field};
use wayleave_core::engine::{Engine, Handle};
use wayleave_core::error::Error;
use wayleave_core::host::RecordingHost;
use wayleave_core::paths::Paths;
use wayleave_core::secret::{Disclosed, Secret};
use wayleave_sandbox::{Config, Control, DEMO, Effect, FirstKeys, Rule, Sandbox};

/// An engine with an open vault, a home and a sandbox of its own.
pub struct World {
    /// The platforms.
    pub sandbox: Sandbox,
    /// The engine.
    pub handle: Handle,
    /// The keys that the demo user has from the start.
    pub keys: FirstKeys,
    _home: tempfile::TempDir,
}

impl World {
    /// An agent with an open vault.
    pub async fn new() -> Self {
        Self::at(Arc::new(SystemClock)).await
    }

    /// The same by another clock.
    pub async fn at(clock: Arc<dyn Clock>) -> Self {
        let sandbox = Sandbox::start(Config::default()).expect("a sandbox");
        let home = tempfile::tempdir().expect("a home");
        let handle = engine(home.path(), RecordingHost::default(), clock).await;
        let keys = sandbox.first_keys(DEMO);
        let world = Self { sandbox, handle, keys, _home: home };
        let passphrase = disclosed("a long enough passphrase");
        world.confide(Confide::Create { passphrase, keyring: false }).await.expect("a vault");
        world
    }

    /// Asks with secrets.
    pub async fn confide(&self, confide: Confide) -> Result<Disclosure, Error> {
        self.handle.confide(confide).await
    }

    /// The error of what must be refused.
    pub async fn refused(&self, ask: Ask) -> Error {
        self.handle.ask(ask).await.expect_err("it is refused")
    }

    /// An account whose one connection field holds the sandbox.
    pub async fn add(&self, platform: &str, field: &str) -> AccountId {
        let connection = [(field.to_owned(), self.sandbox.hub_url().to_owned())].into();
        let new = NewAccount { platform: platform.into(), connection, name: None };
        match self.handle.ask(Ask::AddAccount(new)).await.expect("an account") {
            Answer::Account(account) => account.id,
            other => panic!("{other:?}"),
        }
    }

    /// Signs in with a key of the account; a pair belongs to a service account.
    pub async fn paste(
        &self,
        account: AccountId,
        key: &str,
        secret_key: Option<&str>,
    ) -> Result<CredentialView, Error> {
        let about = PastedKey {
            account,
            workspace: String::new(),
            username: None,
            name: String::new(),
            token_id: None,
            made: None,
            expires: None,
            owner: secret_key
                .map(|_| KeyOwner { kind: OwnerKind::ServiceAccount, name: "ingest".into() }),
        };
        let secret_key = secret_key.map(disclosed);
        match self.confide(Confide::PasteKey { key: disclosed(key), secret_key, about }).await? {
            Disclosure::Credential(credential) => Ok(credential),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a credential.
    pub async fn credential(&self, ask: Ask) -> CredentialView {
        match self.handle.ask(ask).await.expect("a credential") {
            Answer::Credential(credential) => credential,
            other => panic!("{other:?}"),
        }
    }

    /// All that is seen now.
    pub async fn snapshot(&self) -> Snapshot {
        match self.handle.ask(Ask::Snapshot).await.expect("a snapshot") {
            Answer::Snapshot(snapshot) => *snapshot,
            other => panic!("{other:?}"),
        }
    }

    /// An account as it is now.
    pub async fn account(&self, id: AccountId) -> AccountView {
        self.snapshot().await.accounts.into_iter().find(|a| a.id == id).expect("the account")
    }

    /// What the platform lists.
    pub async fn remote(&self, account: AccountId) -> Vec<RemoteTokenView> {
        match self.handle.ask(Ask::RemoteTokens { account, workspace: None }).await {
            Ok(Answer::RemoteTokens(tokens)) => tokens,
            other => panic!("{other:?}"),
        }
    }

    /// A secret of a credential.
    pub async fn reveal(&self, credential: CredentialId, field: Field) -> String {
        let reveal = Confide::Reveal { credential, field: Some(field), purpose: Purpose::Reveal };
        match self.confide(reveal).await.expect("the field") {
            Disclosure::Fields { fields, .. } => {
                fields[0].1.expose_text().expect("text").to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    /// A credential in one of the forms for its consumers.
    pub async fn render(&self, credential: CredentialId, template: &str) -> Result<String, Error> {
        let template = template.to_owned();
        let purpose = Purpose::Output;
        match self.confide(Confide::RenderTemplate { credential, template, purpose }).await? {
            Disclosure::Text(text) => Ok(text.expose_text().expect("text").to_owned()),
            other => panic!("{other:?}"),
        }
    }

    /// How many requests of this method and path arrived.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let seen = self.sandbox.seen();
        seen.iter().filter(|seen| seen.method == method && seen.path == path).count()
    }
}

/// An engine whose files are below this folder.
pub async fn engine(home: &Path, host: RecordingHost, clock: Arc<dyn Clock>) -> Handle {
    let paths = Paths::under(home);
    for dir in [&paths.config, &paths.data, &paths.state, &paths.runtime] {
        std::fs::create_dir_all(dir).expect("a folder");
    }
    Engine::start(paths, "/nowhere/wayleave".into(), host, clock).await.expect("an engine")
}

/// A secret on its way to the engine.
pub fn disclosed(text: &str) -> Disclosed {
    Disclosed::new(Secret::from_text(text.into()))
}

/// A token to ask for.
pub fn wanted(
    account: AccountId,
    workspace: &str,
    name: &str,
    lifetime: Option<u32>,
) -> TokenRequest {
    TokenRequest {
        account,
        workspace: workspace.into(),
        name: name.into(),
        lifetime,
        permissions: vec![],
        activity: None,
    }
}

/// What the sandbox does to the next request of this method and path.
pub fn rule(method: &str, path: &str, effect: Effect) -> Control {
    Control::Rule(Rule {
        method: Some(method.into()),
        path: path.into(),
        who: None,
        times: Some(1),
        effect,
    })
}
