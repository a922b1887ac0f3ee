//! Putting, reading and listing objects with a set of credentials, signed by AWS' own signer.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use wayleave_core::credential::{CredentialSecret, Field};

use super::case::{Verdict, want};

/// A set of credentials as a program holds it.
pub struct Keys {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: String,
    pub region: String,
    pub endpoint: String,
    pub client: reqwest::Client,
}

impl Keys {
    /// What a minted set holds.
    pub fn of(secret: &CredentialSecret, endpoint: &str, region: &str) -> Result<Self, String> {
        let part = |field| {
            let part = secret.field(field).ok_or("a part is missing")?;
            part.expose_text().map(str::to_owned).ok_or("a part is no text")
        };
        Ok(Self {
            access_key: part(Field::AccessKeyId)?,
            secret_key: part(Field::SecretAccessKey)?,
            session_token: part(Field::SessionToken)?,
            region: region.into(),
            endpoint: endpoint.into(),
            client: crate::client(),
        })
    }
}

#[allow(clippy::disallowed_methods, reason = "S3 compares signing times with the machine's clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Signs and sends; status and body of the answer.
pub async fn send(
    keys: &Keys,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, String), String> {
    let url = format!("{}{path}", keys.endpoint);
    let token = Some(keys.session_token.clone()).filter(|token| !token.is_empty());
    let identity =
        Credentials::new(keys.access_key.as_str(), keys.secret_key.as_str(), token, None, "test")
            .into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&keys.region)
        .name("s3")
        .time(now())
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let content = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new(method, &url, std::iter::empty(), content)
        .map_err(|error| error.to_string())?;
    let (instructions, _) =
        sign(signable, &parameters).map_err(|error| error.to_string())?.into_parts();
    let mut request = openidconnect::http::Request::builder()
        .method(method)
        .uri(&url)
        .body(body.as_bytes().to_vec())
        .map_err(|error| error.to_string())?;
    instructions.apply_to_request_http1x(&mut request);
    let request = reqwest::Request::try_from(request).map_err(|error| error.to_string())?;
    let answer = keys.client.execute(request).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(|error| error.to_string())?))
}

/// Puts an object below `prefix` (`/bucket/…/`), reads it, finds it in the list.
pub async fn put_read_list(keys: &Keys, bucket: &str, prefix: &str) -> Verdict {
    let path = format!("{prefix}conformance.txt");
    let put = send(keys, "PUT", &path, "content").await?;
    want!(put.0 == 200, "PUT: {put:?}");
    let got = send(keys, "GET", &path, "").await?;
    want!(got == (200, "content".to_owned()), "GET: {got:?}");
    let key = path.trim_start_matches('/').split_once('/').map(|(_, key)| key).unwrap_or_default();
    let below = key.trim_end_matches("conformance.txt").replace('/', "%2F");
    let list = format!("/{bucket}?list-type=2&prefix={below}");
    let listed = send(keys, "GET", &list, "").await?;
    let there = listed.1.contains(&format!("<Key>{key}</Key>"));
    want!(listed.0 == 200 && there, "list: {listed:?}");
    Ok(())
}
