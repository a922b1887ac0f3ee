//! How a verb fails, and how that is told on standard error.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use wayleave_core::error::{Error, ErrorCode};

use crate::exit::Exit;
use crate::output::printable;
use crate::words;

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The agent, or this program, says why.
    Error {
        /// What happened.
        error: Error,
        /// What to do, where this place knows better than the table of words.
        advice: Option<String>,
    },
    /// The words on the command line do not suffice.
    Usage {
        /// What is wrong with them.
        message: String,
        /// The flag that helps.
        advice: String,
    },
    /// Nobody reads our output any more.
    Unread,
}

/// What a verb comes to.
pub type Done = Result<Exit, Failure>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error { error, advice: None }
    }
}

impl Failure {
    /// Words that do not suffice, and the flag that helps.
    pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), advice: advice.into() }
    }

    /// An error whose remedy is known here.
    pub fn advised(code: ErrorCode, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Error { error: Error::new(code, message), advice: Some(advice.into()) }
    }

    /// Tells it on standard error, as text or as JSON, and says how to end.
    pub fn tell(&self, json: bool) -> Exit {
        let Some(told) = self.told() else { return Exit::Other };
        let text = if json { told.json() } else { told.text() };
        // Standard error may be closed; then there is nobody left to tell.
        let _ = std::io::stderr().write_all(text.as_bytes());
        self.exit()
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Error { error, .. } => error.code.into(),
            Self::Usage { .. } => Exit::Usage,
            Self::Unread => Exit::Other,
        }
    }

    fn told(&self) -> Option<Told> {
        match self {
            Self::Error { error, advice } => {
                let words = words::about(error);
                Some(Told {
                    code: serde_json::to_value(error.code).ok()?.as_str()?.to_owned(),
                    message: error.message.clone(),
                    advice: advice.clone().unwrap_or_else(|| words.advice.to_owned()),
                    kept: words.kept.to_owned(),
                    params: error.params.clone(),
                })
            }
            Self::Usage { message, advice } => Some(Told {
                code: "usage".to_owned(),
                message: message.clone(),
                advice: advice.clone(),
                kept: "Nothing was changed.".to_owned(),
                params: BTreeMap::new(),
            }),
            Self::Unread => None,
        }
    }
}

/// The shape of an error under `--json`.
#[derive(Serialize)]
struct Told {
    code: String,
    message: String,
    advice: String,
    kept: String,
    params: BTreeMap<String, String>,
}

impl Told {
    fn json(&self) -> String {
        let value = serde_json::json!({ "error": self });
        format!("{value}\n")
    }

    fn text(&self) -> String {
        let facts: Vec<String> = ["matches", "path", "url", "host", "hint", "retry_after", "pid"]
            .iter()
            .filter_map(|name| self.params.get(*name).map(|value| (*name, value)))
            // The last line is called so already.
            .map(|(name, value)| (if name == "hint" { "reason" } else { name }, value))
            .map(|(name, value)| format!("  {}: {}\n", name.replace('_', " "), printable(value)))
            .collect();
        let hint = [self.kept.as_str(), self.advice.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        format!("error: {}\n{}hint: {hint}\n", printable(&self.message), facts.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_promised_shape() {
        let failure = Failure::from(
            Error::new(ErrorCode::WrongPassphrase, "the passphrase does not open the vault")
                .with("tries", 2),
        );
        let told = failure.told().expect("is told");
        let value: serde_json::Value = serde_json::from_str(&told.json()).expect("is JSON");
        let error = &value["error"];
        assert_eq!(error["code"], "wrong_passphrase");
        assert_eq!(error["params"]["tries"], "2");
        for key in ["message", "advice", "kept"] {
            assert!(error[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {value}");
        }
        assert!(told.text().starts_with("error: the passphrase does not open the vault\nhint: "));
    }

    #[test]
    fn the_reason_is_told_where_there_is_one() {
        let error = Error::new(ErrorCode::Tls, "no secure connection");
        let failure = Failure::from(error.with("hint", "this computer has no certificates"));
        let text = failure.told().expect("is told").text();
        assert!(text.contains("\n  reason: this computer has no certificates\nhint: "), "{text}");
    }

    #[test]
    fn a_message_cannot_command_the_terminal() {
        let failure = Failure::from(Error::new(ErrorCode::Rejected, "no\u{1b}[2Jsuch\nname"));
        let text = failure.told().expect("is told").text();
        assert!(!text.contains('\u{1b}') && text.lines().count() == 2, "{text:?}");
    }
}
