//! Secrets in memory: heap-only, wiped on drop, never printed.
//!
//! `Secret`, `Key` and `Passphrase` implement neither `Serialize` nor `Clone`, and their `Debug`
//! says `[redacted]`. Bytes live behind a pointer from birth, because moving an array by value
//! leaves copies on the stack that no `Drop` can wipe.
//!
//! [`Disclosed`] is the one secret that crosses the agent's socket. It serialises only while a
//! frame is being encoded ([`collect_disclosed`]), as an index into the frame's secret section;
//! anywhere else, serialising it is an error. So no JSON text ever holds one.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A secret of any length: token, cookie header, refresh token, sealed body.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; their allocation becomes the secret's.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Takes a text over without copying it.
    pub fn from_text(text: String) -> Self {
        Self::new(text.into_bytes())
    }

    /// The bytes. Each caller says why they may be seen there.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, or `None` when they are not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, for the few places where one secret has two owners.
    pub fn duplicate(&self) -> Self {
        Self::new(self.0.to_vec())
    }

    /// Equality in constant time for equal lengths.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A 256-bit key that never leaves the heap: only its pointer moves.
pub struct Key(Box<[u8; 32]>);

impl Key {
    /// Makes a key by filling it in place.
    pub fn init_with(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut bytes = Box::new([0; 32]);
        fill(&mut bytes);
        Self(bytes)
    }

    /// Makes a key, unless filling it fails.
    pub fn try_init_with<E>(fill: impl FnOnce(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        let mut key = Self(Box::new([0; 32]));
        fill(&mut key.0)?;
        Ok(key)
    }

    /// The key's bytes, for the primitives in `vault::seal` and `vault::slots`.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What the user typed to open a vault.
pub struct Passphrase(Secret);

impl Passphrase {
    /// Takes the typed text over.
    pub fn new(typed: Secret) -> Self {
        Self(typed)
    }

    /// The typed bytes, for the key derivation only.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Length in characters, as the rules for a new passphrase count it.
    pub fn chars(&self) -> usize {
        self.0.expose_text().map_or(0, |text| text.chars().count())
    }

    /// Number of words separated by white space.
    pub fn words(&self) -> usize {
        self.0.expose_text().map_or(0, |text| text.split_whitespace().count())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A secret on its way between the agent and a client, because the user asked for it.
pub struct Disclosed(Secret);

impl Disclosed {
    /// Marks a secret as one that the user asked to see or give.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// Takes over what the user typed or piped; its allocation becomes the secret's.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Secret::new(bytes))
    }

    /// The secret itself, for the client that asked or the agent that was told.
    pub fn into_secret(self) -> Secret {
        self.0
    }

    /// The bytes without taking the secret over.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The text without taking the secret over, or `None` when it is not UTF-8.
    pub fn expose_text(&self) -> Option<&str> {
        self.0.expose_text()
    }
}

impl fmt::Debug for Disclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

thread_local! {
    static OUTGOING: RefCell<Option<Vec<Secret>>> = const { RefCell::new(None) };
    static INCOMING: RefCell<Option<Vec<Option<Secret>>>> = const { RefCell::new(None) };
}

/// Runs `encode` with disclosure allowed on this thread, and returns what it made together with
/// the secrets it referred to, in the order of their indices.
pub fn collect_disclosed<T>(encode: impl FnOnce() -> T) -> (T, Vec<Secret>) {
    OUTGOING.with(|cell| *cell.borrow_mut() = Some(Vec::new()));
    let value = encode();
    let secrets = OUTGOING.with(|cell| cell.borrow_mut().take()).unwrap_or_default();
    (value, secrets)
}

/// Runs `decode` with the secrets of a received frame at hand; each can be taken once.
pub fn resolve_disclosed<T>(secrets: Vec<Secret>, decode: impl FnOnce() -> T) -> T {
    INCOMING.with(|cell| *cell.borrow_mut() = Some(secrets.into_iter().map(Some).collect()));
    let value = decode();
    INCOMING.with(|cell| cell.borrow_mut().take());
    value
}

impl Serialize for Disclosed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = OUTGOING.with(|cell| {
            cell.borrow_mut().as_mut().map(|secrets| {
                secrets.push(self.0.duplicate());
                secrets.len() - 1
            })
        });
        let index = index.ok_or_else(|| ser::Error::custom("a secret outside a frame"))?;
        serializer.serialize_u64(index as u64)
    }
}

impl<'de> Deserialize<'de> for Disclosed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let index = usize::try_from(u64::deserialize(deserializer)?).map_err(de::Error::custom)?;
        INCOMING
            .with(|cell| cell.borrow_mut().as_mut()?.get_mut(index)?.take())
            .map(Self)
            .ok_or_else(|| de::Error::custom("a secret that the frame does not hold"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_secret() {
        let secret = || Secret::from_text("hunter2hunter2".into());
        let printed = format!(
            "{:?} {:?} {:?} {:?}",
            secret(),
            Passphrase::new(secret()),
            Disclosed::new(secret()),
            Key::init_with(|k| k.fill(7))
        );
        assert_eq!(printed, "[redacted] [redacted] [redacted] [redacted]");
    }

    #[test]
    fn disclosed_serialises_only_inside_a_frame() {
        let secret = Disclosed::new(Secret::from_text("454f4448".into()));
        assert!(serde_json::to_string(&secret).is_err(), "outside a frame it must refuse");
        let (json, secrets) = collect_disclosed(|| serde_json::to_string(&secret));
        let json = json.expect("inside a frame it serialises");
        assert!(!json.contains("454f"), "the text holds an index, not the secret: {json}");
        let back: Disclosed =
            resolve_disclosed(secrets, || serde_json::from_str(&json)).expect("round trip");
        assert_eq!(back.expose_text(), Some("454f4448"));
    }

    #[test]
    fn a_frame_secret_is_taken_once() {
        let both = resolve_disclosed(vec![Secret::new(vec![1])], || {
            serde_json::from_str::<(Disclosed, Disclosed)>("[0,0]")
        });
        assert!(both.is_err());
    }
}
