//! `.env` lines, named as every tool expects (`AWS_…`, without which the AWS tools and GDAL see
//! nothing: product.md T1).

use crate::credential::{CredentialSecret, S3Location};
use crate::secret::Secret;

/// The lines for S3 credentials, or for a pair that opens S3 as it is; `None` for another kind.
///
/// `AWS_ENDPOINT_URL_S3` is written only where the objects are not at AWS' own endpoint.
pub fn render(secret: &CredentialSecret, location: Option<&S3Location>) -> Option<Secret> {
    let (access_key_id, secret_access_key, session_token) = match secret {
        CredentialSecret::S3 { access_key_id, secret_access_key, session_token } => {
            (access_key_id, secret_access_key, Some(session_token))
        }
        // A pair has no session token; without a place that it opens it is no S3 credential.
        CredentialSecret::KeyPair { api_key, secret_key } if location.is_some() => {
            (api_key, secret_key, None)
        }
        CredentialSecret::ApiToken(_)
        | CredentialSecret::KeyPair { .. }
        | CredentialSecret::SessionToken(_) => return None,
    };
    let region = location.map(|at| at.region.as_bytes());
    let endpoint = location.and_then(|at| at.endpoint.as_deref()).map(str::as_bytes);
    let lines = [
        ("AWS_ACCESS_KEY_ID", Some(access_key_id.expose())),
        ("AWS_SECRET_ACCESS_KEY", Some(secret_access_key.expose())),
        ("AWS_SESSION_TOKEN", session_token.map(Secret::expose)),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ENDPOINT_URL_S3", endpoint),
    ];
    let size =
        lines.iter().map(|(name, value)| name.len() + 2 + value.map_or(0, <[u8]>::len)).sum();
    let mut text = Vec::with_capacity(size);
    for (name, value) in lines {
        let Some(value) = value else { continue };
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value);
        text.push(b'\n');
    }
    Some(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_finds_its_names() {
        let part = |text: &str| Secret::from_text(text.into());
        let secret = CredentialSecret::S3 {
            access_key_id: part("ASIA1"),
            secret_access_key: part("a/b+c"),
            session_token: part("t=="),
        };
        let at = S3Location {
            bucket: "workspaces-eodhp".into(),
            prefix: "demo-ws/".into(),
            region: "eu-west-2".into(),
            endpoint: Some("http://127.0.0.1:9000".into()),
        };
        let text = render(&secret, Some(&at)).expect("has a form");
        assert_eq!(
            text.expose_text(),
            Some(
                "AWS_ACCESS_KEY_ID=ASIA1\nAWS_SECRET_ACCESS_KEY=a/b+c\nAWS_SESSION_TOKEN=t==\n\
                 AWS_DEFAULT_REGION=eu-west-2\nAWS_ENDPOINT_URL_S3=http://127.0.0.1:9000\n"
            )
        );
    }

    #[test]
    fn a_pair_has_no_session_token() {
        let part = |text: &str| Secret::from_text(text.into());
        let pair = CredentialSecret::KeyPair { api_key: part("ak"), secret_key: part("sk") };
        let at = S3Location {
            bucket: String::new(),
            prefix: String::new(),
            region: "forepaas".into(),
            endpoint: Some("https://demo.example/datastore".into()),
        };
        let text = render(&pair, Some(&at)).expect("has a form");
        assert_eq!(
            text.expose_text(),
            Some(
                "AWS_ACCESS_KEY_ID=ak\nAWS_SECRET_ACCESS_KEY=sk\nAWS_DEFAULT_REGION=forepaas\n\
                 AWS_ENDPOINT_URL_S3=https://demo.example/datastore\n"
            )
        );
        assert!(render(&pair, None).is_none(), "no place that it opens");
    }

    #[test]
    fn an_api_token_has_no_such_lines() {
        let token = CredentialSecret::ApiToken(Secret::from_text("454f4448".into()));
        assert!(render(&token, None).is_none());
    }
}
