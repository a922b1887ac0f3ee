//! The other platforms' routes.

use serde_json::{Value, json};
use wayleave_sandbox::{ADA, DEMO, Sandbox};

use crate::{Answer, answer, client, sandbox};

/// A request with one header and, unless null, a JSON body.
async fn ask(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    (name, value): (&str, &str),
    body: Value,
) -> Answer {
    let url = format!("{}{path}", sandbox.hub_url());
    let mut request = client().request(method.parse().unwrap(), url).header(name, value);
    if !body.is_null() {
        request = request.json(&body);
    }
    answer(request).await
}

#[tokio::test]
async fn dataos_tokens() {
    let sandbox = sandbox();
    let key = sandbox.first_keys(DEMO).dataos;
    let auth = ("apikey", key.as_str());
    let base = "/heimdall/api/v1";
    let tokens = format!("{base}/users/demo/tokens");
    let list = ask(&sandbox, "GET", &tokens, auth, Value::Null).await.json();
    assert_eq!(list[0]["data"]["apikey"], key.as_str(), "lists hold the secrets");
    let new = json!({ "type": "apikey", "name": "qgis_1", "duration": "720h" });
    let made = ask(&sandbox, "POST", &tokens, auth, new.clone()).await.json();
    let end: jiff::Timestamp = made["expiration"].as_str().unwrap().parse().unwrap();
    assert_eq!(end.as_second() - sandbox.clock().now(), 720 * 3600);
    assert!(made.get("id").is_none() && made["name"] == "qgis_1");
    assert_eq!(ask(&sandbox, "POST", &tokens, auth, new.clone()).await.status, 409);
    let no_type = json!({ "name": "x" });
    assert_eq!(ask(&sandbox, "POST", &tokens, auth, no_type).await.status, 400);
    let secret = made["data"]["apikey"].as_str().unwrap();
    let rotate = json!({ "token": secret, "duration": "24h", "user_id": "demo" });
    let rotated = ask(&sandbox, "POST", &format!("{base}/tokens"), auth, rotate).await.json();
    assert!(rotated["name"] == "qgis_1" && rotated["data"]["apikey"] != secret);
    let old = ask(&sandbox, "GET", &tokens, ("apikey", secret), Value::Null).await;
    assert_eq!((old.status, old.body.trim()), (403, "Invalid token"));
    let who = json!({ "token": rotated["data"]["apikey"] });
    let who = ask(&sandbox, "POST", &format!("{base}/authorize"), auth, who).await.json();
    assert_eq!((&who["valid"], &who["result"]["id"]), (&json!(true), &json!("demo")));
    let bad = json!({ "token": secret });
    let bad = ask(&sandbox, "POST", &format!("{base}/authorize"), auth, bad).await;
    assert_eq!((bad.status, &bad.json()["valid"]), (200, &json!(false)));
    let one = format!("{tokens}/qgis_1");
    assert_eq!(ask(&sandbox, "GET", &one, auth, Value::Null).await.json()["name"], "qgis_1");
    assert_eq!(ask(&sandbox, "DELETE", &one, auth, Value::Null).await.status, 204);
    assert_eq!(ask(&sandbox, "DELETE", &one, auth, Value::Null).await.status, 404);
    let hers = sandbox.first_keys(ADA).dataos;
    assert_eq!(ask(&sandbox, "GET", &tokens, ("apikey", &hers), Value::Null).await.status, 403);
    let unsigned = ask(&sandbox, "GET", &tokens, ("x", "y"), Value::Null).await;
    assert_eq!(unsigned.body.trim(), "Authorization header isn't set");
}

