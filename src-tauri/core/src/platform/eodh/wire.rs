//! What EODH's services send and take, read leniently (platforms.md A.3, A.4, G.6).

use serde::{Deserialize, Serialize};

use crate::api::WorkspaceView;
use crate::credential::S3Location;
use crate::platform::RemoteToken;
use crate::platform::connection::is_loopback;
use crate::platform::http::parse_time;
use crate::platform::lenient::{secret, text};
use crate::secret::Secret;

/// The region of every EODH store, where nothing else is said.
const REGION: &str = "eu-west-2";

/// `CreateDataHubToken`. `expires` counts days (platforms.md A.3).
#[derive(Serialize)]
pub struct CreateToken<'a> {
    pub name: &'a str,
    pub expires: u32,
}

/// `DataHubToken`. Its key is there only in the answer to a request for one.
#[derive(Deserialize)]
pub struct Token {
    #[serde(default, deserialize_with = "text")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    user_id: Option<String>,
    #[serde(default, rename = "token", deserialize_with = "secret")]
    pub key: Option<Secret>,
    #[serde(default, deserialize_with = "text")]
    workspace: Option<String>,
    #[serde(default, deserialize_with = "text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    scope: Option<String>,
    #[serde(default, deserialize_with = "text")]
    created: Option<String>,
    #[serde(default, deserialize_with = "text")]
    expiry: Option<String>,
}

impl Token {
    /// What is known of it; `workspace` is the one that was asked.
    pub fn remote(self, workspace: &str) -> RemoteToken {
        RemoteToken {
            id: self.id,
            user_id: self.user_id,
            name: self.name.unwrap_or_default(),
            workspace: self.workspace.unwrap_or_else(|| workspace.to_owned()),
            scope: self.scope.unwrap_or_default(),
            created: self.created.as_deref().and_then(parse_time),
            expires: self.expiry.as_deref().and_then(parse_time),
            ..RemoteToken::default()
        }
    }
}

/// `Workspace`.
#[derive(Deserialize)]
pub struct Workspace {
    #[serde(default, deserialize_with = "text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    status: Option<String>,
    stores: Option<Vec<Option<Stores>>>,
}

#[derive(Deserialize)]
struct Stores {
    object: Option<Vec<ObjectStore>>,
}

#[derive(Deserialize)]
struct ObjectStore {
    #[serde(default, deserialize_with = "text")]
    bucket: Option<String>,
    #[serde(default, deserialize_with = "text")]
    prefix: Option<String>,
    #[serde(default, deserialize_with = "text")]
    host: Option<String>,
    #[serde(default, deserialize_with = "text")]
    access_point_arn: Option<String>,
}

impl Workspace {
    /// What a screen may know; `None` for an entry without a name.
    pub fn view(self) -> Option<WorkspaceView> {
        let name = self.name?;
        let status = self.status.unwrap_or_default();
        let gone = ["creating", "deleting", "unavailable"];
        let stores = self.stores.unwrap_or_default().into_iter().flatten();
        let s3 = stores.flat_map(|s| s.object.unwrap_or_default()).find_map(ObjectStore::location);
        Some(WorkspaceView {
            can_issue: !gone.contains(&status.to_ascii_lowercase().as_str()),
            name,
            status,
            s3,
        })
    }
}

impl ObjectStore {
    /// Where its objects are; `None` while it is not ready. An empty prefix must never become a
    /// listing of the whole bucket (platforms.md A.9.7).
    fn location(self) -> Option<S3Location> {
        let (bucket, host) = (self.bucket?, self.host?);
        let mut prefix = self.prefix.filter(|prefix| prefix != "/")?;
        if host.starts_with('-') {
            return None;
        }
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        let endpoint = endpoint(&host);
        if endpoint.is_none() && self.access_point_arn.is_none() {
            return None;
        }
        Some(S3Location { bucket, prefix, region: region(&host), endpoint })
    }
}

/// The endpoint of a store that is not AWS' own.
fn endpoint(host: &str) -> Option<String> {
    if host.ends_with(".amazonaws.com") {
        return None;
    }
    let url = url::Url::parse(&format!("http://{host}/")).ok()?;
    Some(if is_loopback(&url) { format!("http://{host}") } else { format!("https://{host}") })
}

/// `….s3-accesspoint.{region}.amazonaws.com`
fn region(host: &str) -> String {
    let region = host
        .strip_suffix(".amazonaws.com")
        .and_then(|rest| rest.rsplit_once('.'))
        .map(|(_, region)| region)
        .filter(|region| region.contains('-') && !region.starts_with("s3-"));
    region.unwrap_or(REGION).to_owned()
}

/// `S3Credentials`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct S3 {
    #[serde(default, deserialize_with = "secret")]
    pub access_key_id: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    pub secret_access_key: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    pub session_token: Option<Secret>,
    #[serde(default, deserialize_with = "text")]
    pub expiration: Option<String>,
}

/// A member of a workspace.
#[derive(Deserialize)]
pub struct User {
    #[serde(default, deserialize_with = "text")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
}

/// oauth2-proxy's `userinfo`.
#[derive(Deserialize)]
pub struct UserInfo {
    #[serde(default, rename = "preferredUsername", alias = "preferred_username")]
    #[serde(deserialize_with = "text")]
    pub preferred_username: Option<String>,
}

/// The head of the workspace service's API description.
#[derive(Deserialize)]
pub struct ApiDoc {
    pub info: ApiInfo,
}

/// Its title.
#[derive(Deserialize)]
pub struct ApiInfo {
    #[serde(default)]
    pub title: String,
}

/// The head of an OpenID discovery document.
#[derive(Deserialize)]
pub struct Discovery {
    #[serde(default)]
    pub issuer: String,
}
