//! The issuer: the code flow judged by `openidconnect`, refusals, refresh, ends.

use std::time::Duration;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AuthorizationCode, ClientId, CsrfToken, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _,
};
use serde_json::json;
use wayleave_sandbox::{ADA, Control, DEMO, OidcLifetimes, SessionKind};

use crate::browser::Browser;
use crate::tokens::{
    CHALLENGE, REDIRECT, VERIFIER, auth_url, claims, code, is_error, parameter, parameters, post,
    redeem, refresh, sign_in, text,
};
use crate::{Answer, answer, call, client, sandbox};

/// The transport that `openidconnect` asks for.
pub async fn transport(
    request: openidconnect::HttpRequest,
) -> Result<openidconnect::HttpResponse, reqwest::Error> {
    let response = client().execute(request.try_into()?).await?;
    let mut builder = openidconnect::http::Response::builder().status(response.status());
    for (name, value) in response.headers() {
        builder = builder.header(name, value);
    }
    Ok(builder.body(response.bytes().await?.to_vec()).expect("a response"))
}

#[tokio::test]
async fn an_independent_client_signs_in_and_believes_the_tokens() {
    let sandbox = sandbox();
    let issuer = IssuerUrl::new(sandbox.issuer()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &transport).await.unwrap();
    let id = ClientId::new(sandbox.client_id().to_owned());
    let redirect = RedirectUrl::new(REDIRECT.to_owned()).unwrap();
    let judge = CoreClient::from_provider_metadata(metadata, id, None).set_redirect_uri(redirect);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = judge
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scope(Scope::new("offline_access".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let mut browser = Browser::new(&sandbox);
    let login = browser.go(url.as_str(), None).await;
    let back = browser.log_in(&login, ADA.username, ADA.password).await;
    assert_eq!(&parameter(&back, "state"), state.secret());
    assert_eq!(parameter(&back, "iss"), sandbox.issuer());
    let code = AuthorizationCode::new(parameter(&back, "code"));
    let tokens = judge
        .exchange_code(code)
        .unwrap()
        .set_pkce_verifier(verifier)
        .request_async(&transport)
        .await
        .unwrap();
    let id_token = tokens.id_token().unwrap();
    let id_verifier = judge.id_token_verifier();
    let believed = id_token.claims(&id_verifier, &nonce).unwrap();
    assert_eq!(believed.subject().as_str(), ADA.subject);
    assert_eq!(believed.preferred_username().unwrap().as_str(), "ada");
    let hash = openidconnect::AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&id_verifier).unwrap(),
    )
    .unwrap();
    assert_eq!(Some(&hash), believed.access_token_hash());
    assert_eq!(tokens.expires_in(), Some(Duration::from_mins(5)));
    assert!(id_token.claims(&id_verifier, &Nonce::new("other".to_owned())).is_err(), "known bad");
    let renewed = judge
        .exchange_refresh_token(tokens.refresh_token().unwrap())
        .unwrap()
        .request_async(&transport)
        .await
        .unwrap();
    let secret = |token: Option<&openidconnect::RefreshToken>| token.unwrap().secret().clone();
    assert_ne!(secret(renewed.refresh_token()), secret(tokens.refresh_token()));
    let list = call(&sandbox, "GET", "/api/workspaces", renewed.access_token().secret()).await;
    assert_eq!(list.status, 200);
}

#[tokio::test]
async fn claims_and_lives_are_those_of_the_hub() {
    let sandbox = sandbox();
    let tokens = sign_in(&sandbox, DEMO, "openid workspace:demo-ws").await;
    assert_eq!((&tokens["expires_in"], &tokens["refresh_expires_in"]), (&json!(300), &json!(1800)));
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["not-before-policy"], 0);
    let access = claims(&text(&tokens, "access_token"));
    assert_eq!(access["preferred_username"], "demo");
    assert_eq!(access["aud"], json!(["eodh", "eodh-workspaces", "account"]));
    assert_eq!(access["azp"], sandbox.client_id());
    assert_eq!(access["workspaces"], json!(DEMO.workspaces));
    assert_eq!(access["workspaces-owned"], json!(["new-ws", "demo-ws", "demo-lab"]));
    assert_eq!(access["workspace"], json!(["demo-ws"]));
    assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 300);
    let refresh = claims(&text(&tokens, "refresh_token"));
    assert_eq!(refresh["typ"], "Refresh");
    assert_eq!(refresh["exp"].as_i64().unwrap() - refresh["iat"].as_i64().unwrap(), 1800);
    let narrow = text(&tokens, "access_token");
    let one = call(&sandbox, "GET", "/api/workspaces", &narrow).await.json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    let foreign = sign_in(&sandbox, ADA, "openid workspace:demo-ws").await;
    assert!(claims(&text(&foreign, "access_token")).get("workspace").is_none(), "no member");
    let offline = sign_in(&sandbox, DEMO, "openid offline_access").await;
    assert_eq!(offline["refresh_expires_in"], 0);
    let offline = claims(&text(&offline, "refresh_token"));
    assert_eq!((offline["typ"].as_str(), offline.get("exp")), (Some("Offline"), None));
}

