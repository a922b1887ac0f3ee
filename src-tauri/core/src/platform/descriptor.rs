//! What a platform can do, as data (platforms.md F). Screens and engine ask the descriptor, never
//! the platform's name; what an account was seen to be able to do narrows it ([`Learned`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::connection::CA_FILE;
use super::error::Operation;
use crate::api::{
    Capabilities, ConnectionField, FieldKind, LifetimeRange, PlatformView, SignInWay, Support, Tile,
};

/// As what a session may act: platforms grant different things to a person and to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// A person, by OpenID Connect.
    Oidc,
    /// A person, by the portal's own session.
    Portal,
    /// An API token.
    Key,
}

/// A field to give in order to connect.
#[derive(Debug)]
pub struct FieldSpec {
    /// Its key.
    pub key: &'static str,
    /// Its label.
    pub label: &'static str,
    /// What may be given.
    pub kind: FieldKind,
    /// The choices of [`FieldKind::Choice`].
    pub options: &'static [&'static str],
    /// What is preset.
    pub default: Option<&'static str>,
    /// Whether it must be given.
    pub required: bool,
    /// One sentence of help.
    pub help: &'static str,
}

/// A connection that needs no typing.
#[derive(Debug)]
pub struct TileSpec {
    /// Display name.
    pub name: &'static str,
    /// One line under it.
    pub subtitle: &'static str,
    /// Connection fields.
    pub connection: &'static [(&'static str, &'static str)],
}

/// What a platform is and can do.
#[derive(Debug)]
pub struct Descriptor {
    /// Its id, stable for ever.
    pub id: &'static str,
    /// Display name.
    pub name: &'static str,
    /// Two letters for its badge.
    pub badge: &'static str,
    /// One line under its name.
    pub subtitle: &'static str,
    /// What its keys are called and look like.
    pub key_hint: &'static str,
    /// What must be given to connect.
    pub fields: &'static [FieldSpec],
    /// Connections offered on the first run.
    pub tiles: &'static [TileSpec],
    /// Ways to sign in, preferred first.
    pub ways: &'static [SignInWay],
    /// Lifetimes of tokens in days.
    pub lifetime: Option<LifetimeRange>,
    /// Longest name of a token, in characters.
    pub name_max: usize,
    /// Whether tokens carry permissions that the user chooses.
    pub permissions: bool,
    /// Seconds that S3 credentials last.
    pub s3_seconds: Option<u32>,
    /// What a person may do.
    pub as_person: Capabilities,
    /// What an API token may do.
    pub as_key: Capabilities,
}

impl Descriptor {
    /// What a client may know of it.
    pub fn view(&self) -> PlatformView {
        PlatformView {
            id: self.id.into(),
            name: self.name.into(),
            badge: self.badge.into(),
            subtitle: self.subtitle.into(),
            fields: self.fields.iter().chain([&CA_FILE]).map(FieldSpec::view).collect(),
            tiles: self.tiles.iter().map(TileSpec::view).collect(),
            ways: self.ways.to_vec(),
            key_hint: self.key_hint.into(),
            lifetime: self.lifetime,
            permissions: self.permissions,
            s3_seconds: self.s3_seconds,
        }
    }

    /// What can be done in this capacity, before anything was learned.
    pub fn granted(&self, auth: Auth) -> Capabilities {
        match auth {
            Auth::Oidc | Auth::Portal => self.as_person,
            Auth::Key => self.as_key,
        }
    }

    /// What can be done in this capacity now: the descriptor narrowed by what was learned.
    pub fn effective(&self, auth: Auth, learned: &Learned) -> Capabilities {
        let Capabilities { issue, list, revoke, rotate, s3 } = self.granted(auth);
        Capabilities {
            issue: learned.narrow(auth, Operation::Issue, issue),
            list: learned.narrow(auth, Operation::List, list),
            revoke: learned.narrow(auth, Operation::Revoke, revoke),
            rotate,
            s3: learned.narrow(auth, Operation::S3, s3),
        }
    }
}

impl FieldSpec {
    fn view(&self) -> ConnectionField {
        ConnectionField {
            key: self.key.into(),
            label: self.label.into(),
            kind: self.kind,
            options: self.options.iter().map(|&option| option.into()).collect(),
            default: self.default.map(Into::into),
            required: self.required,
            help: self.help.into(),
        }
    }
}

impl TileSpec {
    fn view(&self) -> Tile {
        Tile {
            name: self.name.into(),
            subtitle: self.subtitle.into(),
            connection: self.connection.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
        }
    }
}

/// What one real answer showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It works.
    Works,
    /// The platform does not let this account do it, though its session or key is good.
    Refused,
}

/// What was learned about one account. The engine keeps it with the account; it holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned(BTreeMap<Auth, BTreeMap<Operation, Finding>>);

impl Learned {
    /// Remembers a finding; the newest counts. Says whether anything changed.
    pub fn note(&mut self, auth: Auth, operation: Operation, finding: Finding) -> bool {
        self.0.entry(auth).or_default().insert(operation, finding) != Some(finding)
    }

    /// Forgets what was learned in one capacity: a new sign-in may bring new permissions.
    pub fn forget(&mut self, auth: Auth) {
        self.0.remove(&auth);
    }

    fn narrow(&self, auth: Auth, operation: Operation, granted: Support) -> Support {
        match (granted, self.0.get(&auth).and_then(|found| found.get(&operation))) {
            (Support::No, _) | (_, Some(Finding::Refused)) => Support::No,
            (_, Some(Finding::Works)) => Support::Yes,
            (granted, None) => granted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{AnyPlatform, Platform};

    #[test]
    fn learning_narrows_per_capacity() {
        let descriptor = AnyPlatform::Eodh.descriptor();
        let mut learned = Learned::default();
        assert_eq!(descriptor.effective(Auth::Key, &learned).issue, Support::Unknown);
        assert!(learned.note(Auth::Key, Operation::Issue, Finding::Refused));
        assert!(!learned.note(Auth::Key, Operation::Issue, Finding::Refused), "nothing new");
        assert_eq!(descriptor.effective(Auth::Key, &learned).issue, Support::No);
        assert_eq!(descriptor.effective(Auth::Portal, &learned).issue, Support::Yes);
        learned.note(Auth::Key, Operation::S3, Finding::Works);
        assert_eq!(descriptor.effective(Auth::Key, &learned).s3, Support::Yes);
        learned.note(Auth::Key, Operation::Revoke, Finding::Works);
        assert_eq!(descriptor.effective(Auth::Key, &learned).rotate, Support::No);
    }

    #[test]
    fn what_was_learned_can_be_kept() {
        let mut learned = Learned::default();
        learned.note(Auth::Key, Operation::S3, Finding::Works);
        let text = serde_json::to_string(&learned).expect("writes");
        assert_eq!(text, r#"{"key":{"s3":"works"}}"#);
        assert_eq!(serde_json::from_str::<Learned>(&text).expect("reads"), learned);
    }
}
