//! Integration tests of wayleave-core, one module per room.
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected is shown and fails")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test ends where it finds trouble")]

mod architecture;
#[path = "../report.rs"]
mod report;

#[cfg(feature = "ts")]
mod bindings;
mod engine;
mod platforms;
mod vault;
#[path = "../world.rs"]
mod world;
