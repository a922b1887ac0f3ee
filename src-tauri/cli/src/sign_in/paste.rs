//! Signing in by a key that the user already has: it makes the credential.

use clap::Args;
use jiff::SignedDuration;
use wayleave_core::api::{AccountView, Confide, Disclosure, PastedKey, misplaced};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::when::{self, Moment};
use crate::{credential, prompt};

/// How long a key of the portal lasts unless the user says otherwise (platforms.md A.3).
const USUAL: Moment = Moment::After(SignedDuration::from_hours(30 * 24));

/// Flags of the way `paste`.
#[derive(Debug, Args)]
pub struct PasteOptions {
    /// paste: read the key from standard input
    #[arg(long)]
    key_stdin: bool,
    /// paste: the user name at the platform
    #[arg(long)]
    username: Option<String>,
    /// paste: a name for the key
    #[arg(long)]
    name: Option<String>,
    /// paste: the platform's Token ID of it
    #[arg(long, value_name = "ID")]
    token_id: Option<String>,
    /// paste: when it ends, counted from the day it was made: 30d, a date, or unknown
    #[arg(long, value_parser = when::parse_moment, value_name = "30d|DATE|unknown")]
    expires: Option<Moment>,
    /// paste: the day it was made; today when left out
    #[arg(long, value_parser = when::parse_moment, value_name = "DATE")]
    made: Option<Moment>,
}

impl PasteOptions {
    /// Stores the key.
    pub fn store(self, context: &Context, account: &AccountView) -> Done {
        let about = self.about(context, account)?;
        let key = if self.key_stdin {
            prompt::piped()?
        } else {
            prompt::secret("API key", "--key-stdin")?
        };
        let Disclosure::Credential(stored) = context.confide(Confide::PasteKey { key, about })?
        else {
            return Err(misplaced("a pasted key").into());
        };
        credential::tell(context, &stored)
    }

    fn about(&self, context: &Context, account: &AccountView) -> Result<PastedKey, Failure> {
        let now = when::now();
        let workspace = context.workspace(account)?;
        let made = match self.made {
            Some(Moment::After(_)) => {
                return Err(Failure::usage(
                    "the day it was made is a date",
                    "Write it as 2026-01-31, or `--made unknown`.",
                ));
            }
            Some(moment) => moment.from(now),
            None => Some(now),
        };
        let expires = self.expires.unwrap_or(USUAL).from(made.unwrap_or(now));
        Ok(PastedKey {
            account: account.id,
            name: self.name.clone().unwrap_or_else(|| format!("{workspace}, pasted")),
            workspace,
            username: self.username.clone(),
            token_id: self.token_id.clone(),
            made,
            expires,
        })
    }
}