#[tokio::test]
async fn only_the_registered_redirect_on_any_port() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    for good in ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", REDIRECT] {
        let page = browser.go(&auth_url(&sandbox, &[("redirect_uri", good)]), None).await;
        assert!(page.body.contains("kc-form-login"), "{good}");
    }
    for bad in [
        "http://localhost/callback",
        "http://[::1]:1/callback",
        "http://127.0.0.2/callback",
        "https://127.0.0.1/callback",
        "http://127.0.0.1:1/other",
        "http://127.0.0.1:1/callback/",
        "http://127.0.0.1:1/callback?x=1",
        "http://127.0.0.1:1/callback#f",
        "http://user@127.0.0.1/callback",
        "http://127.0.0.1:99999/callback",
        "",
    ] {
        let page = browser.go(&auth_url(&sandbox, &[("redirect_uri", bad)]), None).await;
        assert_eq!((page.status, page.location), (400, None), "{bad}");
        assert!(page.body.contains("Invalid parameter: redirect_uri"));
    }
    let page = browser.go(&auth_url(&sandbox, &[("client_id", "nobody")]), None).await;
    assert!(page.status == 400 && page.body.contains("Client not found."));
}

#[tokio::test]
async fn faults_of_a_request_come_back_to_the_client() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    let pkce = "Missing parameter: code_challenge_method";
    let plain = "Invalid parameter: code challenge method is not matching the configured one";
    for (changes, error, text) in [
        (vec![("code_challenge_method", "")], "invalid_request", pkce),
        (vec![("code_challenge_method", "plain")], "invalid_request", plain),
        (vec![("code_challenge", "")], "invalid_request", "Missing parameter: code_challenge"),
        (vec![("response_type", "token")], "unsupported_response_type", ""),
        (
            vec![("scope", "openid workspace:nowhere")],
            "invalid_scope",
            "Invalid scopes: openid workspace:nowhere",
        ),
        (
            vec![("scope", "openid workspace:")],
            "invalid_scope",
            "Invalid scopes: openid workspace:",
        ),
        (vec![("prompt", "none")], "login_required", ""),
    ] {
        let page = browser.go(&auth_url(&sandbox, &changes), None).await;
        assert_eq!(parameter(&page, "error"), error);
        assert_eq!(parameter(&page, "error_description"), text);
        assert_eq!(parameter(&page, "state"), "s&t=1");
        assert_eq!(parameter(&page, "iss"), sandbox.issuer());
    }
}

#[tokio::test]
async fn a_code_is_good_once_for_its_client_redirect_and_verifier() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    let form = |changes: Vec<(&'static str, &'static str)>, code: &str| {
        let mut form = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
        ];
        form.retain(|(name, _)| !changes.iter().any(|(n, _)| n == name));
        form.extend(
            changes.into_iter().filter(|c| !c.1.is_empty()).map(|(n, v)| (n, v.to_owned())),
        );
        form
    };
    for (changes, text) in [
        (vec![("redirect_uri", "http://127.0.0.1:1/callback")], "Incorrect redirect_uri"),
        (vec![("code_verifier", "")], "PKCE code verifier not specified"),
        (vec![("code_verifier", "short")], "PKCE verification failed: Invalid code verifier"),
        (vec![("code_verifier", CHALLENGE)], "PKCE verification failed: Code mismatch"),
        (vec![("code", "made-up")], "Code not valid"),
    ] {
        let code = code(&sandbox, &mut browser, DEMO, "openid").await;
        let form = form(changes, &code);
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        is_error(&post(&sandbox, "token", &form).await, 400, "invalid_grant", text);
        if form.iter().any(|(_, v)| *v == code) {
            is_error(&redeem(&sandbox, &code).await, 400, "invalid_grant", "Code not valid");
        }
    }
    let late = code(&sandbox, &mut browser, DEMO, "openid").await;
    sandbox.clock().advance(61);
    is_error(&redeem(&sandbox, &late).await, 400, "invalid_grant", "Code not valid");
    let twice = code(&sandbox, &mut browser, DEMO, "openid").await;
    let first = redeem(&sandbox, &twice).await.json();
    is_error(&redeem(&sandbox, &twice).await, 400, "invalid_grant", "Code not valid");
    let dead = refresh(&sandbox, &text(&first, "refresh_token")).await;
    assert_eq!(dead.status, 400, "the first tokens die with the second attempt");
}

