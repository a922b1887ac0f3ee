//! The agent's edge: its socket, its frames, and the client that talks to it.
//!
//! [`client`] is all that the window and the command line need; [`run`] is the agent's main.

pub mod client;
pub mod frame;
mod place;
mod socket;

pub use place::socket_path;
pub use socket::run;
