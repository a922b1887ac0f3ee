//! Where a sign-in stands: pure, so that every end of every way can be tested without a network.

use jiff::Timestamp;

use crate::credential::Id;
use crate::error::{Error, ErrorCode};
use crate::platform::PlatformError;

/// Why a sign-in did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The user, or the platform in the user's name, said no.
    #[error("the sign-in was refused")]
    Refused,
    /// Nothing came within the time limit.
    #[error("the sign-in took too long")]
    Expired,
    /// The flow is over, or was never there.
    #[error("this sign-in is over")]
    Unknown,
    /// The browser and device ways need a client id.
    #[error("signing in this way needs a client id, which is not configured")]
    NoClientId,
    /// The provider does not offer this way.
    #[error("the platform does not offer this way to sign in")]
    NotOffered,
    /// The one-time proof does not belong to the flow.
    #[error("the result does not belong to this sign-in")]
    WrongProof,
    /// There is no session cookie of the hub in what was handed over.
    #[error("there is no session of the hub in what was given")]
    NoSession,
    /// The provider's answer breaks a rule; the text says which.
    #[error("the sign-in failed: {0}")]
    Broken(&'static str),
    /// No port could be listened on.
    #[error("no port could be opened on this computer for the browser's answer")]
    NoPort,
    /// The platform failed.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl From<SignInError> for Error {
    fn from(error: SignInError) -> Self {
        let message = error.to_string();
        let code = match error {
            SignInError::Platform(error) if error.code() == ErrorCode::SessionEnded => {
                let told = Self::from(error);
                return Self { code: ErrorCode::SignInRefused, ..told };
            }
            SignInError::Platform(error) => return error.into(),
            SignInError::Refused | SignInError::NoSession => ErrorCode::SignInRefused,
            SignInError::Expired | SignInError::Broken(_) | SignInError::NoPort => {
                ErrorCode::SignInFailed
            }
            SignInError::Unknown | SignInError::WrongProof => ErrorCode::FlowUnknown,
            SignInError::NoClientId => ErrorCode::NoClientId,
            SignInError::NotOffered => ErrorCode::NotSupported,
        };
        Self::new(code, message)
    }
}

/// Where a sign-in to one account stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// Nobody is signed in.
    SignedOut,
    /// The system browser has the word.
    AwaitingBrowser {
        /// Which flow.
        flow: Id,
        /// When it is given up.
        until: Timestamp,
    },
    /// Somebody types a code on some device.
    AwaitingDevice {
        /// Which flow.
        flow: Id,
        /// When it is given up.
        until: Timestamp,
    },
    /// The sign-in window has the word.
    AwaitingPortal {
        /// Which flow.
        flow: Id,
        /// When it is given up.
        until: Timestamp,
    },
    /// What came back is being made a session.
    Exchanging {
        /// Which flow.
        flow: Id,
    },
    /// Somebody is signed in.
    SignedIn {
        /// When the session ends if nothing renews it.
        until: Option<Timestamp>,
    },
}

/// What can happen to a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The flow's answer came back.
    Answered {
        /// Which flow.
        flow: Id,
    },
    /// It became a session.
    Succeeded {
        /// Which flow.
        flow: Id,
        /// When the session ends if nothing renews it.
        until: Option<Timestamp>,
    },
    /// It did not.
    Failed {
        /// Which flow.
        flow: Id,
    },
    /// The user gave it up.
    Cancelled {
        /// Which flow.
        flow: Id,
    },
    /// Time went by.
    Tick {
        /// To when.
        now: Timestamp,
    },
    /// The session ended, by sign-out or by itself.
    Ended,
}

impl SignIn {
    /// The flow under way, if there is one.
    pub fn flow(&self) -> Option<Id> {
        match self {
            Self::AwaitingBrowser { flow, .. }
            | Self::AwaitingDevice { flow, .. }
            | Self::AwaitingPortal { flow, .. }
            | Self::Exchanging { flow } => Some(*flow),
            Self::SignedOut | Self::SignedIn { .. } => None,
        }
    }

    /// When the flow under way is given up; an exchange is not, it has its own time limits.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::AwaitingBrowser { until, .. }
            | Self::AwaitingDevice { until, .. }
            | Self::AwaitingPortal { until, .. } => Some(*until),
            Self::Exchanging { .. } | Self::SignedOut | Self::SignedIn { .. } => None,
        }
    }

    /// What an event makes of it. An event of another flow changes nothing: a late or forged
    /// answer cannot disturb the flow that is open.
    pub fn step(self, event: &Event) -> Self {
        let mine = |flow: &Id| self.flow() == Some(*flow);
        match event {
            Event::Answered { flow } if mine(flow) => Self::Exchanging { flow: *flow },
            Event::Succeeded { flow, until } if mine(flow) => Self::SignedIn { until: *until },
            Event::Failed { flow } | Event::Cancelled { flow } if mine(flow) => Self::SignedOut,
            Event::Tick { now } if self.deadline().is_some_and(|until| until <= *now) => {
                Self::SignedOut
            }
            Event::Ended if matches!(self, Self::SignedIn { .. }) => Self::SignedOut,
            Event::Ended
            | Event::Answered { .. }
            | Event::Succeeded { .. }
            | Event::Failed { .. }
            | Event::Cancelled { .. }
            | Event::Tick { .. } => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("time")
    }

    const FLOW: Id = Id([1; 16]);
    const OTHER: Id = Id([2; 16]);

    #[test]
    fn a_flow_goes_its_way() {
        let open = SignIn::AwaitingPortal { flow: FLOW, until: at(600) };
        let exchanging = open.step(&Event::Answered { flow: FLOW });
        assert_eq!(exchanging, SignIn::Exchanging { flow: FLOW });
        let done = exchanging.step(&Event::Succeeded { flow: FLOW, until: Some(at(1800)) });
        assert_eq!(done, SignIn::SignedIn { until: Some(at(1800)) });
        assert_eq!(done.step(&Event::Ended), SignIn::SignedOut);
    }

    #[test]
    fn another_flow_changes_nothing() {
        let open = SignIn::AwaitingBrowser { flow: FLOW, until: at(300) };
        for event in [
            Event::Answered { flow: OTHER },
            Event::Succeeded { flow: OTHER, until: None },
            Event::Failed { flow: OTHER },
            Event::Cancelled { flow: OTHER },
            Event::Tick { now: at(299) },
            Event::Ended,
        ] {
            assert_eq!(open.clone().step(&event), open, "{event:?}");
        }
    }

    #[test]
    fn time_and_cancelling_end_a_flow() {
        let open = SignIn::AwaitingDevice { flow: FLOW, until: at(300) };
        assert_eq!(open.clone().step(&Event::Tick { now: at(300) }), SignIn::SignedOut);
        assert_eq!(open.step(&Event::Cancelled { flow: FLOW }), SignIn::SignedOut);
        let late = SignIn::Exchanging { flow: FLOW };
        assert_eq!(late.clone().step(&Event::Tick { now: at(9999) }), late, "not cut");
    }
}
