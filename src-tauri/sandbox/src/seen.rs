//! The record of requests, for tests to ask. It holds names, never values.

use std::collections::VecDeque;

use axum::http::{HeaderMap, Uri};
use serde::Serialize;

use crate::reply;

/// One request that reached the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// `hub` or `s3`.
    pub server: &'static str,
    /// `GET`, `POST`, …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Status of the answer; 0 while it has not been made.
    pub status: u16,
    /// Who asked: `token:ID`, `jwt:NAME`, `cookie:NAME` or `s3:WORKSPACE`; `None` for nobody the
    /// sandbox knows.
    pub who: Option<String>,
    /// Names of the headers, lower case, sorted.
    pub headers: Vec<String>,
    /// Names of the cookies, in the order sent.
    pub cookies: Vec<String>,
    /// Names of the query's parameters.
    pub query: Vec<String>,
    /// Whether path or query held an API token.
    pub secret_in_url: bool,
    /// When, in seconds since 1970 by the sandbox's clock.
    pub at: i64,
}

impl Seen {
    /// Notes a request that has just come in.
    pub(crate) fn new(
        server: &'static str,
        method: &str,
        uri: &Uri,
        headers: &HeaderMap,
        at: i64,
    ) -> Self {
        let mut names: Vec<String> = headers.keys().map(ToString::to_string).collect();
        names.sort();
        let query = uri.query().unwrap_or_default();
        let parameters = url::form_urlencoded::parse(query.as_bytes());
        Self {
            server,
            method: method.to_owned(),
            path: hide_tokens(uri.path()),
            status: 0,
            who: None,
            headers: names,
            cookies: reply::cookies(headers).into_iter().map(|(name, _)| name).collect(),
            query: parameters.map(|(name, _)| name.into_owned()).collect(),
            secret_in_url: token_at(uri.path()).is_some() || token_at(query).is_some(),
            at,
        }
    }
}

/// How many requests are remembered; older ones go.
const REMEMBERED: usize = 100_000;

/// The latest requests, numbered from the first.
#[derive(Default)]
pub(crate) struct Record {
    first: u64,
    rows: VecDeque<Seen>,
}

impl Record {
    /// Adds one and returns its number.
    pub(crate) fn push(&mut self, seen: Seen) -> u64 {
        if self.rows.len() >= REMEMBERED && self.rows.pop_front().is_some() {
            self.first += 1;
        }
        self.rows.push_back(seen);
        self.next() - 1
    }

    fn next(&self) -> u64 {
        self.first + u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }

    /// The one of that number, if it is still here.
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Seen> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.rows.get_mut(place)
    }

    /// Forgets all; their numbers are not used again.
    pub(crate) fn clear(&mut self) {
        self.first = self.next();
        self.rows.clear();
    }

    /// A copy of all.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.rows.iter().cloned().collect()
    }
}

/// Length of an API token.
const TOKEN_LENGTH: usize = 32;

/// Where in `text` an API token begins.
fn token_at(text: &str) -> Option<usize> {
    let start = text.find("454f4448")?;
    let token = text.get(start..start + TOKEN_LENGTH)?;
    token.bytes().all(|b| b.is_ascii_hexdigit()).then_some(start)
}

/// `path` with an API token in it blotted out.
fn hide_tokens(path: &str) -> String {
    match token_at(path) {
        Some(start) => {
            let (head, tail) = path.split_at(start);
            format!("{head}(token){}", tail.get(TOKEN_LENGTH..).unwrap_or_default())
        }
        None => path.to_owned(),
    }
}
