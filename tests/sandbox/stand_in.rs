//! Controls that stand in for a browser and the person at it.

use serde_json::json;
use wayleave_sandbox::{ADA, Config, Control, DEMO, Sandbox};

use crate::tokens::{REDIRECT, auth_url, claims, post, redeem, text};
use crate::{answer, client, sandbox};

#[tokio::test]
async fn a_portal_session_without_a_browser() {
    let sandbox = sandbox();
    let cookie = sandbox.portal_session(ADA).unwrap();
    let url = format!("{}/api/workspaces", sandbox.hub_url());
    let list = answer(client().get(url).header("cookie", cookie)).await;
    assert_eq!((list.status, list.json().as_array().unwrap().len()), (200, 2));
    assert_eq!(sandbox.seen()[0].who.as_deref(), Some("cookie:ada"));
}

#[tokio::test]
async fn an_authorisation_request_without_a_browser() {
    let sandbox = sandbox();
    let next = sandbox.authorize(ADA, &auth_url(&sandbox, &[])).unwrap();
    let next = url::Url::parse(&next).unwrap();
    assert!(next.as_str().starts_with(REDIRECT));
    let code = next.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let tokens = redeem(&sandbox, &code).await.json();
    assert_eq!(claims(&text(&tokens, "access_token"))["preferred_username"], "ada");
    let faulty = sandbox.authorize(ADA, &auth_url(&sandbox, &[("scope", "nonsense")])).unwrap();
    assert!(faulty.contains("error=invalid_scope"));
    let page = auth_url(&sandbox, &[("redirect_uri", "http://localhost/callback")]);
    assert!(sandbox.authorize(ADA, &page).is_err(), "a page, no way back");
    assert!(sandbox.authorize(ADA, "https://elsewhere.example/auth?x=1").is_err());
}

#[tokio::test]
async fn a_device_is_answered_from_another_process() {
    let config = Config { controls_port: Some(0), ..Config::default() };
    let sandbox = Sandbox::start(config).unwrap();
    let form = [
        ("scope", "openid"),
        ("code_challenge", crate::tokens::CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (allow, outcome) in [(true, None), (false, Some("access_denied"))] {
        let started = post(&sandbox, "auth/device", &form).await.json();
        let control = json!({ "do": "answer_device", "username": "demo", "allow": allow,
            "user_code": started["user_code"] });
        let url = sandbox.controls_url().unwrap();
        let done = answer(client().post(url).body(control.to_string())).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let poll = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", started["device_code"].as_str().unwrap()),
            ("code_verifier", crate::tokens::VERIFIER),
        ];
        assert_eq!(post(&sandbox, "token", &poll).await.json()["error"].as_str(), outcome);
    }
}

#[test]
fn nobody_stands_in_for_strangers() {
    let sandbox = sandbox();
    let control = Control::SignIn { username: "nobody".to_owned() };
    assert!(sandbox.control(control).is_err());
    let control = Control::AnswerDevice {
        username: DEMO.username.to_owned(),
        user_code: "NONE".to_owned(),
        allow: true,
    };
    assert!(sandbox.control(control).is_err());
}
