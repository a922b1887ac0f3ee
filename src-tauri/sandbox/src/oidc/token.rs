//! The token endpoint: code, refresh token or device code in, tokens out.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::authorize::is_client;
use super::device;
use super::keys::{challenge_of, half_hash};
use super::store::{AuthRequest, Grant};
use super::{PORTAL_CLIENT, store::OidcStore};
use crate::state::{App, Shared};
use crate::{reply, world};

/// How long an authorisation code lives, in seconds.
const CODE_SECONDS: i64 = 60;

/// The form of a token request.
#[derive(Deserialize)]
pub(crate) struct TokenForm {
    pub(crate) grant_type: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) code_verifier: Option<String>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) device_code: Option<String>,
    pub(crate) scope: Option<String>,
}

/// A refusal in OAuth's form: `error` and `error_description`.
pub(crate) type Refusal = (&'static str, &'static str);

/// `invalid_grant` with one of Keycloak's texts.
pub(crate) const fn invalid_grant(description: &'static str) -> Refusal {
    ("invalid_grant", description)
}

/// `POST …/token`.
pub(crate) async fn token(State(app): State<App>, Form(form): Form<TokenForm>) -> Response {
    let Some(grant_type) = form.grant_type.as_deref() else {
        let text = "Missing form parameter: grant_type";
        return reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", text);
    };
    let client = form.client_id.clone().unwrap_or_default();
    if !is_client(&app, &client) {
        let text = "Invalid client or Invalid client credentials";
        return reply::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", text);
    }
    if client == PORTAL_CLIENT {
        let text = "Invalid client or Invalid client credentials";
        return reply::oauth_error(StatusCode::UNAUTHORIZED, "unauthorized_client", text);
    }
    let outcome = match grant_type {
        "authorization_code" => by_code(&app, &client, &form),
        "refresh_token" => by_refresh(&app, &client, &form),
        "urn:ietf:params:oauth:grant-type:device_code" => device::poll(&app, &client, &form),
        _ => Err(("unsupported_grant_type", "Unsupported grant_type")),
    };
    match outcome {
        Ok(answer) => {
            let mut response = reply::json(StatusCode::OK, &answer);
            reply::set(&mut response, axum::http::header::CACHE_CONTROL, "no-store");
            response
        }
        Err((error, text)) => reply::oauth_error(StatusCode::BAD_REQUEST, error, text),
    }
}

fn by_code(app: &App, client: &str, form: &TokenForm) -> Result<Value, Refusal> {
    let (request, sid) = redeem_code(app, client, form)?;
    let code = form.code.as_deref().unwrap_or_default();
    let scope = allowed_scope(app, &sid, request.scope);
    let (grant, answer) = open_grant(app, client, &sid, scope, request.nonce)?;
    let mut data = app.data();
    let OidcStore { codes, grants, .. } = &mut data.oidc;
    if let (Some(entry), Some(opened)) = (codes.get_mut(code), grants.get_mut(&grant)) {
        opened.dead = entry.used_again;
        entry.grant = Some(grant);
    }
    Ok(answer)
}

/// Checks a code and spends it; any attempt spends it, and a second one kills what came of it.
fn redeem_code(
    app: &App,
    client: &str,
    form: &TokenForm,
) -> Result<(AuthRequest, String), Refusal> {
    let now = app.clock.now();
    let mut data = app.data();
    let oidc = &mut data.oidc;
    let code = form.code.as_deref().unwrap_or_default();
    let Some(entry) = oidc.codes.get_mut(code) else { return Err(invalid_grant("Code not valid")) };
    if entry.spent {
        entry.used_again = true;
        let id = entry.grant.clone().unwrap_or_default();
        if let Some(grant) = oidc.grants.get_mut(&id) {
            grant.dead = true;
        }
        return Err(invalid_grant("Code not valid"));
    }
    entry.spent = true;
    if now - entry.created > CODE_SECONDS {
        return Err(invalid_grant("Code not valid"));
    }
    if entry.request.client != client {
        return Err(invalid_grant("Auth error: Found different client_id in clientSession"));
    }
    if form.redirect_uri.as_deref() != Some(&entry.request.redirect_uri) {
        return Err(invalid_grant("Incorrect redirect_uri"));
    }
    check_verifier(entry.request.challenge.as_deref(), form.code_verifier.as_deref())?;
    Ok((entry.request.clone(), entry.sid.clone()))
}

