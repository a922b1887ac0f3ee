//! OVHcloud Data Platform (ForePaaS): a pair of keys that is made in a browser, exchanged for a
//! session token at `/iam/login`, and opens S3 and Trino as it is (platforms.md D).
//!
//! Repeated failures suspend the account, so a login is sent once per request and never repeated.
//! No program can list, make or delete keys there: those answers are ours, with the page.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use url::Url;

use super::connection::{check_fields, given, invalid, is_visible, normalise};
use super::descriptor::{Descriptor, KeyHeader, NOTHING, ScopeSpec, TemplateSpec, TileSpec, field};
use super::http::{Answer, Body, Http, Request};
use super::lenient::{secret, text};
use super::{
    Asked, Connection, Finding, Introduction, IssuedSession, KeyForm, KeyState, Kind, Operation,
    Platform, PlatformError, steps,
};
use crate::api::{
    Capabilities, CredentialKind, ExpiryInput, Field, FieldKind, S3Mode, S3Offer, SessionOffer,
    SignInWay, Support, WorkspaceView,
};
use crate::credential::S3Location;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::tokens::end_of_jwt;

/// The adapter.
#[derive(Debug, Clone, Copy)]
pub struct Ovh;

/// The domain of the projects.
const DOMAIN: &str = "eu.dataplatform.ovh.net";
/// The region that its object store is signed for.
const REGION: &str = "forepaas";
/// Seconds that a session token lasts where the project did not choose otherwise.
const USUAL: u32 = 3_600;
/// By how much an estimated end is earlier than the usual one.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// How long a suspended account is asked to wait, by default of the platform.
const SUSPENDED: std::time::Duration = std::time::Duration::from_mins(5);

static DESCRIPTOR: Descriptor = Descriptor {
    id: "ovh",
    name: "OVHcloud Data Platform",
    badge: "OV",
    subtitle: "Project on OVHcloud Data Platform or ForePaaS",
    key_hint: "A pair: API key and secret key, in letters, digits and -.",
    first_key: "In the project: IAM, Users or Service Accounts, API Access, Add access. The \
                secret key is shown once.",
    fields: &[field(
        "project",
        "Project",
        FieldKind::Host,
        "The project's name in its address, or the whole address (IAM, Applications, Dataplant \
         URL).",
    )],
    tiles: &[TileSpec {
        name: "OVHcloud Data Platform",
        subtitle: "dataplatform.ovh.net",
        connection: &[],
    }],
    ways: &[SignInWay::Paste],
    key_header: KeyHeader::None,
    bearer: false,
    qgis: false,
    parts: &[(Field::ApiKey, "API key"), (Field::SecretKey, "Secret key")],
    owners: true,
    scope: ScopeSpec { label: "Project", typed: false },
    expiry: ExpiryInput::Manual,
    lifetime: None,
    name_max: 128,
    names_are_ids: false,
    permissions: None,
    s3: Some(S3Offer { mode: S3Mode::Pair, seconds: None }),
    session: Some(SessionOffer { seconds: USUAL }),
    templates: &[
        TemplateSpec {
            id: "trino",
            label: "Host, user and password for Trino",
            of: CredentialKind::KeyPair,
            text: "host={trino_host}\nport=443\nuser={api_key}\npassword={secret_key}\n",
        },
        TemplateSpec {
            id: "aws-profile",
            label: "Profile for ~/.aws/credentials",
            of: CredentialKind::KeyPair,
            text: "[{workspace}]\naws_access_key_id = {api_key}\n\
                   aws_secret_access_key = {secret_key}\nregion = {region}\n\
                   endpoint_url = {endpoint}\ns3 =\n    addressing_style = path\n",
        },
        TemplateSpec {
            id: "rclone",
            label: "Remote for rclone.conf",
            of: CredentialKind::KeyPair,
            text: "[{workspace}]\ntype = s3\nprovider = Other\naccess_key_id = {api_key}\n\
                   secret_access_key = {secret_key}\nregion = {region}\nendpoint = {endpoint}\n\
                   force_path_style = true\n",
        },
    ],
    as_person: NOTHING,
    as_key: Capabilities { session: Support::Unknown, ..NOTHING },
};

/// What is sent to `/iam/login`.
#[derive(Serialize)]
struct Login<'a> {
    auth_mode: &'static str,
    apikey: &'a str,
    secretkey: &'a str,
}

