//! The whole of Wayleave without a screen: vault, sessions, platforms, issuing, expiry, and the
//! agent that owns them with the one protocol it speaks.
//!
//! Clients (the window, the command line, tests) use [`agent::client`], [`api`], [`error`] and
//! [`secret::Disclosed`], and nothing else; `tests/core/architecture.rs` holds them to it.

pub mod agent;
pub mod api;
pub mod clock;
pub mod credential;
pub mod engine;
pub mod error;
pub mod expiry;
pub mod host;
pub mod install;
pub mod issuance;
mod notices;
pub mod paths;
pub mod platform;
pub mod secret;
pub mod session;
pub mod settings;
pub mod vault;

pub use error::{Error, ErrorCode, Result};
