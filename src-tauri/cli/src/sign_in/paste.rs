//! Signing in by a key that the user already has: it makes the credential.

use clap::Args;
use jiff::SignedDuration;
use wayleave_core::api::{
    AccountView, Confide, Disclosure, KeyOwner, OwnerKind, PastedKey, PlatformView, misplaced,
};
use wayleave_core::secret::Disclosed;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::when::{self, Moment};
use crate::{credential, prompt};

/// How long a key of the portal lasts unless the user says otherwise (platforms.md A.3).
const USUAL: Moment = Moment::After(SignedDuration::from_hours(30 * 24));

/// Flags of the way `paste`.
#[derive(Debug, Args)]
pub struct PasteOptions {
    /// paste: read the key from standard input; of a pair, the secret key on the second line
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
    /// paste: the person at the platform whose key it is
    #[arg(long, value_name = "NAME", conflicts_with = "owner_service")]
    owner_user: Option<String>,
    /// paste: the service account at the platform whose key it is
    #[arg(long, value_name = "NAME")]
    owner_service: Option<String>,
}

impl PasteOptions {
    /// Stores the key.
    pub fn store(self, context: &Context, account: &AccountView) -> Done {
        let platform = context.platform(&account.platform)?;
        let about = self.about(context, account, &platform)?;
        let (key, secret_key) = self.secrets(&platform)?;
        let Disclosure::Credential(stored) =
            context.confide(Confide::PasteKey { key, secret_key, about })?
        else {
            return Err(misplaced("a pasted key").into());
        };
        credential::tell(context, &stored)
    }

    /// The one part of a key, or both.
    fn secrets(&self, platform: &PlatformView) -> Result<(Disclosed, Option<Disclosed>), Failure> {
        let label = |at: usize| platform.parts.get(at).map_or("API key", |part| &part.label);
        let pair = platform.parts.len() > 1;
        if !self.key_stdin {
            let key = prompt::secret(label(0), "--key-stdin")?;
            let second = pair.then(|| prompt::secret(label(1), "--key-stdin")).transpose()?;
            return Ok((key, second));
        }
        let piped = prompt::piped()?;
        if !pair {
            return Ok((piped, None));
        }
        let mut lines = piped.expose().splitn(2, |byte| *byte == b'\n');
        let mut next = || Disclosed::from_bytes(lines.next().unwrap_or_default().to_vec());
        Ok((next(), Some(next())))
    }

    fn about(
        &self,
        context: &Context,
        account: &AccountView,
        platform: &PlatformView,
    ) -> Result<PastedKey, Failure> {
        let now = when::now();
        let workspace =
            if platform.scope.typed { context.workspace(account)? } else { String::new() };
        let made = match self.made {
            Some(Moment::After(_)) => {
                return Err(Failure::usage(
                    "the day it was made is a date",
                    "Write it as 2026-01-31, or `--made unknown`.",
                ));
            }
            Some(moment) => moment.from(now),
            // Where the platform tells, nothing is assumed.
            None => platform.scope.typed.then_some(now),
        };
        let usual = if platform.scope.typed { USUAL } else { Moment::Unknown };
        let expires = self.expires.unwrap_or(usual).from(made.unwrap_or(now));
        let name = match (&self.name, platform.scope.typed) {
            (Some(name), _) => name.clone(),
            (None, true) => format!("{workspace}, pasted"),
            (None, false) => String::new(),
        };
        Ok(PastedKey {
            account: account.id,
            name,
            workspace,
            username: self.username.clone(),
            token_id: self.token_id.clone(),
            made,
            expires,
            owner: self.owner(),
        })
    }

    fn owner(&self) -> Option<KeyOwner> {
        let owner = |kind, name: &String| KeyOwner { kind, name: name.clone() };
        let service = self.owner_service.as_ref().map(|n| owner(OwnerKind::ServiceAccount, n));
        service.or_else(|| self.owner_user.as_ref().map(|name| owner(OwnerKind::User, name)))
    }
}
