//! EODH against the published examples and against answers that break the contract.

use wayleave_core::api::Support;
use wayleave_core::credential::{CredentialSecret, Field};
use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::platform::{
    AnyPlatform, Asked, Auth, IssueOutcome, IssueRequest, IssueWarning, KeyForm, Kind, Learned,
    Platform as _, PlatformError, Revoked,
};

use crate::stub::{Reply, json, page, page_with};
use crate::{KEY, connection, fixture, on_stub};

const EODH: AnyPlatform = AnyPlatform::Eodh;
const NGINX: &str = "<html>\r\n<head><title>401 Authorization Required</title></head>\r\n</html>";
const LOGIN: &str = "<html><form id=\"kc-form-login\" method=\"post\"></form></html>";

/// Nothing that an error can show holds the key.
fn is_silent(error: &PlatformError) {
    let shown = format!("{error} {error:?} {:?}", Error::from(error.clone()));
    assert!(!shown.contains("454f4448") && !shown.contains("Bearer"), "Z1: {shown}");
}

async fn tokens(reply: Reply) -> Asked<usize> {
    let (_stub, session) = on_stub([reply]).await;
    let listed = EODH.tokens(&session, "demo-ws").await;
    listed.as_ref().err().into_iter().for_each(is_silent);
    listed.map(|listed| listed.len())
}

#[test]
fn the_descriptor_is_sound() {
    let descriptor = EODH.descriptor();
    let lifetime = descriptor.lifetime.expect("tokens end");
    assert!((lifetime.min..=lifetime.max).contains(&lifetime.default), "D2");
    let nothing = Learned::default();
    assert_eq!(descriptor.effective(Auth::Portal, &nothing).issue, Support::Yes);
    assert_eq!(descriptor.effective(Auth::Key, &nothing).s3, Support::Unknown);
    let view = descriptor.view();
    let tile = &view.tiles[0];
    let found = EODH.connect(&tile.connection).expect("a tile needs no typing");
    assert_eq!(found.hub.as_str(), "https://eodatahub.org.uk/");
    assert_eq!(found.issuer, "https://eodatahub.org.uk/keycloak/realms/eodhp");
    let manage = EODH.manage_url(&found, Some("a b")).expect("an address");
    assert_eq!(manage.as_str(), "https://eodatahub.org.uk/workspaces/?workspace=a+b");
    assert_eq!(AnyPlatform::by_id("eodh"), Some(EODH));
    assert_eq!(AnyPlatform::by_id("other"), None);
}

#[test]
fn connections_are_known_or_custom() {
    let connect = |fields: &[(&str, &str)]| {
        let fields = fields.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        EODH.connect(&fields)
    };
    let staging = connect(&[("environment", "staging")]).expect("known");
    assert_eq!(staging.hub.as_str(), "https://staging.eodatahub.org.uk/");
    let typed = connect(&[("hub", " Prod.EODataHub.org.uk/workspaces ")]).expect("known");
    assert_eq!(typed.environment.as_deref(), Some("production"));
    let custom = connect(&[("environment", "custom"), ("hub", "hub.example")]).expect("custom");
    assert_eq!(custom.environment, None);
    let code = |fields: &[(&str, &str)]| connect(fields).expect_err("bad").code;
    assert_eq!(code(&[]), ErrorCode::InvalidAddress);
    assert_eq!(code(&[("environment", "moon")]), ErrorCode::InvalidInput);
    assert_eq!(code(&[("environment", "test"), ("x", "y")]), ErrorCode::InvalidInput);
    assert_eq!(code(&[("hub", "http://hub.example")]), ErrorCode::InvalidAddress);
    let spaced = [("environment", "test"), ("client_id", "a b")];
    assert_eq!(code(&spaced), ErrorCode::InvalidInput);
}

#[test]
fn pasted_texts_are_recognised() {
    for (text, form) in [
        (KEY, KeyForm::Key),
        ("  454f444800112233445566778899aabb\n", KeyForm::Key),
        ("0b6c4f4e-6c0e-4d0a-9d5e-1f2a3b4c5d6e", KeyForm::TokenId),
        ("454F444800112233445566778899AABB", KeyForm::Odd),
        ("00112233445566778899aabbccddeeff", KeyForm::Odd),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", KeyForm::Odd),
        ("", KeyForm::Unusable),
        ("two words", KeyForm::Unusable),
        ("line\r\nInjected: header", KeyForm::Unusable),
    ] {
        assert_eq!(EODH.recognise_key(text), form, "V6 {text:?}");
    }
}