/// PKCE (RFC 7636) with Keycloak's texts.
pub(crate) fn check_verifier(
    challenge: Option<&str>,
    verifier: Option<&str>,
) -> Result<(), Refusal> {
    let verifier = verifier.ok_or(invalid_grant("PKCE code verifier not specified"))?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if !(43..=128).contains(&verifier.len()) || !verifier.chars().all(legal) {
        return Err(invalid_grant("PKCE verification failed: Invalid code verifier"));
    }
    if challenge != Some(&challenge_of(verifier)) {
        return Err(invalid_grant("PKCE verification failed: Code mismatch"));
    }
    Ok(())
}

/// Drops `workspace:…` of workspaces where this person is no member, as the hub's exchange does.
pub(crate) fn allowed_scope(app: &Shared, sid: &str, scope: Vec<String>) -> Vec<String> {
    let username = app.data().oidc.sessions.get(sid).map(|s| s.username.clone());
    let person = username.and_then(|name| world::person(&name));
    let member = |name: &str| person.is_some_and(|p| p.is_member(name));
    scope.into_iter().filter(|s| s.strip_prefix("workspace:").is_none_or(member)).collect()
}

/// Opens a client session and issues its first tokens.
pub(crate) fn open_grant(
    app: &App,
    client: &str,
    sid: &str,
    scope: Vec<String>,
    nonce: Option<String>,
) -> Result<(String, Value), Refusal> {
    let (id, jti) = (app.random.uuid(), app.random.uuid());
    let mut data = app.data();
    let session = data.oidc.sessions.get(sid).ok_or(invalid_grant("Session not active"))?;
    if session.ended {
        return Err(invalid_grant("Session not active"));
    }
    let grant = Grant {
        client: client.to_owned(),
        sid: sid.to_owned(),
        scope,
        nonce,
        current_refresh: jti.clone(),
        dead: false,
    };
    data.oidc.refresh_index.insert(jti.clone(), id.clone());
    data.oidc.grants.insert(id.clone(), grant);
    drop(data);
    let answer = issue(app, &id, &jti, None)?;
    Ok((id, answer))
}

fn by_refresh(app: &App, client: &str, form: &TokenForm) -> Result<Value, Refusal> {
    let token = form.refresh_token.as_deref();
    let token = token.ok_or(("invalid_request", "No refresh token"))?;
    let next = app.random.uuid();
    let grant = use_refresh(app, client, token, &next)?;
    issue(app, &grant, &next, form.scope.as_deref())
}

