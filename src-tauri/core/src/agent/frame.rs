//! Frames on the agent's socket.
//!
//! ```text
//! "WLF1" | version u16 | flags u16 | json length u32 | secrets length u32 | json | secrets
//! ```
//! Integers are big endian; each secret is a u32 length and its bytes, and the JSON refers to it
//! by index ([`crate::secret::Disclosed`]). The header never changes between versions, and the
//! flag [`STOP`] is understood by all of them, so that a newer client can end an older agent.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::PROTOCOL;
use crate::error::{Error, ErrorCode, Result};
use crate::secret::{Secret, collect_disclosed, resolve_disclosed};

/// Length of the fixed header in bytes.
pub const HEADER: usize = 16;
/// Largest request in bytes, header excluded (security.md 4.6).
pub const REQUEST_MAX: usize = 64 * 1024;
/// Largest answer in bytes, header excluded (security.md 4.6).
pub const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// Flag: end yourself, whatever version you are.
pub const STOP: u16 = 1;

const MAGIC: &[u8; 4] = b"WLF1";

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The sender's protocol version.
    pub version: u16,
    /// [`STOP`] or nothing.
    pub flags: u16,
    json: usize,
    secrets: usize,
}

impl Header {
    /// Reads a header; `None` when it is not one of ours or promises more than `most` bytes.
    pub fn parse(bytes: &[u8; HEADER], most: usize) -> Option<Self> {
        let u16_at = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
        };
        let header =
            Self { version: u16_at(4), flags: u16_at(6), json: u32_at(8), secrets: u32_at(12) };
        let fits = header.json.checked_add(header.secrets).is_some_and(|size| size <= most);
        (bytes.starts_with(MAGIC) && fits).then_some(header)
    }

    /// Bytes that follow the header.
    pub fn body(&self) -> usize {
        self.json + self.secrets
    }
}

/// A frame, ready to be written; wiped when dropped, since it may hold secrets.
pub fn encode<T: Serialize>(message: &T) -> Result<Secret> {
    let (json, secrets) = collect_disclosed(|| serde_json::to_vec(message));
    let json = json.map_err(|e| Error::internal(format!("a message cannot be written: {e}")))?;
    let secrets_length: usize = secrets.iter().map(|secret| secret.len() + 4).sum();
    let mut frame = Vec::with_capacity(HEADER + json.len() + secrets_length);
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&PROTOCOL.to_be_bytes());
    frame.extend_from_slice(&0u16.to_be_bytes());
    frame.extend_from_slice(&length(json.len())?);
    frame.extend_from_slice(&length(secrets_length)?);
    frame.extend_from_slice(&json);
    for secret in &secrets {
        frame.extend_from_slice(&length(secret.len())?);
        frame.extend_from_slice(secret.expose());
    }
    Ok(Secret::new(frame))
}

/// The frame that ends an agent of any version.
pub fn stop() -> [u8; HEADER] {
    let mut frame = [0; HEADER];
    frame[..4].copy_from_slice(MAGIC);
    frame[4..6].copy_from_slice(&PROTOCOL.to_be_bytes());
    frame[6..8].copy_from_slice(&STOP.to_be_bytes());
    frame
}

/// Reads what follows a header.
pub fn decode<T: DeserializeOwned>(header: Header, body: &Secret) -> Result<T> {
    let (json, rest) = body
        .expose()
        .split_at_checked(header.json)
        .ok_or_else(|| malformed("it is shorter than its header says"))?;
    let secrets = split_secrets(rest)?;
    resolve_disclosed(secrets, || serde_json::from_slice(json))
        .map_err(|e| malformed(&format!("line {} column {}", e.line(), e.column())))
}

fn split_secrets(mut rest: &[u8]) -> Result<Vec<Secret>> {
    let mut secrets = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let (secret, tail) = tail
            .split_at_checked(u32::from_be_bytes(*length) as usize)
            .ok_or_else(|| malformed("a secret is cut short"))?;
        secrets.push(Secret::new(secret.to_vec()));
        rest = tail;
    }
    if rest.is_empty() { Ok(secrets) } else { Err(malformed("there are bytes left over")) }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorCode::InvalidInput, format!("the message cannot be read: {what}"))
}