#[tokio::test]
async fn the_published_list_is_read() {
    let (stub, session) = on_stub([json(200, &fixture("tokens_list.json"))]).await;
    let listed = EODH.tokens(&session, "demo-ws").await.expect("a list");
    assert_eq!(listed[0].name, "QGIS laptop");
    assert_eq!(listed[0].expires, "2025-04-06T13:55:56Z".parse().ok(), "L1");
    assert_eq!((listed[1].expires, listed[1].user_id.as_deref()), (None, None), "L8, G.4");
    let got = &stub.got()[0];
    assert_eq!(got.target, "/api/workspaces/demo-ws/me/tokens");
    assert_eq!(got.header("authorization"), Some(format!("Bearer {KEY}").as_str()), "A1");
    assert_eq!(got.header("accept"), Some("application/json"));
    assert!(got.header("user-agent").is_some_and(|agent| agent.starts_with("Wayleave/")));
    assert_eq!(got.header("cookie"), None);
}

#[tokio::test]
async fn lists_of_every_kind() {
    assert_eq!(tokens(json(200, "[]")).await, Ok(0), "L2");
    assert_eq!(tokens(json(200, "null")).await, Ok(0), "L3");
    let odd = r#"[{"id":7,"name":null,"created":"soon","new":{"a":[1]}},{"id":"b"}]"#;
    assert_eq!(tokens(json(200, odd)).await, Ok(2), "L6, L8");
    assert_eq!(tokens(page(200, "text/plain", "[{}]")).await, Ok(1), "B4");
    let many = |count: usize| format!("[{}]", vec![r#"{"id":"x"}"#; count].join(","));
    assert_eq!(tokens(json(200, &many(10_000))).await, Ok(10_000), "L11");
    let error = tokens(json(200, &many(10_001))).await.expect_err("too many");
    assert!(matches!(error.kind, Kind::Protocol(_)));
}

#[tokio::test]
async fn broken_answers_are_told_apart() {
    let protocol = |kind: &Kind| matches!(kind, Kind::Protocol(_));
    for (what, reply) in [
        ("B1", json(200, "")),
        ("B2", json(200, "\"a text\"")),
        ("B5", json(200, r#"[{"id":"#)),
        ("object", json(200, "{}")),
        ("html", page(200, "text/html", "<html><body>Welcome</body></html>")),
        ("deep", json(200, &"[".repeat(100))),
        ("redirect", page_with(301, "", &[("Location", "/api/elsewhere")], "")),
    ] {
        let error = tokens(reply).await.expect_err(what);
        assert!(protocol(&error.kind), "{what}: {error:?}");
    }
    let start = [("Location", "/oauth2/start?rd=%2F")];
    for (what, reply) in [
        ("A5 redirect", page_with(302, "", &start, "")),
        ("A5 page", page(200, "text/html", LOGIN)),
        ("A6", page(401, "text/html", NGINX)),
        ("text", page(401, "text/plain", "invalid bearer jwt token\n")),
        ("empty", json(401, "")),
        ("detail", json(401, r#"{"detail":"Not authenticated"}"#)),
    ] {
        let error = tokens(reply).await.expect_err(what);
        assert_eq!(error.kind, Kind::Unauthenticated, "{what}");
        assert!(!error.facts.said.as_deref().unwrap_or_default().contains('<'), "{what}");
    }
    let cases: [(u16, &str, Kind); 4] = [
        (403, "", Kind::Forbidden),
        (404, "\"Workspace does not exist.\"", Kind::NotFound),
        (500, "[]", Kind::Unavailable),
        (409, "{}", Kind::Conflict),
    ];
    for (status, body, kind) in cases {
        assert_eq!(tokens(json(status, body)).await.expect_err("B3").kind, kind, "{status}");
    }
    let said = tokens(json(403, "\"access denied\"")).await.expect_err("403").facts.said;
    assert_eq!(said.as_deref(), Some("access denied"));
    let echo = tokens(json(403, &format!("{{\"error\":\"bad key {KEY}\"}}"))).await;
    assert_eq!(echo.expect_err("403").facts.said, None, "an echoed key is dropped");
}

#[tokio::test]
async fn the_published_workspaces_are_read() {
    let (_stub, session) = on_stub([json(200, &fixture("workspaces.json"))]).await;
    let found = EODH.workspaces(&session).await.expect("workspaces");
    let names: Vec<_> = found.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["bare-ws", "demo-ws", "new-ws"]);
    let store = found[1].s3.as_ref().expect("a store");
    assert_eq!((store.bucket.as_str(), store.prefix.as_str()), ("workspaces-eodhp", "demo-ws/"));
    assert_eq!((store.region.as_str(), &store.endpoint), ("eu-west-2", &None));
    assert!(found[0].s3.is_none() && found[2].s3.is_none(), "S6");
    let empty = r#"[{"name":"w","status":"Available","stores":[{"object":[{"bucket":"b",
        "prefix":"","host":"h.s3-accesspoint.eu-west-2.amazonaws.com","access_point_arn":"a"}]}]},
        {"status":"x"},{"name":"v","stores":[null,{"object":null}]}]"#;
    let (_stub, session) = on_stub([json(200, empty)]).await;
    let found = EODH.workspaces(&session).await.expect("workspaces");
    assert!(found.len() == 2 && found[1].s3.is_none(), "A.9.7: an empty prefix is not ready");
}

