//! Forms of a credential for a tool: text with `{placeholders}`. Which forms there are is data of
//! the platforms; this fills them in.

use crate::error::{Error, ErrorCode, Result};
use crate::secret::Secret;

/// Room for what is filled in, so that the text never moves.
const ROOM: usize = 32 << 10;

/// Fills a template in. `value` gives what a placeholder stands for.
///
/// A value with a line break or another control character in it is refused: it could add a line
/// to the file that the text becomes a part of.
pub fn render(text: &str, value: impl Fn(&str) -> Option<Secret>) -> Result<Secret> {
    let mut filled = Vec::with_capacity(ROOM);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| Error::internal("a template has an open placeholder"))?;
        let value = value(name).ok_or_else(|| missing(name))?;
        if value.expose().iter().any(u8::is_ascii_control) {
            return Err(Error::new(ErrorCode::InvalidInput, "the value cannot stand in this form")
                .with("field", name));
        }
        filled.extend_from_slice(before.as_bytes());
        filled.extend_from_slice(value.expose());
        rest = after;
    }
    filled.extend_from_slice(rest.as_bytes());
    Ok(Secret::new(filled))
}

fn missing(name: &str) -> Error {
    match name {
        "username" => Error::new(ErrorCode::NoUsername, "this form needs the user name"),
        _ => Error::new(ErrorCode::InvalidInput, "this form needs what is not known")
            .with("field", name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<Secret> {
        let known = [("key", "k{username}"), ("host", "h"), ("broken", "a\nb = c")];
        let found = known.iter().find(|(known, _)| *known == name)?;
        Some(Secret::from_text(found.1.into()))
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        let text = render("{host}: {key}\n", value).expect("renders");
        assert_eq!(text.expose_text(), Some("h: k{username}\n"), "a value is not read again");
        assert_eq!(render("plain", value).expect("renders").expose_text(), Some("plain"));
    }

    #[test]
    fn what_is_not_known_or_would_add_a_line_is_refused() {
        let code = |text: &str| render(text, value).expect_err(text).code;
        assert_eq!(code("{username}"), ErrorCode::NoUsername);
        assert_eq!(code("{nothing}"), ErrorCode::InvalidInput);
        assert_eq!(code("{broken}"), ErrorCode::InvalidInput);
        assert_eq!(code("{open"), ErrorCode::Internal);
    }
}
