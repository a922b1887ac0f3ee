//! The portal: sign-in, the split cookie, its end and its rotation.

use wayleave_sandbox::{ADA, Control, DEMO, SessionKind};

use crate::browser::{Browser, form_action};
use crate::{Answer, answer, client, is_nginx, sandbox};

async fn with_cookie(sandbox: &wayleave_sandbox::Sandbox, path: &str, cookie: &str) -> Answer {
    let url = format!("{}{path}", sandbox.hub_url());
    answer(client().get(url).header("cookie", cookie)).await
}

#[tokio::test]
async fn signing_in_leads_back_with_a_session_in_two_cookies() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    let login = browser.go("/oauth2/start?rd=/workspaces/", None).await;
    assert!(login.body.contains("id=\"kc-form-login\"") && login.body.contains("autofocus"));
    assert!(browser.jar.keys().any(|(_, name)| name == "_oauth2_proxy_csrf"));
    let wrong = browser.log_in(&login, "demo", "no").await;
    assert_eq!(wrong.status, 200);
    assert!(wrong.body.contains("Invalid username or password."));
    let page = browser.log_in(&wrong, "demo", "demo-password").await;
    assert!(page.url.ends_with("/workspaces/"), "{}", page.url);
    assert!(page.body.contains("demo-ws") && page.body.contains("Sandbox EO Data Hub"));
    let names: Vec<_> =
        browser.jar.keys().map(|(path, name)| (path.as_str(), name.as_str())).collect();
    let realm = "/keycloak/realms/eodhp/";
    assert_eq!(
        names,
        [
            ("/", "_oauth2_proxy_0"),
            ("/", "_oauth2_proxy_1"),
            (realm, "AUTH_SESSION_ID"),
            (realm, "KEYCLOAK_IDENTITY"),
            (realm, "KEYCLOAK_SESSION"),
        ]
    );
}

#[tokio::test]
async fn both_parts_of_the_cookie_are_needed() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/").await;
    let session = browser.session();
    let (first, second) = session.split_once("; ").unwrap();
    let path = "/api/workspaces";
    assert_eq!(with_cookie(&sandbox, path, &session).await.status, 200);
    assert_eq!(with_cookie(&sandbox, path, &format!("{second}; {first}")).await.status, 200);
    for half in [first, second, "_oauth2_proxy_csrf=x", ""] {
        assert!(is_nginx(&with_cookie(&sandbox, path, half).await, 401), "half a cookie");
    }
    let seen = sandbox.seen();
    let last_good = seen.iter().find(|s| s.path == path && s.status == 200).unwrap();
    assert_eq!(last_good.who.as_deref(), Some("cookie:demo"));
    assert_eq!(last_good.cookies, ["_oauth2_proxy_0", "_oauth2_proxy_1"]);
}

#[tokio::test]
async fn a_client_that_ignores_cookie_paths_is_caught() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/").await;
    let leaky: Vec<String> = browser.jar.iter().map(|((_, n), v)| format!("{n}={v}")).collect();
    with_cookie(&sandbox, "/api/workspaces", &leaky.join("; ")).await;
    let last = sandbox.seen().pop().unwrap();
    assert!(last.cookies.iter().any(|name| name == "KEYCLOAK_IDENTITY"));
}

#[tokio::test]
async fn only_this_hub_is_returned_to() {
    let sandbox = sandbox();
    let inside = format!("{}/workspaces/?workspace=demo-ws", sandbox.hub_url());
    for (rd, end) in [
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/%5Celsewhere.example/", "/"),
        ("javascript:alert(1)", "/"),
        (inside.as_str(), "/workspaces/?workspace=demo-ws"),
        ("/small", "/small"),
    ] {
        let mut browser = Browser::new(&sandbox);
        let page = browser.sign_in(DEMO, rd).await;
        assert_eq!(page.url, format!("{}{end}", sandbox.hub_url()), "for {rd}");
    }
}

#[tokio::test]
async fn a_callback_needs_the_browser_that_started() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    let login = browser.go("/oauth2/start", None).await;
    let action = form_action(&login);
    let form = [("username", "demo"), ("password", "demo-password")];
    let redirect = browser.hop(&action, Some(&form)).await.location.unwrap();
    let mut stranger = Browser::new(&sandbox);
    let refused = stranger.go(&redirect, None).await;
    assert_eq!(refused.status, 403);
    assert!(stranger.jar.is_empty());
    assert_eq!(browser.go(&redirect, None).await.status, 403, "the state is spent");
}

#[tokio::test]
async fn userinfo_names_the_user() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(ADA, "/").await;
    let info = with_cookie(&sandbox, "/oauth2/userinfo", &browser.session()).await.json();
    assert_eq!(info["preferredUsername"], "ada");
    assert_eq!(info["email"], "ada@example.org");
    assert_eq!(info["user"], ADA.subject);
    assert_eq!(with_cookie(&sandbox, "/oauth2/userinfo", "").await.status, 401);
}