#[tokio::test]
async fn the_token_endpoint_knows_its_clients_and_grants() {
    let sandbox = sandbox();
    let unknown = "Invalid client or Invalid client credentials";
    let refused = post(&sandbox, "token", &[("grant_type", "x"), ("client_id", "nobody")]).await;
    is_error(&refused, 401, "invalid_client", unknown);
    let refused = post(&sandbox, "token", &[("grant_type", "x"), ("client_id", "eodh")]).await;
    is_error(&refused, 401, "unauthorized_client", unknown);
    let refused = post(&sandbox, "token", &[("grant_type", "password")]).await;
    is_error(&refused, 400, "unsupported_grant_type", "Unsupported grant_type");
    let refused = post(&sandbox, "token", &[]).await;
    is_error(&refused, 400, "invalid_request", "Missing form parameter: grant_type");
    let url = format!("{}/protocol/openid-connect/token", sandbox.issuer());
    let got = answer(client().get(url)).await;
    assert_eq!(
        (got.status, got.body.as_str()),
        (405, r#"{"error":"HTTP 405 Method Not Allowed"}"#)
    );
    let other = format!("{}/keycloak/realms/x/.well-known/openid-configuration", sandbox.hub_url());
    let got = answer(client().get(other)).await;
    assert_eq!((got.status, got.body.as_str()), (404, r#"{"error":"Realm does not exist"}"#));
}

#[tokio::test]
async fn using_an_old_refresh_token_ends_the_newest_too() {
    let sandbox = sandbox();
    let first = text(&sign_in(&sandbox, DEMO, "openid").await, "refresh_token");
    let second = refresh(&sandbox, &first).await.json();
    let third = refresh(&sandbox, &text(&second, "refresh_token")).await.json();
    let reuse = "Maximum allowed refresh token reuse exceeded";
    is_error(&refresh(&sandbox, &first).await, 400, "invalid_grant", reuse);
    let dead = refresh(&sandbox, &text(&third, "refresh_token")).await;
    is_error(&dead, 400, "invalid_grant", "Session doesn't have required client");
    assert_eq!(userinfo(&sandbox, &text(&third, "access_token")).await.status, 401);
}

#[tokio::test]
async fn two_refreshes_at_once_leave_nobody_signed_in() {
    let sandbox = sandbox();
    let token = text(&sign_in(&sandbox, DEMO, "openid").await, "refresh_token");
    let (one, two) = tokio::join!(refresh(&sandbox, &token), refresh(&sandbox, &token));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    let winner = if one.status == 200 { one } else { two };
    assert_eq!(refresh(&sandbox, &text(&winner.json(), "refresh_token")).await.status, 400);
}

#[tokio::test]
async fn refresh_tokens_end_by_time_client_and_kind() {
    let sandbox = sandbox();
    let tokens = sign_in(&sandbox, DEMO, "openid").await;
    let (token, access) = (text(&tokens, "refresh_token"), text(&tokens, "access_token"));
    let bad = "Invalid refresh token";
    is_error(&refresh(&sandbox, "garbage").await, 400, "invalid_grant", bad);
    is_error(&refresh(&sandbox, &access).await, 400, "invalid_grant", bad);
    sandbox.clock().advance(1799);
    let next = text(&refresh(&sandbox, &token).await.json(), "refresh_token");
    sandbox.clock().advance(1800);
    is_error(&refresh(&sandbox, &next).await, 400, "invalid_grant", "Token is not active");
    let offline = text(&sign_in(&sandbox, DEMO, "openid offline_access").await, "refresh_token");
    sandbox.clock().advance(20 * 86_400);
    assert_eq!(refresh(&sandbox, &offline).await.status, 200, "offline tokens do not age");
}

#[tokio::test]
async fn lives_and_sessions_follow_the_controls() {
    let sandbox = sandbox();
    let lives = OidcLifetimes { access_seconds: 20, refresh_seconds: 40 };
    sandbox.control(Control::OidcLifetimes(lives)).unwrap();
    let tokens = sign_in(&sandbox, DEMO, "openid").await;
    assert_eq!((&tokens["expires_in"], &tokens["refresh_expires_in"]), (&json!(20), &json!(40)));
    let access = text(&tokens, "access_token");
    assert_eq!(call(&sandbox, "GET", "/api/workspaces", &access).await.status, 200);
    sandbox.clock().advance(20);
    assert_eq!(call(&sandbox, "GET", "/api/workspaces", &access).await.status, 401);
    let end =
        Control::ExpireSessions { kind: SessionKind::Oidc, username: Some("demo".to_owned()) };
    sandbox.control(end).unwrap();
    let dead = refresh(&sandbox, &text(&tokens, "refresh_token")).await;
    is_error(&dead, 400, "invalid_grant", "Session not active");
}

async fn userinfo(sandbox: &wayleave_sandbox::Sandbox, token: &str) -> Answer {
    call(sandbox, "GET", "/keycloak/realms/eodhp/protocol/openid-connect/userinfo", token).await
}

#[tokio::test]
async fn logging_out_by_refresh_token() {
    let sandbox = sandbox();
    let tokens = sign_in(&sandbox, DEMO, "openid").await;
    let (token, access) = (text(&tokens, "refresh_token"), text(&tokens, "access_token"));
    assert_eq!(userinfo(&sandbox, &access).await.json()["sub"], DEMO.subject);
    for _ in 0..2 {
        assert_eq!(post(&sandbox, "logout", &[("refresh_token", &token)]).await.status, 204);
    }
    let garbage = post(&sandbox, "logout", &[("refresh_token", "garbage")]).await;
    is_error(&garbage, 400, "invalid_grant", "Invalid refresh token");
    is_error(&refresh(&sandbox, &token).await, 400, "invalid_grant", "Session not active");
    let dead = userinfo(&sandbox, &access).await;
    assert_eq!((dead.status, dead.body.as_str()), (401, ""));
    assert!(dead.header("www-authenticate").contains("user_session_not_found"));
    let api = call(&sandbox, "GET", "/api/workspaces", &access).await;
    assert_eq!(api.status, 200, "nobody on the API's path asks the provider");
}

#[tokio::test]
async fn logging_out_in_the_browser() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    let code = code(&sandbox, &mut browser, DEMO, "openid").await;
    let tokens = redeem(&sandbox, &code).await.json();
    let logout = format!("{}/protocol/openid-connect/logout", sandbox.issuer());
    let asked = browser.go(&logout, None).await;
    assert!(asked.body.contains("Do you want to log out?"));
    let target = "http://127.0.0.1:5/signed-out";
    let hint = text(&tokens, "id_token");
    let parameters = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", target)];
    let url = url::Url::parse_with_params(&logout, parameters).unwrap();
    let gone = browser.go(url.as_str(), None).await;
    assert_eq!(gone.location.as_deref(), Some(target));
    assert!(browser.jar.is_empty(), "{:?}", browser.jar.keys());
    let foreign =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", "https://x.example/")];
    let url = url::Url::parse_with_params(&logout, foreign).unwrap();
    assert_eq!(browser.go(url.as_str(), None).await.location, None);
    assert_eq!(refresh(&sandbox, &text(&tokens, "refresh_token")).await.status, 400);
}

#[tokio::test]
async fn revoking() {
    let sandbox = sandbox();
    let tokens = sign_in(&sandbox, DEMO, "openid").await;
    let (token, access) = (text(&tokens, "refresh_token"), text(&tokens, "access_token"));
    let revoked = post(&sandbox, "revoke", &[("token", &access)]).await;
    assert_eq!((revoked.status, revoked.body.as_str()), (200, ""));
    assert_eq!(userinfo(&sandbox, &access).await.status, 401);
    let token = text(&refresh(&sandbox, &token).await.json(), "refresh_token");
    assert_eq!(post(&sandbox, "revoke", &[("token", &token)]).await.status, 200);
    is_error(&refresh(&sandbox, &token).await, 400, "invalid_grant", "Session not active");
    let garbage = post(&sandbox, "revoke", &[("token", "garbage")]).await;
    is_error(&garbage, 200, "invalid_token", "Invalid token");
}

#[tokio::test]
async fn a_second_sign_in_in_the_same_browser_is_silent() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    code(&sandbox, &mut browser, DEMO, "openid").await;
    let silent = browser.go(&auth_url(&sandbox, &[]), None).await;
    let names: Vec<String> = parameters(&silent).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["state", "session_state", "iss", "code"]);
    let asked = browser.go(&auth_url(&sandbox, &[("prompt", "login")]), None).await;
    assert!(asked.body.contains("kc-form-login"));
    sandbox.clock().advance(1801);
    let idle = browser.go(&auth_url(&sandbox, &[]), None).await;
    assert!(idle.body.contains("kc-form-login"));
}
