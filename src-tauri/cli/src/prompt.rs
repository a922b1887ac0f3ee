//! What comes in: questions on a terminal, secrets without echo, secrets on standard input.
//!
//! A secret is read straight into one buffer of fixed size, which becomes the [`Disclosed`]:
//! no `String`, no growing buffer that leaves copies behind.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use wayleave_core::error::{Error, ErrorCode};
use wayleave_core::secret::Disclosed;

use crate::failure::Failure;

/// Longest secret that is read, in bytes: a cookie header is the longest there is.
const SECRET_MAX: usize = 32 * 1024;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const CTRL_U: u8 = 0x15;
const BACKSPACE: [u8; 2] = [0x08, 0x7f];

/// Whether somebody can be asked.
pub fn possible() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret on the terminal, or says which flag takes it.
pub fn secret(question: &str, flag: &str) -> Result<Disclosed, Failure> {
    if !possible() {
        return Err(unasked(question, &format!("Give it on standard input with `{flag}`.")));
    }
    let terminal = terminal()?;
    let quiet = Quiet::on(&terminal)?;
    write(&mut &terminal, &format!("{question}: "))?;
    let typed = typed(&mut &terminal);
    drop(quiet);
    write(&mut &terminal, "\n")?;
    typed
}

/// Asks for a secret twice.
pub fn new_secret(question: &str, flag: &str) -> Result<Disclosed, Failure> {
    let first = secret(question, flag)?;
    let again = secret("The same again", flag)?;
    if first.expose() == again.expose() {
        return Ok(first);
    }
    Err(Failure::usage("the two do not match", "Type the same one twice."))
}

/// Asks yes or no; `--yes` answers for the user.
pub fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    match line(&format!("{question} [y/N]"), "Confirm it with `--yes`.")?.as_str() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::new(ErrorCode::Cancelled, "it was not confirmed").into()),
    }
}

/// Asks for one line.
pub fn line(question: &str, unasked_advice: &str) -> Result<String, Failure> {
    if !possible() {
        return Err(unasked(question, unasked_advice));
    }
    write(&mut io::stderr(), &format!("{question} "))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|e| unreadable(&e))?;
    Ok(answer.trim().to_owned())
}

fn unasked(question: &str, advice: &str) -> Failure {
    let question = question.to_lowercase();
    Failure::usage(format!("there is no terminal to ask on: {question}"), advice)
}

/// Reads standard input to its end as one secret; one line break at its end does not count.
pub fn piped() -> Result<Disclosed, Failure> {
    let mut lines = piped_lines(1)?;
    lines.pop().ok_or_else(|| Failure::usage("standard input is empty", "Pipe the secret into it."))
}

/// Reads standard input as `count` secrets, one per line; a single one may have several lines.
pub fn piped_lines(count: usize) -> Result<Vec<Disclosed>, Failure> {
    let whole = read_all(&mut io::stdin().lock())?;
    let mut text = whole.expose();
    if let Some(rest) = text.strip_suffix(b"\n") {
        text = rest.strip_suffix(b"\r").unwrap_or(rest);
    }
    let parts: Vec<Disclosed> = if count == 1 {
        vec![Disclosed::from_bytes(text.to_vec())]
    } else {
        let trimmed = |line: &[u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        text.split(|byte| *byte == b'\n').map(|line| Disclosed::from_bytes(trimmed(line))).collect()
    };
    if parts.len() == count && parts.iter().all(|part| !part.expose().is_empty()) {
        return Ok(parts);
    }
    Err(Failure::usage(
        format!("standard input does not hold {count} secret{}", if count == 1 { "" } else { "s" }),
        if count == 1 { "Pipe the secret into it." } else { "Pipe one per line into it." },
    ))
}

fn read_all(input: &mut impl Read) -> Result<Disclosed, Failure> {
    let mut buffer = vec![0; SECRET_MAX + 1];
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable(&e)),
        }
    }
    buffer.truncate(length);
    let secret = Disclosed::from_bytes(buffer);
    if length > SECRET_MAX {
        return Err(Failure::usage(
            format!("standard input is longer than {SECRET_MAX} bytes"),
            "Pipe the secret alone into it.",
        ));
    }
    Ok(secret)
}

fn terminal() -> Result<File, Failure> {
    File::options().read(true).write(true).open("/dev/tty").map_err(|e| unreadable(&e))
}

fn write(out: &mut impl Write, text: &str) -> Result<(), Failure> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| unreadable(&e))
}

fn unreadable(e: &io::Error) -> Failure {
    Error::new(ErrorCode::FileProblem, format!("the terminal cannot be read: {e}")).into()
}

/// Reads what is typed until Enter, byte by byte; the terminal is quiet and edits nothing.
fn typed(input: &mut impl Read) -> Result<Disclosed, Failure> {
    let mut buffer = vec![0; SECRET_MAX];
    let mut length = 0;
    let mut byte = [0];
    loop {
        let read = input.read(&mut byte).map_err(|e| unreadable(&e))?;
        match byte[0] {
            b'\n' | b'\r' if read > 0 => break,
            CTRL_C | CTRL_D => return Err(cancelled(buffer)),
            _ if read == 0 => return Err(cancelled(buffer)),
            CTRL_U => length = 0,
            back if BACKSPACE.contains(&back) => length = before_last(&buffer[..length]),
            other if length < buffer.len() => {
                buffer[length] = other;
                length += 1;
            }
            _ => {}
        }
    }
    buffer[length..].fill(0);
    buffer.truncate(length);
    Ok(Disclosed::from_bytes(buffer))
}

/// Nothing was typed to its end; what there is, is wiped.
fn cancelled(typed: Vec<u8>) -> Failure {
    drop(Disclosed::from_bytes(typed));
    Error::new(ErrorCode::Cancelled, "it was cancelled").into()
}

/// Where the last UTF-8 character begins.
fn before_last(text: &[u8]) -> usize {
    text.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0)
}

/// A terminal that neither echoes nor edits, until it is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn on(terminal: &'a File) -> Result<Self, Failure> {
        let before = tcgetattr(terminal).map_err(|e| unreadable(&e.into()))?;
        let mut quiet = before.clone();
        quiet.local_modes &=
            !(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &quiet).map_err(|e| unreadable(&e.into()))?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing better can be done than to try.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing(bytes: &[u8]) -> Option<Vec<u8>> {
        typed(&mut &bytes[..]).ok().map(|secret| secret.expose().to_vec())
    }

    #[test]
    fn typing_can_be_corrected_and_cancelled() {
        assert_eq!(typing(b"correct horse\r"), Some(b"correct horse".to_vec()));
        assert_eq!(typing("naïe\u{7f}\u{7f}ïve\n".as_bytes()), Some("naïve".into()));
        assert_eq!(typing(b"wrong\x15right\n"), Some(b"right".to_vec()));
        assert_eq!(typing(b"\x7f\x7fa\n"), Some(b"a".to_vec()));
        for given_up in [&b"secret\x03"[..], b"\x04", b"secret"] {
            assert_eq!(typing(given_up), None);
        }
    }

    #[test]
    fn too_much_on_standard_input_is_refused() {
        assert!(read_all(&mut io::repeat(b'a')).is_err());
        let all = read_all(&mut &b"token\n"[..]).expect("reads");
        assert_eq!(all.expose(), b"token\n");
    }
}
