//! The token service: credentials for an OpenID token.

use wayleave_sandbox::{ADA, DEMO, Sandbox};

use crate::tokens::{sign_in, text};
use crate::{Answer, answer, client, s3, sandbox};

const ROLE: &str = "arn:aws:iam::000000000000:role/demo-ws";

async fn assume(sandbox: &Sandbox, token: &str, changes: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "wayleave"),
        ("WebIdentityToken", token),
    ];
    form.retain(|(name, _)| !changes.iter().any(|(n, _)| n == name));
    form.extend(changes);
    answer(client().post(sandbox.s3_endpoint()).form(&form)).await
}

fn element(answer: &Answer, name: &str) -> String {
    let (_, rest) = answer.body.split_once(&format!("<{name}>")).expect("the element");
    rest.split_once("</").unwrap().0.to_owned()
}

#[tokio::test]
async fn an_openid_token_buys_credentials_that_work() {
    let sandbox = sandbox();
    let tokens = sign_in(&sandbox, DEMO, "openid").await;
    for kind in ["id_token", "access_token"] {
        let got = assume(&sandbox, &text(&tokens, kind), &[("DurationSeconds", "900")]).await;
        assert_eq!((got.status, got.kind.as_str()), (200, "text/xml"), "{}", got.body);
        let set = s3::Set {
            access_key: element(&got, "AccessKeyId"),
            secret_key: element(&got, "SecretAccessKey"),
            session_token: Some(element(&got, "SessionToken")),
        };
        let path = s3::object("demo-ws/readme.txt");
        assert_eq!(s3::s3(&sandbox, &set, "GET", &path, "").await.status, 200);
        let end: jiff::Timestamp = element(&got, "Expiration").parse().unwrap();
        assert_eq!(end.as_second() - sandbox.clock().now(), 900);
    }
}

#[tokio::test]
async fn refusals_of_the_token_service() {
    let sandbox = sandbox();
    let tokens = sign_in(&sandbox, DEMO, "openid").await;
    let token = text(&tokens, "id_token");
    for (changes, status, code) in [
        (("RoleArn", "arn:aws:iam::000000000000:role/tidewatch"), 403, "AccessDenied"),
        (("RoleArn", "arn:aws:iam::000000000000:role/new-ws"), 403, "AccessDenied"),
        (("RoleArn", ""), 403, "AccessDenied"),
        (("DurationSeconds", "899"), 400, "ValidationError"),
        (("DurationSeconds", "43201"), 400, "ValidationError"),
        (("DurationSeconds", "abc"), 400, "ValidationError"),
        (("RoleSessionName", "x"), 400, "ValidationError"),
        (("Version", "2020-01-01"), 400, "InvalidAction"),
        (("WebIdentityToken", "garbage"), 400, "InvalidIdentityToken"),
    ] {
        let refused = assume(&sandbox, &token, &[changes]).await;
        assert_eq!((refused.status, element(&refused, "Code").as_str()), (status, code));
    }
    let refresh = assume(&sandbox, &text(&tokens, "refresh_token"), &[]).await;
    assert_eq!(element(&refresh, "Code"), "InvalidIdentityToken");
    let hers = text(&sign_in(&sandbox, ADA, "openid").await, "id_token");
    assert_eq!(element(&assume(&sandbox, &hers, &[]).await, "Code"), "AccessDenied");
    sandbox.clock().advance(300);
    let late = assume(&sandbox, &token, &[]).await;
    assert_eq!(element(&late, "Code"), "ExpiredTokenException");
    let listing = answer(client().get(format!("{}/", sandbox.s3_endpoint()))).await;
    assert_eq!(listing.status, 403, "the root is still S3's otherwise");
}
