//! Ids and secrets. One seed from the system at start, SHA-256 in counter mode after that, so that
//! drawing cannot fail in the middle of an answer.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A source of unguessable text.
pub(crate) struct Random {
    key: [u8; 32],
    counter: AtomicU64,
}

impl Random {
    /// Seeds from the operating system.
    ///
    /// # Errors
    /// When the system has no entropy source.
    pub(crate) fn new() -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { key, counter: AtomicU64::new(0) })
    }

    /// `count` bytes.
    pub(crate) fn bytes(&self, count: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(count + 32);
        while out.len() < count {
            let mut context = Context::new(&SHA256);
            context.update(&self.key);
            context.update(&self.counter.fetch_add(1, Ordering::SeqCst).to_le_bytes());
            out.extend_from_slice(context.finish().as_ref());
        }
        out.truncate(count);
        out
    }

    /// `count` bytes in lower-case hex.
    pub(crate) fn hex(&self, count: usize) -> String {
        hex::encode(self.bytes(count))
    }

    /// `characters` of URL-safe base64.
    pub(crate) fn text(&self, characters: usize) -> String {
        let mut text = URL_SAFE_NO_PAD.encode(self.bytes(characters));
        text.truncate(characters);
        text
    }

    /// `count` characters, each one of `alphabet` (ASCII).
    pub(crate) fn from(&self, alphabet: &[u8], count: usize) -> String {
        let pick = |byte: u8| alphabet.get(usize::from(byte) % alphabet.len().max(1)).copied();
        self.bytes(count).into_iter().filter_map(pick).map(char::from).collect()
    }

    /// A version 4 UUID.
    pub(crate) fn uuid(&self) -> String {
        let mut raw = self.bytes(16);
        if let [_, _, _, _, _, _, version, _, variant, ..] = raw.as_mut_slice() {
            *version = (*version & 0x0f) | 0x40;
            *variant = (*variant & 0x3f) | 0x80;
        }
        let hex = hex::encode(raw);
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}

/// SHA-256 of `text` in hex: what is kept of a secret that is shown once.
pub(crate) fn fingerprint(text: &str) -> String {
    hex::encode(aws_lc_rs::digest::digest(&SHA256, text.as_bytes()))
}
