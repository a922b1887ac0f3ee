//! What the platforms' own pages let a user do, row by row, with the whole engine on the sandbox.
//! Part of the report `conformance`. Each row is run a second time with the platform's answer that
//! it rests on taken away, and must fail then.

use jiff::SignedDuration;
use wayleave_core::api::{Ask, CredentialState, CredentialView, OnForget, OwnerKind, TokenRequest};
use wayleave_core::clock::{Clock as _, SystemClock};
use wayleave_core::credential::{AccountId, Field};
use wayleave_core::error::ErrorCode;
use wayleave_sandbox::{Control, Effect, Rule};

use super::case::{Later, Verdict, want};
use super::guarded;
use crate::world::{World, wanted};

/// Something that a platform's page lets its user do.
pub struct Row {
    /// The platform's id.
    pub platform: &'static str,
    /// What can be done.
    pub what: &'static str,
    holds: fn(Signed) -> Later<'static, Verdict>,
    /// Method and path of the request that it rests on.
    rests_on: (&'static str, &'static str),
}

/// Somebody who signed in with their first key.
struct Signed {
    world: World,
    account: AccountId,
    first: CredentialView,
}

const DATAOS_TOKENS: &str = "/heimdall/api/v1/users/demo/tokens";
const ODS_KEYS: &str = "/api/automation/v1.0/apikeys/";
const ODS_KEY: &str = "/api/automation/v1.0/apikeys/*";
const ODS_REVOKE: &str = "/api/automation/v1.0/apikeys/*/revoke/";

/// All rows (platforms.md B, C, D).
pub const ROWS: &[Row] = &[
    Row {
        platform: "dataos",
        what: "list: token, type, expiration, name",
        holds: |signed| Box::pin(dataos_list(signed)),
        rests_on: ("GET", DATAOS_TOKENS),
    },
    Row {
        platform: "dataos",
        what: "create, with a name and a duration",
        holds: |signed| Box::pin(dataos_create(signed)),
        rests_on: ("POST", DATAOS_TOKENS),
    },
    Row {
        platform: "dataos",
        what: "reveal a token again, later",
        holds: |signed| Box::pin(dataos_reveal(signed)),
        rests_on: ("GET", "/heimdall/api/v1/users/demo/tokens/nightly"),
    },
    Row {
        platform: "opendatasoft",
        what: "create, with a label and only the permissions that the user has",
        holds: |signed| Box::pin(opendatasoft_create(signed)),
        rests_on: ("POST", ODS_KEYS),
    },
    Row {
        platform: "opendatasoft",
        what: "edit label and permissions",
        holds: |signed| Box::pin(opendatasoft_edit(signed)),
        rests_on: ("PUT", ODS_KEY),
    },
    Row {
        platform: "opendatasoft",
        what: "revoke (both faces ask first); the row stays and says why",
        holds: |signed| Box::pin(opendatasoft_revoke(signed)),
        rests_on: ("POST", ODS_REVOKE),
    },
    Row {
        platform: "ovh",
        what: "a pair is pasted with its owner; its secret, shown once there, is kept here",
        holds: |signed| Box::pin(ovh_pair(signed)),
        rests_on: ("POST", "/iam/login"),
    },
    Row {
        platform: "ovh",
        what: "a token is made by /iam/login, and renewed",
        holds: |signed| Box::pin(ovh_token(signed)),
        rests_on: ("POST", "/iam/login"),
    },
    Row {
        platform: "ovh",
        what: "creating and deleting keys leads to the platform's page",
        holds: |signed| Box::pin(ovh_page(signed)),
        rests_on: ("POST", "/iam/login"),
    },
];

impl Row {
    /// Whether it holds.
    pub async fn holds(&self) -> Verdict {
        guarded(Box::pin(self.run(false))).await
    }

    /// Whether it is seen that the platform does not play along.
    pub async fn fails_when_spoiled(&self) -> bool {
        guarded(Box::pin(self.run(true))).await.is_err()
    }

    fn run(&self, spoiled: bool) -> impl Future<Output = Verdict> + Send + 'static {
        let (platform, holds, rests_on) = (self.platform, self.holds, self.rests_on);
        async move {
            let world = World::new().await;
            // A pair is tried as it is pasted.
            let early = rests_on.1 == "/iam/login";
            if spoiled && early {
                spoil(&world, rests_on);
            }
            let signed = sign_in(world, platform).await?;
            if spoiled && !early {
                spoil(&signed.world, rests_on);
            }
            holds(signed).await
        }
    }
}

/// From now on the platform refuses every such request.
fn spoil(world: &World, (method, path): (&str, &str)) {
    let effect = Effect::Answer {
        status: 400,
        content_type: "application/json".into(),
        body: "{}".into(),
        headers: vec![],
    };
    let rule =
        Rule { method: Some(method.into()), path: path.into(), who: None, times: None, effect };
    world.sandbox.control(Control::Rule(rule)).expect("a rule");
}

async fn sign_in(world: World, platform: &str) -> Result<Signed, String> {
    let keys = &world.keys;
    let (field, key, secret) = match platform {
        "dataos" => ("host", keys.dataos.clone(), None),
        "opendatasoft" => ("domain", keys.opendatasoft.clone(), None),
        "ovh" => ("project", keys.ovh_key.clone(), Some(keys.ovh_secret.clone())),
        other => return Err(format!("{other} has no first key")),
    };
    let account = world.add(platform, field).await;
    let first = world.paste(account, &key, secret.as_deref()).await;
    let first = first.map_err(|error| format!("the first key: {error:?}"))?;
    Ok(Signed { world, account, first })
}

