//! Which warnings were announced: exactly once each, across restarts and crashes.
//!
//! A claim is committed before its notice is shown, and marked when it was shown. A claim that
//! was never marked (the agent was killed in between, or no notification daemon answered) is
//! shown again under the same number, so that it replaces itself. If the file is lost, at most
//! one notice per credential repeats. It holds no names.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::credential::Id;
use crate::error::{Error, ErrorCode, Result};
use crate::expiry::{Claim, Lead};

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS claim (
    record BLOB NOT NULL, expires INTEGER NOT NULL, lead INTEGER NOT NULL,
    shown INTEGER NOT NULL, PRIMARY KEY (record, expires, lead)) STRICT, WITHOUT ROWID";

/// The claims, in `state.db`.
pub struct Notices(Connection);

impl Notices {
    /// Opens the file, and starts anew when it is damaged: its loss costs one repeated notice.
    pub fn open(path: &Path) -> Result<Self> {
        if let Ok(notices) = Self::try_open(path) {
            return Ok(notices);
        }
        std::fs::rename(path, path.with_extension("damaged"))
            .map_err(|e| problem(path, &e.to_string()))?;
        Self::try_open(path).map_err(|e| problem(path, &e.to_string()))
    }

    fn try_open(path: &Path) -> rusqlite::Result<Self> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "TRUNCATE")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.execute_batch(SCHEMA)?;
        db.query_row("SELECT count(*) FROM claim", [], |row| row.get::<_, i64>(0))?;
        Ok(Self(db))
    }

    /// Everything that was claimed.
    pub fn claimed(&self) -> Result<BTreeSet<Claim>> {
        self.select("SELECT record, expires, lead FROM claim")
            .map(|claims| claims.into_iter().collect())
    }

    /// What was claimed and never marked as shown.
    pub fn unshown(&self) -> Result<Vec<Claim>> {
        self.select("SELECT record, expires, lead FROM claim WHERE shown = 0")
    }

    /// Claims `due` for showing and `silent` as shown, in one commit. What is claimed already
    /// stays as it is.
    pub fn claim(&mut self, due: &[Claim], silent: &[Claim]) -> Result<()> {
        let run = |db: &mut Connection| -> rusqlite::Result<()> {
            let tx = db.transaction()?;
            for (claims, shown) in [(due, 0), (silent, 1)] {
                for claim in claims {
                    tx.execute(
                        "INSERT OR IGNORE INTO claim VALUES (?1, ?2, ?3, ?4)",
                        params![claim.id.0, claim.expires.as_second(), claim.lead.code(), shown],
                    )?;
                }
            }
            tx.commit()
        };
        run(&mut self.0).map_err(|e| sql(&e))
    }

    /// Marks a claim as shown.
    pub fn shown(&mut self, claim: Claim) -> Result<()> {
        self.0
            .execute(
                "UPDATE claim SET shown = 1 WHERE record = ?1 AND expires = ?2 AND lead = ?3",
                params![claim.id.0, claim.expires.as_second(), claim.lead.code()],
            )
            .map(drop)
            .map_err(|e| sql(&e))
    }

    /// Drops claims of ends that lie more than a year back.
    pub fn prune(&mut self, now: Timestamp) -> Result<()> {
        let year_ago = now.as_second() - 366 * 86_400;
        self.0
            .execute("DELETE FROM claim WHERE expires < ?1", [year_ago])
            .map(drop)
            .map_err(|e| sql(&e))
    }

    fn select(&self, query: &str) -> Result<Vec<Claim>> {
        let run = || -> rusqlite::Result<Vec<Option<Claim>>> {
            let mut rows = self.0.prepare(query)?;
            rows.query_map([], |row| Ok(read(row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        };
        run().map(|claims| claims.into_iter().flatten().collect()).map_err(|e| sql(&e))
    }
}

/// A number for the desktop's notification server, stable for the claim and never 0.
pub fn number(claim: Claim) -> u32 {
    let mut hash = Sha256::new();
    hash.update(claim.id.0);
    hash.update(claim.expires.as_second().to_be_bytes());
    hash.update(claim.lead.code().to_be_bytes());
    let digest = hash.finalize();
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) | 1
}

fn read(record: [u8; 16], expires: i64, lead: i64) -> Option<Claim> {
    let lead =
        [Lead::Week, Lead::Day, Lead::Hour, Lead::End].into_iter().find(|l| l.code() == lead)?;
    Some(Claim { id: Id(record), expires: Timestamp::from_second(expires).ok()?, lead })
}

fn sql(e: &rusqlite::Error) -> Error {
    Error::new(ErrorCode::FileProblem, format!("the record of shown notices: {e}"))
}

fn problem(path: &Path, what: &str) -> Error {
    Error::new(ErrorCode::FileProblem, format!("the record of shown notices: {what}"))
        .with("path", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(lead: Lead) -> Claim {
        Claim { id: Id([7; 16]), expires: Timestamp::constant(2_000_000_000, 0), lead }
    }

    #[test]
    fn a_claim_survives_a_restart_and_is_made_once() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("state.db");
        let mut notices = Notices::open(&path).expect("opens");
        notices.claim(&[claim(Lead::Day)], &[claim(Lead::Week)]).expect("claimed");
        notices.shown(claim(Lead::Day)).expect("shown");
        drop(notices);
        let mut notices = Notices::open(&path).expect("opens again");
        notices.claim(&[claim(Lead::Day)], &[]).expect("claimed again");
        assert_eq!(notices.claimed().expect("reads").len(), 2);
        assert_eq!(notices.unshown().expect("reads"), []);
    }

    #[test]
    fn a_claim_that_was_never_shown_is_shown_again() {
        let home = tempfile::tempdir().expect("a folder");
        let mut notices = Notices::open(&home.path().join("state.db")).expect("opens");
        notices.claim(&[claim(Lead::Hour)], &[]).expect("claimed");
        assert_eq!(notices.unshown().expect("reads"), [claim(Lead::Hour)]);
    }

    #[test]
    fn a_damaged_file_is_put_aside() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("state.db");
        std::fs::write(&path, b"not a database, whatever it says").expect("written");
        let notices = Notices::open(&path).expect("starts anew");
        assert!(notices.claimed().expect("reads").is_empty());
        assert!(path.with_extension("damaged").exists());
    }
}
