//! Making, opening and closing the vault.

use std::future::Future;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Engine;
use super::handle::{Answered, Reply};
use super::keeper::{Outside, Slot, outside};
use super::opening::{blocking, closed, forget_entry, make_slots, open, passphrase_slot, vacant};
use super::records::{Contents, read, session_record};
use crate::api::{Answer, Disclosure, SlotKind, VaultInfo, VaultState};
use crate::error::{Error, ErrorCode, Result};
use crate::host::Host;
use crate::secret::{Disclosed, Passphrase};
use crate::vault::{Change, Vault, VaultError, keyring_available, make_id, sweep_keyring};

impl<H: Host> Engine<H> {
    /// Looks at the file, and asks whether a keyring answers; both off the loop.
    pub(super) fn look_outside(&self) -> impl Future<Output = Result<Outside>> + Send + use<H> {
        let keeper = self.keeper.clone();
        let path = self.paths.vault();
        async move {
            let keyring = blocking(keyring_available).await?;
            keeper
                .run(move |kept| {
                    kept.vault.look_again(&path);
                    Ok(outside(&mut kept.vault, &path, keyring))
                })
                .await
        }
    }

    pub(super) fn take_outside(&mut self, outside: Outside) {
        self.state.vault = outside.view;
        self.state.watched = outside.watched;
    }

    fn look_at_vault(&mut self) {
        self.work(self.look_outside(), |engine, outside: Result<Outside>| match outside {
            Ok(outside) if engine.state.vault.state != VaultState::Unlocked => {
                engine.take_outside(outside);
            }
            Ok(_) => {}
            Err(error) => engine.alert(error, None, None),
        });
    }

    /// Makes the vault, and seals in it what was got before it existed.
    pub(super) fn create(&mut self, passphrase: Option<Disclosed>, keyring: bool, reply: Answered) {
        if passphrase.is_none() && !keyring {
            let nothing = Error::new(ErrorCode::InvalidInput, "nothing would open the vault");
            return reply.done(Err(nothing));
        }
        if self.state.vault.state == VaultState::Unlocked {
            return reply.done(Err(VaultError::Exists.into()));
        }
        let passphrase = passphrase.map(|typed| Passphrase::new(typed.into_secret()));
        let mut found = self.contents_to_seal();
        let sessions = self.sessions_to_seal();
        let keeper = self.keeper.clone();
        let path = self.paths.vault();
        let clock = Arc::clone(&self.clock);
        let make = async move {
            let (look, place) = (path.clone(), path.clone());
            keeper.run(move |kept| vacant(&mut kept.vault, &look)).await?;
            for (record, account, session) in sessions {
                found.push(session_record(record, account, session.to_sealed().await));
            }
            let now = clock.now();
            let id = make_id()?;
            let (slots, entry) = make_slots(id, passphrase, keyring, clock).await?;
            let made = keeper
                .run(move |kept| {
                    vacant(&mut kept.vault, &path)?;
                    let mut vault = Vault::create(&path, id, &slots, now)?;
                    if !found.is_empty() {
                        vault.commit(found)?;
                    }
                    let contents = read(&vault);
                    kept.vault = Slot::Open(Box::new(vault));
                    contents
                })
                .await;
            // Once the file is there, this key opens it, whatever failed afterwards.
            if made.is_err() && !place.exists() {
                forget_entry(entry).await;
            }
            made
        };
        self.state.vault.state = VaultState::Opening;
        self.work(make, move |engine, made: Result<Contents>| match made {
            Ok(contents) => {
                engine.state.vault.state = VaultState::Unlocked;
                engine.state.vault.slots = contents.slots;
                engine.state.vault.problem = None;
                engine.last_use = engine.clock.now();
                reply.done(Ok(()));
            }
            Err(error) => {
                engine.state.vault.state = VaultState::Missing;
                engine.look_at_vault();
                reply.done(Err(error));
            }
        });
    }