fn length(bytes: usize) -> Result<[u8; 4]> {
    u32::try_from(bytes)
        .map(u32::to_be_bytes)
        .map_err(|_| Error::internal("a message is larger than 4 GiB"))
}

/// Writes one frame to a blocking stream.
pub fn write_to<T: Serialize>(stream: &mut impl Write, message: &T) -> Result<()> {
    let frame = encode(message)?;
    stream.write_all(frame.expose()).map_err(|e| broken(&e))
}

/// Reads one frame from a blocking stream; `None` when the stream ended before it began.
pub fn read_from(stream: &mut impl Read, most: usize) -> Result<Option<(Header, Secret)>> {
    let mut bytes = [0; HEADER];
    match stream.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(e) => return Err(broken(&e)),
    }
    let header = Header::parse(&bytes, most).ok_or_else(|| malformed("it is no frame of ours"))?;
    let mut body = vec![0; header.body()];
    stream.read_exact(&mut body).map_err(|e| broken(&e))?;
    Ok(Some((header, Secret::new(body))))
}

fn broken(e: &io::Error) -> Error {
    Error::new(ErrorCode::AgentUnreachable, format!("the connection to the agent broke: {e}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::{Ask, Confide, Request};
    use crate::secret::Disclosed;

    fn parts(frame: &Secret) -> (Header, Secret) {
        let (header, body) = frame.expose().split_first_chunk::<HEADER>().expect("has a header");
        (Header::parse(header, REQUEST_MAX).expect("is ours"), Secret::new(body.to_vec()))
    }

    #[test]
    fn a_secret_travels_beside_the_json_and_not_in_it() {
        let typed = Disclosed::new(Secret::from_text("correct horse".into()));
        let frame = encode(&Request::Confide(Confide::Unlock { passphrase: typed })).expect("fits");
        let (header, body) = parts(&frame);
        let json = std::str::from_utf8(&body.expose()[..header.json]).expect("is text");
        assert!(!json.contains("correct"), "{json}");
        let back: Request = decode(header, &body).expect("reads");
        let Request::Confide(Confide::Unlock { passphrase }) = back else { panic!("{back:?}") };
        assert_eq!(passphrase.expose_text(), Some("correct horse"));
    }

    #[test]
    fn a_frame_that_promises_too_much_is_refused() {
        let mut frame = stop();
        frame[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Header::parse(&frame, REQUEST_MAX), None);
    }

    #[test]
    fn unknown_fields_are_refused() {
        let json = br#"{"ask":{"ask":"sign_out","account":"00112233445566778899aabbccddeeff","everywhere":false,"now":true}}"#;
        let header = Header { version: PROTOCOL, flags: 0, json: json.len(), secrets: 0 };
        let read: Result<Request> = decode(header, &Secret::new(json.to_vec()));
        assert!(read.is_err(), "{read:?}");
    }

    #[test]
    fn orders_with_a_table_of_their_own_round_trip() {
        let orders = [
            Ask::SetSettings(crate::api::Settings::default()),
            Ask::AddAccount(crate::api::NewAccount {
                platform: "eodh".into(),
                connection: [("environment".into(), "staging".into())].into(),
                name: None,
            }),
        ];
        for ask in orders {
            let (header, body) = parts(&encode(&Request::Ask(ask.clone())).expect("fits"));
            let back: Request = decode(header, &body).expect("reads");
            assert!(matches!(back, Request::Ask(same) if same == ask));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_but_never_panic(bytes: Vec<u8>, json in 0usize..64) {
            let header = Header { version: PROTOCOL, flags: 0, json, secrets: 0 };
            let _: Result<Request> = decode(header, &Secret::new(bytes));
        }

        #[test]
        fn an_ask_round_trips(account: [u8; 16], workspace in ".{0,40}") {
            let ask = Ask::RemoteTokens {
                account: crate::credential::Id(account),
                workspace: Some(workspace),
            };
            let (header, body) = parts(&encode(&Request::Ask(ask.clone())).expect("fits"));
            let back: Request = decode(header, &body).expect("reads");
            prop_assert!(matches!(back, Request::Ask(same) if same == ask));
        }
    }
}
