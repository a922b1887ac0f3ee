//! The clients for hosts without certificates of their own.

use std::sync::OnceLock;

use reqwest::Client;
use url::Url;

use super::limits;
use crate::platform::connection::is_loopback;

/// Each is made when it is needed first: who has no certificates can still open the vault and use
/// its keys, and once the computer has some they count.
#[derive(Default)]
pub struct Clients {
    /// For the world: through the system's proxy where there is one.
    outer: OnceLock<Client>,
    /// For loopback hosts: never through a proxy.
    loopback: OnceLock<Client>,
}

impl Clients {
    /// The client for a host, or what to do where none can be made.
    pub fn client_for(&self, url: &Url) -> Result<Client, &'static str> {
        let (slot, builder) = if is_loopback(url) {
            (&self.loopback, limits().no_proxy())
        } else {
            (&self.outer, limits().https_only(true))
        };
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        // Nothing else of it depends on the computer.
        let made = builder.build().map_err(
            |_| "this computer has no certificates to judge by; install the package ca-certificates",
        )?;
        Ok(slot.get_or_init(|| made).clone())
    }
}