async fn issue(reply: Reply) -> IssueOutcome {
    let (stub, session) = on_stub([reply]).await;
    let request =
        IssueRequest { name: "QGIS laptop".into(), lifetime: Some(30), permissions: vec![] };
    let outcome = EODH.issue(&session, "demo-ws", &request).await;
    let got = stub.got();
    assert_eq!(got.len(), 1, "one POST");
    assert_eq!(got[0].method, "POST");
    assert_eq!(got[0].body, fixture("token_create.request.json").trim(), "I1");
    assert_eq!(got[0].header("content-type"), Some("application/json"));
    outcome
}

#[tokio::test]
async fn the_published_answers_to_a_request_are_read() {
    for status in [200, 201] {
        let outcome = issue(json(status, &fixture("token_create.response.json"))).await;
        let IssueOutcome::Issued(issued) = outcome else { panic!("I2: {outcome:?}") };
        assert_eq!(issued.key.expose_text(), Some(KEY));
        assert!(issued.warnings.is_empty());
        assert!(!format!("{issued:?}").contains(KEY), "I12");
    }
    for (name, warning) in [
        ("token_create.no_id.json", IssueWarning::IdMissing),
        ("token_create.ttl_differs.json", IssueWarning::LifetimeDiffers),
    ] {
        let outcome = issue(json(200, &fixture(name))).await;
        let IssueOutcome::Issued(issued) = outcome else { panic!("{name}: {outcome:?}") };
        assert_eq!(issued.warnings, [warning], "I3, I6");
    }
    let outcome = issue(json(200, &fixture("token_create.no_token.json"))).await;
    let IssueOutcome::WithoutKey(token) = outcome else { panic!("I4: {outcome:?}") };
    assert_eq!(token.id.as_deref(), Some("0b6c4f4e-6c0e-4d0a-9d5e-1f2a3b4c5d6e"));
}

