//! Secrets out: `reveal`, `env`, `render`. Their bytes go from the agent's answer to standard
//! output; nothing formats, logs or keeps them.

use clap::{Args, ValueEnum};
use wayleave_core::api::{
    Confide, CredentialId, CredentialKind, Disclosure, Field, Id, Purpose, Snippet, misplaced,
};
use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::secret::Disclosed;

use crate::context::Context;
use crate::credential::Selected;
use crate::failure::{Done, Failure};
use crate::output;

/// Room for a whole answer, so that writing it never moves it: a session token has 1–2 kB.
const ANSWER_ROOM: usize = 128 * 1024;

/// A field, as `--field` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FieldName {
    /// The key itself
    ApiKey,
    /// The secret key of a pair
    SecretKey,
    /// A session token itself
    Token,
    /// The user name that tools ask for
    Username,
    /// `Bearer` and the key, for an Authorization header
    BearerHeader,
    /// The platform's id of the token, which is not the key
    TokenId,
    /// S3: the access key id
    AccessKeyId,
    /// S3: the secret access key
    SecretAccessKey,
    /// S3: the session token
    SessionToken,
}

impl From<FieldName> for Field {
    fn from(name: FieldName) -> Self {
        match name {
            FieldName::ApiKey => Self::ApiKey,
            FieldName::SecretKey => Self::SecretKey,
            FieldName::Token => Self::Token,
            FieldName::Username => Self::Username,
            FieldName::BearerHeader => Self::BearerHeader,
            FieldName::TokenId => Self::TokenId,
            FieldName::AccessKeyId => Self::AccessKeyId,
            FieldName::SecretAccessKey => Self::SecretAccessKey,
            FieldName::SessionToken => Self::SessionToken,
        }
    }
}

const fn name(field: Field) -> &'static str {
    match field {
        Field::ApiKey => "api_key",
        Field::SecretKey => "secret_key",
        Field::Token => "token",
        Field::Username => "username",
        Field::BearerHeader => "bearer_header",
        Field::TokenId => "token_id",
        Field::AccessKeyId => "access_key_id",
        Field::SecretAccessKey => "secret_access_key",
        Field::SessionToken => "session_token",
    }
}

/// A ready form, as `--as` takes it: one that every platform has, or one of the platform's own
/// (`wayleave show` names them).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// One that every platform has.
    Snippet(Snippet),
    /// One of the platform's own.
    Template(String),
}

/// Reads what `--as` was given.
pub fn parse_form(text: &str) -> Result<Form, String> {
    match text {
        "env" => Ok(Form::Snippet(Snippet::Env)),
        "" => Err("a form has a name".to_owned()),
        other => Ok(Form::Template(other.to_owned())),
    }
}

/// Flags of `reveal`.
#[derive(Debug, Args)]
pub struct RevealOptions {
    #[command(flatten)]
    selected: Selected,
    /// Only this field, bare and with a newline
    #[arg(long, value_enum)]
    field: Option<FieldName>,
}

/// Flags of `render`.
#[derive(Debug, Args)]
pub struct RenderOptions {
    #[command(flatten)]
    selected: Selected,
    /// In which form: `env`, or one that `wayleave show` names
    #[arg(long = "as", value_name = "FORM", value_parser = parse_form)]
    form: Form,
}

impl RevealOptions {
    /// Prints the secret fields, or one field.
    pub fn run(&self, context: &Context) -> Done {
        let field = self.field.map(Field::from);
        let revealed = self.ask(context, field)?;
        match (context.common.json, field, revealed.fields.as_slice()) {
            (true, ..) => output::bytes(revealed.json()?.expose()),
            (false, Some(_), [(_, value)]) => output::secret(value),
            (false, ..) => output::bytes(revealed.lines().expose()),
        }
    }

    fn ask(&self, context: &Context, field: Option<Field>) -> Result<Revealed, Failure> {
        if let Some(revealed) = Revealed::by_name(context, &self.selected, field)? {
            return Ok(revealed);
        }
        let credential = chosen(context, &self.selected)?;
        Revealed::ask(context, credential, field, Purpose::Reveal)
    }
}

impl RenderOptions {
    /// Prints the snippet.
    pub fn run(&self, context: &Context) -> Done {
        print_form(context, &self.selected, &self.form)
    }
}

/// `wayleave env`.
pub fn env(context: &Context, selected: &Selected) -> Done {
    print_form(context, selected, &Form::Snippet(Snippet::Env))
}

fn print_form(context: &Context, selected: &Selected, form: &Form) -> Done {
    let credential = chosen(context, selected)?;
    let text = rendered(context, credential, form, Purpose::Output)?;
    if !context.common.json {
        return output::bytes(text.expose());
    }
    let mut json = Buffer::new();
    json.plain(b"{\"id\":\"");
    json.plain(credential.to_string().as_bytes());
    json.plain(b"\",\"text\":");
    json.string(&text)?;
    json.plain(b"}\n");
    output::bytes(json.done().expose())
}

