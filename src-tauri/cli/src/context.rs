//! What every verb has at hand: the agent, the common flags, and the questions all verbs ask.

use std::env;
use std::path::PathBuf;

use wayleave_core::agent::client::Client;
use wayleave_core::api::{
    AccountView, Answer, Ask, Confide, CredentialView, Disclosure, PlatformView, Snapshot,
    VaultState, misplaced,
};
use wayleave_core::error::{Error, ErrorCode};

use crate::arguments::Common;
use crate::failure::Failure;
use crate::select;

/// One run of the command line.
pub struct Context {
    /// The flags that every verb takes.
    pub common: Common,
    client: Client,
}

impl Context {
    /// Finds the agent's place; talks to nobody yet.
    pub fn new(common: Common) -> Result<Self, Failure> {
        Ok(Self { common, client: Client::from_env(own_program()?)? })
    }

    /// The agent.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks the agent.
    pub fn ask(&self, ask: Ask) -> Result<Answer, Failure> {
        Ok(self.client.ask(ask)?)
    }

    /// Asks the agent for something that answers with nothing.
    pub fn order(&self, ask: Ask) -> Result<(), Failure> {
        let Answer::Done = self.ask(ask)? else {
            return Err(misplaced("an order").into());
        };
        Ok(())
    }

    /// Asks the agent for something that answers with a credential.
    pub fn order_credential(&self, ask: Ask) -> Result<CredentialView, Failure> {
        let Answer::Credential(credential) = self.ask(ask)? else {
            return Err(misplaced("a question for a credential").into());
        };
        Ok(credential)
    }

    /// Confides something to the agent.
    pub fn confide(&self, confide: Confide) -> Result<Disclosure, Failure> {
        Ok(self.client.confide(confide)?)
    }

    /// The whole visible state.
    pub fn snapshot(&self) -> Result<Snapshot, Failure> {
        let Answer::Snapshot(snapshot) = self.ask(Ask::Snapshot)? else {
            return Err(misplaced("a question for the state").into());
        };
        Ok(*snapshot)
    }

    /// The state of an open vault, or the error that says why it is not.
    pub fn open(&self) -> Result<Snapshot, Failure> {
        let snapshot = self.snapshot()?;
        match snapshot.vault.state {
            VaultState::Unlocked => Ok(snapshot),
            VaultState::Missing => {
                Err(Error::new(ErrorCode::NoVault, "there is no vault yet").into())
            }
            VaultState::Locked | VaultState::Opening => Err(locked().into()),
            VaultState::Unusable => Err(unusable(&snapshot).into()),
        }
    }

    /// The credential that a selector means, within `-a` and `-w`.
    pub fn credential(&self, selector: &str) -> Result<CredentialView, Failure> {
        let snapshot = self.open()?;
        let account = match &self.common.account {
            Some(named) => Some(select::account(&snapshot.accounts, Some(named))?.id),
            None => None,
        };
        let workspace = self.common.workspace.as_deref();
        let found = select::credential(&snapshot.credentials, selector, account, workspace)?;
        Ok(found.clone())
    }

    /// The account that was named here or by `-a`, or the only one. A sign-in may come before
    /// the vault, so a missing vault is no obstacle.
    pub fn account(&self, named: Option<&str>) -> Result<AccountView, Failure> {
        let snapshot = self.snapshot()?;
        match snapshot.vault.state {
            VaultState::Missing | VaultState::Unlocked => {}
            VaultState::Locked | VaultState::Opening => return Err(locked().into()),
            VaultState::Unusable => return Err(unusable(&snapshot).into()),
        }
        if snapshot.accounts.is_empty() && named.or(self.common.account.as_deref()).is_none() {
            return Err(Failure::advised(
                ErrorCode::NotFound,
                "there is no account yet",
                "Add one: `wayleave account add eodh`.",
            ));
        }
        let named = named.or(self.common.account.as_deref());
        Ok(select::account(&snapshot.accounts, named)?.clone())
    }

    /// What a platform is and can do.
    pub fn platform(&self, id: &str) -> Result<PlatformView, Failure> {
        let Answer::Platforms(platforms) = self.ask(Ask::Platforms)? else {
            return Err(misplaced("a question for platforms").into());
        };
        let found = platforms.into_iter().find(|platform| platform.id == id);
        found.ok_or_else(|| {
            Error::new(ErrorCode::NotFound, format!("there is no platform {id:?}")).into()
        })
    }

    /// The workspace of `-w`, or the only one of the account.
    pub fn workspace(&self, account: &AccountView) -> Result<String, Failure> {
        if let Some(named) = &self.common.workspace {
            return Ok(named.clone());
        }
        let names: Vec<&str> = account.workspaces.iter().map(|w| w.name.as_str()).collect();
        match names.as_slice() {
            [only] => Ok((*only).to_owned()),
            [] => Err(Failure::usage(
                "a workspace is needed",
                "Name it with `-w`; `wayleave workspaces` lists them.",
            )),
            several => Err(Failure::usage(
                "a workspace is needed",
                format!("Name it with `-w`: {}.", several.join(", ")),
            )),
        }
    }
}

/// This program, which is the agent too.
pub fn own_program() -> Result<PathBuf, Error> {
    env::current_exe().map_err(|e| {
        Error::new(ErrorCode::FileProblem, format!("this program cannot find itself: {e}"))
    })
}

fn locked() -> Error {
    Error::new(ErrorCode::VaultLocked, "the vault is locked")
}

fn unusable(snapshot: &Snapshot) -> Error {
    snapshot
        .vault
        .problem
        .clone()
        .unwrap_or_else(|| Error::new(ErrorCode::VaultDamaged, "the vault cannot be used"))
}