/// Asks for a token of the first key's scope.
async fn make(signed: &Signed, name: &str, hours: Option<u32>) -> CredentialView {
    let scope = &signed.first.workspace;
    let request = wanted(signed.account, scope, name, hours);
    signed.world.credential(Ask::RequestToken(request)).await
}

async fn dataos_list(signed: Signed) -> Verdict {
    let rows = signed.world.remote(signed.account).await;
    let row = rows.iter().find(|row| row.name == "first_key_of_demo").ok_or("it is not listed")?;
    want!(row.kind.as_deref() == Some("apikey"), "its type");
    want!(row.expires.is_some(), "its expiration");
    want!(row.platform_id == "first_key_of_demo", "the token");
    Ok(())
}

async fn dataos_create(signed: Signed) -> Verdict {
    let made = make(&signed, "nightly", Some(48)).await;
    want!(made.name == "nightly", "its name");
    let left = made.expires.ok_or("no end")?.duration_since(SystemClock.now());
    let off = (left - SignedDuration::from_hours(48)).abs();
    want!(off < SignedDuration::from_mins(5), "its duration");
    Ok(())
}

async fn dataos_reveal(signed: Signed) -> Verdict {
    let made = make(&signed, "nightly", Some(48)).await;
    let key = signed.world.reveal(made.id, Field::ApiKey).await;
    let forget = Ask::Forget { credential: made.id, unexpired: OnForget::Keep };
    signed.world.handle.ask(forget).await.map_err(|error| format!("{error:?}"))?;
    let adopt = Ask::Adopt {
        account: signed.account,
        workspace: signed.first.workspace.clone(),
        platform_id: "nightly".into(),
    };
    let again = signed.world.credential(adopt).await;
    want!(signed.world.reveal(again.id, Field::ApiKey).await == key, "the same key");
    Ok(())
}

/// A key that may do these things.
fn permitted(signed: &Signed, label: &str, permission: &str) -> Ask {
    let plain = wanted(signed.account, &signed.first.workspace, label, None);
    Ask::RequestToken(TokenRequest { permissions: vec![permission.to_owned()], ..plain })
}

async fn opendatasoft_create(signed: Signed) -> Verdict {
    let ask = permitted(&signed, "QGIS", "explore_restricted_dataset");
    let made = signed.world.credential(ask).await;
    want!(made.name == "QGIS", "its label");
    want!(made.permissions == ["explore_restricted_dataset"], "its permissions");
    let offered = signed.world.account(signed.account).await.permissions.ok_or("none offered")?;
    want!(!offered.contains(&"edit_theme".to_owned()), "only the user's own are offered");
    let ask = permitted(&signed, "too much", "edit_theme");
    let refused = signed.world.refused(ask).await;
    want!(refused.code == ErrorCode::Rejected, "another is refused");
    Ok(())
}

async fn opendatasoft_edit(signed: Signed) -> Verdict {
    let ask = permitted(&signed, "QGIS", "explore_restricted_dataset");
    let made = signed.world.credential(ask).await;
    let permissions = Some(vec!["edit_dataset".to_owned()]);
    let name = Some("QGIS 2".to_owned());
    let edit = Ask::EditToken { credential: made.id, name, permissions };
    signed.world.credential(edit).await;
    let rows = signed.world.remote(signed.account).await;
    let row = rows.iter().find(|row| row.name == "QGIS 2").ok_or("the platform's label")?;
    want!(row.permissions == ["edit_dataset"], "the platform's permissions");
    Ok(())
}

async fn opendatasoft_revoke(signed: Signed) -> Verdict {
    let ask = permitted(&signed, "QGIS", "explore_restricted_dataset");
    let made = signed.world.credential(ask).await;
    let ended = signed.world.credential(Ask::Revoke { credential: made.id }).await;
    want!(ended.state == CredentialState::Revoked, "revoked here");
    let rows = signed.world.remote(signed.account).await;
    let row = rows.iter().find(|row| row.name == "QGIS").ok_or("the row stays")?;
    want!(row.revoked.as_ref().is_some_and(|revoked| revoked.reason.is_some()), "it says why");
    Ok(())
}

async fn ovh_pair(signed: Signed) -> Verdict {
    let owner = signed.first.owner.clone().ok_or("no owner")?;
    want!(owner.kind == OwnerKind::ServiceAccount && owner.name == "ingest", "its owner");
    let secret = signed.world.reveal(signed.first.id, Field::SecretKey).await;
    want!(secret == signed.world.keys.ovh_secret, "its secret");
    Ok(())
}

async fn ovh_token(signed: Signed) -> Verdict {
    let session = || Ask::RequestSession { account: signed.account, activity: None };
    let before = signed.world.count("POST", "/iam/login");
    let token = signed.world.credential(session()).await;
    want!(signed.world.count("POST", "/iam/login") == before + 1, "by one login");
    let first = signed.world.reveal(token.id, Field::Token).await;
    let again = signed.world.credential(session()).await;
    let renewed = signed.world.reveal(again.id, Field::Token).await;
    want!(!first.is_empty() && renewed != first, "a new one");
    Ok(())
}

async fn ovh_page(signed: Signed) -> Verdict {
    let scope = &signed.first.workspace;
    let request = Ask::RequestToken(wanted(signed.account, scope, "x", None));
    for ask in [request, Ask::Revoke { credential: signed.first.id }] {
        let refused = signed.world.refused(ask).await;
        want!(refused.code == ErrorCode::NotSupported, "it is not done from here");
        let page = refused.params.get("url").ok_or("no page")?;
        want!(page.ends_with("/iam"), "the page");
    }
    Ok(())
}
