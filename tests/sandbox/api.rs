//! Workspaces, tokens and S3 credentials, with the error shapes of the real service.

use serde_json::Value;
use wayleave_sandbox::{ADA, DEMO};

use crate::{answer, call, client, demo_key, is_empty_json, is_nginx, sandbox, send, tokens};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|w| w["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_user_sees_their_workspaces_unsorted_and_in_every_stage() {
    let sandbox = sandbox();
    let jwt = tokens::access(&sandbox, DEMO).await;
    let list = call(&sandbox, "GET", "/api/workspaces", &jwt).await;
    assert_eq!((list.status, list.kind.as_str()), (200, "application/json"));
    let list = list.json();
    let mut sorted = names(&list);
    sorted.sort_unstable();
    assert_ne!(names(&list), sorted);
    assert_eq!(sorted, ["bare-ws", "demo-lab", "demo-ws", "new-ws"]);
    let of = |name: &str| {
        let all = list.as_array().unwrap();
        all.iter().find(|w| w["name"] == name).unwrap().clone()
    };
    let ready = &of("demo-ws")["stores"][0]["object"][0];
    assert_eq!(ready["prefix"], "demo-ws/");
    assert_eq!(format!("http://{}", ready["host"].as_str().unwrap()), sandbox.s3_endpoint());
    let creating = of("new-ws");
    assert_eq!(creating["status"], "creating");
    assert_eq!(creating["stores"][0]["object"][0]["prefix"], "");
    assert!(creating["stores"][0]["object"][0]["host"].as_str().unwrap().starts_with('-'));
    assert_eq!(of("bare-ws")["stores"], Value::Null);
    assert_eq!(of("bare-ws")["last_updated"], "0001-01-01T00:00:00Z");
    let ada = tokens::access(&sandbox, ADA).await;
    let hers = call(&sandbox, "GET", "/api/workspaces", &ada).await.json();
    assert_eq!(names(&hers), ["tidewatch", "coastal-lab"]);
}

#[tokio::test]
async fn one_workspace_and_its_members() {
    let sandbox = sandbox();
    let jwt = tokens::access(&sandbox, DEMO).await;
    let one = call(&sandbox, "GET", "/api/workspaces/demo-ws", &jwt).await;
    assert_eq!(one.json()["name"], "demo-ws");
    let none = call(&sandbox, "GET", "/api/workspaces/nowhere", &jwt).await;
    assert_eq!((none.status, none.body.as_str()), (404, "\"Workspace does not exist.\""));
    assert!(is_empty_json(&call(&sandbox, "GET", "/api/workspaces/tidewatch", &jwt).await, 403));
    let users = call(&sandbox, "GET", "/api/workspaces/demo-ws/users", &jwt).await.json();
    assert_eq!(users[0]["username"], "demo");
    assert_eq!(users[0]["id"], DEMO.subject);
    let users = call(&sandbox, "GET", "/api/workspaces/tidewatch/users", &jwt).await;
    assert!(is_empty_json(&users, 403));
}

#[tokio::test]
async fn a_token_is_made_listed_read_and_deleted() {
    let sandbox = sandbox();
    let jwt = tokens::access(&sandbox, DEMO).await;
    let path = "/api/workspaces/demo-ws/me/tokens";
    let made = send(&sandbox, path, &jwt, r#"{"name":"QGIS laptop","expires":30}"#).await;
    assert_eq!(made.status, 200);
    let made = made.json();
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("454f4448") && secret.len() == 32);
    assert!(secret.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)));
    assert_eq!(made["scope"], "offline_access workspace:demo-ws");
    assert_eq!(made["user_id"], DEMO.subject);
    let (created, expiry) = (made["created"].as_str().unwrap(), made["expiry"].as_str().unwrap());
    let days = |a: &str, b: &str| {
        let parse = |t: &str| t.parse::<jiff::Timestamp>().unwrap().as_second();
        (parse(b) - parse(a)) / 86_400
    };
    assert_eq!((days(created, expiry), created.len(), created.ends_with('Z')), (30, 20, true));
    let listed = call(&sandbox, "GET", path, &jwt).await.json();
    assert_eq!(
        (listed[0]["id"].clone(), listed[0]["token"].clone()),
        (made["id"].clone(), "".into())
    );
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(call(&sandbox, "GET", &one, &jwt).await.json()["name"], "QGIS laptop");
    let key_lists = call(&sandbox, "GET", path, secret).await;
    assert_eq!(key_lists.status, 200, "the key itself may list");
    let gone = call(&sandbox, "DELETE", &one, secret).await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    assert!(is_empty_json(&call(&sandbox, "DELETE", &one, &jwt).await, 404));
    assert!(is_nginx(&call(&sandbox, "GET", path, secret).await, 401), "a deleted key");
    assert!(sandbox.seen().iter().all(|seen| !seen.secret_in_url));
}

