//! Any OpenID provider with an S3 store that takes its tokens (platforms.md E): who is signed in
//! there gets S3 credentials by `AssumeRoleWithWebIdentity`, at AWS, MinIO or Ceph.
//!
//! There are no API keys: nothing can be listed, made or revoked.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::connection::{check_fields, given, invalid, is_visible, normalise};
use super::descriptor::{Descriptor, KeyHeader, NOTHING, ScopeSpec, TileSpec, field};
use super::http::{Answer, Body, Http, Request, looks_like_sign_in, parse_time};
use super::{
    Asked, Connection, IssuedS3, KeyForm, KeyState, Kind, Operation, Platform, PlatformError,
};
use crate::api::{
    Capabilities, ExpiryInput, Field, FieldKind, S3Mode, S3Offer, SignInWay, Support, WorkspaceView,
};
use crate::credential::{CredentialSecret, S3Location};
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;

/// The adapter.
#[derive(Debug, Clone, Copy)]
pub struct OidcSts;

/// Seconds that credentials last: by default, at least, at most (AWS, Ceph; MinIO allows more).
const LIFE: (u32, u32, u32) = (3_600, 900, 43_200);
/// Version of the request.
const VERSION: &str = "2011-06-15";
/// The region where none was given.
const REGION: &str = "us-east-1";
/// Where an issuer describes itself.
const DISCOVERY: &str = "/.well-known/openid-configuration";

static DESCRIPTOR: Descriptor = Descriptor {
    id: "oidc_sts",
    name: "OpenID Connect and S3",
    badge: "S3",
    subtitle: "Any sign-in with an S3 store behind it",
    key_hint: "No keys: you sign in, and get S3 credentials for a while.",
    first_key: "",
    fields: &[
        field(
            "issuer",
            "Issuer",
            FieldKind::Url,
            "The address of the OpenID provider, exactly \
               as it names itself.",
        ),
        field(
            "client_id",
            "Client ID",
            FieldKind::Text,
            "The client that is registered for \
               this; its redirect is http://127.0.0.1/callback.",
        ),
        field(
            "sts",
            "STS endpoint",
            FieldKind::Url,
            "Where tokens are exchanged: of AWS \
               https://sts.REGION.amazonaws.com, else the address of the store.",
        ),
        field("role", "Role", FieldKind::Text, "The ARN of the role to take. MinIO needs none.")
            .optional(),
        field("bucket", "Bucket", FieldKind::Text, "The bucket that you use, if it is one.")
            .optional(),
        field("prefix", "Prefix", FieldKind::Text, "Your folder in the bucket.").optional(),
        field(
            "endpoint",
            "S3 endpoint",
            FieldKind::Url,
            "The address of the store, unless it is \
               AWS.",
        )
        .optional(),
        field("region", "Region", FieldKind::Text, "The region that requests are signed for.")
            .optional()
            .preset(REGION),
        field("seconds", "Seconds", FieldKind::Text, "How long credentials last: 900 to 43200.")
            .optional()
            .preset("3600"),
    ],
    tiles: &[TileSpec {
        name: "OpenID Connect and S3",
        subtitle: "AWS, MinIO, Ceph, with your organisation's sign-in",
        connection: &[],
    }],
    ways: &[SignInWay::Browser, SignInWay::Device],
    key_header: KeyHeader::None,
    bearer: false,
    qgis: false,
    parts: &[(Field::Token, "Token")],
    owners: false,
    scope: ScopeSpec { label: "Role", typed: false },
    expiry: ExpiryInput::None,
    lifetime: None,
    name_max: 128,
    names_are_ids: false,
    permissions: None,
    s3: Some(S3Offer { mode: S3Mode::Requested, seconds: Some(LIFE.0) }),
    session: None,
    templates: &[],
    as_person: Capabilities { s3: Support::Yes, ..NOTHING },
    as_key: NOTHING,
};

/// The head of a discovery document.
#[derive(Deserialize)]
struct Discovery {
    #[serde(default)]
    issuer: String,
}

