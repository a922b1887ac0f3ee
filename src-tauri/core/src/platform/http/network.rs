//! Telling apart how a network fails, by the types of the errors, never by their texts.

use std::error::Error as StdError;
use std::io;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Request;
use crate::platform::error::{Kind, NetworkKind, PlatformError};

/// The system's resolver, with an error type of its own.
#[derive(Debug)]
pub struct Names;

/// A name that was not found.
#[derive(Debug, thiserror::Error)]
#[error("the name was not found")]
struct NameNotFound;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<_> = found.map_err(|_| NameNotFound)?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// What an error of the network code means for a request.
pub fn classify(request: &Request, error: &reqwest::Error) -> PlatformError {
    let kind = cause(error);
    // Before a connection stands, nothing of the request can have been seen.
    let sent = !error.is_connect();
    request.error(Kind::Network { kind, sent })
}

fn cause(error: &reqwest::Error) -> NetworkKind {
    if error.is_timeout() {
        return NetworkKind::Timeout;
    }
    let first: &(dyn StdError + 'static) = error;
    let found =
        std::iter::successors(Some(first), |&error| StdError::source(error)).find_map(recognise);
    match found {
        Some(kind) => kind,
        None if error.is_connect() => NetworkKind::Refused,
        None => NetworkKind::Broken,
    }
}

/// One link of a chain of causes. An `io::Error` hides what it was made of from `source()`.
fn recognise(error: &(dyn StdError + 'static)) -> Option<NetworkKind> {
    if error.is::<NameNotFound>() {
        return Some(NetworkKind::Dns);
    }
    if error.is::<rustls::Error>() {
        return Some(NetworkKind::Tls);
    }
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    recognise(inner as &(dyn StdError + 'static))
}
