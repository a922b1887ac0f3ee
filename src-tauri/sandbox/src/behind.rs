//! The sandbox behind a real identity provider, a real proxy and a real object store: it is then
//! the hub's API only, and believes nobody but them.
//!
//! A caller is whoever an access token of the issuer names: as a bearer, or handed on by
//! oauth2-proxy for its session cookie (`X-Forwarded-Access-Token`). Signature, issuer and end are
//! checked here; the audience where the real workspace service checks it, at S3 credentials. Those
//! come as on the real hub: the token is exchanged for one of the workspace, and that one is shown
//! to the object store's token service.

use std::sync::Mutex;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::auth::{Caller, Proof, Signed};
use crate::state::Shared;
use crate::{reply, world};

/// Life of S3 credentials, in seconds, when nothing else was set: the STS default.
const DEFAULT_LIFE: i64 = 3600;
/// The least that the token service takes as `DurationSeconds`. Without one, credentials live as
/// long as the token that was shown.
const LEAST_LIFE: i64 = 900;

/// Where the real parts are, and as whom the API acts at them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behind {
    /// The origin that people see, no slash at the end.
    pub hub: String,
    /// The issuer that tokens must name.
    pub issuer: String,
    /// The same realm, as it is reached from here.
    pub keycloak: String,
    /// The audience without which a token gets no S3 credentials.
    pub audience: String,
    /// The confidential client that exchanges tokens.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// Origin of the object store and its token service, no slash at the end.
    pub store: String,
}

/// The real parts, and what is known of them.
pub(crate) struct Front {
    behind: Behind,
    client: reqwest::Client,
    keys: Mutex<Option<JwkSet>>,
}

/// A status and words, as the workspace service writes its errors.
type Refusal = (StatusCode, String);

