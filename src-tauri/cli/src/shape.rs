//! The JSON shapes that scripts are promised, made from the protocol's views. Pure.

use jiff::Timestamp;
use serde::Serialize;
use wayleave_core::api::{
    AccountId, AccountView, Capabilities, CredentialId, CredentialKind, CredentialState,
    CredentialView, KeyOwner, S3Location, SignInView, Snapshot, TemplateView, VaultState,
    VerifyCause, VerifyView, WorkspaceView,
};
use wayleave_core::error::ErrorCode;

use crate::words;

/// `wayleave status --json`.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    locked: bool,
    vault: VaultState,
    vault_path: &'a str,
    agent: Agent<'a>,
    accounts: usize,
    credentials: usize,
    next_expiry: Option<NextExpiry<'a>>,
    alerts: Vec<Alert<'a>>,
}

#[derive(Debug, Serialize)]
struct Agent<'a> {
    pid: u32,
    version: &'a str,
    since: Timestamp,
}

/// The credential that ends next; its id and name are not known while locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct NextExpiry<'a> {
    /// Which.
    pub id: Option<CredentialId>,
    /// Its name.
    pub name: Option<&'a str>,
    /// When.
    pub expires: Timestamp,
}

#[derive(Debug, Serialize)]
struct Alert<'a> {
    code: ErrorCode,
    message: &'a str,
}

impl<'a> Status<'a> {
    /// The shape of a snapshot.
    pub fn of(snapshot: &'a Snapshot, now: Timestamp) -> Self {
        let agent = &snapshot.agent;
        Self {
            locked: snapshot.vault.state != VaultState::Unlocked,
            vault: snapshot.vault.state,
            vault_path: &snapshot.vault.path,
            agent: Agent { pid: agent.pid, version: &agent.version, since: agent.since },
            accounts: snapshot.accounts.len(),
            credentials: snapshot.credentials.len().max(snapshot.watched.len()),
            next_expiry: next_expiry(snapshot, now),
            alerts: snapshot
                .alerts
                .iter()
                .map(|alert| Alert { code: alert.error.code, message: &alert.error.message })
                .collect(),
        }
    }
}

/// What ends next, of all that has not ended or been revoked.
pub fn next_expiry(snapshot: &Snapshot, now: Timestamp) -> Option<NextExpiry<'_>> {
    let open = snapshot.credentials.iter().filter(|c| is_live(c)).filter_map(|c| {
        c.expires.map(|expires| NextExpiry { id: Some(c.id), name: Some(&c.name), expires })
    });
    let closed = snapshot
        .watched
        .iter()
        .filter_map(|w| w.expires.map(|expires| NextExpiry { id: None, name: None, expires }));
    let watched = closed.filter(|_| snapshot.credentials.is_empty());
    open.chain(watched).filter(|next| next.expires > now).min_by_key(|next| next.expires)
}

fn is_live(credential: &CredentialView) -> bool {
    matches!(credential.state, CredentialState::Active | CredentialState::Expiring)
}

/// One account.
#[derive(Debug, Serialize)]
pub struct Account<'a> {
    id: AccountId,
    name: &'a str,
    username: Option<&'a str>,
    platform: &'a str,
    environment: Option<&'a str>,
    hub: &'a str,
    sign_in: &'a SignInView,
    capabilities: Capabilities,
}

impl<'a> From<&'a AccountView> for Account<'a> {
    fn from(view: &'a AccountView) -> Self {
        Self {
            id: view.id,
            name: &view.name,
            username: view.username.as_deref(),
            platform: &view.platform,
            environment: view.environment.as_deref(),
            hub: &view.hub,
            sign_in: &view.sign_in,
            capabilities: view.capabilities,
        }
    }
}

/// One workspace.
#[derive(Debug, Serialize)]
pub struct Workspace<'a> {
    name: &'a str,
    status: &'a str,
    can_issue: bool,
    s3: Option<&'a S3Location>,
}

impl<'a> From<&'a WorkspaceView> for Workspace<'a> {
    fn from(view: &'a WorkspaceView) -> Self {
        Self {
            name: &view.name,
            status: &view.status,
            can_issue: view.can_issue,
            s3: view.s3.as_ref(),
        }
    }
}

/// One credential, without its secret.
#[derive(Debug, Serialize)]
pub struct Credential<'a> {
    id: CredentialId,
    kind: CredentialKind,
    name: &'a str,
    account: AccountId,
    platform: &'a str,
    workspace: &'a str,
    platform_id: Option<&'a str>,
    created: Option<Timestamp>,
    expires: Option<Timestamp>,
    state: CredentialState,
    installations: u32,
    verified_at: Option<Timestamp>,
    permissions: &'a [String],
    owner: Option<&'a KeyOwner>,
    templates: &'a [TemplateView],
}

impl<'a> From<&'a CredentialView> for Credential<'a> {
    fn from(view: &'a CredentialView) -> Self {
        Self {
            id: view.id,
            kind: view.kind,
            name: &view.name,
            account: view.account,
            platform: &view.platform,
            workspace: &view.workspace,
            platform_id: view.platform_id.as_deref(),
            created: view.created,
            expires: view.expires,
            state: view.state,
            installations: view.installations,
            verified_at: view.verified_at,
            permissions: &view.permissions,
            owner: view.owner.as_ref(),
            templates: &view.templates,
        }
    }
}