#[tokio::test]
async fn opendatasoft_keys() {
    let sandbox = sandbox();
    let value = format!("apikey {}", sandbox.first_keys(DEMO).opendatasoft);
    let auth = ("authorization", value.as_str());
    let keys = "/api/automation/v1.0/apikeys/";
    let bad = json!({ "label": "", "permissions": ["x"] });
    let bad = ask(&sandbox, "POST", keys, auth, bad).await;
    assert_eq!((bad.status, &bad.json()["error_code"]), (400, &json!("validation_error")));
    assert!(
        bad.json()["detail"]["permissions"].is_array() && bad.json()["detail"]["label"].is_array()
    );
    let new = json!({ "label": "QGIS", "permissions": ["explore_restricted_dataset"] });
    let made = ask(&sandbox, "POST", keys, auth, new).await;
    assert_eq!(made.status, 201);
    let (made, uid) = (made.json(), made.json()["uid"].as_str().unwrap().to_owned());
    assert_eq!(made["key"].as_str().unwrap().len(), 56);
    let page = ask(&sandbox, "GET", &format!("{keys}?limit=2"), auth, Value::Null).await.json();
    assert_eq!((&page["total_count"], page["results"].as_array().unwrap().len()), (&json!(3), 2));
    let next = page["next"].as_str().unwrap().strip_prefix(sandbox.hub_url()).unwrap();
    let rest = ask(&sandbox, "GET", next, auth, Value::Null).await.json();
    assert_eq!((&rest["results"][0]["uid"], &rest["next"]), (&json!(uid), &Value::Null));
    let edit = json!({ "label": "QGIS 2", "permissions": [] });
    let edited = ask(&sandbox, "PUT", &format!("{keys}{uid}/"), auth, edit).await.json();
    assert_eq!(edited["label"], "QGIS 2");
    let found = json!({ "key": made["key"] });
    let found = ask(&sandbox, "POST", &format!("{keys}search_key/"), auth, found).await.json();
    assert_eq!(found["result"]["uid"], uid.as_str());
    let revoke = format!("{keys}{uid}/revoke/");
    let gone = ask(&sandbox, "POST", &revoke, auth, json!({ "reason": "unused" })).await.json();
    assert_eq!(
        (&gone["is_revoked"], &gone["revocation_status"]["revocation_reason"]),
        (&json!(true), &json!("unused"))
    );
    let kept = ask(&sandbox, "GET", &format!("{keys}{uid}/"), auth, Value::Null).await.json();
    assert_eq!(kept["is_revoked"], true, "the row stays");
    let data = "/api/explore/v2.1/catalog/datasets?limit=0";
    let dead = format!("Apikey {}", made["key"].as_str().unwrap());
    assert_eq!(ask(&sandbox, "GET", data, ("authorization", &dead), Value::Null).await.status, 401);
    assert_eq!(ask(&sandbox, "GET", keys, ("authorization", &dead), Value::Null).await.status, 401);
    let reader = format!("Apikey {}", sandbox.first_keys(ADA).opendatasoft);
    let limited = ask(&sandbox, "GET", keys, ("authorization", &reader), Value::Null).await;
    assert_eq!(limited.status, 403, "valid but limited");
    assert_eq!(
        ask(&sandbox, "GET", data, ("authorization", &reader), Value::Null).await.status,
        200
    );
    assert_eq!(ask(&sandbox, "GET", data, ("x", "y"), Value::Null).await.status, 200, "public");
    assert_eq!(
        ask(&sandbox, "GET", &format!("{keys}ak_none/"), auth, Value::Null).await.status,
        404
    );
}

#[tokio::test]
async fn ovh_sessions_and_suspension() {
    let sandbox = sandbox();
    let pair = sandbox.first_keys(DEMO);
    let login = |secret: &str| {
        let body = json!({ "auth_mode": "apikey", "apikey": pair.ovh_key, "secretkey": secret });
        answer(client().post(format!("{}/iam/login", sandbox.hub_url())).json(&body))
    };
    let session = login(&pair.ovh_secret).await.json();
    let token = session["token"].as_str().unwrap();
    assert_eq!(session["user"], "demo");
    let check = format!("/iam/v4/checkSession?app_id=forepaas&token={token}");
    assert_eq!(ask(&sandbox, "GET", &check, ("x", "y"), Value::Null).await.status, 200);
    let modes =
        ask(&sandbox, "GET", "/iam/v1/applications/preferences?app_id=x", ("x", "y"), Value::Null);
    assert_eq!(modes.await.json()["auth_mode"][1]["type"], "apikey");
    let out = format!("/iam/logout?app_id=forepaas&token={token}");
    assert_eq!(
        ask(&sandbox, "DELETE", &out, ("x", "y"), Value::Null).await.json()["success"],
        true
    );
    let ended = ask(&sandbox, "GET", &check, ("x", "y"), Value::Null).await;
    assert_eq!((ended.status, &ended.json()["error"]), (401, &json!("FpCam::Invalid token")));
    for _ in 0..5 {
        let wrong = login("wrong").await;
        assert_eq!((wrong.status, wrong.body.as_str()), (401, r#"{"error":"Unauthorized"}"#));
    }
    assert_eq!(login(&pair.ovh_secret).await.status, 403, "suspended, even with the right pair");
    sandbox.clock().advance(300);
    assert_eq!(login(&pair.ovh_secret).await.status, 200);
}
