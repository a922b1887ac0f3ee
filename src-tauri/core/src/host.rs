//! What the agent needs from the desktop around it, and nothing more.

use std::future::Future;
use std::sync::{Arc, Mutex};

use crate::error::Result;

/// A desktop notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Stable for the same occasion, so that showing it again replaces it.
    pub id: u32,
    /// Title; holds no name and no secret while the vault is locked.
    pub title: String,
    /// One sentence of what to do.
    pub body: String,
    /// Whether it should stay until it is seen.
    pub urgent: bool,
}

/// The desktop around the agent.
pub trait Host: Send + Sync + 'static {
    /// Shows a notification. An error means that nothing was shown and it is tried again.
    fn notify(&self, notice: Notice) -> impl Future<Output = Result<()>> + Send;
}

/// A host that keeps what it was told; tests read it.
#[derive(Debug, Clone, Default)]
pub struct RecordingHost(Arc<Mutex<Vec<Notice>>>);

impl RecordingHost {
    /// All notices so far.
    pub fn notices(&self) -> Vec<Notice> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl Host for RecordingHost {
    async fn notify(&self, notice: Notice) -> Result<()> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(notice);
        Ok(())
    }
}
