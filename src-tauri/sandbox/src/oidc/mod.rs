//! The identity provider: an OpenID issuer with the paths, texts and habits of Keycloak.

pub(crate) mod authorize;
pub(crate) mod device;
pub(crate) mod end;
pub(crate) mod keys;
pub(crate) mod login;
pub(crate) mod store;
pub(crate) mod token;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{any, get, post};
use serde_json::json;

use crate::reply;
use crate::state::App;

/// Path of the realm; the issuer is the hub's origin and this.
pub(crate) const REALM: &str = "/keycloak/realms/eodhp";
/// The portal's own client. Its tokens never leave the hub.
pub(crate) const PORTAL_CLIENT: &str = "eodh";

/// The realm's routes.
pub(crate) fn router() -> Router<App> {
    let at = |path: &str| format!("{REALM}{path}");
    let connect = |path: &str| format!("{REALM}/protocol/openid-connect{path}");
    Router::new()
        .route(&at("/.well-known/openid-configuration"), get(discovery))
        .route(&connect("/certs"), get(certs))
        .route(&connect("/auth"), get(authorize::authorize))
        .route(&at("/login-actions/authenticate"), post(login::authenticate))
        .route(&connect("/token"), post(token::token).fallback(not_allowed))
        .route(&connect("/auth/device"), post(device::start).fallback(not_allowed))
        .route(&at("/device"), get(device::page).post(device::enter_code))
        .route(&at("/login-actions/consent"), post(device::consent))
        .route(&at("/device/status"), get(device::status))
        .route(&connect("/userinfo"), get(end::userinfo).post(end::userinfo))
        .route(&connect("/logout"), get(end::browser_logout).post(end::logout))
        .route(&connect("/revoke"), post(end::revoke).fallback(not_allowed))
        .route("/keycloak/realms/{realm}/{*rest}", any(unknown))
}

async fn not_allowed() -> Response {
    reply::json(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "HTTP 405 Method Not Allowed" }))
}

async fn unknown(
    axum::extract::Path((realm, _)): axum::extract::Path<(String, String)>,
) -> Response {
    let error = if realm == "eodhp" { "HTTP 404 Not Found" } else { "Realm does not exist" };
    reply::json(StatusCode::NOT_FOUND, &json!({ "error": error }))
}

async fn certs(State(app): State<App>) -> Response {
    reply::json(StatusCode::OK, &app.signer.public_keys())
}

async fn discovery(State(app): State<App>) -> Response {
    let issuer = app.issuer();
    let connect = |path: &str| format!("{issuer}/protocol/openid-connect/{path}");
    reply::json(
        StatusCode::OK,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": connect("auth"),
            "token_endpoint": connect("token"),
            "userinfo_endpoint": connect("userinfo"),
            "end_session_endpoint": connect("logout"),
            "jwks_uri": connect("certs"),
            "device_authorization_endpoint": connect("auth/device"),
            "revocation_endpoint": connect("revoke"),
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
            "revocation_endpoint_auth_methods_supported": ["client_secret_post", "none"],
            "scopes_supported": ["openid", "profile", "email", "offline_access", "workspace"],
            "claims_supported": [
                "aud", "sub", "iss", "auth_time", "name", "given_name", "family_name",
                "preferred_username", "email", "groups", "workspaces",
            ],
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": true,
        }),
    )
}
