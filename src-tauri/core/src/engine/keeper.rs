//! The thread that holds the vault and the record of notices.
//!
//! Both are files with commits that take milliseconds, so neither may be touched by the loop.
//! Jobs run one after the other; [`Permit`]s say that a commit is still to come which must not
//! be cut off by a lock or by the agent's end (security.md 3.10).
//!
//! A secret that somebody waits for is not kept waiting by the line of history that says so: such
//! lines are written together when the thread has had nothing to do for a moment, and in any case
//! before whatever is no such read, so that nobody sees a history without them.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::history::forget_old_uses;
use super::state::minute;
use crate::api::{VaultState, VaultView};
use crate::credential::CredentialKind;
use crate::error::{Error, ErrorCode, Result};
use crate::expiry::Watch;
use crate::notices::Notices;
use crate::paths::Paths;
use crate::vault::{Change, LockedVault, RecordKind, Vault, VaultError, Watched};

/// How long a lock waits for commits that must not be cut.
const GRACE: Duration = Duration::from_secs(5);
/// More commits in flight than there will ever be.
const PERMITS: u32 = 1024;
/// How long the thread has nothing to do before it writes what can wait.
const IDLE: Duration = Duration::from_millis(50);
/// As many changes as may wait.
const LATER: usize = 64;

/// The vault as it stands.
pub(crate) enum Slot {
    /// There is no file.
    Missing,
    /// Nobody can read it.
    Closed(Box<LockedVault>),
    /// It answers.
    Open(Box<Vault>),
    /// There is a file, and it cannot be used.
    Unusable(VaultError),
}

impl Slot {
    /// The open vault.
    pub fn open(&mut self) -> Result<&mut Vault> {
        match self {
            Self::Open(vault) => Ok(vault),
            Self::Missing => Err(VaultError::Missing.into()),
            Self::Closed(_) => Err(Error::new(ErrorCode::VaultLocked, "the vault is locked")),
            Self::Unusable(error) => Err(error.clone().into()),
        }
    }

    /// Opens the file again where it could not be used or was not there: the cause may be gone.
    pub fn look_again(&mut self, path: &Path) {
        if matches!(self, Self::Missing | Self::Unusable(_)) {
            *self = match LockedVault::open(path) {
                Ok(vault) => Self::Closed(Box::new(vault)),
                Err(VaultError::Missing) => Self::Missing,
                Err(error) => Self::Unusable(error),
            };
        }
    }

    /// Closes an open vault; keys are wiped when this returns.
    pub fn close(&mut self) {
        if let Self::Open(vault) = std::mem::replace(self, Self::Missing) {
            *self = Self::Closed(Box::new(vault.lock()));
        }
    }
}

/// What the thread holds.
pub(crate) struct Kept {
    pub vault: Slot,
    pub notices: Option<Notices>,
}

type Work = Box<dyn FnOnce(&mut Kept) + Send>;

/// What the thread is asked to do.
enum Job {
    /// Reads what no change that waits can alter.
    Read(Work),
    /// Anything else.
    Do(Work),
    /// Changes that can wait.
    Later(Waiting),
}

/// Changes that can wait, and who is told what became of them.
struct Waiting(Vec<Change>, oneshot::Sender<Result<()>>);

/// Does one job after the other, until nobody can ask for any more.
fn work(inbox: &mpsc::Receiver<Job>, kept: &mut Kept) {
    let mut later = Vec::new();
    loop {
        let next = if later.is_empty() {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(IDLE)
        };
        match next {
            Ok(Job::Read(job)) => job(kept),
            Ok(Job::Later(waiting)) if later.len() < LATER => later.push(waiting),
            Ok(Job::Later(waiting)) => {
                write_down(&mut later, kept);
                later.push(waiting);
            }
            Ok(Job::Do(job)) => {
                write_down(&mut later, kept);
                job(kept);
            }
            Err(RecvTimeoutError::Timeout) => write_down(&mut later, kept),
            Err(RecvTimeoutError::Disconnected) => return write_down(&mut later, kept),
        }
    }
}

