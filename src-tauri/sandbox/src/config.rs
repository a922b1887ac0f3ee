//! How a sandbox is started.

use std::path::PathBuf;

use crate::behind::Behind;

/// Settings of one sandbox. `Config::default()` is right for tests: free ports, no control
/// endpoint, S3 objects in a temporary directory that goes with the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Loopback port of the hub; 0 takes a free one.
    pub port: u16,
    /// Loopback port of the S3 endpoint; 0 takes a free one.
    pub s3_port: u16,
    /// Loopback port of the HTTP control endpoint (0 takes a free one); `None`: there is none.
    pub controls_port: Option<u16>,
    /// Where S3 objects are kept; `None`: a temporary directory.
    pub s3_directory: Option<PathBuf>,
    /// How many seconds a client's signing time may be off the machine's clock before S3 refuses
    /// it with `RequestTimeTooSkewed`. AWS allows 900.
    pub s3_skew_seconds: u32,
    /// Id of the one public OpenID client.
    pub client_id: String,
    /// The real parts in front of it; `None`: it plays them all itself.
    pub behind: Option<Behind>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            s3_port: 0,
            controls_port: None,
            s3_directory: None,
            s3_skew_seconds: 900,
            client_id: "wayleave-desktop".to_owned(),
            behind: None,
        }
    }
}