/// What `/iam/login` answers, as far as it is read.
#[derive(Deserialize)]
struct LoggedIn {
    #[serde(default, deserialize_with = "secret")]
    token: Option<Secret>,
    #[serde(default, deserialize_with = "text")]
    user: Option<String>,
    #[serde(default, deserialize_with = "text")]
    login: Option<String>,
    #[serde(default)]
    password_renew: Option<bool>,
}

/// How a project lets people in.
#[derive(Deserialize)]
struct Preferences {
    #[serde(default)]
    auth_mode: Option<Vec<Mode>>,
}

#[derive(Deserialize)]
struct Mode {
    #[serde(default, deserialize_with = "text")]
    r#type: Option<String>,
}

/// The platform's words for a failure, where they are of ours.
#[derive(Deserialize)]
struct Failure {
    #[serde(default, deserialize_with = "text")]
    error: Option<String>,
    #[serde(default, deserialize_with = "text")]
    warning: Option<String>,
}

impl Platform for Ovh {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn connect(&self, fields: &BTreeMap<String, String>) -> Result<Connection, Error> {
        check_fields(&DESCRIPTOR, fields)?;
        let typed = given(fields, "project").unwrap_or_default();
        let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let lower = typed.to_ascii_lowercase();
        let bare = lower.chars().all(slug) && lower != "localhost";
        let typed = if bare { format!("{lower}.{DOMAIN}") } else { typed };
        let hub = normalise(&typed).map_err(|error| error.with("field", "project"))?;
        let host = hub.host_str().unwrap_or_default().to_owned();
        let project = match hub.domain() {
            Some(name) => name.split('.').next().unwrap_or(name).to_owned(),
            None => host.clone(),
        };
        if project.is_empty() {
            return Err(invalid("the address names no project", "project"));
        }
        let trino = match host.split_once('.') {
            Some((first, rest)) if hub.domain().is_some() => format!("{first}-query.{rest}"),
            _ => host,
        };
        let more = [("project".to_owned(), project), ("trino_host".to_owned(), trino)].into();
        Ok(Connection { more, ..Connection::to_hub(DESCRIPTOR.id, hub) })
    }

    fn manage_url(&self, connection: &Connection, _: Option<&str>) -> Option<Url> {
        connection.hub.join("iam").ok()
    }

    fn recognise_key(&self, text: &str) -> KeyForm {
        let text = text.trim();
        let usual = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if text.is_empty() || text.len() > 4096 || !is_visible(text) {
            KeyForm::Unusable
        } else if text.bytes().all(usual) {
            KeyForm::Key
        } else {
            KeyForm::Odd
        }
    }

    /// The page before the login answers everybody; that it is missing proves nothing.
    async fn probe(&self, http: &Http, connection: &Connection) -> Asked<()> {
        let request = Request::get(Operation::Probe, preferences(connection, Operation::Probe)?);
        let answer = http.send(&request).await?;
        let other = answer.error(Kind::NotThisPlatform);
        if answer.is_html() && answer.status < 500 { Err(other) } else { Ok(()) }
    }

    /// One login, unless the project says that it takes no keys there: the pair opens S3 and
    /// Trino all the same.
    async fn introduce(&self, session: &Session) -> Asked<Introduction> {
        let scope = Some(scope(session.connection()));
        let (username, finding) = match login(session, Operation::Verify).await {
            Ok((found, _)) => (found.login.or(found.user), Finding::Works),
            Err(PlatformError { kind: Kind::NotSupported { .. }, .. }) => (None, Finding::Refused),
            Err(error) => return Err(error),
        };
        let findings = vec![(Operation::Session, finding)];
        Ok(Introduction { username, scope, findings, ..Introduction::default() })
    }

    async fn workspaces(&self, session: &Session) -> Asked<Vec<WorkspaceView>> {
        Ok(vec![scope(session.connection())])
    }

    async fn verify(&self, session: &Session, _: &str) -> Asked<KeyState> {
        login(session, Operation::Verify).await.map(|_| KeyState::Works)
    }

    async fn issue_session(&self, session: &Session) -> Asked<IssuedSession> {
        let (found, answer) = login(session, Operation::Session).await?;
        let renew = found.password_renew == Some(true);
        let missing = answer.error(Kind::Protocol("the answer holds no session token"));
        let missing = if renew { missing.hinted(RENEW) } else { missing };
        let token = found.token.ok_or(missing)?;
        let usual = answer.received + SignedDuration::from_secs(USUAL.into()) - MARGIN;
        let told = end_of_jwt(&token).filter(|end| *end > answer.received);
        Ok(IssuedSession { expires: told.unwrap_or(usual), told: told.is_some(), token })
    }

