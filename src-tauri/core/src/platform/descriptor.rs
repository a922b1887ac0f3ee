//! What a platform can do, as data (platforms.md F). Screens and engine ask the descriptor, never
//! the platform's name; what an account was seen to be able to do narrows it ([`Learned`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::connection::CA_FILE;
use super::error::Operation;
use crate::api::{
    Ability, Capabilities, ConnectionField, CredentialKind, ExpiryInput, Field, FieldKind, KeyPart,
    LifetimeRange, PermissionView, PermissionsView, PlatformView, S3Offer, ScopeView, SessionOffer,
    SignInWay, Support, TemplateView, Tile,
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

/// In which header a key is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHeader {
    /// `Authorization: SCHEME KEY`.
    Authorization(&'static str),
    /// The key alone, in a header of this name (lower case).
    Named(&'static str),
    /// In none: the key is never sent as it is.
    None,
}

/// What a key opens, and how that is known.
#[derive(Debug)]
pub struct ScopeSpec {
    /// What the platform calls it.
    pub label: &'static str,
    /// Whether the user types it when a key is pasted.
    pub typed: bool,
}

/// The permissions of tokens.
#[derive(Debug)]
pub struct PermissionSpec {
    /// Id and meaning of those that are known. Others are kept as they are.
    pub all: &'static [(&'static str, &'static str)],
    /// Those that are ticked at first.
    pub preset: &'static [&'static str],
}

/// A form of a credential for a tool: text with `{placeholders}`, filled in by
/// [`crate::install::template`].
#[derive(Debug)]
pub struct TemplateSpec {
    /// Its id.
    pub id: &'static str,
    /// What it is for.
    pub label: &'static str,
    /// Of what it is made.
    pub of: CredentialKind,
    /// The text.
    pub text: &'static str,
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
    /// Where the first key is made, in a sentence; empty where signing in makes keys.
    pub first_key: &'static str,
    /// In which header a key is sent.
    pub key_header: KeyHeader,
    /// Whether QGIS has a plugin of the platform that takes its keys.
    pub qgis: bool,
    /// Whether tools send its keys as `Authorization: Bearer`.
    pub bearer: bool,
    /// The secret parts of a key and what the platform calls them: one, or two.
    pub parts: &'static [(Field, &'static str)],
    /// Whether keys belong to persons or service accounts, as the user tells.
    pub owners: bool,
    /// What a key opens.
    pub scope: ScopeSpec,
    /// How the end of a token is given.
    pub expiry: ExpiryInput,
    /// Lifetimes of tokens, in the unit of `expiry`.
    pub lifetime: Option<LifetimeRange>,
    /// Longest name of a token, in characters.
    pub name_max: usize,
    /// Whether a token's name is its id: unique, and part of an address.
    pub names_are_ids: bool,
    /// The permissions of tokens, where the user chooses them.
    pub permissions: Option<PermissionSpec>,
    /// S3 credentials, where it has them.
    pub s3: Option<S3Offer>,
    /// Session tokens, where it has them.
    pub session: Option<SessionOffer>,
    /// Forms for the tools that read this platform.
    pub templates: &'static [TemplateSpec],
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
            first_key: self.first_key.into(),
            parts: self
                .parts
                .iter()
                .map(|&(field, label)| KeyPart { field, label: label.into() })
                .collect(),
            owners: self.owners,
            qgis: self.qgis,
            scope: ScopeView { label: self.scope.label.into(), typed: self.scope.typed },
            expiry: self.expiry,
            lifetime: self.lifetime,
            names_are_ids: self.names_are_ids,
            permissions: self.permissions.as_ref().map(PermissionSpec::view),
            s3: self.s3,
            session: self.session,
        }
    }

    /// Whether a pasted key is the only way to act for an account: then it is its sign-in.
    pub fn key_is_sign_in(&self) -> bool {
        self.ways.iter().all(|way| *way == SignInWay::Paste)
    }

    /// As what an account acts before anybody has signed in.
    pub fn usual_auth(&self) -> Auth {
        if self.key_is_sign_in() { Auth::Key } else { Auth::Portal }
    }

    /// What is stored of a key that is pasted.
    pub fn key_kind(&self) -> CredentialKind {
        if self.parts.len() > 1 { CredentialKind::KeyPair } else { CredentialKind::ApiToken }
    }

    /// The forms of a kind of credential.
    pub fn templates_of(&self, kind: CredentialKind) -> Vec<TemplateView> {
        let fitting = self.templates.iter().filter(|template| template.of == kind);
        fitting.map(|t| TemplateView { id: t.id.into(), label: t.label.into() }).collect()
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
        let granted = self.granted(auth);
        let narrow = |operation, granted| learned.narrow(auth, operation, granted);
        Capabilities {
            issue: narrow(Operation::Issue, granted.issue),
            list: narrow(Operation::List, granted.list),
            revoke: narrow(Operation::Revoke, granted.revoke),
            rotate: narrow(Operation::Rotate, granted.rotate),
            edit: narrow(Operation::Edit, granted.edit),
            read_key: narrow(Operation::ReadKey, granted.read_key),
            s3: narrow(Operation::S3, granted.s3),
            session: narrow(Operation::Session, granted.session),
        }
    }
}