/// Finds the grant of a refresh token, in Keycloak's order of checks, and makes `next` the `jti` of
/// its only good token, all under one lock: of two requests at once, one comes too late. An old
/// token ends the grant.
pub(crate) fn use_refresh(
    app: &App,
    client: &str,
    token: &str,
    next: &str,
) -> Result<String, Refusal> {
    let claims = app.signer.verify(token).ok_or(invalid_grant("Invalid refresh token"))?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if !["Refresh", "Offline"].contains(&claim("typ")) {
        return Err(invalid_grant("Invalid refresh token"));
    }
    let now = app.clock.now();
    let mut data = app.data();
    let OidcStore { grants, refresh_index, sessions, .. } = &mut data.oidc;
    let id = refresh_index.get(claim("jti")).ok_or(invalid_grant("Session not active"))?;
    let grant = grants.get_mut(id).ok_or(invalid_grant("Session not active"))?;
    if grant.client != client {
        return Err(invalid_grant(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    if claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| exp <= now) {
        return Err(invalid_grant("Token is not active"));
    }
    if sessions.get(&grant.sid).is_none_or(|session| session.ended) {
        return Err(invalid_grant("Session not active"));
    }
    if grant.dead {
        return Err(invalid_grant("Session doesn't have required client"));
    }
    if grant.current_refresh != claim("jti") {
        grant.dead = true;
        return Err(invalid_grant("Maximum allowed refresh token reuse exceeded"));
    }
    next.clone_into(&mut grant.current_refresh);
    let id = id.clone();
    refresh_index.insert(next.to_owned(), id.clone());
    Ok(id)
}

/// The tokens of a grant, `jti` being that of its refresh token; a refresh may ask for fewer scopes, never for more.
fn issue(app: &App, grant_id: &str, jti: &str, narrowed: Option<&str>) -> Result<Value, Refusal> {
    let now = app.clock.now();
    let mut data = app.data();
    let lifetimes = data.settings.oidc_lifetimes;
    let OidcStore { grants, sessions, .. } = &mut data.oidc;
    let lost = invalid_grant("Session not active");
    let grant = grants.get(grant_id).ok_or(lost)?;
    let session = sessions.get_mut(&grant.sid).ok_or(lost)?;
    session.last_used = now;
    let person = world::person(&session.username).ok_or(invalid_grant("User disabled"))?;
    let scope = narrow(&grant.scope, narrowed);
    let issued = Issued { app, now, sid: &grant.sid, client: &grant.client, person };
    let auth_time = session.auth_time;
    let access = issued.access(&scope, auth_time, lifetimes.access_seconds);
    let offline = grant.is_offline();
    let refresh_life = if offline { 0 } else { lifetimes.refresh_seconds };
    let refresh = issued.refresh(jti, &scope, refresh_life);
    let id_token = has(&scope, "openid")
        .then(|| issued.id(&access, auth_time, grant.nonce.as_deref(), lifetimes.access_seconds));
    let mut answer = json!({
        "access_token": access,
        "expires_in": lifetimes.access_seconds,
        "refresh_expires_in": refresh_life,
        "refresh_token": refresh,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "session_state": grant.sid,
        "scope": scope_text(&scope),
    });
    if let (Some(id), Value::Object(map)) = (&id_token, &mut answer) {
        map.insert("id_token".to_owned(), id.clone().into());
    }
    data.hand_out("access_token", &access);
    data.hand_out("refresh_token", &refresh);
    if let Some(id) = id_token {
        data.hand_out("id_token", &id);
    }
    Ok(answer)
}

fn has(scope: &[String], name: &str) -> bool {
    scope.iter().any(|scope| scope == name)
}

fn narrow(granted: &[String], asked: Option<&str>) -> Vec<String> {
    match asked {
        None => granted.to_vec(),
        Some(text) => {
            let asked: Vec<&str> = text.split_whitespace().collect();
            granted.iter().filter(|scope| asked.contains(&scope.as_str())).cloned().collect()
        }
    }
}

fn scope_text(scope: &[String]) -> String {
    let mut all: Vec<&str> = scope.iter().map(String::as_str).collect();
    all.extend(["profile", "email"].into_iter().filter(|s| !has(scope, s)));
    all.join(" ")
}

/// What the tokens of one answer share.
struct Issued<'a> {
    app: &'a App,
    now: i64,
    sid: &'a str,
    client: &'a str,
    person: world::Person,
}

impl Issued<'_> {
    fn base(&self, typ: &str, jti: &str, audience: &Value, life: i64) -> Value {
        json!({
            "exp": self.now + life, "iat": self.now, "jti": jti, "iss": self.app.issuer(),
            "aud": audience, "sub": self.person.subject, "typ": typ, "azp": self.client,
            "sid": self.sid,
        })
    }

    fn access(&self, scope: &[String], auth_time: i64, life: i64) -> String {
        let audience = json!(["eodh", "eodh-workspaces", "account"]);
        let mut claims = self.base("Bearer", &self.app.random.uuid(), &audience, life);
        merge(&mut claims, profile(self.person));
        let narrowed: Vec<&str> =
            scope.iter().filter_map(|s| s.strip_prefix("workspace:")).collect();
        merge(
            &mut claims,
            json!({
                "auth_time": auth_time,
                "scope": scope_text(scope),
                "realm_access": { "roles": ["offline_access", "default-roles-eodhp"] },
                "groups": self.person.workspaces,
                "workspaces": self.person.workspaces,
                "workspaces-owned": self.person.owned(),
            }),
        );
        if !narrowed.is_empty() {
            merge(&mut claims, json!({ "workspace": narrowed }));
        }
        self.app.signer.sign(&claims)
    }

    /// A life of 0 means an offline token, which has no `exp`.
    fn refresh(&self, jti: &str, scope: &[String], life: i64) -> String {
        let typ = if life == 0 { "Offline" } else { "Refresh" };
        let mut claims = self.base(typ, jti, &self.app.issuer().into(), life);
        if let (0, Value::Object(map)) = (life, &mut claims) {
            map.remove("exp");
        }
        merge(&mut claims, json!({ "scope": scope_text(scope) }));
        self.app.signer.sign(&claims)
    }

    fn id(&self, access: &str, auth_time: i64, nonce: Option<&str>, life: i64) -> String {
        let mut claims = self.base("ID", &self.app.random.uuid(), &self.client.into(), life);
        merge(&mut claims, profile(self.person));
        merge(&mut claims, json!({ "auth_time": auth_time, "at_hash": half_hash(access) }));
        if let Some(nonce) = nonce {
            merge(&mut claims, json!({ "nonce": nonce }));
        }
        self.app.signer.sign(&claims)
    }
}

/// The claims about a person, also those of `userinfo`.
pub(crate) fn profile(person: world::Person) -> Value {
    let (given, family) = person.name;
    json!({
        "preferred_username": person.username,
        "name": format!("{given} {family}"),
        "given_name": given,
        "family_name": family,
        "email": person.email(),
        "email_verified": true,
    })
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
