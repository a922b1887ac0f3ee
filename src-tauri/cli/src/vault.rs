//! The vault: `init`, `unlock`, `lock`, `vault …`.

use clap::{Args, Subcommand};
use wayleave_core::api::{
    Answer, Ask, Confide, SlotKind, Snapshot, VaultInfo, VaultState, misplaced,
};
use wayleave_core::secret::Disclosed;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::home;
use crate::output::{self, Look, Table};
use crate::prompt;

/// Flags of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Let the keyring of this computer open it
    #[arg(long)]
    keyring: bool,
    /// Read the passphrase from standard input
    #[arg(long)]
    passphrase_stdin: bool,
}

impl Init {
    /// Makes the vault.
    pub fn run(&self, context: &Context) -> Done {
        if self.keyring && !self.passphrase_stdin {
            context.order(Ask::CreateWithKeyring)?;
            return home::status(context);
        }
        let passphrase = self.passphrase()?;
        context.confide(Confide::Create { passphrase, keyring: self.keyring })?;
        home::status(context)
    }

    fn passphrase(&self) -> Result<Disclosed, Failure> {
        if self.passphrase_stdin {
            return prompt::piped();
        }
        if prompt::possible() {
            return prompt::new_secret("A passphrase for the vault", "--passphrase-stdin");
        }
        Err(Failure::usage(
            "what is to open the vault was not said",
            "Add `--keyring`, `--passphrase-stdin`, or both.",
        ))
    }
}

/// Flags of `unlock`.
#[derive(Debug, Args)]
pub struct Unlock {
    /// Read the passphrase from standard input
    #[arg(long)]
    passphrase_stdin: bool,
}

impl Unlock {
    /// Opens the vault: with the passphrase on standard input, else with the keyring where that
    /// can, else with what is typed.
    pub fn run(&self, context: &Context) -> Done {
        if self.passphrase_stdin {
            context.confide(Confide::Unlock { passphrase: prompt::piped()? })?;
            return home::status(context);
        }
        let snapshot = context.snapshot()?;
        if snapshot.vault.state == VaultState::Unlocked {
            return home::status(context);
        }
        if !by_keyring(context, &snapshot)? {
            let passphrase = prompt::secret("Passphrase", "--passphrase-stdin")?;
            context.confide(Confide::Unlock { passphrase })?;
        }
        home::status(context)
    }
}

/// Whether the keyring opened it. Its failure counts only when there is no other way.
fn by_keyring(context: &Context, snapshot: &Snapshot) -> Result<bool, Failure> {
    let slots = &snapshot.vault.slots;
    if !slots.contains(&SlotKind::Keyring) {
        return Ok(false);
    }
    let opened = context.order(Ask::UnlockWithKeyring);
    if opened.is_err() && slots.contains(&SlotKind::Passphrase) && prompt::possible() {
        output::aside("The keyring did not open it.");
        return Ok(false);
    }
    opened.map(|()| true)
}

/// Closes the vault.
pub fn lock(context: &Context) -> Done {
    context.order(Ask::Lock)?;
    home::status(context)
}

/// The verbs of `vault`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What the vault file is made of
    Info,
    /// Verify every record and the whole
    Check,
    /// Replace the passphrase, or set one
    ChangePassphrase(ChangePassphrase),
    /// What opens the vault
    #[command(subcommand)]
    Slots(SlotsVerb),
}

/// The verbs of `vault slots`.
#[derive(Debug, Subcommand)]
pub enum SlotsVerb {
    /// List them
    List,
}

/// Flags of `vault change-passphrase`.
#[derive(Debug, Args)]
pub struct ChangePassphrase {
    /// Read the passphrase in force from the first line of standard input
    #[arg(long, requires = "passphrase_stdin")]
    old_passphrase_stdin: bool,
    /// Read the new passphrase from (the next line of) standard input
    #[arg(long)]
    passphrase_stdin: bool,
}

impl Verb {
    /// Does it.
    pub fn run(&self, context: &Context) -> Done {
        match self {
            Self::Info => info(context, Ask::VaultInfo),
            Self::Check => info(context, Ask::VaultCheck),
            Self::ChangePassphrase(options) => options.run(context),
            Self::Slots(SlotsVerb::List) => slots(context),
        }
    }
}

impl ChangePassphrase {
    fn run(&self, context: &Context) -> Done {
        let (old, new) = if self.passphrase_stdin { self.piped()? } else { typed(context)? };
        context.confide(Confide::ChangePassphrase { old, new })?;
        home::status(context)
    }

    fn piped(&self) -> Result<(Option<Disclosed>, Disclosed), Failure> {
        if !self.old_passphrase_stdin {
            return Ok((None, prompt::piped()?));
        }
        let mut lines = prompt::piped_lines(2)?.into_iter();
        match (lines.next(), lines.next()) {
            (old @ Some(_), Some(new)) => Ok((old, new)),
            _ => Err(Failure::usage("two lines are needed", "Pipe the old one, then the new one.")),
        }
    }
}

fn typed(context: &Context) -> Result<(Option<Disclosed>, Disclosed), Failure> {
    let has_one = context.snapshot()?.vault.slots.contains(&SlotKind::Passphrase);
    let flags = "--old-passphrase-stdin --passphrase-stdin";
    let old = has_one.then(|| prompt::secret("The passphrase now", flags)).transpose()?;
    Ok((old, prompt::new_secret("The new passphrase", flags)?))
}

fn read(context: &Context, ask: Ask) -> Result<VaultInfo, Failure> {
    let Answer::Vault(info) = context.ask(ask)? else {
        return Err(misplaced("a question about the vault").into());
    };
    Ok(info)
}

fn info(context: &Context, ask: Ask) -> Done {
    let info = read(context, ask)?;
    if context.common.json {
        return output::json(&info);
    }
    let mut table = Table::pairs();
    table.pair("file", &info.path);
    table.pair("format", &info.format.to_string());
    table.pair("id", &info.vault_id);
    table.pair("epoch", &info.epoch.to_string());
    table.pair("records", &info.records.to_string());
    table.pair("size", &format!("{} bytes", info.size));
    table.pair("checked", if info.checked { "every record and the whole" } else { "not now" });
    for slot in &info.slots {
        table.pair("opened by", kind(slot.kind));
    }
    for (name, value) in &info.pragmas {
        table.pair(name, value);
    }
    table.print()
}

fn slots(context: &Context) -> Done {
    let info = read(context, Ask::VaultInfo)?;
    if context.common.json {
        return output::json(&info.slots);
    }
    let mut table = Table::new(&["id", "opened by", "work"]);
    for slot in &info.slots {
        let work = match (slot.memory_mib, slot.passes) {
            (Some(mib), Some(passes)) => format!("Argon2id, {mib} MiB, {passes} passes"),
            _ => String::new(),
        };
        table.row([(&slot.id, Look::Plain), (kind(slot.kind), Look::Plain), (&work, Look::Dim)]);
    }
    table.print()
}

const fn kind(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Passphrase => "a passphrase",
        SlotKind::Keyring => "the keyring of this computer",
    }
}
