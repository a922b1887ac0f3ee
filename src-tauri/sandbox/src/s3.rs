//! The S3 side: real signatures, temporary credentials with a session token and an end, and each
//! credential shut into its workspace's prefix.

use std::io;
use std::path::Path;
use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::dto::{
    CopyObjectInput, CopySource, DeleteObjectsInput, ListMultipartUploadsInput, ListObjectsInput,
    ListObjectsV2Input, UploadPartCopyInput,
};
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};

use crate::state::{App, S3Grant};
use crate::world;

/// Makes the bucket with a few objects in every ready workspace.
///
/// # Errors
/// When the directory cannot be written.
pub(crate) fn prepare(root: &Path) -> io::Result<()> {
    for workspace in world::ready_workspaces() {
        let folder = root.join(world::BUCKET).join(workspace.name);
        std::fs::create_dir_all(folder.join("data"))?;
        let text = format!("Objects of workspace {} in the sandbox.\n", workspace.name);
        std::fs::write(folder.join("readme.txt"), text)?;
        std::fs::write(folder.join("data").join("places.csv"), PLACES)?;
    }
    Ok(())
}

const PLACES: &str = "name,lon,lat\nHarwell,-1.32,51.57\nLeicester,-1.13,52.64\n";

/// The service over the objects in the sandbox's directory.
///
/// # Errors
/// When the directory cannot be used.
pub(crate) fn service(app: &App, skew_seconds: u32) -> io::Result<S3Service> {
    let files = s3s_fs::FileSystem::new(&app.s3_directory)
        .map_err(|error| io::Error::other(format!("{error:?}")))?;
    let mut config = S3Config::default();
    config.presigned_url_max_skew_time_secs = skew_seconds;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(Keys(app.clone()));
    builder.set_access(Fence(app.clone()));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    Ok(builder.build())
}

/// Finds secret keys. Expired credentials are found too, so that they get their own error below.
struct Keys(App);

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        let data = self.0.data();
        let grant = data.s3.get(access_key).ok_or_else(unknown_key)?;
        Ok(SecretKey::from(grant.secret_key.as_str()))
    }
}

fn unknown_key() -> S3Error {
    s3_error!(
        InvalidAccessKeyId,
        "The AWS Access Key Id you provided does not exist in our records."
    )
}

fn denied() -> S3Error {
    s3_error!(AccessDenied, "Access Denied")
}

/// The prefix to which a request is held.
#[derive(Clone)]
struct Prefix(String);

/// Judges a request whose signature was found right.
struct Fence(App);

/// What may be done to the bucket as a whole; each looks at its prefix or keys further down.
const ON_BUCKET: [&str; 4] =
    ["ListObjects", "ListObjectsV2", "ListMultipartUploads", "DeleteObjects"];
/// What may be done to one object under the prefix.
const ON_OBJECT: [&str; 11] = [
    "GetObject",
    "HeadObject",
    "PutObject",
    "DeleteObject",
    "CopyObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListParts",
];

#[async_trait::async_trait]
impl S3Access for Fence {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else { return Err(denied()) };
        let grant = self.0.data().s3.get(&credentials.access_key).cloned();
        let grant = grant.ok_or_else(unknown_key)?;
        check_session_token(cx, &grant)?;
        if self.0.clock.now() >= grant.expires {
            return Err(s3_error!(ExpiredToken, "The provided token has expired."));
        }
        let prefix = format!("{}/", grant.workspace);
        let operation = cx.s3_op().name();
        let allowed = match cx.s3_path() {
            S3Path::Root => false,
            S3Path::Bucket { bucket } => {
                &**bucket == world::BUCKET && ON_BUCKET.contains(&operation)
            }
            S3Path::Object { bucket, key } => {
                &**bucket == world::BUCKET && under(key, &prefix) && ON_OBJECT.contains(&operation)
            }
        };
        if !allowed {
            return Err(denied());
        }
        cx.extensions_mut().insert(Prefix(prefix));
        Ok(())
    }

    async fn list_objects(&self, req: &mut S3Request<ListObjectsInput>) -> S3Result<()> {
        check_prefix(req, |input| input.prefix.as_deref())
    }

    async fn list_objects_v2(&self, req: &mut S3Request<ListObjectsV2Input>) -> S3Result<()> {
        check_prefix(req, |input| input.prefix.as_deref())
    }

    async fn list_multipart_uploads(
        &self,
        req: &mut S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<()> {
        check_prefix(req, |input| input.prefix.as_deref())
    }

    async fn delete_objects(&self, req: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let prefix = own_prefix(req)?;
        let inside = req.input.delete.objects.iter().all(|object| under(&object.key, &prefix));
        if inside { Ok(()) } else { Err(denied()) }
    }

    async fn copy_object(&self, req: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        check_source(&req.input.copy_source, &own_prefix(req)?)
    }

    async fn upload_part_copy(&self, req: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        check_source(&req.input.copy_source, &own_prefix(req)?)
    }
}

/// As AWS answers for keys that begin with `ASIA`: without its session token the key is unknown,
/// with a wrong one the token is invalid. In a header the token must be under the signature.
fn check_session_token(cx: &S3AccessContext<'_>, grant: &S3Grant) -> S3Result<()> {
    const NAME: &str = "x-amz-security-token";
    let query = cx.uri().query().unwrap_or_default();
    let in_query = url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| name.eq_ignore_ascii_case(NAME).then(|| value.into_owned()));
    let in_header = cx.headers().get(NAME).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let signed = cx
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("SignedHeaders="))
        .is_some_and(|(_, rest)| {
            rest.split(',').next().is_some_and(|list| list.split(';').any(|name| name == NAME))
        });
    match (in_header, in_query) {
        (None, None) => Err(unknown_key()),
        (Some(_), _) if !signed => Err(s3_error!(
            AccessDenied,
            "There were headers present in the request which were not signed"
        )),
        (Some(token), _) | (None, Some(token)) if token == grant.session_token => Ok(()),
        _ => Err(S3Error::with_message(
            S3ErrorCode::InvalidToken,
            "The provided token is malformed or otherwise invalid.",
        )),
    }
}

/// Whether a key lies under the prefix and does not climb out of it.
fn under(key: &str, prefix: &str) -> bool {
    key.starts_with(prefix) && !key.split('/').any(|part| part == "..")
}

fn own_prefix<T>(req: &S3Request<T>) -> S3Result<String> {
    req.extensions.get::<Prefix>().map(|prefix| prefix.0.clone()).ok_or_else(denied)
}

fn check_prefix<T>(req: &S3Request<T>, asked: fn(&T) -> Option<&str>) -> S3Result<()> {
    let prefix = own_prefix(req)?;
    if asked(&req.input).is_some_and(|asked| under(asked, &prefix)) {
        Ok(())
    } else {
        Err(denied())
    }
}

fn check_source(source: &CopySource, prefix: &str) -> S3Result<()> {
    match source {
        CopySource::Bucket { bucket, key, .. }
            if &**bucket == world::BUCKET && under(key, prefix) =>
        {
            Ok(())
        }
        CopySource::Bucket { .. } | CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(denied())
        }
    }
}
