//! From what a user gives to the addresses that are asked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::descriptor::{Descriptor, FieldSpec};
use crate::api::FieldKind;
use crate::error::{Error, ErrorCode};

/// To which installation of a platform an account belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The platform's id, as in [`crate::api::PlatformView::id`].
    pub platform: String,
    /// The hub: scheme, host and port, with the path `/`.
    pub hub: Url,
    /// `production`, `staging`, `test`; `None` for a custom hub.
    pub environment: Option<String>,
    /// The OpenID issuer. A text, because it is compared byte by byte with what the issuer says.
    pub issuer: String,
    /// The client id for the browser and device ways, when configured.
    pub client_id: Option<String>,
    /// What else the platform's own fields hold, checked, by their keys.
    #[serde(default)]
    pub more: BTreeMap<String, String>,
}

impl Connection {
    /// The hosts that belong to the installation: the hub's and the issuer's.
    pub fn hosts(&self) -> Vec<String> {
        let issuer = Url::parse(&self.issuer).ok();
        let more = self.more.values().filter_map(|text| Url::parse(text).ok());
        let all = [self.hub.clone()].into_iter().chain(issuer).chain(more);
        all.filter_map(|url| url.host_str().map(str::to_owned)).collect()
    }

    /// A connection to a hub that is no environment and needs nothing else.
    pub fn to_hub(platform: &str, hub: Url) -> Self {
        Self {
            platform: platform.into(),
            hub,
            environment: None,
            issuer: String::new(),
            client_id: None,
            more: BTreeMap::new(),
        }
    }

    /// The hub's host, for messages.
    pub fn host(&self) -> &str {
        self.hub.host_str().unwrap_or_default()
    }

    /// The hub's origin as text, without a slash at its end.
    pub fn origin(&self) -> String {
        self.hub.origin().ascii_serialization()
    }

    /// The address of a path below the hub; each segment is percent-encoded.
    ///
    /// A segment that is empty, `.` or `..`, or holds a control character, is refused: it would
    /// name another path (platforms.md A.9.5, G.12).
    pub fn at(&self, segments: &[&str]) -> Result<Url, Error> {
        let mut url = self.hub.clone();
        if let Some(bad) = segments.iter().find(|segment| !is_segment(segment)) {
            return Err(Error::new(ErrorCode::InvalidInput, "a name cannot be part of an address")
                .with("field", "workspace")
                .with("length", bad.chars().count()));
        }
        url.path_segments_mut()
            .map_err(|()| Error::internal("the hub's address has no path"))?
            .clear()
            .extend(segments);
        Ok(url)
    }
}

/// Whether a text can be one segment of a path without naming another path.
fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.chars().any(char::is_control) && !text.contains('/')
}

/// Whether plain http may be spoken with this host: it never leaves the computer.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address may be asked at all: https, or a loopback host. The one place that decides.
pub fn is_allowed(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Reads the address of a hub as people write it: with or without a scheme, with a path, upper
/// case, spaces around. Only scheme, host and port are kept.
pub fn normalise(typed: &str) -> Result<Url, Error> {
    let refused = |why: &str| Err(Error::new(ErrorCode::InvalidAddress, why).with("field", "hub"));
    let text = typed.trim();
    if text.is_empty() {
        return refused("the address is empty");
    }
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let Ok(url) = Url::parse(&text) else { return refused("this is no address") };
    if !url.username().is_empty() || url.password().is_some() {
        return refused("the address holds a user name or password");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return refused("the address has no host");
    }
    if !is_allowed(&url) {
        return refused("the address is neither https nor a loopback host");
    }
    let mut root = url;
    root.set_path("/");
    root.set_query(None);
    root.set_fragment(None);
    Ok(root)
}

/// The connection field that every platform has: a PEM file of certificates that count beside the
/// operating system's, for an installation whose authority it does not know.
pub const CA_FILE: FieldSpec = FieldSpec {
    key: "ca_file",
    label: "Certificate file",
    kind: FieldKind::Text,
    options: &[],
    default: None,
    required: false,
    help: "Only if your organisation signs its own certificates and this computer does not know \
           them: the full path of its CA file (PEM).",
};

/// The certificate file that the fields name. Reads nothing.
pub fn ca_file(fields: &BTreeMap<String, String>) -> Result<Option<PathBuf>, Error> {
    let Some(file) = given(fields, CA_FILE.key).map(PathBuf::from) else { return Ok(None) };
    if file.is_absolute() {
        return Ok(Some(file));
    }
    Err(Error::new(ErrorCode::InvalidInput, "a certificate file is named by its full path")
        .with("field", CA_FILE.key))
}

/// A field that cannot be accepted.
pub fn invalid(what: &str, field: &str) -> Error {
    Error::new(ErrorCode::InvalidInput, what).with("field", field)
}

/// Whether a text is visible ASCII only.
pub fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text has the form of a UUID, which is an id and no key anywhere.
pub fn is_uuid(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Refuses fields that the platform does not have, and asks for those that it needs.
pub fn check_fields(
    descriptor: &Descriptor,
    fields: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let known = |key: &String| descriptor.fields.iter().any(|field| field.key == key);
    if let Some(unknown) = fields.keys().find(|key| !known(key)) {
        return Err(invalid("the platform has no such connection field", unknown));
    }
    let needed = |field: &&FieldSpec| field.required && field.default.is_none();
    match descriptor.fields.iter().filter(needed).find(|f| given(fields, f.key).is_none()) {
        Some(missing) => Err(invalid("this has to be given", missing.key)),
        None => Ok(()),
    }
}

/// A connection field, without white space around it; `None` when absent or empty.
pub fn given(fields: &BTreeMap<String, String>, key: &str) -> Option<String> {
    fields.get(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised() {
        let cases = [
            ("eodatahub.org.uk", "https://eodatahub.org.uk/"),
            ("https://eodatahub.org.uk", "https://eodatahub.org.uk/"),
            ("  HTTPS://EODataHub.ORG.uk/workspaces/?workspace=a#b ", "https://eodatahub.org.uk/"),
            ("hub.example:8443/", "https://hub.example:8443/"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
            ("http://127.0.0.1:18081/x", "http://127.0.0.1:18081/"),
            ("http://localhost:9", "http://localhost:9/"),
            ("http://[::1]:9/", "http://[::1]:9/"),
        ];
        for (typed, expected) in cases {
            assert_eq!(normalise(typed).expect(typed).as_str(), expected);
        }
    }

    #[test]
    fn bad_addresses_are_refused() {
        let cases = [
            "",
            "   ",
            "http://hub.example",
            "http://127.0.0.1.example",
            "https://user:pass@hub.example",
            "ftp://hub.example",
            "javascript://hub.example",
            "file:///etc/passwd",
            "https://",
            "http://localhost.example",
            "a b.example",
        ];
        for typed in cases {
            let error = normalise(typed).expect_err(typed);
            assert_eq!(error.code, ErrorCode::InvalidAddress, "{typed}");
        }
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        let connection = Connection {
            platform: "eodh".into(),
            hub: normalise("hub.example").expect("address"),
            environment: None,
            issuer: String::new(),
            client_id: None,
            more: BTreeMap::new(),
        };
        let url = connection.at(&["api", "ws name", "id%2f?#é"]).expect("path");
        assert_eq!(url.as_str(), "https://hub.example/api/ws%20name/id%252f%3F%23%C3%A9");
        for bad in ["", ".", "..", "a/b", "a\nb"] {
            assert!(connection.at(&["api", bad]).is_err(), "{bad:?}");
        }
    }
}