    /// Opens the vault with a passphrase. Argon2 runs beside the vault's thread.
    pub(super) fn unlock(&mut self, passphrase: Disclosed, reply: Reply) {
        if let Err(error) = self.may_open() {
            return match error {
                Some(error) => reply.disclose(Err(error)),
                None => reply.disclose(Ok(Disclosure::Done)),
            };
        }
        let keeper = self.keeper.clone();
        let path = self.paths.vault();
        let passphrase = Passphrase::new(passphrase.into_secret());
        let open = async move {
            let challenge = keeper
                .run(move |kept| {
                    kept.vault.look_again(&path);
                    let challenge = closed(&mut kept.vault)?.passphrase_challenge();
                    challenge.ok_or_else(|| {
                        Error::new(ErrorCode::InvalidInput, "no passphrase opens this vault")
                    })
                })
                .await?;
            let kek = blocking(move || challenge.derive(&passphrase)).await??;
            keeper.run(move |kept| open(kept, &kek)).await
        };
        self.work(open, |engine, opened| {
            reply.disclose(engine.opened(opened).map(|()| Disclosure::Done));
        });
    }

    /// Opens the vault with what the keyring holds.
    pub(super) fn unlock_with_keyring(&mut self, reply: Reply) {
        if let Err(error) = self.may_open() {
            return match error {
                Some(error) => reply.answer(Err(error)),
                None => reply.answer(Ok(Answer::Done)),
            };
        }
        let keeper = self.keeper.clone();
        let path = self.paths.vault();
        let open = async move {
            let (id, entry) = keeper
                .run(move |kept| {
                    kept.vault.look_again(&path);
                    let vault = closed(&mut kept.vault)?;
                    let entry = vault.keyring_entry().ok_or(VaultError::NoKeyring)?;
                    Ok((vault.id(), entry))
                })
                .await?;
            let fetched = entry.clone();
            let kek = blocking(move || fetched.fetch()).await??;
            let contents = keeper.run(move |kept| open(kept, &kek)).await?;
            // Keys that an interrupted change left behind open nothing; nobody waits for this.
            tokio::task::spawn_blocking(move || sweep_keyring(id, Some(&entry)));
            Ok(contents)
        };
        self.work(open, |engine, opened| {
            reply.answer(engine.opened(opened).map(|()| Answer::Done));
        });
    }

    /// `Err(None)`: it is open already. Marks the vault as being opened otherwise.
    fn may_open(&mut self) -> std::result::Result<(), Option<Error>> {
        match self.state.vault.state {
            VaultState::Unlocked => Err(None),
            VaultState::Opening => {
                Err(Some(Error::new(ErrorCode::AgentBusy, "the vault is being opened already")))
            }
            VaultState::Missing => {
                // A file may have been put there since; the thread looks again.
                Ok(())
            }
            VaultState::Locked | VaultState::Unusable => {
                self.state.vault.state = VaultState::Opening;
                Ok(())
            }
        }
    }

    fn opened(&mut self, opened: Result<Contents>) -> Result<()> {
        match opened {
            Ok(contents) => {
                self.state.vault.state = VaultState::Unlocked;
                self.state.vault.slots.clone_from(&contents.slots);
                self.state.vault.problem = None;
                self.state.watched.clear();
                self.last_use = self.clock.now();
                self.take_in(contents);
                Ok(())
            }
            Err(error) => {
                self.state.vault.state = VaultState::Locked;
                self.look_at_vault();
                Err(error)
            }
        }
    }

    fn take_in(&mut self, contents: Contents) {
        self.state.credentials =
            contents.credentials.into_iter().map(|meta| (meta.id, meta)).collect();
        for meta in contents.accounts {
            self.take_in_account(meta);
        }
        self.restore_sessions(contents.sessions);
        self.reconcile_intents(contents.intents);
    }

    /// Closes the vault to everybody at once; a commit that must not be cut may still finish.
    pub(super) fn lock_now(&mut self, reply: Reply) {
        match self.state.vault.state {
            VaultState::Unlocked => {}
            VaultState::Locked => return reply.answer(Ok(Answer::Done)),
            VaultState::Missing | VaultState::Opening | VaultState::Unusable => {
                return reply.answer(self.state.need_open().map(|()| Answer::Done));
            }
        }
        self.lock();
        reply.answer(Ok(Answer::Done));
    }

    pub(super) fn lock(&mut self) {
        self.tickets.clear();
        self.forget_sessions();
        self.cancels.clear();
        let watched = self.state.watches();
        self.state.close(watched);
        let keeper = self.keeper.clone();
        let path = self.paths.vault();
        let keyring = self.state.vault.keyring;
        let close = async move {
            keeper.close().await?;
            keeper.run(move |kept| Ok(outside(&mut kept.vault, &path, keyring))).await
        };
        self.work(close, |engine, outside: Result<Outside>| match outside {
            Ok(outside) if engine.state.vault.state == VaultState::Locked => {
                engine.state.vault = outside.view;
                engine.state.watched = outside.watched;
            }
            Ok(_) => {}
            Err(error) => engine.alert(error, None, None),
        });
    }