/// The outcome of asking the platform about a credential.
#[derive(Debug, Serialize)]
pub struct Verified {
    id: CredentialId,
    ok: bool,
    cause: VerifyCause,
    advice: &'static str,
}

impl From<&VerifyView> for Verified {
    fn from(view: &VerifyView) -> Self {
        Self { id: view.id, ok: view.ok, cause: view.cause, advice: words::verify(view.cause) }
    }
}

#[cfg(test)]
pub mod samples {
    //! Views to test with.

    use wayleave_core::api::{Id, SignInState, Support};

    use super::*;

    /// A credential whose id repeats one byte.
    pub fn credential(id: u8, name: &str, workspace: &str) -> CredentialView {
        CredentialView {
            id: Id([id; 16]),
            kind: CredentialKind::ApiToken,
            name: name.into(),
            account: Id([9; 16]),
            platform: "eodh".into(),
            workspace: workspace.into(),
            platform_id: Some("1b4e28ba-2fa1-11d2-883f-0016d3cca427".into()),
            created: None,
            expires: Some(Timestamp::constant(1_800_000_000 + i64::from(id), 0)),
            end_confirmed: true,
            state: CredentialState::Active,
            installations: 0,
            verified_at: None,
            s3: None,
            fields: vec![],
            snippets: vec![],
            templates: vec![],
            permissions: vec![],
            owner: None,
        }
    }

    /// An account whose id repeats one byte.
    pub fn account(id: u8, name: &str) -> AccountView {
        let no = Support::Unknown;
        AccountView {
            id: Id([id; 16]),
            name: name.into(),
            username: None,
            platform: "eodh".into(),
            platform_name: "EO DataHub".into(),
            environment: Some("production".into()),
            hub: "https://eodatahub.org.uk".into(),
            client_id: None,
            sign_in: SignInView { state: SignInState::SignedOut, with: None, until: None },
            ways: vec![],
            capabilities: Capabilities {
                issue: no,
                list: no,
                revoke: no,
                rotate: no,
                edit: no,
                read_key: no,
                s3: no,
                session: no,
            },
            refused: vec![],
            permissions: None,
            key: None,
            workspaces: vec![],
            manage_url: None,
        }
    }

    /// A snapshot of a vault in this state.
    pub fn snapshot(state: VaultState, credentials: Vec<CredentialView>) -> Snapshot {
        use wayleave_core::api::{AgentView, Settings, VaultView};
        Snapshot {
            revision: 1,
            agent: AgentView {
                pid: 7,
                version: "0.1.0".into(),
                since: Timestamp::constant(1_700_000_000, 0),
            },
            vault: VaultView {
                state,
                path: "/home/alice/vault.db".into(),
                slots: vec![],
                keyring: false,
                problem: None,
            },
            accounts: vec![],
            credentials,
            watched: vec![],
            flows: vec![],
            activities: vec![],
            alerts: vec![],
            offline: false,
            settings: Settings::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wayleave_core::api::WatchedView;

    use super::*;

    fn keys(value: &impl Serialize) -> Vec<String> {
        let value = serde_json::to_value(value).expect("is JSON");
        let Value::Object(object) = value else { panic!("{value}") };
        object.keys().cloned().collect()
    }

    #[test]
    fn the_shapes_have_exactly_the_promised_fields() {
        let credential = samples::credential(1, "qgis", "peat");
        let mut wanted = [
            "id",
            "kind",
            "name",
            "account",
            "platform",
            "workspace",
            "platform_id",
            "created",
            "expires",
            "state",
            "installations",
            "verified_at",
            "permissions",
            "owner",
            "templates",
        ];
        wanted.sort_unstable();
        assert_eq!(keys(&Credential::from(&credential)), wanted);
        let mut wanted =
            ["id", "name", "username", "platform", "environment", "hub", "sign_in", "capabilities"];
        wanted.sort_unstable();
        assert_eq!(keys(&Account::from(&samples::account(1, "EODH"))), wanted);
    }

    #[test]
    fn absent_is_null_and_times_are_rfc_3339() {
        let mut credential = samples::credential(1, "qgis", "peat");
        credential.expires = Some(Timestamp::constant(1_800_000_000, 0));
        let value = serde_json::to_value(Credential::from(&credential)).expect("is JSON");
        assert_eq!(value["expires"], "2027-01-15T08:00:00Z");
        assert_eq!(value["created"], Value::Null);
        assert_eq!(value["kind"], "api_token");
    }

    #[test]
    fn a_locked_vault_tells_when_and_not_what() {
        let mut snapshot = samples::snapshot(VaultState::Locked, vec![]);
        let expires = Timestamp::constant(1_800_000_000, 0);
        snapshot.watched =
            vec![WatchedView { kind: CredentialKind::ApiToken, expires: Some(expires) }];
        let now = Timestamp::constant(1_799_000_000, 0);
        let value = serde_json::to_value(Status::of(&snapshot, now)).expect("is JSON");
        assert_eq!(value["locked"], true);
        assert_eq!(value["credentials"], 1);
        let wanted = json!({"id": null, "name": null, "expires": "2027-01-15T08:00:00Z"});
        assert_eq!(value["next_expiry"], wanted);
    }
}
