//! The issuer's RSA key: signing and checking of tokens.

use std::io;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::random::Random;

/// Signs with RS256; made anew at every start.
pub(crate) struct Signer {
    private: EncodingKey,
    public: DecodingKey,
    modulus: String,
    exponent: String,
    key_id: String,
}

impl Signer {
    /// Makes a 2048-bit key.
    ///
    /// # Errors
    /// When the cryptographic library cannot.
    pub(crate) fn new(random: &Random) -> io::Result<Self> {
        let failed = |what: &str| io::Error::other(format!("making the issuer's key: {what}"));
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| failed("generate"))?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| failed("encode"))?;
        let body = STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let private = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| failed("read back"))?;
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let modulus = encode(pair.public_key().modulus().big_endian_without_leading_zero());
        let exponent = encode(pair.public_key().exponent().big_endian_without_leading_zero());
        let public =
            DecodingKey::from_rsa_components(&modulus, &exponent).map_err(|_| failed("publish"))?;
        Ok(Self { private, public, modulus, exponent, key_id: random.text(43) })
    }

    /// The JWK set.
    pub(crate) fn public_keys(&self) -> Value {
        json!({ "keys": [{
            "kid": self.key_id, "kty": "RSA", "alg": "RS256", "use": "sig",
            "n": self.modulus, "e": self.exponent,
        }]})
    }

    /// A signed token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header {
            typ: Some("JWT".to_owned()),
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::RS256)
        };
        jsonwebtoken::encode(&header, claims, &self.private).unwrap_or_default()
    }

    /// The claims of a token that this key signed. Times and audience are the caller's affair:
    /// the library would compare with the machine's clock instead of the sandbox's.
    pub(crate) fn verify(&self, token: &str) -> Option<Value> {
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        jsonwebtoken::decode::<Value>(token, &self.public, &rules).ok().map(|data| data.claims)
    }
}

/// `at_hash` of OpenID Connect Core 3.1.3.6: the left half of the SHA-256, base64url.
pub(crate) fn half_hash(token: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref().get(..16).unwrap_or_default())
}

/// The S256 challenge of a PKCE verifier (RFC 7636 4.2).
pub(crate) fn challenge_of(verifier: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref())
}