impl Platform for OidcSts {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn connect(&self, fields: &BTreeMap<String, String>) -> Result<Connection, Error> {
        check_fields(&DESCRIPTOR, fields)?;
        let text = |key: &str| given(fields, key);
        let issuer = issuer(&text("issuer").unwrap_or_default());
        let hub = normalise(&issuer).map_err(|error| error.with("field", "issuer"))?;
        let client_id = text("client_id").filter(|id| id.len() <= 255 && is_visible(id));
        let client_id = client_id
            .ok_or_else(|| invalid("a client id is visible characters only", "client_id"))?;
        let mut more = BTreeMap::new();
        for key in ["sts", "endpoint"] {
            if let Some(typed) = text(key) {
                let url = normalise(&typed).map_err(|error| error.with("field", key))?;
                more.insert(key.to_owned(), url.as_str().trim_end_matches('/').to_owned());
            }
        }
        for key in ["role", "bucket", "prefix", "region"] {
            if let Some(typed) = text(key).or_else(|| (key == "region").then(|| REGION.into())) {
                if typed.len() > 2048 || !is_visible(&typed) {
                    return Err(invalid("this is visible characters only", key));
                }
                more.insert(key.to_owned(), typed);
            }
        }
        let seconds = text("seconds").map_or(Ok(LIFE.0), |typed| typed.parse());
        let seconds = seconds.ok().filter(|seconds| (LIFE.1..=LIFE.2).contains(seconds));
        let seconds =
            seconds.ok_or_else(|| invalid("a number of seconds from 900 to 43200", "seconds"))?;
        more.insert("seconds".into(), seconds.to_string());
        let client_id = Some(client_id);
        Ok(Connection { issuer, client_id, more, ..Connection::to_hub(DESCRIPTOR.id, hub) })
    }

    /// Nothing is managed by hand there that would be ours.
    fn manage_url(&self, _: &Connection, _: Option<&str>) -> Option<Url> {
        None
    }

    fn recognise_key(&self, text: &str) -> KeyForm {
        let jwt = text.trim();
        match jwt.split('.').count() {
            3 if is_visible(jwt) => KeyForm::Key,
            _ => KeyForm::Unusable,
        }
    }

    async fn probe(&self, http: &Http, connection: &Connection) -> Asked<()> {
        let other = PlatformError::new(Operation::Probe, connection.host(), Kind::NotThisPlatform);
        let address = format!("{}{DISCOVERY}", connection.issuer.trim_end_matches('/'));
        let url = Url::parse(&address).map_err(|_| other.clone())?;
        let answer = http.send(&Request::get(Operation::Probe, url)).await?;
        if answer.status >= 500 || answer.status == 429 {
            return Err(answer.failure());
        }
        match answer.json::<Discovery>() {
            Ok(found) if found.issuer == connection.issuer => Ok(()),
            Ok(_) => Err(other.hinted("the issuer names itself differently")),
            Err(_) => Err(other),
        }
    }

    async fn workspaces(&self, session: &Session) -> Asked<Vec<WorkspaceView>> {
        Ok(vec![scope(session.connection())])
    }

    /// What the store takes is proved by asking it for credentials.
    async fn verify(&self, session: &Session, workspace: &str) -> Asked<KeyState> {
        match self.issue_s3(session, workspace).await {
            Ok(_) => Ok(KeyState::Works),
            // Without an answer it is the session that is over.
            Err(error) if error.kind == Kind::Unauthenticated && error.status.is_some() => {
                Ok(KeyState::NotAccepted)
            }
            Err(error) => Err(error),
        }
    }

    /// The token goes into the content only. It is sent to the endpoint of the connection, which
    /// the user gave, and nowhere else.
    async fn issue_s3(&self, session: &Session, _: &str) -> Asked<IssuedS3> {
        let connection = session.connection();
        let wrong = |kind| PlatformError::new(Operation::S3, connection.host(), kind);
        let endpoint = connection.more.get("sts").and_then(|sts| Url::parse(sts).ok());
        let endpoint = endpoint.ok_or_else(|| wrong(Kind::Address))?;
        let token = session.web_identity(Operation::S3).await?;
        let name = session_name(session.username().await.as_deref());
        let form = form(connection, token.expose_text().unwrap_or_default(), &name);
        let request = Request::post(Operation::S3, endpoint, Body::Form(form));
        let answer = session.http().send(&request).await?;
        let found = Found::read(answer.text());
        if !answer.is_success() {
            return Err(refusal(&answer, found.as_ref()));
        }
        if looks_like_sign_in(answer.text()) {
            return Err(answer.error(Kind::Unauthenticated));
        }
        let missing = |what| answer.error(Kind::Protocol(what));
        let found = found.ok_or_else(|| missing("the answer is no XML of a token service"))?;
        let (Some(access_key_id), Some(secret_access_key), Some(session_token)) =
            (found.access_key_id, found.secret_access_key, found.session_token)
        else {
            return Err(missing("the answer lacks a part of the credentials"));
        };
        let secret = CredentialSecret::S3 { access_key_id, secret_access_key, session_token };
        let expires = found.expiration.as_deref().and_then(parse_time);
        Ok(IssuedS3 { secret, expires })
    }
}

/// The issuer as it names itself; what leads to its discovery document is cut off.
fn issuer(typed: &str) -> String {
    let typed = typed.strip_suffix(DISCOVERY).unwrap_or(typed);
    if typed.contains("://") || typed.is_empty() {
        typed.to_owned()
    } else {
        format!("https://{typed}")
    }
}

