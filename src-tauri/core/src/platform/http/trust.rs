//! Certificates beside the operating system's: a file per connection, for the hosts of that
//! connection alone (security.md 6.1). There is no way to accept any certificate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::{Certificate, Client};
use url::Url;

use super::limits;
use crate::platform::connection::is_loopback;

/// Largest file of certificates that is read.
const FILE_LIMIT: u64 = 1 << 20;

/// Hosts with certificates of their own.
#[derive(Default)]
pub struct Trust(Mutex<BTreeMap<String, Anchor>>);

struct Anchor {
    file: PathBuf,
    /// Made when the host is asked first.
    client: Option<Client>,
}

impl Trust {
    /// From now on the certificates of this file count for these hosts too; `None`: no more.
    pub fn set(&self, hosts: impl IntoIterator<Item = String>, file: Option<&Path>) {
        let mut all = self.lock();
        for host in hosts {
            match file {
                Some(file) if all.get(&host).is_some_and(|anchor| anchor.file == file) => {}
                Some(file) => {
                    all.insert(host, Anchor { file: file.to_owned(), client: None });
                }
                None => drop(all.remove(&host)),
            }
        }
    }

    /// The client for a host with certificates of its own; `None`: it has none. An error where
    /// its file cannot be used: the host is not asked without it.
    pub async fn client_for(&self, url: &Url) -> Option<Result<Client, &'static str>> {
        let host = url.host_str()?.to_owned();
        let file = match self.lock().get(&host)? {
            Anchor { client: Some(client), .. } => return Some(Ok(client.clone())),
            Anchor { file, client: None } => file.clone(),
        };
        let loopback = is_loopback(url);
        let made = tokio::task::spawn_blocking({
            let file = file.clone();
            move || client_with(&file, loopback)
        });
        let made = made.await.unwrap_or(Err("the certificate file of this connection is unusable"));
        if let (Ok(client), Some(anchor)) = (&made, self.lock().get_mut(&host))
            && anchor.file == file
        {
            anchor.client = Some(client.clone());
        }
        Some(made)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Anchor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client_with(file: &Path, loopback: bool) -> Result<Client, &'static str> {
    let size = std::fs::metadata(file).map_or(u64::MAX, |facts| facts.len());
    let pem = if size <= FILE_LIMIT { std::fs::read(file).ok() } else { None };
    let pem = pem.ok_or("the certificate file of this connection cannot be read")?;
    let found = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
    let found = found.ok_or("the certificate file of this connection holds no PEM certificate")?;
    let builder = limits().tls_certs_merge(found);
    let builder = if loopback { builder.no_proxy() } else { builder.https_only(true) };
    builder.build().map_err(|_| "the certificate file of this connection is unusable")
}
