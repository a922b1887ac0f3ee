//! S3 with requests signed by AWS's own signer.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use serde_json::Value;
use wayleave_sandbox::{BUCKET, Control, DEMO, REGION, Sandbox};

use crate::{Answer, answer, client, sandbox, send};

/// A set of credentials as a program holds it.
#[derive(Clone)]
pub struct Set {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

pub async fn mint(sandbox: &Sandbox, workspace: &str) -> Set {
    let (_, key) = sandbox.make_token(DEMO, workspace, "for s3", 1.0).unwrap();
    let path = format!("/api/workspaces/{workspace}/me/s3-tokens");
    let minted: Value = send(sandbox, &path, &key, "").await.json();
    let text = |name: &str| minted[name].as_str().unwrap().to_owned();
    Set {
        access_key: text("accessKeyId"),
        secret_key: text("secretAccessKey"),
        session_token: Some(text("sessionToken")),
    }
}

#[allow(clippy::disallowed_methods, reason = "S3 compares signing times with the machine's clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Signs and sends.
pub async fn s3(sandbox: &Sandbox, set: &Set, method: &str, path: &str, body: &str) -> Answer {
    let url = format!("{}{path}", sandbox.s3_endpoint());
    let credentials = Credentials::new(
        set.access_key.as_str(),
        set.secret_key.as_str(),
        set.session_token.clone(),
        None,
        "test",
    );
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("s3")
        .time(now())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let mut request = openidconnect::http::Request::builder()
        .method(method)
        .uri(&url)
        .body(body.as_bytes().to_vec())
        .unwrap();
    let signable = SignableRequest::new(
        method,
        &url,
        std::iter::empty(),
        SignableBody::Bytes(body.as_bytes()),
    )
    .unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    let request = reqwest::Request::try_from(request).unwrap();
    let (headers, method) = (request.headers().clone(), request.method().clone());
    answer(client().request(method, url).headers(headers).body(body.to_owned())).await
}

fn refused(answer: &Answer, status: u16, code: &str) {
    let tag = format!("<Code>{code}</Code>");
    assert!(answer.status == status && answer.body.contains(&tag), "{code}: {answer:?}");
}

pub fn object(key: &str) -> String {
    format!("/{BUCKET}/{key}")
}

#[tokio::test]
async fn objects_are_put_read_listed_and_deleted_under_the_prefix() {
    let sandbox = sandbox();
    let set = mint(&sandbox, "demo-ws").await;
    let path = object("demo-ws/notes/one.txt");
    assert_eq!(s3(&sandbox, &set, "PUT", &path, "first").await.status, 200);
    assert_eq!(s3(&sandbox, &set, "GET", &path, "").await.body, "first");
    assert_eq!(s3(&sandbox, &set, "HEAD", &path, "").await.header("content-length"), "5");
    let address = format!("/{BUCKET}?list-type=2&prefix=demo-ws%2F");
    let listed = s3(&sandbox, &set, "GET", &address, "").await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    for key in ["demo-ws/notes/one.txt", "demo-ws/readme.txt", "demo-ws/data/places.csv"] {
        assert!(listed.body.contains(&format!("<Key>{key}</Key>")), "{key}: {}", listed.body);
    }
    let folders = format!("/{BUCKET}?delimiter=%2F&list-type=2&prefix=demo-ws%2F");
    let listed = s3(&sandbox, &set, "GET", &folders, "").await;
    assert!(listed.body.contains("<Prefix>demo-ws/notes/</Prefix>"), "{}", listed.body);
    assert_eq!(s3(&sandbox, &set, "DELETE", &path, "").await.status, 204);
    refused(&s3(&sandbox, &set, "GET", &path, "").await, 404, "NoSuchKey");
    let seen = sandbox.seen();
    let last = seen.last().unwrap();
    assert_eq!((last.server, last.who.as_deref()), ("s3", Some("s3:demo-ws")));
}

#[tokio::test]
async fn nothing_outside_the_prefix_is_reached() {
    let sandbox = sandbox();
    let set = mint(&sandbox, "demo-ws").await;
    for (method, path) in [
        ("GET", "/".to_owned()),
        ("GET", format!("/{BUCKET}")),
        ("GET", format!("/{BUCKET}?list-type=2")),
        ("GET", format!("/{BUCKET}?list-type=2&prefix=")),
        ("GET", format!("/{BUCKET}?list-type=2&prefix=demo-lab%2F")),
        ("GET", format!("/{BUCKET}?list-type=2&prefix=demo-ws")),
        ("GET", format!("/{BUCKET}?prefix=demo-lab%2F")),
        ("GET", object("demo-lab/readme.txt")),
        ("PUT", object("demo-lab/readme.txt")),
        ("DELETE", object("demo-lab/readme.txt")),
        ("GET", object("demo-ws-too/readme.txt")),
        ("GET", "/other-bucket/demo-ws/readme.txt".to_owned()),
        ("PUT", "/other-bucket".to_owned()),
        ("DELETE", format!("/{BUCKET}")),
    ] {
        refused(&s3(&sandbox, &set, method, &path, "").await, 403, "AccessDenied");
    }
    let keys = "<Delete><Object><Key>demo-lab/readme.txt</Key></Object></Delete>";
    let many = s3(&sandbox, &set, "POST", &format!("/{BUCKET}?delete="), keys).await;
    assert!(many.status >= 400, "{many:?}");
    let own = mint(&sandbox, "demo-lab").await;
    let kept = s3(&sandbox, &own, "GET", &object("demo-lab/readme.txt"), "").await;
    assert_eq!(kept.status, 200, "still there");
}

#[tokio::test]
async fn the_session_token_is_needed_and_checked() {
    let sandbox = sandbox();
    let set = mint(&sandbox, "demo-ws").await;
    let path = object("demo-ws/readme.txt");
    let without = Set { session_token: None, ..set.clone() };
    refused(&s3(&sandbox, &without, "GET", &path, "").await, 403, "InvalidAccessKeyId");
    let other = mint(&sandbox, "demo-ws").await;
    let swapped = Set { session_token: other.session_token, ..set.clone() };
    refused(&s3(&sandbox, &swapped, "GET", &path, "").await, 400, "InvalidToken");
    let wrong = Set { secret_key: other.secret_key, ..set.clone() };
    refused(&s3(&sandbox, &wrong, "GET", &path, "").await, 403, "SignatureDoesNotMatch");
    let unknown = Set { access_key: "ASIAUNKNOWNUNKNOWN00".to_owned(), ..set.clone() };
    refused(&s3(&sandbox, &unknown, "GET", &path, "").await, 403, "InvalidAccessKeyId");
    let url = format!("{}{path}", sandbox.s3_endpoint());
    refused(&answer(client().get(url)).await, 403, "AccessDenied");
    assert_eq!(s3(&sandbox, &set, "GET", &path, "").await.status, 200);
}

#[tokio::test]
async fn credentials_end_when_they_said() {
    let sandbox = sandbox();
    let path = object("demo-ws/readme.txt");
    let hour = mint(&sandbox, "demo-ws").await;
    sandbox.control(Control::S3Lifetime { seconds: Some(60) }).unwrap();
    let minute = mint(&sandbox, "demo-ws").await;
    sandbox.clock().advance(59);
    assert_eq!(s3(&sandbox, &minute, "GET", &path, "").await.status, 200);
    sandbox.clock().advance(1);
    refused(&s3(&sandbox, &minute, "GET", &path, "").await, 400, "ExpiredToken");
    assert_eq!(s3(&sandbox, &hour, "GET", &path, "").await.status, 200);
    sandbox.clock().advance(3600);
    refused(&s3(&sandbox, &hour, "PUT", &path, "x").await, 400, "ExpiredToken");
}