/// A form of a credential.
pub fn rendered(
    context: &Context,
    credential: CredentialId,
    form: &Form,
    purpose: Purpose,
) -> Result<Disclosed, Failure> {
    let asked = match form {
        Form::Snippet(snippet) => Confide::Render { credential, snippet: *snippet, purpose },
        Form::Template(template) => {
            Confide::RenderTemplate { credential, template: template.clone(), purpose }
        }
    };
    let Disclosure::Text(text) = context.confide(asked)? else {
        return Err(misplaced("a question for a form").into());
    };
    Ok(text)
}

/// The credential that is meant. A whole id needs no look at the list, so that a script which
/// knows it pays for one question only.
pub fn chosen(context: &Context, selected: &Selected) -> Result<CredentialId, Failure> {
    match selected.selector.parse::<CredentialId>() {
        Ok(id) => Ok(id),
        Err(_) => Ok(context.credential(&selected.selector)?.id),
    }
}

/// Fields of a credential.
pub struct Revealed {
    credential: CredentialId,
    kind: CredentialKind,
    /// In the order of its kind.
    pub fields: Vec<(Field, Disclosed)>,
}

impl Revealed {
    /// Asks for those of the only credential of a name; `None` where the selector is not that. What
    /// it is then, the list tells.
    fn by_name(
        context: &Context,
        selected: &Selected,
        field: Option<Field>,
    ) -> Result<Option<Self>, Failure> {
        let name = &selected.selector;
        let common = &context.common;
        if common.account.is_some() || common.workspace.is_some() || name.parse::<Id>().is_ok() {
            return Ok(None);
        }
        let asked = Confide::RevealNamed { name: name.clone(), field, purpose: Purpose::Reveal };
        match context.client().confide(asked) {
            Ok(Disclosure::Fields { credential, kind, fields }) => {
                Ok(Some(Self { credential, kind, fields }))
            }
            Ok(_) => Err(misplaced("a question for a secret").into()),
            Err(error) if error.code == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks for them.
    pub fn ask(
        context: &Context,
        credential: CredentialId,
        field: Option<Field>,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let asked = Confide::Reveal { credential, field, purpose };
        let Disclosure::Fields { credential, kind, fields } = context.confide(asked)? else {
            return Err(misplaced("a question for a secret").into());
        };
        Ok(Self { credential, kind, fields })
    }

    fn lines(&self) -> Disclosed {
        let mut text = Buffer::new();
        let width = self.fields.iter().map(|(field, _)| name(*field).len()).max().unwrap_or(0);
        for (field, value) in &self.fields {
            text.plain(format!("{:width$}  ", name(*field)).as_bytes());
            text.plain(value.expose());
            text.plain(b"\n");
        }
        text.done()
    }

    fn json(&self) -> Result<Disclosed, Failure> {
        let kind = match self.kind {
            CredentialKind::ApiToken => "api_token",
            CredentialKind::S3 => "s3",
            CredentialKind::KeyPair => "key_pair",
            CredentialKind::SessionToken => "session_token",
        };
        let mut json = Buffer::new();
        let head = format!("{{\"id\":\"{}\",\"kind\":\"{kind}\",\"fields\":{{", self.credential);
        json.plain(head.as_bytes());
        for (at, (field, value)) in self.fields.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            json.plain(format!("{comma}\"{}\":", name(*field)).as_bytes());
            json.string(value)?;
        }
        json.plain(b"}}\n");
        Ok(json.done())
    }
}

/// Text with secrets in it, in one allocation that is wiped in the end.
pub struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty one.
    pub fn new() -> Self {
        Self(Vec::with_capacity(ANSWER_ROOM))
    }

    /// Adds bytes as they are.
    pub fn plain(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Adds a secret as a JSON string.
    pub fn string(&mut self, secret: &Disclosed) -> Result<(), Failure> {
        let text = secret.expose_text().ok_or_else(|| Error::internal("a secret is no text"))?;
        serde_json::to_writer(&mut self.0, text)
            .map_err(|e| Error::internal(format!("an answer cannot be printed: {e}")).into())
    }

    /// The whole text.
    pub fn done(self) -> Disclosed {
        Disclosed::from_bytes(self.0)
    }
}

#[cfg(test)]
mod tests {
    use wayleave_core::api::Id;

    use super::*;

    fn revealed() -> Revealed {
        let secret = |text: &str| Disclosed::from_bytes(text.into());
        Revealed {
            credential: Id([1; 16]),
            kind: CredentialKind::S3,
            fields: vec![
                (Field::AccessKeyId, secret("ASIA")),
                (Field::SecretAccessKey, secret("s\"/\\+")),
            ],
        }
    }

    #[test]
    fn fields_are_printed_in_the_promised_shape() {
        let json = revealed().json().expect("is text");
        let value: serde_json::Value = serde_json::from_slice(json.expose()).expect("is JSON");
        let wanted = serde_json::json!({
            "id": "01".repeat(16),
            "kind": "s3",
            "fields": {"access_key_id": "ASIA", "secret_access_key": "s\"/\\+"},
        });
        assert_eq!(value, wanted);
    }

    #[test]
    fn names_of_fields_are_those_of_the_protocol() {
        for field in FieldName::value_variants() {
            let said = serde_json::to_value(Field::from(*field)).expect("is JSON");
            let value = field.to_possible_value().expect("is shown");
            assert_eq!(said, value.get_name());
            assert_eq!(said, name(Field::from(*field)));
        }
    }
}