    /// Idle locking is off where the keyring alone opens the vault: it would only be a click.
    pub(super) fn idle_end(&self) -> Option<Timestamp> {
        let minutes = self.state.settings.lock_after?;
        let idles = self.state.vault.state == VaultState::Unlocked
            && self.state.vault.slots.contains(&SlotKind::Passphrase)
            && self.state.activities.is_empty();
        let span = SignedDuration::from_mins(i64::from(minutes));
        idles.then(|| self.last_use.checked_add(span).unwrap_or(Timestamp::MAX))
    }

    pub(super) fn lock_when_idle(&mut self, now: Timestamp) {
        if self.idle_end().is_some_and(|end| end <= now) {
            self.lock();
        }
    }

    pub(super) fn change_passphrase(
        &mut self,
        old: Option<Disclosed>,
        new: Disclosed,
        reply: Reply,
    ) {
        if let Err(error) = self.state.need_open() {
            return reply.disclose(Err(error));
        }
        let keeper = self.keeper.clone();
        let old = old.map(|typed| Passphrase::new(typed.into_secret()));
        let new = Passphrase::new(new.into_secret());
        let clock = Arc::clone(&self.clock);
        let change = async move {
            let challenge =
                keeper.run(|kept| Ok(kept.vault.open()?.passphrase_challenge())).await?;
            match (challenge, old) {
                (Some(challenge), Some(old)) => {
                    let kek = blocking(move || challenge.derive(&old)).await??;
                    keeper.run(move |kept| Ok(kept.vault.open()?.confirm(&kek)?)).await?;
                }
                (Some(_), None) => {
                    let missing = "changing the passphrase needs the one in force";
                    return Err(Error::new(ErrorCode::WrongPassphrase, missing));
                }
                (None, _) => {}
            }
            let slot = blocking(move || passphrase_slot(&new, &clock)).await??;
            keeper
                .run(move |kept| {
                    let vault = kept.vault.open()?;
                    vault.set_slot(&slot)?;
                    Ok(vault.slots())
                })
                .await
        };
        self.work(change, |engine, changed: Result<Vec<SlotKind>>| {
            reply.disclose(changed.map(|slots| {
                engine.state.vault.slots = slots;
                Disclosure::Done
            }));
        });
    }

    pub(super) fn vault_info(&mut self, check: bool, reply: Reply) {
        if let Err(error) = self.state.need_open() {
            return reply.answer(Err(error));
        }
        let keeper = self.keeper.clone();
        let info = async move {
            keeper
                .run(move |kept| {
                    let vault = kept.vault.open()?;
                    if check {
                        vault.check()?;
                    }
                    Ok(VaultInfo { checked: check, ..vault.info()? })
                })
                .await
        };
        self.work(info, |_, info: Result<VaultInfo>| reply.answer(info.map(Answer::Vault)));
    }

    /// Commits without anybody waiting; a failure is told as an alert.
    pub(super) fn persist(&mut self, changes: Vec<Change>) {
        if self.state.vault.state != VaultState::Unlocked || changes.is_empty() {
            return;
        }
        self.work(self.keeper.commit(changes), Self::tell_when_lost);
    }

    /// What nobody waited for and could not be committed is told as an alert.
    pub(super) fn tell_when_lost(&mut self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.alert(error, None, None);
        }
    }

    /// Commits, and goes on when that is known: what is acknowledged then is on the disk. Before
    /// there is a vault nothing is committed, and nothing is promised.
    pub(super) fn persist_then(
        &mut self,
        changes: Vec<Change>,
        then: impl FnOnce(&mut Self, Result<()>) + Send + 'static,
    ) {
        if self.state.vault.state == VaultState::Missing {
            return then(self, Ok(()));
        }
        self.work(self.keeper.commit(changes), then);
    }

    /// Goes on when everything that was given to [`Self::persist`] so far is on the disk, or has been
    /// told as an alert.
    pub(super) fn after_commits(&mut self, then: impl FnOnce(&mut Self) + Send + 'static) {
        self.work(self.keeper.run(|_| Ok(())), |engine, _: Result<()>| then(engine));
    }
}