/// Commits all that waits, at once.
fn write_down(later: &mut Vec<Waiting>, kept: &mut Kept) {
    if later.is_empty() {
        return;
    }
    let (changes, told): (Vec<_>, Vec<_>) =
        later.drain(..).map(|Waiting(changes, told)| (changes, told)).unzip();
    let outcome = kept.commit(changes.into_iter().flatten().collect());
    if let Err(error) = kept.vault.open().and_then(forget_old_uses) {
        // Tried again with the next line.
        log::warn!("old lines of history stay: {:?}", error.code);
    }
    for who in told {
        // Whoever asked may not wait any more.
        let _ = who.send(outcome.clone());
    }
}

impl Kept {
    /// One transaction.
    fn commit(&mut self, changes: Vec<Change>) -> Result<()> {
        log::debug!("commit: begun");
        self.vault.open()?.commit(changes)?;
        log::debug!("commit: done");
        Ok(())
    }
}

/// How work reaches the thread.
#[derive(Clone)]
pub(crate) struct Keeper {
    jobs: mpsc::Sender<Job>,
    permits: Arc<Semaphore>,
}

/// Says that a commit is still to come.
pub(crate) struct Permit(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Keeper {
    /// Opens what there is, on the thread. The error is why warnings cannot be remembered.
    pub async fn start(paths: &Paths) -> (Self, Option<Error>) {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let vault = paths.vault();
        let state = paths.state_db();
        let (opened, open) = oneshot::channel();
        std::thread::spawn(move || {
            let mut kept = Kept { vault: Slot::Missing, notices: None };
            kept.vault.look_again(&vault);
            let notices = Notices::open(&state);
            let problem = notices.as_ref().err().cloned();
            kept.notices = notices.ok();
            // The one who started it waits for this.
            let _ = opened.send(problem);
            work(&inbox, &mut kept);
        });
        let permits = Arc::new(Semaphore::new(PERMITS as usize));
        let problem = open.await.unwrap_or_else(|_| Some(Error::internal("no vault thread")));
        (Self { jobs, permits }, problem)
    }

    /// Runs a job on the thread. It is in the queue when this returns, so that jobs run in the order
    /// in which they were asked for; the future only waits.
    pub fn run<T, F>(&self, job: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Kept) -> Result<T> + Send + 'static,
    {
        self.ask(Job::Do, job)
    }

    /// [`Self::run`] for what reads a record and nothing else: it does not wait for what can wait.
    pub fn read<T, F>(&self, job: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Kept) -> Result<T> + Send + 'static,
    {
        self.ask(Job::Read, job)
    }

    fn ask<T, F>(
        &self,
        kind: fn(Work) -> Job,
        job: F,
    ) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Kept) -> Result<T> + Send + 'static,
    {
        let (done, outcome) = oneshot::channel();
        let work: Work = Box::new(move |kept| {
            // Whoever asked may not wait any more; the work counts all the same.
            let _ = done.send(job(kept));
        });
        self.send(kind(work), outcome)
    }

    fn send<T: Send + 'static>(
        &self,
        job: Job,
        outcome: oneshot::Receiver<Result<T>>,
    ) -> impl Future<Output = Result<T>> + Send + use<T> {
        let gone = |()| Error::internal("the vault's thread has ended");
        let sent = self.jobs.send(job).map_err(|_| ());
        async move {
            sent.map_err(gone)?;
            outcome.await.map_err(|_| gone(()))?
        }
    }

    /// One transaction, in the order of the calls; the future ends after COMMIT.
    pub fn commit(&self, changes: Vec<Change>) -> impl Future<Output = Result<()>> + Send + use<> {
        self.run(|kept| kept.commit(changes))
    }

    /// Changes that nobody waits for and that follow from nothing else, as lines of history do.
    pub fn commit_later(
        &self,
        changes: Vec<Change>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        let (told, outcome) = oneshot::channel();
        self.send(Job::Later(Waiting(changes, told)), outcome)
    }

    /// Announces a commit that must not be cut.
    pub fn permit(&self) -> Result<Permit> {
        Arc::clone(&self.permits)
            .try_acquire_owned()
            .map(Permit)
            .map_err(|_| Error::new(ErrorCode::AgentBusy, "too much is under way"))
    }

    /// Waits for announced commits, but not longer than five seconds.
    pub async fn settle(&self) {
        let all = self.permits.acquire_many(PERMITS);
        // Either they are done, or they have had their time.
        let _ = tokio::time::timeout(GRACE, all).await;
    }

    /// Waits for announced commits, then lets go of the files and their locks.
    pub async fn end(&self) -> Result<()> {
        self.close().await?;
        self.run(|kept| {
            kept.vault = Slot::Missing;
            kept.notices = None;
            Ok(())
        })
        .await
    }

    /// Waits for announced commits, then closes the vault.
    pub async fn close(&self) -> Result<()> {
        self.settle().await;
        self.run(|kept| {
            kept.vault.close();
            Ok(())
        })
        .await
    }
}