/// What credentials open: a role, named by the last part of its ARN, else by the bucket or store.
fn scope(connection: &Connection) -> WorkspaceView {
    let more = |key: &str| connection.more.get(key).cloned();
    let role = more("role").and_then(|role| role.rsplit(['/', ':']).next().map(str::to_owned));
    let endpoint = more("endpoint");
    let host = || {
        let store = endpoint.as_deref().or(connection.more.get("sts").map(String::as_str))?;
        Url::parse(store).ok()?.host_str().map(str::to_owned)
    };
    let name = role.filter(|role| !role.is_empty()).or_else(|| more("bucket")).or_else(host);
    let prefix = more("prefix").map(|prefix| format!("{}/", prefix.trim_matches('/')));
    let s3 = Some(S3Location {
        bucket: more("bucket").unwrap_or_default(),
        prefix: prefix.filter(|prefix| prefix != "/").unwrap_or_default(),
        region: more("region").unwrap_or_else(|| REGION.into()),
        endpoint,
    });
    let name = name.unwrap_or_else(|| connection.host().to_owned());
    WorkspaceView { name, status: String::new(), can_issue: false, s3 }
}

/// 2 to 64 characters of `[\w+=,.@-]`.
fn session_name(username: Option<&str>) -> String {
    let legal = |c: &char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c);
    let name: String = username.unwrap_or_default().chars().filter(legal).take(48).collect();
    format!("wayleave-{name}").trim_end_matches('-').to_owned()
}

fn form(connection: &Connection, token: &str, name: &str) -> Secret {
    // Room for the largest token: a growing text would leave copies behind.
    let mut form = Serializer::new(String::with_capacity(4 * token.len() + (4 << 10)));
    form.append_pair("Action", "AssumeRoleWithWebIdentity");
    form.append_pair("Version", VERSION);
    form.append_pair("WebIdentityToken", token);
    if let Some(role) = connection.more.get("role") {
        form.append_pair("RoleArn", role);
    }
    form.append_pair("RoleSessionName", name);
    if let Some(seconds) = connection.more.get("seconds") {
        form.append_pair("DurationSeconds", seconds);
    }
    Secret::from_text(form.finish())
}

/// What an answer holds, by local names whatever the namespace.
#[derive(Default)]
struct Found {
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    session_token: Option<Secret>,
    expiration: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Found {
    /// `None` for what is no XML, or not all of it.
    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text.trim());
        let (mut found, mut open, mut seen) = (Self::default(), Vec::new(), false);
        let mut held = String::with_capacity(8 << 10);
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    open.push(tag.local_name().as_ref().to_owned());
                    held.clear();
                    seen = true;
                }
                Event::Text(words) => held.push_str(&words),
                Event::GeneralRef(name) => held.push(predefined(&name)?),
                Event::End(_) => {
                    found.take(&open.pop()?, &held);
                    held.clear();
                }
                // No honest answer has one, and nothing is to be expanded.
                Event::DocType(_) => return None,
                Event::Eof => return (seen && open.is_empty()).then_some(found),
                Event::Empty(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_) => {}
            }
        }
    }

    fn take(&mut self, name: &str, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let secret = || Some(Secret::from_text(text.to_owned()));
        match name {
            "AccessKeyId" => self.access_key_id = secret(),
            "SecretAccessKey" => self.secret_access_key = secret(),
            "SessionToken" => self.session_token = secret(),
            "Expiration" => self.expiration = Some(text.to_owned()),
            "Code" => self.code = Some(text.to_owned()),
            "Message" => self.message = Some(text.to_owned()),
            _ => {}
        }
    }
}

/// The five characters that XML has names for.
fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// What a refusal means: by its code, and where a store has one code for all, by its words.
fn refusal(answer: &Answer, found: Option<&Found>) -> PlatformError {
    let mut error = answer.failure();
    let Some(found) = found else { return error };
    error.facts.said = found.message.as_deref().and_then(super::http::clean);
    let words = found.message.as_deref().unwrap_or_default();
    let about_token = ["expired", "segments", "verification error", "kid value", "`azp`"];
    match found.code.as_deref().unwrap_or_default() {
        "ExpiredTokenException" | "ExpiredToken" | "InvalidIdentityToken" => {
            error.becoming(Kind::Unauthenticated)
        }
        "InvalidParameterValue" if about_token.iter().any(|mark| words.contains(mark)) => {
            error.becoming(Kind::Unauthenticated)
        }
        "InvalidParameterValue" if words.contains("policy claim missing") => {
            error.becoming(Kind::Forbidden).hinted("the store has no policy for this user")
        }
        "AccessDenied" => error.becoming(Kind::Forbidden).hinted("the role is not for this user"),
        "IDPCommunicationError" | "InternalError" | "Throttling" => {
            error.becoming(Kind::Unavailable)
        }
        "ValidationError" => error.becoming(Kind::Validation(Vec::new())),
        _ => error,
    }
}