    /// With the token in a header: in the address, as the platform's own page sends it, it would
    /// reach logs.
    async fn end_session(&self, session: &Session, token: &Secret) -> Asked<()> {
        let connection = session.connection();
        let mut url = at(connection, Operation::SignOut, &["iam", "logout"])?;
        url.set_query(Some("app_id=forepaas"));
        let mut bearer = b"Bearer ".to_vec();
        bearer.extend_from_slice(token.expose());
        let request =
            Request::delete(Operation::SignOut, url).header(AUTHORIZATION, Secret::new(bearer));
        let answer = session.send(request).await?;
        if answer.status == 401 || answer.status == 404 {
            // It is nobody's session any more.
            return Ok(());
        }
        answer.success().map(|_| ())
    }
}

const RENEW: &str = "the platform wants the user's password renewed first";
const NO_KEYS: &str = "this project does not let API keys log in";
const SECOND_FACTOR: &str = "the platform wants a second factor, which a key cannot give";

/// What a key opens: the project, and its object store.
fn scope(connection: &Connection) -> WorkspaceView {
    let name = connection.more.get("project").cloned().unwrap_or_default();
    let s3 = Some(S3Location {
        bucket: String::new(),
        prefix: String::new(),
        region: REGION.into(),
        endpoint: Some(format!("{}/datastore", connection.origin())),
    });
    WorkspaceView { name, status: String::new(), can_issue: false, s3 }
}

/// Exchanges the pair, once. What the project says beforehand spares a login that must fail.
async fn login(session: &Session, operation: Operation) -> Asked<(LoggedIn, Unbodied)> {
    let connection = session.connection();
    if keys_are_off(session, operation).await? {
        return Err(Ovh.not_offered(session, operation).hinted(NO_KEYS));
    }
    let url = at(connection, operation, &["iam", "login"])?;
    let none = || PlatformError::new(operation, connection.host(), Kind::Unauthenticated);
    let (key, secret_key) = session.pair().await.ok_or_else(none)?;
    let body = steps::json(&Login {
        auth_mode: "apikey",
        apikey: key.expose_text().unwrap_or_default(),
        secretkey: secret_key.expose_text().unwrap_or_default(),
    });
    let answer = session.send(Request::post(operation, url, Body::Json(body))).await?;
    if !answer.is_success() {
        let refused = refusal(&answer);
        if refused.kind == Kind::Unauthenticated {
            // This session asks no more: failures in a row suspend the account.
            session.give_up().await;
        }
        return Err(refused);
    }
    let kept = Unbodied { received: answer.received, error: answer.error(Kind::NotFound) };
    Ok((answer.json()?, kept))
}

/// What is left of an answer whose content was read.
struct Unbodied {
    received: Timestamp,
    error: PlatformError,
}

impl Unbodied {
    fn error(&self, kind: Kind) -> PlatformError {
        self.error.clone().becoming(kind)
    }
}

/// Whether the project lists its ways to log in, and keys are none of them.
/// A platform that cannot be reached is not asked a second thing.
async fn keys_are_off(session: &Session, operation: Operation) -> Asked<bool> {
    let url = preferences(session.connection(), operation)?;
    let answer = session.send(Request::get(operation, url)).await?;
    let Ok(Preferences { auth_mode: Some(modes) }) = answer.json() else { return Ok(false) };
    Ok(!modes.is_empty() && !modes.iter().any(|mode| mode.r#type.as_deref() == Some("apikey")))
}

/// What a refused login means.
fn refusal(answer: &Answer) -> PlatformError {
    let error = answer.failure();
    let said = serde_json::from_slice::<Failure>(&answer.body).ok();
    let said = said.and_then(|said| said.error.or(said.warning)).unwrap_or_default();
    if said.contains("suspended") {
        error.becoming(Kind::RateLimited { retry_after: Some(SUSPENDED) })
    } else if said.starts_with("MFA::") {
        error.becoming(Kind::Forbidden).hinted(SECOND_FACTOR)
    } else if answer.status == 403
        && ["Invalid token", "Unauthorized"].iter().any(|t| said.contains(t))
    {
        error.becoming(Kind::Unauthenticated)
    } else {
        error
    }
}

fn preferences(connection: &Connection, operation: Operation) -> Asked<Url> {
    let mut url = at(connection, operation, &["iam", "v1", "applications", "preferences"])?;
    url.set_query(Some("app_id=forepaas"));
    Ok(url)
}

fn at(connection: &Connection, operation: Operation, segments: &[&str]) -> Asked<Url> {
    connection
        .at(segments)
        .map_err(|error| steps::refused(connection, operation, "project", &error.message))
}
