//! Exit codes: one enum, printed by `wayleave help exit-codes`.

use wayleave_core::api::VerifyCause;
use wayleave_core::error::ErrorCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Ok,
    /// It went wrong for a reason without a code of its own.
    Other,
    /// The command line, or a value on it, is not acceptable.
    Usage,
    /// The vault is locked, or there is none.
    Locked,
    /// Nobody is signed in.
    NotSignedIn,
    /// The platform said no.
    Refused,
    /// The platform could not be reached.
    Offline,
    /// What was named is not there.
    NotFound,
    /// A credential has ended or is about to.
    Expiring,
    /// Cancelled, or consent was refused.
    Cancelled,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Other,
        Self::Usage,
        Self::Locked,
        Self::NotSignedIn,
        Self::Refused,
        Self::Offline,
        Self::NotFound,
        Self::Expiring,
        Self::Cancelled,
    ];

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Other => 1,
            Self::Usage => 2,
            Self::Locked => 3,
            Self::NotSignedIn => 4,
            Self::Refused => 5,
            Self::Offline => 6,
            Self::NotFound => 7,
            Self::Expiring => 8,
            Self::Cancelled => 9,
        }
    }

    /// What it means, for the manual.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Other => "another error",
            Self::Usage => "usage: the command line, or a value on it, is not acceptable",
            Self::Locked => "the vault is locked, or there is none yet",
            Self::NotSignedIn => "nobody is signed in",
            Self::Refused => "refused by the platform",
            Self::Offline => "offline: the platform could not be reached",
            Self::NotFound => "not found",
            Self::Expiring => "expired, or expiring (status --exit-code, verify)",
            Self::Cancelled => "cancelled, or consent refused",
        }
    }

    /// The table of `wayleave help exit-codes`.
    pub fn table() -> String {
        let lines = Self::ALL.map(|exit| format!("{}  {}\n", exit.code(), exit.meaning()));
        lines.concat()
    }
}

impl From<ErrorCode> for Exit {
    fn from(code: ErrorCode) -> Self {
        use ErrorCode as E;
        match code {
            E::NoVault | E::VaultLocked => Self::Locked,
            E::NotSignedIn | E::SessionEnded => Self::NotSignedIn,
            E::Forbidden | E::Rejected | E::NotSupported | E::RateLimited => Self::Refused,
            E::Offline | E::TimedOut => Self::Offline,
            E::NotFound => Self::NotFound,
            E::Expired => Self::Expiring,
            E::Cancelled | E::SignInRefused => Self::Cancelled,
            E::Ambiguous
            | E::InvalidInput
            | E::InvalidName
            | E::InvalidLifetime
            | E::InvalidAddress
            | E::WeakPassphrase
            | E::TokenIdNotKey
            | E::NoUsername => Self::Usage,
            E::VaultExists
            | E::WrongPassphrase
            | E::VaultDamaged
            | E::VaultNewer
            | E::VaultForeign
            | E::VaultInUse
            | E::VaultUnwritable
            | E::NoKeyring
            | E::SignInFailed
            | E::SignInOpen
            | E::FlowUnknown
            | E::NoClientId
            | E::PlatformUnavailable
            | E::Tls
            | E::ClockOff
            | E::UnexpectedAnswer
            | E::OutcomeUnknown
            | E::IssuedButNotStored
            | E::NotThisPlatform
            | E::StillValid
            | E::TicketSpent
            | E::AgentUnreachable
            | E::AgentVersion
            | E::AgentBusy
            | E::NoDisplay
            | E::NoticeNotShown
            | E::ToolMissing
            | E::FileProblem
            | E::Internal => Self::Other,
        }
    }
}

impl From<VerifyCause> for Exit {
    fn from(cause: VerifyCause) -> Self {
        match cause {
            VerifyCause::Ok => Self::Ok,
            VerifyCause::Expired => Self::Expiring,
            VerifyCause::Revoked
            | VerifyCause::WrongWorkspace
            | VerifyCause::WrongEnvironment
            | VerifyCause::NotPermitted => Self::Refused,
            VerifyCause::Offline => Self::Offline,
            VerifyCause::Clock | VerifyCause::Tls | VerifyCause::Server => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_that_scripts_were_promised() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for (error, code) in [
            (ErrorCode::NoVault, 3),
            (ErrorCode::VaultLocked, 3),
            (ErrorCode::VaultInUse, 1),
            (ErrorCode::NotSignedIn, 4),
            (ErrorCode::Forbidden, 5),
            (ErrorCode::Offline, 6),
            (ErrorCode::NotFound, 7),
            (ErrorCode::Expired, 8),
            (ErrorCode::Cancelled, 9),
        ] {
            assert_eq!(Exit::from(error).code(), code, "{error:?}");
        }
    }
}