#[tokio::test]
async fn bad_requests_for_tokens_are_refused_and_make_none() {
    let sandbox = sandbox();
    let jwt = tokens::access(&sandbox, DEMO).await;
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(129));
    for body in [
        "",
        "null",
        "not json",
        "{}",
        r#"{"name":""}"#,
        r#"{"name":"n","expires":0}"#,
        r#"{"name":"n","expires":31}"#,
        r#"{"name":"n","expires":-1}"#,
        r#"{"name":"n","expires":"30"}"#,
        &long,
    ] {
        let refused = send(&sandbox, "/api/workspaces/demo-ws/me/tokens", &jwt, body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.kind.starts_with("text/plain") && refused.body.ends_with('\n'));
    }
    assert!(sandbox.tokens().is_empty());
    let default =
        send(&sandbox, "/api/workspaces/demo-ws/me/tokens", &jwt, r#"{"name":"n"}"#).await;
    assert_eq!(default.status, 200, "no expires: the default");
}

#[tokio::test]
async fn a_key_of_one_workspace_stays_in_it() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    assert_eq!(names(&call(&sandbox, "GET", "/api/workspaces", &key).await.json()), ["demo-ws"]);
    assert_eq!(call(&sandbox, "GET", "/api/workspaces/demo-ws", &key).await.status, 200);
    for path in ["/api/workspaces/demo-lab", "/api/workspaces/demo-lab/me/tokens"] {
        assert!(is_empty_json(&call(&sandbox, "GET", path, &key).await, 401), "{path}");
    }
    let accounts = call(&sandbox, "GET", "/api/accounts", &key).await;
    let text = "unauthorized: workspace scoped tokens not allowed\n";
    assert_eq!((accounts.status, accounts.body.as_str()), (401, text));
    let jwt = tokens::access(&sandbox, DEMO).await;
    let stranger = call(&sandbox, "GET", "/api/workspaces/tidewatch/me/tokens", &jwt).await;
    assert!(is_nginx(&stranger, 403));
}

#[tokio::test]
async fn dead_keys_and_odd_headers_are_not_let_in() {
    let sandbox = sandbox();
    let (id, key) = demo_key(&sandbox);
    let path = "/api/workspaces/demo-ws/me/tokens";
    for bad in ["x", "454f444800112233445566778899aabb", id.as_str(), "a.b.c"] {
        assert!(is_nginx(&call(&sandbox, "GET", path, bad).await, 401), "{bad}");
    }
    let url = format!("{}{path}", sandbox.hub_url());
    for value in [format!("bearer {key}"), format!("Basic {key}"), key.clone()] {
        let refused = answer(client().get(&url).header("authorization", value)).await;
        assert!(is_nginx(&refused, 401));
    }
    sandbox.clock().advance(30 * 86_400 - 1);
    assert_eq!(call(&sandbox, "GET", path, &key).await.status, 200);
    sandbox.clock().advance(1);
    assert!(is_nginx(&call(&sandbox, "GET", path, &key).await, 401), "expired");
}

#[tokio::test]
async fn wrong_methods_and_odd_paths() {
    let sandbox = sandbox();
    let jwt = tokens::access(&sandbox, DEMO).await;
    let page = "404 page not found\n";
    for (method, path) in [
        ("PUT", "/api/workspaces"),
        ("POST", "/api/workspaces/demo-ws"),
        ("GET", "/api/workspaces/demo-ws/me/s3-tokens"),
        ("DELETE", "/api/workspaces/demo-ws/me/s3-tokens"),
        ("GET", "/api/workspaces/"),
        ("GET", "/api/workspaces/demo-ws/"),
        ("OPTIONS", "/api/workspaces"),
        ("GET", "/api/nothing"),
    ] {
        let refused = call(&sandbox, method, path, &jwt).await;
        assert_eq!((refused.status, refused.body.as_str()), (404, page), "{method} {path}");
    }
    assert_eq!(call(&sandbox, "HEAD", "/api/workspaces", &jwt).await.status, 404);
    let moved = call(&sandbox, "GET", "/api//workspaces", &jwt).await;
    assert_eq!((moved.status, moved.header("location")), (301, "/api/workspaces"));
    let doc = call(&sandbox, "GET", "/api/docs/workspace-services/doc.json", "").await;
    assert_eq!(doc.json()["info"]["title"], "EODHP Workspace Services API");
}

#[tokio::test]
async fn s3_credentials_are_minted_for_ready_workspaces_of_members() {
    let sandbox = sandbox();
    let (_, key) = demo_key(&sandbox);
    let path = "/api/workspaces/demo-ws/me/s3-tokens";
    let minted = send(&sandbox, path, &key, "").await;
    assert_eq!(minted.status, 200);
    let minted = minted.json();
    assert!(minted["accessKeyId"].as_str().unwrap().starts_with("ASIA"));
    let end: jiff::Timestamp = minted["expiration"].as_str().unwrap().parse().unwrap();
    assert_eq!(end.as_second() - sandbox.clock().now(), 3600);
    let again = send(&sandbox, path, &key, "").await.json();
    assert_ne!(again["accessKeyId"], minted["accessKeyId"]);
    let jwt = tokens::access(&sandbox, DEMO).await;
    for ws in ["tidewatch", "nowhere", "new-ws", "bare-ws"] {
        let refused = send(&sandbox, &format!("/api/workspaces/{ws}/me/s3-tokens"), &jwt, "").await;
        assert_eq!(refused.status, 500, "{ws}");
        assert!(refused.kind.starts_with("text/plain") && refused.body.contains("AccessDenied"));
    }
}