impl Front {
    pub(crate) fn new(behind: Behind) -> std::io::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self { behind, client, keys: Mutex::new(None) })
    }

    /// Who calls, by an access token; `None` when no token is there or it is not to be believed.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Option<Signed> {
        let handed_on = || headers.get("x-forwarded-access-token")?.to_str().ok();
        let token = reply::bearer(headers).or_else(handed_on)?.to_owned();
        let claims = self.claims(&token).await?;
        let texts = |name: &str| -> Option<Vec<String>> {
            let all = claims.get(name)?.as_array()?.iter();
            Some(all.filter_map(Value::as_str).map(str::to_owned).collect())
        };
        let person = world::person(claims.get("preferred_username")?.as_str()?)?;
        let names_us = match claims.get("aud") {
            Some(Value::String(one)) => *one == self.behind.audience,
            Some(Value::Array(all)) => all.iter().any(|aud| *aud == self.behind.audience.as_str()),
            _ => false,
        };
        let claimed = Some(texts("workspaces").unwrap_or_default());
        let caller = Caller::User { person, claimed, workspaces: texts("workspace") };
        Some(Signed::proved(caller, Proof { token, names_us }))
    }

    /// The claims of a token of this issuer that has not ended.
    async fn claims(&self, token: &str) -> Option<Value> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let key = self.key(&header.kid?).await?;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_issuer(&[&self.behind.issuer]);
        rules.set_required_spec_claims(&["exp", "iss"]);
        rules.validate_aud = false;
        rules.leeway = 0;
        let claims = jsonwebtoken::decode::<Value>(token, &key, &rules).ok()?.claims;
        (claims.get("typ").and_then(Value::as_str) == Some("Bearer")).then_some(claims)
    }

    /// A key of the issuer; asked for again when it is not among the known ones.
    async fn key(&self, id: &str) -> Option<DecodingKey> {
        if let Some(key) = self.known_key(id) {
            return Some(key);
        }
        let url = format!("{}/protocol/openid-connect/certs", self.behind.keycloak);
        let fresh: JwkSet = self.client.get(url).send().await.ok()?.json().await.ok()?;
        *self.keys.lock().ok()? = Some(fresh);
        self.known_key(id)
    }

    fn known_key(&self, id: &str) -> Option<DecodingKey> {
        let keys = self.keys.lock().ok()?;
        DecodingKey::from_jwk(keys.as_ref()?.find(id)?).ok()
    }

    /// S3 credentials of a workspace, for whom a token proves.
    pub(crate) async fn mint(
        &self,
        app: &Shared,
        caller: &Caller,
        proof: Option<&Proof>,
        workspace: &str,
    ) -> Response {
        // Nobody's refresh token is kept here, so an API token cannot act at the issuer.
        let Some(proof) = proof else {
            return reply::text(StatusCode::UNAUTHORIZED, "Invalid token");
        };
        if !proof.names_us {
            return reply::text(StatusCode::FORBIDDEN, "Client is not within the token audience");
        }
        let ready = world::workspace(workspace).is_some_and(|w| w.stage == world::Stage::Ready);
        if !ready || !caller.is_member(workspace) || caller.is_for_others_than(workspace) {
            return refused((StatusCode::INTERNAL_SERVER_ERROR, denied(app)));
        }
        let life = app.data().settings.s3_lifetime.unwrap_or(DEFAULT_LIFE);
        let minted = match self.exchange(&proof.token, workspace).await {
            Ok(token) => self.assume(app, &token, workspace, life).await,
            Err(refusal) => Err(refusal),
        };
        minted.map_or_else(refused, |keys| reply::json(StatusCode::OK, &keys))
    }

    /// A token of the same person, for one workspace (RFC 8693).
    async fn exchange(&self, token: &str, workspace: &str) -> Result<String, Refusal> {
        let scope = format!("workspace:{workspace}");
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("client_id", &self.behind.client_id),
            ("client_secret", &self.behind.client_secret),
            ("subject_token", token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("scope", &scope),
        ];
        let url = format!("{}/protocol/openid-connect/token", self.behind.keycloak);
        let (status, text) = self.post(&url, &form).await?;
        let told: Value = serde_json::from_str(&text).unwrap_or_default();
        let said = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
        match status {
            StatusCode::OK => Ok(said("access_token").to_owned()),
            // The service passes every refusal on as 401, with its words (platforms.md A.9.3).
            _ => Err((StatusCode::UNAUTHORIZED, said("error_description").to_owned())),
        }
    }

    async fn assume(
        &self,
        app: &Shared,
        token: &str,
        workspace: &str,
        life: i64,
    ) -> Result<Value, Refusal> {
        let (seconds, policy) = (life.to_string(), policy_for(workspace).to_string());
        let mut form = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("WebIdentityToken", token),
            ("Policy", &policy),
        ];
        if life >= LEAST_LIFE {
            form.push(("DurationSeconds", &seconds));
        }
        let (status, text) = self.post(&self.behind.store, &form).await?;
        let part = |name: &str| between(&text, name).unwrap_or_default().to_owned();
        if status != StatusCode::OK {
            let (code, message) = (part("Code"), part("Message"));
            let words = sts_error(app, status, &code, &message);
            return Err((StatusCode::INTERNAL_SERVER_ERROR, words));
        }
        Ok(json!({
            "accessKeyId": part("AccessKeyId"),
            "secretAccessKey": part("SecretAccessKey"),
            "sessionToken": part("SessionToken"),
            "expiration": part("Expiration"),
        }))
    }

    async fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<(StatusCode, String), Refusal> {
        let trouble = |_| (StatusCode::INTERNAL_SERVER_ERROR, "a service is not there".to_owned());
        let answer = self.client.post(url).form(form).send().await.map_err(trouble)?;
        Ok((answer.status(), answer.text().await.map_err(trouble)?))
    }
}

fn refused((status, words): Refusal) -> Response {
    reply::text(status, &words)
}

/// What a token service says of somebody who may not.
fn denied(app: &Shared) -> String {
    let words = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    sts_error(app, StatusCode::FORBIDDEN, "AccessDenied", words)
}

/// A token service's refusal in the words of the AWS library that the workspace service uses.
fn sts_error(app: &Shared, status: StatusCode, code: &str, message: &str) -> String {
    format!(
        "operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: {}, \
         RequestID: {}, api error {code}: {message}",
        status.as_u16(),
        app.random.uuid()
    )
}

/// One workspace's prefix and nothing else.
fn policy_for(workspace: &str) -> Value {
    let bucket = format!("arn:aws:s3:::{}", world::BUCKET);
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket],
          "Condition": { "StringLike": { "s3:prefix": [format!("{workspace}/*"), format!("{workspace}/")] } } },
        { "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
          "Resource": [format!("{bucket}/{workspace}/*")] },
    ] })
}

/// The text of the first XML element of that name; the store escapes nothing in these.
fn between<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
}