/// What is known of a vault without opening it.
pub(super) struct Outside {
    pub view: VaultView,
    pub watched: Vec<Watch>,
}

pub(super) fn outside(slot: &mut Slot, path: &Path, keyring: bool) -> Outside {
    let (state, slots, watched, problem) = match slot {
        Slot::Missing => (VaultState::Missing, Vec::new(), Vec::new(), None),
        Slot::Open(vault) => (VaultState::Unlocked, vault.slots(), Vec::new(), None),
        Slot::Unusable(error) => {
            (VaultState::Unusable, Vec::new(), Vec::new(), Some(error.clone().into()))
        }
        Slot::Closed(vault) => {
            let slots = vault.slots();
            match vault.watch() {
                Ok(watched) => (VaultState::Locked, slots, watches(&watched), None),
                Err(error) => (VaultState::Unusable, slots, Vec::new(), Some(error.into())),
            }
        }
    };
    let path = path.display().to_string();
    Outside { view: VaultView { state, path, slots, keyring, problem }, watched }
}

fn watches(watched: &[Watched]) -> Vec<Watch> {
    let kind = |kind| match kind {
        RecordKind::ApiToken => Some(CredentialKind::ApiToken),
        RecordKind::S3 => Some(CredentialKind::S3),
        RecordKind::Session | RecordKind::Account | RecordKind::History => None,
    };
    watched
        .iter()
        .filter_map(|w| {
            Some(Watch { id: w.id, kind: kind(w.kind)?, expires: w.expires.map(minute) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = oneshot::Receiver<Result<()>>;

    fn line() -> (Job, Told) {
        let (told, outcome) = oneshot::channel();
        (Job::Later(Waiting(Vec::new(), told)), outcome)
    }

    /// Whether the lines were written when a job ran.
    fn looks(kind: fn(Work) -> Job, mut lines: Vec<Told>) -> (Job, mpsc::Receiver<Vec<bool>>) {
        let (said, seen) = mpsc::channel();
        let look = move |_: &mut Kept| {
            let written = lines.iter_mut().map(|line| line.try_recv().is_ok());
            said.send(written.collect()).expect("somebody looks");
        };
        (kind(Box::new(look)), seen)
    }

    fn run(jobs: Vec<Job>) {
        let (sender, inbox) = mpsc::channel();
        for job in jobs {
            sender.send(job).expect("it is taken");
        }
        drop(sender);
        work(&inbox, &mut Kept { vault: Slot::Missing, notices: None });
    }

    #[test]
    fn a_read_does_not_wait_for_what_can() {
        let (job, told) = line();
        let (read, seen) = looks(Job::Read, vec![told]);
        run(vec![job, read]);
        assert_eq!(seen.recv(), Ok(vec![false]));
    }

    #[test]
    fn whatever_is_no_read_comes_after_what_waits() {
        let (job, told) = line();
        let (other, seen) = looks(Job::Do, vec![told]);
        run(vec![job, other]);
        assert_eq!(seen.recv(), Ok(vec![true]));
    }

    #[test]
    fn no_more_than_so_much_waits_and_the_rest_is_written_at_the_end() {
        let (mut jobs, mut told): (Vec<Job>, Vec<Told>) = (0..=LATER).map(|_| line()).unzip();
        let mut last = told.pop().expect("the last");
        let (read, seen) = looks(Job::Read, told);
        jobs.push(read);
        run(jobs);
        assert_eq!(seen.recv(), Ok(vec![true; LATER]));
        let outcome = last.try_recv().expect("it was tried");
        assert_eq!(outcome.map_err(|error| error.code), Err(ErrorCode::NoVault), "and told");
    }
}
