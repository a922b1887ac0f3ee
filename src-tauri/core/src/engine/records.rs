//! How accounts, sessions and credentials become records of the vault, and come back.

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::sessions::SealedSession;
use super::state::AccountMeta;
use crate::api::SlotKind;
use crate::credential::{AccountId, CredentialKind, CredentialMeta, CredentialSecret, Id};
use crate::error::{Error, ErrorCode, Result};
use crate::issuance::Intent;
use crate::secret::Secret;
use crate::vault::{Change, Record, RecordKind, Vault};

/// What an open vault holds, as the state wants it.
pub(super) struct Contents {
    pub slots: Vec<SlotKind>,
    pub accounts: Vec<AccountMeta>,
    pub credentials: Vec<CredentialMeta>,
    pub sessions: Vec<SealedSession>,
    pub intents: Vec<(Id, Intent)>,
}

/// Reads every label, and the sealed sessions; no token is decrypted.
pub(super) fn read(vault: &Vault) -> Result<Contents> {
    let mut contents = Contents {
        slots: vault.slots(),
        accounts: Vec::new(),
        credentials: Vec::new(),
        sessions: Vec::new(),
        intents: Vec::new(),
    };
    for record in vault.list()? {
        match record.kind {
            RecordKind::ApiToken | RecordKind::S3 => contents.credentials.push(label(&record)?),
            RecordKind::Account => contents.accounts.push(label(&record)?),
            RecordKind::Session => contents.sessions.push(SealedSession {
                record: record.id,
                account: label(&record)?,
                sealed: vault.reveal(record.id)?,
            }),
            RecordKind::History => {}
        }
    }
    for (id, body) in vault.intents()? {
        contents.intents.push((id, parse(&body)?));
    }
    Ok(contents)
}

/// What a record's label says.
pub(super) fn label<T: DeserializeOwned>(record: &Record) -> Result<T> {
    parse(&record.label)
}

fn parse<T: DeserializeOwned>(bytes: &Secret) -> Result<T> {
    serde_json::from_slice(bytes.expose()).map_err(|e| {
        // It was sealed by us and verified: only a newer Wayleave writes what we cannot read.
        Error::new(ErrorCode::VaultNewer, format!("a record cannot be understood: {e}"))
    })
}

/// The record of a credential.
pub(super) fn put_credential(meta: &CredentialMeta, secret: &CredentialSecret) -> Result<Change> {
    Ok(Change::Put {
        id: meta.id,
        kind: record_kind(meta.kind),
        expires: warned_end(meta),
        label: label_of(meta)?,
        body: secret.to_body(),
    })
}

/// What is known about a credential, anew; its secret stays.
pub(super) fn relabel(meta: &CredentialMeta) -> Result<Change> {
    Ok(Change::Relabel { id: meta.id, expires: warned_end(meta), label: label_of(meta)? })
}

/// The end that a locked vault warns about: none once it was revoked.
fn warned_end(meta: &CredentialMeta) -> Option<Timestamp> {
    meta.expires.filter(|_| meta.revoked.is_none())
}

fn label_of(meta: &CredentialMeta) -> Result<Secret> {
    serde_json::to_vec(meta)
        .map(Secret::new)
        .map_err(|e| Error::internal(format!("a label cannot be written: {e}")))
}

/// The vault tells apart what lasts and what is temporary; the label says what it is.
fn record_kind(kind: CredentialKind) -> RecordKind {
    match kind {
        CredentialKind::ApiToken | CredentialKind::KeyPair => RecordKind::ApiToken,
        CredentialKind::S3 | CredentialKind::SessionToken => RecordKind::S3,
    }
}

/// The record of a session.
pub(super) fn session_record(record: Id, account: AccountId, sealed: Secret) -> Change {
    Change::Put {
        id: record,
        kind: RecordKind::Session,
        expires: None,
        label: Secret::from_text(format!("\"{account}\"")),
        body: sealed,
    }
}

pub(super) fn account_record(meta: &AccountMeta) -> Option<Change> {
    Some(Change::Put {
        id: meta.id,
        kind: RecordKind::Account,
        expires: None,
        label: Secret::new(serde_json::to_vec(meta).ok()?),
        body: Secret::new(Vec::new()),
    })
}
