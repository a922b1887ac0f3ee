//! A server's words, made fit to be shown.

/// Most characters kept of what a server says.
const SAID_LIMIT: usize = 300;

/// A server's text without markup, control and bidirectional characters, white space joined, at
/// most 300 characters; `None` when nothing is left, when it is HTML, or when it looks as if it
/// held a secret.
pub fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    if text.starts_with('<') || holds_a_secret(text) {
        return None;
    }
    let visible: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|&c| !c.is_control() && !is_bidirectional(c))
        .take(SAID_LIMIT)
        .collect();
    let joined = visible.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    (!joined.is_empty()).then_some(joined)
}

/// Characters that change the direction of the text around them.
fn is_bidirectional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text holds a run that could be a token: JWT, hex key, long base64. A server that
/// echoes what it was sent must not bring a secret into an error.
fn holds_a_secret(text: &str) -> bool {
    let is_token =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '=');
    text.split(|c| !is_token(c)).any(|run| {
        let hex = run.len() >= 32 && run.chars().all(|c| c.is_ascii_hexdigit());
        let jwt = run.starts_with("eyJ");
        let opaque =
            run.len() >= 40 && run.chars().any(|c| c.is_ascii_digit()) && !run.contains("//");
        hex || jwt || opaque
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cleaned() {
        assert_eq!(clean(" invalid  token\r\nformat\n").as_deref(), Some("invalid token format"));
        assert_eq!(clean("a\u{202e}b\u{0}c").as_deref(), Some("abc"));
        assert_eq!(clean("<html><title>401</title>"), None);
        assert_eq!(clean("  \n"), None);
        assert_eq!(clean(&"word ".repeat(200)).map(|text| text.len() <= 300), Some(true));
    }

    #[test]
    fn an_echoed_secret_is_dropped() {
        for text in [
            "unknown key 454f444800112233445566778899aabb",
            "bad token eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
            "cookie mEcX0o9ZSdQ1mEcX0o9ZSdQ1mEcX0o9ZSdQ1mEcX0o9Z is old",
        ] {
            assert_eq!(clean(text), None, "{text}");
        }
        let id = "no token 0b6c4f4e-6c0e-4d0a-9d5e-1f2a3b4c5d6e";
        assert_eq!(clean(id).as_deref(), Some(id), "a Token ID is no secret");
    }
}