#[tokio::test]
async fn a_session_lives_while_it_is_used_and_thirty_minutes_longer() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/").await;
    let session = browser.session();
    for _ in 0..4 {
        sandbox.clock().advance(1500);
        assert_eq!(with_cookie(&sandbox, "/api/workspaces", &session).await.status, 200);
    }
    sandbox.clock().advance(1801);
    let dead = with_cookie(&sandbox, "/api/workspaces", &session).await;
    assert!(is_nginx(&dead, 401));
    assert_eq!(dead.headers.get_all("set-cookie").iter().count(), 2, "the cookies are taken");
    sandbox.clock().advance(-1801);
    assert_eq!(with_cookie(&sandbox, "/api/workspaces", &session).await.status, 401);
}

#[tokio::test]
async fn signing_out_ends_it_and_the_providers_session_goes_on() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/").await;
    let session = browser.session();
    assert_eq!(browser.go("/oauth2/sign_out", None).await.status, 200);
    assert!(!browser.jar.keys().any(|(_, name)| name.starts_with("_oauth2_proxy")));
    assert_eq!(with_cookie(&sandbox, "/api/workspaces", &session).await.status, 401);
    let silent = browser.go("/oauth2/start?rd=/workspaces/", None).await;
    assert!(silent.url.ends_with("/workspaces/"), "no log-in page: {}", silent.url);
    browser.go("/sign_out/", None).await;
    let asked = browser.go("/workspaces/", None).await;
    assert!(asked.body.contains("kc-form-login"));
}

#[tokio::test]
async fn pages_ask_for_the_log_in_and_programs_get_401() {
    let sandbox = sandbox();
    let page = Browser::new(&sandbox).hop("/workspaces/?workspace=demo-ws", None).await;
    assert_eq!(page.status, 302);
    let to = page.location.unwrap();
    assert!(to.starts_with("/oauth2/start?rd=") && to.contains("demo-ws"), "{to}");
    let url = format!("{}/workspaces/", sandbox.hub_url());
    let bare = answer(client().get(url).header("accept", "application/json")).await;
    assert_eq!(bare.status, 401);
}

#[tokio::test]
async fn the_pages_make_show_once_and_delete_a_token() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/").await;
    let form = [("workspace", "demo-ws"), ("name", "<b>by hand</b>"), ("expires", "7")];
    let made = browser.go("/workspaces/tokens", Some(&form)).await;
    assert!(
        made.body.contains("id=\"api-key\">454f4448") && made.body.contains("&lt;b&gt;by hand")
    );
    assert!(!made.body.contains("<b>by hand"));
    let again = browser.go("/workspaces/?workspace=demo-ws", None).await;
    assert!(!again.body.contains("454f4448"), "shown once");
    let id = sandbox.tokens()[0].id.clone();
    let form = [("workspace", "demo-ws"), ("id", id.as_str())];
    browser.go("/workspaces/tokens/delete", Some(&form)).await;
    assert!(sandbox.tokens().is_empty());
    let foreign = [("workspace", "tidewatch"), ("name", "n"), ("expires", "7")];
    assert_eq!(browser.go("/workspaces/tokens", Some(&foreign)).await.status, 403);
}

#[tokio::test]
async fn rotated_cookies_work_and_the_old_ones_are_a_trap() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/").await;
    sandbox.control(Control::RotateCookies { after_seconds: Some(60) }).unwrap();
    let old = browser.session();
    assert_eq!(browser.go("/api/workspaces", None).await.status, 200);
    assert_eq!(browser.session(), old, "too young");
    sandbox.clock().advance(60);
    assert_eq!(browser.go("/api/workspaces", None).await.status, 200);
    let new = browser.session();
    assert_ne!(new, old);
    let trapped = with_cookie(&sandbox, "/api/workspaces", &old).await;
    assert!(is_nginx(&trapped, 401) && trapped.headers.contains_key("set-cookie"));
    assert_eq!(with_cookie(&sandbox, "/api/workspaces", &new).await.status, 200, "until refresh");
    sandbox.clock().advance(60);
    assert_eq!(with_cookie(&sandbox, "/api/workspaces", &new).await.status, 401, "doomed");
}

#[tokio::test]
async fn rotation_survives_serial_use() {
    let sandbox = sandbox();
    let mut browser = Browser::new(&sandbox);
    browser.sign_in(DEMO, "/").await;
    sandbox.control(Control::RotateCookies { after_seconds: Some(60) }).unwrap();
    for _ in 0..5 {
        sandbox.clock().advance(61);
        assert_eq!(browser.go("/api/workspaces", None).await.status, 200);
    }
    sandbox.control(Control::ExpireSessions { kind: SessionKind::Oidc, username: None }).unwrap();
    assert_eq!(browser.go("/api/workspaces", None).await.status, 200, "nobody asked yet");
    sandbox.clock().advance(61);
    assert_eq!(browser.go("/api/workspaces", None).await.status, 401, "the refresh finds out");
}

#[tokio::test]
async fn expired_sessions_are_expired_for_the_named_person_only() {
    let sandbox = sandbox();
    let (mut demo, mut ada) = (Browser::new(&sandbox), Browser::new(&sandbox));
    demo.sign_in(DEMO, "/").await;
    ada.sign_in(ADA, "/").await;
    let control =
        Control::ExpireSessions { kind: SessionKind::Portal, username: Some("ada".to_owned()) };
    sandbox.control(control).unwrap();
    assert_eq!(demo.go("/api/workspaces", None).await.status, 200);
    assert_eq!(ada.go("/api/workspaces", None).await.status, 401);
}
