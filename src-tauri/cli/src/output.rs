//! What is printed: one JSON value, or text for people; never both.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use wayleave_core::error::Error;
use wayleave_core::secret::Disclosed;

use crate::exit::Exit;
use crate::failure::{Done, Failure};

/// Prints one JSON value and a newline on standard output.
pub fn json(value: &impl Serialize) -> Done {
    let mut text = serde_json::to_vec(value)
        .map_err(|e| Error::internal(format!("an answer cannot be printed: {e}")))?;
    text.push(b'\n');
    bytes(&text)
}

/// Prints text for people.
pub fn text(text: &str) -> Done {
    bytes(text.as_bytes())
}

/// Prints a secret as it is, and a newline. The user asked for it, by a verb that says so.
pub fn secret(secret: &Disclosed) -> Done {
    let secret = secret.expose();
    let mut line = Vec::with_capacity(secret.len() + 1);
    line.extend_from_slice(secret);
    line.push(b'\n');
    bytes(Disclosed::from_bytes(line).expose())
}

/// Prints bytes on standard output.
pub fn bytes(bytes: &[u8]) -> Done {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Ok),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Unread),
        Err(e) => Err(Error::new(
            wayleave_core::error::ErrorCode::FileProblem,
            format!("standard output cannot be written: {e}"),
        )
        .into()),
    }
}

/// Tells something beside the answer, on standard error.
pub fn aside(text: &str) {
    // A closed standard error is no reason to stop.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Text of somebody else, without what would command the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_command(c) { '\u{fffd}' } else { c }).collect()
}

/// Control characters, and those that turn the direction of text.
fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How a cell looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// As it comes.
    #[default]
    Plain,
    /// Less important.
    Dim,
    /// Fine.
    Good,
    /// Needs somebody soon.
    Soon,
    /// Needs somebody now.
    Bad,
}

impl Look {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dim => "\u{1b}[2m",
            Self::Good => "\u{1b}[32m",
            Self::Soon => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
        }
    }
}

/// A table with aligned columns.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<(String, Look)>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let row = headings.iter().map(|text| ((*text).to_owned(), Look::Dim)).collect();
        Self { rows: vec![row] }
    }

    /// One without headings: names and values.
    pub fn pairs() -> Self {
        Self::default()
    }

    /// Adds a row; its texts may come from anywhere.
    pub fn row<const N: usize>(&mut self, cells: [(&str, Look); N]) {
        self.rows.push(cells.map(|(text, look)| (printable(text), look)).into());
    }

    /// Adds a name and its value.
    pub fn pair(&mut self, name: &str, value: &str) {
        self.row([(name, Look::Dim), (value, Look::Plain)]);
    }

    /// Prints it.
    pub fn print(&self) -> Done {
        text(&self.lines(coloured()))
    }

    fn lines(&self, colour: bool) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| {
            self.rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| length(text)).max()
        };
        let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
        self.rows.iter().map(|row| line(row, &widths, colour)).collect()
    }
}

fn line(row: &[(String, Look)], widths: &[usize], colour: bool) -> String {
    let mut line = String::new();
    for (at, ((text, look), width)) in row.iter().zip(widths).enumerate() {
        let gap = if at + 1 < row.len() { width - length(text) + 2 } else { 0 };
        let (on, off) = match (colour, look.code()) {
            (true, code) if !code.is_empty() => (code, "\u{1b}[0m"),
            _ => ("", ""),
        };
        line.extend([on, text, off, &" ".repeat(gap)]);
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Colour only for a terminal that wants it (no-color.org).
fn coloured() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    io::stdout().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut table = Table::new(&["name", "ends"]);
        table.row([("a long name", Look::Plain), ("in 2 days", Look::Soon)]);
        table.row([("b", Look::Plain), ("", Look::Plain)]);
        assert_eq!(table.lines(false), "name         ends\na long name  in 2 days\nb\n");
        assert!(table.lines(true).contains("\u{1b}[33min 2 days\u{1b}[0m"));
    }

    #[test]
    fn a_name_from_the_platform_cannot_command_the_terminal() {
        assert_eq!(printable("a\u{1b}[2J\r\u{202e}b"), "a\u{fffd}[2J\u{fffd}\u{fffd}b");
    }
}
