//! Made-up HTTP answers: a grammar of what servers say, broken in every place.

use serde_json::{Map, Number, Value};

/// A small generator of random numbers (xorshift64*); the same seed, the same cases.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or(usize::MAX) % bound.max(1)
    }

    pub fn one<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// True once in `n` times.
    pub fn rarely(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Names of fields that some adapter or the sign-in reads.
const FIELDS: [&str; 44] = [
    "id",
    "user_id",
    "token",
    "workspace",
    "name",
    "scope",
    "created",
    "expiry",
    "expires",
    "status",
    "stores",
    "object",
    "bucket",
    "prefix",
    "host",
    "access_point_arn",
    "accessKeyId",
    "secretAccessKey",
    "sessionToken",
    "expiration",
    "info",
    "title",
    "issuer",
    "detail",
    "message",
    "error",
    "loc",
    "msg",
    "data",
    "apikey",
    "type",
    "allow",
    "valid",
    "result",
    "tags",
    "results",
    "total_count",
    "next",
    "uid",
    "label",
    "key",
    "permissions",
    "is_revoked",
    "preferredUsername",
];

const TEXTS: [&str; 16] = [
    "",
    "demo-ws",
    "0001-01-01T00:00:00Z",
    "2025-03-07T13:55:56Z",
    "9999-12-31T23:59:60Z",
    "-292277022657-01-27T08:29:52Z",
    "2025-03-07 14:55:56 +0000 UTC",
    "2025-03-07 14:55:56 +é000 UTC",
    "http://127.0.0.1:1/?limit=2",
    "\u{202e}\u{0}\u{feff}",
    "../../etc/passwd",
    "454f444800112233445566778899aabb",
    "eyJhbGciOiJub25lIn0.e30.",
    "ääääääääääääääääääääääääää",
    "<html><form type=\"password\">",
    "İ",
];

/// A JSON value, mostly of names that are read.
pub fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 5 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(dice.rarely(2)),
        2 => number(dice),
        3 | 4 => text(dice),
        5 => {
            if dice.rarely(60) {
                return Value::Array(vec![serde_json::json!({ "id": "x" }); 12_000]);
            }
            Value::Array((0..dice.below(4)).map(|_| value(dice, depth - 1)).collect())
        }
        _ => {
            let count = dice.below(9);
            let fields = (0..count).map(|_| (dice.one(&FIELDS).to_owned(), value(dice, depth - 1)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

fn number(dice: &mut Dice) -> Value {
    match dice.below(5) {
        0 => Value::from(i64::MIN),
        1 => Value::from(u64::MAX),
        2 => Number::from_f64(1e308).map_or(Value::Null, Value::Number),
        3 => Value::from(-1),
        _ => Value::from(dice.below(100_000)),
    }
}

fn text(dice: &mut Dice) -> Value {
    let text = dice.one(&TEXTS);
    Value::String(match dice.below(200) {
        0 => text.repeat(2000),
        1 => "x".repeat(65 << 10),
        _ => text.to_owned(),
    })
}

/// The content of an answer: made up, or an honest one that was damaged.
fn body(dice: &mut Dice, honest: &[u8]) -> Vec<u8> {
    match dice.below(12) {
        0 => Vec::new(),
        1 => b"<html><head><title>502</title></head></html>".to_vec(),
        2 => b"<?xml version=\"1.0\"?><A><Credentials><AccessKeyId>A</Credentials>".to_vec(),
        3 => "[".repeat(dice.below(2000)).into_bytes(),
        4 => format!("{{\"a\":{}1e9999}}", "-".repeat(dice.below(2))).into_bytes(),
        5 => (0..dice.below(3000)).map(|_| dice.next().to_le_bytes()[0]).collect(),
        6 | 7 => damaged(dice, honest),
        8 => [honest, honest].concat(),
        _ => value(dice, 4).to_string().into_bytes(),
    }
}

/// Some bytes changed, left out, doubled, or the end missing.
fn damaged(dice: &mut Dice, honest: &[u8]) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    for _ in 0..=dice.below(4) {
        if bytes.is_empty() {
            return bytes;
        }
        let at = dice.below(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => bytes[at] = dice.next().to_le_bytes()[0],
            2 => bytes[at] = dice.one(&[b"\"", b"{", b"]", b"\\", b"\0", b",", b"0"])[0],
            3 => drop(bytes.remove(at)),
            _ => {
                let upto = (at + dice.below(40)).min(bytes.len());
                let again = bytes[at..upto].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

/// A whole answer, with its status line, headers and framing, each of which may be wrong.
pub fn answer(dice: &mut Dice, honest: &[u8]) -> Vec<u8> {
    let body = body(dice, honest);
    let status = dice.one(&[
        "200", "200", "200", "200", "200", "201", "202", "204", "206", "301", "302", "307", "400",
        "401", "403", "404", "409", "410", "422", "429", "500", "502", "503", "504", "999", "600",
    ]);
    let mut head = match dice.below(30) {
        0 => "HTTP/9.9 200 OK\r\n".to_owned(),
        1 => "\r\n\r\n".to_owned(),
        2 => "ICY 200 OK\r\n".to_owned(),
        3 => "HTTP/1.1 abc\r\n".to_owned(),
        4 => format!("HTTP/1.0 {status}\r\n"),
        _ => format!("HTTP/1.1 {status} Whatever\r\n"),
    };
    for _ in 0..dice.below(5) {
        head += &header(dice);
    }
    let (framing, body) = framed(dice, body);
    [head.as_bytes(), framing.as_bytes(), b"\r\n", &body].concat()
}

fn header(dice: &mut Dice) -> String {
    match dice.below(14) {
        0 => "Content-Type: application/json\r\n".into(),
        1 => "Content-Type: text/html; charset=utf-7\r\n".into(),
        2 => "Content-Encoding: gzip\r\n".into(),
        3 => "Location: /oauth2/start?rd=/\r\n".into(),
        4 => "Location: http://[::1]:1/\r\n".into(),
        5 => "Retry-After: 99999999999999999999\r\n".into(),
        6 => "Retry-After: -1\r\n".into(),
        7 => "Date: Fri, 99 Foo 2025 25:61:61 GMT\r\n".into(),
        8 => "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n".into(),
        9 => "Set-Cookie: _oauth2_proxy_0=; Max-Age=0; Path=/\r\n".into(),
        10 => "X-Request-Id: \u{7f}\u{1b}[31m\r\n".into(),
        11 if dice.rarely(20) => format!("X-Long: {}\r\n", "h".repeat(dice.below(90_000))),
        12 => "broken header without a colon\r\n".into(),
        _ => "Connection: close\r\n".into(),
    }
}

/// The header that tells the length, and the content as it is sent.
fn framed(dice: &mut Dice, body: Vec<u8>) -> (String, Vec<u8>) {
    let length = body.len();
    match dice.below(16) {
        0 => (format!("Content-Length: {}\r\n", length + 1 + dice.below(9)), body),
        1 => (format!("Content-Length: {}\r\n", length / 2), body),
        2 => ("Content-Length: -5\r\n".into(), body),
        3 => ("Content-Length: 18446744073709551616\r\n".into(), body),
        4 => (format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1), body),
        5 | 6 => {
            let head = format!("{length:x}\r\n");
            (
                "Transfer-Encoding: chunked\r\n".into(),
                [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat(),
            )
        }
        7 => ("Transfer-Encoding: chunked\r\n".into(), [b"zz\r\n".as_slice(), &body].concat()),
        8 => (
            "Transfer-Encoding: chunked\r\n".into(),
            [b"ffffffffffffffff\r\n".as_slice(), &body].concat(),
        ),
        9 => (String::new(), body),
        _ => (format!("Content-Length: {length}\r\n"), body),
    }
}