#[tokio::test]
async fn broken_answers_to_a_request_are_unknown() {
    for (what, reply) in [
        ("empty", json(200, "")),
        ("cut", json(200, r#"{"id":"x","tok"#)),
        ("page", page(200, "text/html", "<html>ok</html>")),
        ("dropped", Reply::Bytes(Vec::new())),
        ("short", Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{".to_vec())),
        ("fault", page(500, "text/plain", "boom")),
    ] {
        let outcome = issue(reply).await;
        let IssueOutcome::Unknown(error) = outcome else { panic!("{what}: {outcome:?}") };
        is_silent(&error);
    }
    let outcome = issue(page(200, "text/html", LOGIN)).await;
    assert!(matches!(outcome, IssueOutcome::Refused(_)), "a sign-in page made nothing");
}

#[tokio::test]
async fn an_unreachable_hub_made_nothing() {
    let (stub, _) = on_stub([]).await;
    let origin = stub.origin.clone();
    drop(stub);
    tokio::task::yield_now().await;
    let (http, _, _) = crate::still_http();
    let secret = wayleave_core::secret::Secret::from_text(KEY.into());
    let gone = connection(&origin, None);
    let session = wayleave_core::session::Session::for_key(secret, gone, http);
    let request = IssueRequest { name: "x".into(), lifetime: Some(1), permissions: vec![] };
    let outcome = EODH.issue(&session, "demo-ws", &request).await;
    assert!(matches!(outcome, IssueOutcome::Refused(_)), "{outcome:?}");
}

async fn revoke(replies: Vec<Reply>) -> Result<Revoked, ErrorCode> {
    let (stub, session) = on_stub(replies).await;
    let gone = EODH.revoke(&session, "demo-ws", "a?b#c d").await;
    let got = stub.got();
    assert_eq!(got[0].method, "DELETE");
    assert_eq!(got[0].target, "/api/workspaces/demo-ws/me/tokens/a%3Fb%23c%20d", "R7");
    gone.map_err(|error| error.code())
}

#[tokio::test]
async fn a_revocation_is_believed_when_the_list_agrees() {
    let listed = || json(200, r#"[{"id":"a?b#c d"}]"#);
    let none = || json(200, "[]");
    let yes = |already| Ok(Revoked { already, confirmed: true });
    assert_eq!(revoke(vec![page(200, "", ""), none()]).await, yes(false), "R1");
    assert_eq!(revoke(vec![page(204, "", ""), none()]).await, yes(false), "R2");
    assert_eq!(revoke(vec![json(404, ""), none()]).await, yes(true), "R3");
    let unknown = Err(ErrorCode::OutcomeUnknown);
    assert_eq!(revoke(vec![json(404, ""), listed()]).await, unknown, "R3: a wrong path");
    assert_eq!(revoke(vec![page(204, "", ""), listed()]).await, unknown, "R3: not confirmed");
    assert_eq!(revoke(vec![json(404, ""), json(500, "")]).await, unknown, "R3: no list");
    let unsure = Ok(Revoked { already: false, confirmed: false });
    assert_eq!(revoke(vec![page(204, "", ""), json(403, "")]).await, unsure);
    assert_eq!(revoke(vec![page(500, "", "")]).await, Err(ErrorCode::PlatformUnavailable), "R4");
    assert_eq!(revoke(vec![json(403, "")]).await, Err(ErrorCode::Forbidden), "R5");
}

#[tokio::test]
async fn both_time_forms_of_s3_credentials_are_read() {
    for name in ["s3.json", "s3_old_time.json"] {
        let (stub, session) = on_stub([json(200, &fixture(name))]).await;
        let issued = EODH.issue_s3(&session, "demo-ws").await.expect("credentials");
        assert_eq!(issued.expires, "2025-03-07T14:55:56Z".parse().ok(), "S1 {name}");
        assert!(matches!(issued.secret, CredentialSecret::S3 { .. }));
        let token = issued.secret.field(Field::SessionToken).expect("a token");
        assert_eq!(token.expose_text(), Some("EXAMPLESESSIONTOKEN=="));
        assert_eq!((stub.got()[0].method.as_str(), stub.got()[0].body.as_str()), ("POST", ""));
    }
    let lacking = r#"{"accessKeyId":"A","secretAccessKey":"B"}"#;
    let (_stub, session) = on_stub([json(200, lacking)]).await;
    let error = EODH.issue_s3(&session, "demo-ws").await.expect_err("S4");
    assert!(matches!(error.kind, Kind::Protocol(_)));
    is_silent(&error);
}

#[tokio::test]
async fn refusals_of_s3_credentials_are_understood() {
    let sts = |name: &str| format!("operation error STS, StatusCode: 400, api error {name}: words");
    let cases = [
        (401, "Invalid token\n".to_owned(), Kind::Unauthenticated),
        (401, "Invalid client or Invalid client credentials".to_owned(), Kind::Unavailable),
        (401, "unauthorized: workspace scoped tokens not allowed\n".to_owned(), Kind::Forbidden),
        (401, NGINX.to_owned(), Kind::Unauthenticated),
        (401, String::new(), Kind::Unauthenticated),
        (403, "Client is not within the token audience".to_owned(), Kind::Forbidden),
        (500, sts("AccessDenied"), Kind::Forbidden),
        (500, sts("ExpiredTokenException"), Kind::Unauthenticated),
        (500, sts("InvalidIdentityToken"), Kind::Unauthenticated),
        (500, sts("ValidationError"), Kind::Validation(Vec::new())),
        (500, "exceeded maximum number of attempts, 3".to_owned(), Kind::Unavailable),
    ];
    for (status, text, kind) in cases {
        let (_stub, session) = on_stub([page(status, "text/plain", &text)]).await;
        let error = EODH.issue_s3(&session, "demo-ws").await.expect_err("refused");
        assert_eq!(error.kind, kind, "S2, S3: {status} {text}");
        is_silent(&error);
    }
}
