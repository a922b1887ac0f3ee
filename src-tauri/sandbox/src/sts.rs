//! `AssumeRoleWithWebIdentity` at the root of the S3 endpoint, in AWS's words: an OpenID token and
//! a role in, temporary S3 credentials out. A role is a workspace of which the token's owner is a
//! member: `arn:aws:iam::000000000000:role/WORKSPACE`.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use crate::api::s3_tokens::{Minted, issue};
use crate::clock::rfc3339;
use crate::pages::escape;
use crate::state::App;
use crate::{reply, world};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// Life of credentials in seconds: by default, at least, at most.
const LIFE: (i64, i64, i64) = (3600, 900, 43_200);
/// What every role's ARN begins with.
const ROLE: &str = "arn:aws:iam::000000000000:role/";

/// The form of a request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Assume {
    #[serde(default)]
    action: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    web_identity_token: String,
    #[serde(default)]
    role_arn: String,
    #[serde(default)]
    role_session_name: String,
    duration_seconds: Option<String>,
}

/// Status, code and words.
type Refusal = (StatusCode, &'static str, &'static str);

const fn refusal(code: &'static str, text: &'static str) -> Refusal {
    (StatusCode::BAD_REQUEST, code, text)
}

/// `POST /` of the S3 endpoint.
pub(crate) async fn assume(State(app): State<App>, Form(form): Form<Assume>) -> Response {
    let request_id = app.random.uuid();
    match judge(&app, &form) {
        Ok((minted, role)) => reply::body(
            StatusCode::OK,
            "text/xml",
            format!(
                "<AssumeRoleWithWebIdentityResponse xmlns=\"{NAMESPACE}\">\
                 <AssumeRoleWithWebIdentityResult><Credentials>\
                 <AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
                 <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>\
                 <AssumedRoleUser><Arn>{}</Arn></AssumedRoleUser>\
                 </AssumeRoleWithWebIdentityResult><ResponseMetadata>\
                 <RequestId>{request_id}</RequestId></ResponseMetadata>\
                 </AssumeRoleWithWebIdentityResponse>",
                minted.access_key,
                minted.grant.secret_key,
                minted.grant.session_token,
                rfc3339(minted.grant.expires),
                escape(&role),
            ),
        ),
        Err((status, code, text)) => reply::body(
            status,
            "text/xml",
            format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>{text}</Message></Error>\
                 <RequestId>{request_id}</RequestId></ErrorResponse>"
            ),
        ),
    }
}

fn judge(app: &App, form: &Assume) -> Result<(Minted, String), Refusal> {
    if form.action != "AssumeRoleWithWebIdentity" {
        return Err(refusal("InvalidAction", "Could not find operation for this version"));
    }
    if form.version != "2011-06-15" {
        return Err(refusal("InvalidAction", "Could not find operation for this version"));
    }
    let life = life(form.duration_seconds.as_deref())?;
    check_name(&form.role_session_name)?;
    let person = owner(app, &form.web_identity_token)?;
    let workspace = form.role_arn.strip_prefix(ROLE).and_then(world::workspace);
    let usable = |w: &world::Workspace| w.stage == world::Stage::Ready && person.is_member(w.name);
    let Some(workspace) = workspace.filter(usable) else {
        let text = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        return Err((StatusCode::FORBIDDEN, "AccessDenied", text));
    };
    let role = format!(
        "arn:aws:sts::000000000000:assumed-role/{}/{}",
        workspace.name, form.role_session_name
    );
    Ok((issue(app, workspace.name, life), role))
}

fn life(asked: Option<&str>) -> Result<i64, Refusal> {
    let (default, least, most) = LIFE;
    match asked.map(str::parse::<i64>) {
        None => Ok(default),
        Some(Ok(seconds)) if (least..=most).contains(&seconds) => Ok(seconds),
        Some(_) => Err(refusal(
            "ValidationError",
            "Value at 'durationSeconds' must be between 900 and 43200",
        )),
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(legal) {
        return Ok(());
    }
    Err(refusal("ValidationError", "Value at 'roleSessionName' failed to satisfy constraint"))
}

/// Whose token it is: an ID or access token of this issuer for the public client.
fn owner(app: &App, token: &str) -> Result<world::Person, Refusal> {
    let bad = refusal("InvalidIdentityToken", "Couldn't retrieve verification key or bad token");
    let claims = app.signer.verify(token).ok_or(bad)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let fits = ["ID", "Bearer"].contains(&text("typ")) && text("azp") == app.client_id;
    if !fits || text("iss") != app.issuer() {
        return Err(bad);
    }
    if claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= app.clock.now()) {
        return Err(refusal("ExpiredTokenException", "Token must be redeemed within its life"));
    }
    world::person(text("preferred_username")).ok_or(bad)
}