/// Nothing at all can be done: the beginning of most lists of what can.
pub const NOTHING: Capabilities = Capabilities {
    issue: Support::No,
    list: Support::No,
    revoke: Support::No,
    rotate: Support::No,
    edit: Support::No,
    read_key: Support::No,
    s3: Support::No,
    session: Support::No,
};

/// A line of text to give in order to connect.
pub const fn field(
    key: &'static str,
    label: &'static str,
    kind: FieldKind,
    help: &'static str,
) -> FieldSpec {
    FieldSpec { key, label, kind, options: &[], default: None, required: true, help }
}

impl PermissionSpec {
    fn view(&self) -> PermissionsView {
        let label =
            |&(id, label): &(&str, &str)| PermissionView { id: id.into(), label: label.into() };
        PermissionsView {
            all: self.all.iter().map(label).collect(),
            preset: self.preset.iter().map(|&id| id.into()).collect(),
        }
    }
}

impl FieldSpec {
    /// The same, which may be left out.
    pub const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// The same, with a preset.
    pub const fn preset(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

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

    /// Forgets what was refused in one capacity, so that it is tried again.
    pub fn retry(&mut self, auth: Auth) {
        if let Some(found) = self.0.get_mut(&auth) {
            found.retain(|_, finding| *finding != Finding::Refused);
        }
    }

    /// What was refused in one capacity.
    pub fn refused(&self, auth: Auth) -> Vec<Ability> {
        let found = self.0.get(&auth).into_iter().flatten();
        let refused = found.filter(|(_, finding)| **finding == Finding::Refused);
        refused.filter_map(|(operation, _)| ability(*operation)).collect()
    }

    fn narrow(&self, auth: Auth, operation: Operation, granted: Support) -> Support {
        match (granted, self.0.get(&auth).and_then(|found| found.get(&operation))) {
            (Support::No, _) | (_, Some(Finding::Refused)) => Support::No,
            (_, Some(Finding::Works)) => Support::Yes,
            (granted, None) => granted,
        }
    }
}

/// What an operation is called among [`Capabilities`].
fn ability(operation: Operation) -> Option<Ability> {
    Some(match operation {
        Operation::Issue => Ability::Issue,
        Operation::List => Ability::List,
        Operation::Revoke => Ability::Revoke,
        Operation::Rotate => Ability::Rotate,
        Operation::Edit => Ability::Edit,
        Operation::ReadKey => Ability::ReadKey,
        Operation::S3 => Ability::S3,
        Operation::Session => Ability::Session,
        Operation::Probe
        | Operation::SignIn
        | Operation::Refresh
        | Operation::SignOut
        | Operation::Identify
        | Operation::Workspaces
        | Operation::Verify => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{AnyPlatform, Platform};

    #[test]
    fn what_was_refused_can_be_tried_again() {
        let descriptor = AnyPlatform::Eodh.descriptor();
        let mut learned = Learned::default();
        learned.note(Auth::Key, Operation::Issue, Finding::Refused);
        learned.note(Auth::Key, Operation::S3, Finding::Works);
        assert_eq!(learned.refused(Auth::Key), [Ability::Issue]);
        learned.retry(Auth::Key);
        let now = descriptor.effective(Auth::Key, &learned);
        assert_eq!((now.issue, now.s3), (Support::Unknown, Support::Yes), "what works stays");
    }

    #[test]
    fn defaults_lie_within_their_bounds() {
        for descriptor in AnyPlatform::ALL.iter().map(Platform::descriptor) {
            let timed = matches!(descriptor.expiry, ExpiryInput::Days | ExpiryInput::Hours);
            assert_eq!(timed, descriptor.lifetime.is_some(), "{}", descriptor.id);
            if let Some(range) = descriptor.lifetime {
                assert!((range.min..=range.max).contains(&range.default), "{}", descriptor.id);
            }
            if let Some(permissions) = &descriptor.permissions {
                let known = |id: &&&str| permissions.all.iter().any(|(known, _)| known == *id);
                assert_eq!(
                    permissions.preset.iter().filter(known).count(),
                    permissions.preset.len()
                );
            }
            assert!((1..=2).contains(&descriptor.parts.len()), "{}", descriptor.id);
        }
    }

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
