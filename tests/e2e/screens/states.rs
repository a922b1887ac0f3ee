//! Every page and state that is drawn, or that the product has beyond the drawings, with the
//! pictures that have to be there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// The themes of every picture.
pub const THEMES: [&str; 2] = ["light", "dark"];
/// Widths and heights of the main window, as drawn.
pub const SIZES: [(u32, u32); 2] = [(960, 640), (480, 640)];

/// Which pictures a state has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The main window: both themes, both widths.
    Page,
    /// The window that takes a passphrase: both themes, 400 px wide.
    Unlock,
    /// The sign-in window: both themes, 960 px wide.
    SignIn,
    /// The product does not have it by now, for this reason.
    Later(&'static str),
}

/// One page or state.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// Its name, which begins its pictures' names.
    pub id: &'static str,
    /// The drawing it is held against, as its pictures' names begin; empty: it was not drawn.
    pub drawing: &'static str,
    /// Its pictures.
    pub shape: Shape,
    /// What it shows, for the contact sheet.
    pub shows: &'static str,
}

const fn page(id: &'static str, drawing: &'static str, shows: &'static str) -> State {
    State { id, drawing, shape: Shape::Page, shows }
}

const fn unlock(id: &'static str, drawing: &'static str, shows: &'static str) -> State {
    State { id, drawing, shape: Shape::Unlock, shows }
}

const fn later(id: &'static str, drawing: &'static str, why: &'static str) -> State {
    State { id, drawing, shape: Shape::Later(why), shows: "" }
}

const ROTATING: &str = "tokens are not replaced everywhere in one step yet";
const LIVING: &str = "files are not kept live yet";
const TOOLS: &str = "QGIS is the only tool that is set up by now";
const SLOTS: &str = "recovery code, backups and opening with both do not exist yet";
const FINDING: &str = "the empty list does not lead to what lives on the platform yet";

/// All of them.
pub const STATES: &[State] = &[
    // First run.
    page("welcome", "welcome", "choose the platform"),
    page("welcome-sign-in", "welcome-sign-in", "what will happen is said before the button"),
    page("welcome-own-hub", "", "another environment or an own hub"),
    page("welcome-waiting", "", "the sign-in window is open"),
    page("welcome-browser", "", "the system browser is open"),
    page("welcome-device", "", "a code for another device"),
    page("welcome-failed", "", "the sign-in did not finish"),
    page("welcome-paste", "", "with a key one has already"),
    State {
        id: "sign-in-window",
        drawing: "signin-frame",
        shape: Shape::SignIn,
        shows: "the strip over the hub's own page",
    },
    page("protect", "protect", "what opens the vault"),
    page("protect-no-keyring", "", "no keyring answers"),
    page("protect-waiting", "", "the passphrase is chosen in its own window"),
    page("create", "install", "the first key, and QGIS where it is found"),
    page("create-working", "", "the platform is asked"),
    page("create-failed", "", "the platform wants a pause"),
    // The list.
    page("credentials", "credentials", "the list, in every state of a row"),
    page("credentials-hover", "components", "a row under the pointer"),
    page("credentials-focus", "components", "a row that has the keyboard"),
    page("credentials-working", "components", "a row that is being verified"),
    page("credentials-menu", "credentials-menu", "the menu of a row"),
    page("credentials-copy-as", "", "its menu Copy as…"),
    page("credentials-ways", "", "more ways to get a key"),
    page("credentials-copied", "", "a key in the clipboard, counted down"),
    page("credentials-no-hits", "", "a search that finds nothing"),
    page("credentials-none-here", "", "a filter that leaves nothing"),
    page("credentials-first", "", "right after the first key"),
    page("empty", "empty", "no credentials yet"),
    page("empty-signed-out", "", "no credentials, nobody signed in"),
    page("empty-nobody", "", "no account either"),
    page("loading", "loading", "the agent has not answered yet"),
    page("offline", "offline", "the platform cannot be reached"),
    page("alert", "components", "news from the agent"),
    page("locked", "locked", "kinds and minutes, no names"),
    page("locked-calm", "", "locked, nothing ends soon"),
    page("error", "error", "the vault cannot be used"),
    page("agent-unreachable", "", "the agent cannot be started"),
    page("agent-version", "", "an agent of another version"),
    // One credential.
    page("credential", "credential", "a token that ends soon"),
    page("credential-menu", "", "its menu"),
    page("credential-reveal", "credential-reveal", "the key is shown"),
    page("credential-history", "", "what happened, and how to end it"),
    page("credential-verified", "components", "the platform accepts it, said in a toast"),
    page("credential-ended", "", "a token that has ended"),
    page("credential-no-end", "", "a pasted key without a known end"),
    page("credential-offline", "", "what waits while offline"),
    page("credential-s3", "s3-live", "S3 credentials"),
    page("credential-s3-ended", "", "S3 credentials that have ended"),
    page("rename", "", "another name"),
    page("revoke", "revoke", "what stops, with the focus on Cancel"),
    page("revoke-failed", "", "the platform has a fault"),
    page("forget", "", "revoked first unless one says otherwise"),
    page("forget-ended", "", "what has ended is only forgotten"),
    // Getting one.
    page("request", "request", "a new token"),
    page("request-days", "components", "31 days"),
    page("request-working", "", "the platform is asked"),
    page("request-failed", "", "the platform wants a pause"),
    page("request-offline", "", "the platform cannot be reached"),
    page("request-signed-out", "", "nobody is signed in"),
    page("request-s3", "", "temporary S3 credentials"),
    page("paste", "", "a key that was made elsewhere"),
    page("paste-token-id", "", "a Token ID in the key's place"),
    // Accounts and settings.
    page("platform", "platform", "keys there that nobody here has, ones gone there, and ours"),
    page("accounts", "accounts", "who is signed in where"),
    page("accounts-menu", "", "the menu of an account"),
    page("accounts-edit", "", "its names"),
    page("accounts-remove", "", "what becomes of its credentials"),
    page("accounts-signed-out", "", "nobody is signed in"),
    page("accounts-empty", "", "no account yet"),
    page("sign-in", "", "sign in to an account that is there"),
    page("settings", "settings", "vault, warnings, copying"),
    page("settings-end", "", "the rest of the page"),
    page("settings-locked", "", "what can be set while locked"),
    page("keys", "", "the keyboard's map"),
    // The window that takes a passphrase.
    unlock("unlock", "unlock", "open the vault"),
    unlock("unlock-calm", "", "nothing ends soon"),
    unlock("unlock-wrong", "unlock-wrong", "not the passphrase"),
    unlock("unlock-create", "", "choose one"),
    unlock("unlock-create-differ", "", "the two are not the same"),
    unlock("unlock-change", "", "another one"),
    unlock("unlock-change-wrong", "", "not the one in force"),
    // Drawn, and not there by now.
    later("platform-link", "empty", FINDING),
    later("use", "use", TOOLS),
    later("use-from-a-page", "credential", TOOLS),
    later("install-more-tools", "install", TOOLS),
    later("request-into-tools", "request", TOOLS),
    later("where-it-is", "credential", TOOLS),
    later("keep-live", "s3", LIVING),
    later("kept-live", "s3-live", LIVING),
    later("renew-everywhere", "credential", ROTATING),
    later("renewing", "components", ROTATING),
    later("renewal-failed-in-one-place", "", ROTATING),
    later("revoke-and-clean-up", "revoke", TOOLS),
    later("protect-with-both", "protect", SLOTS),
    later("recovery-code", "protect", SLOTS),
    later("unlock-by-recovery-code", "unlock", SLOTS),
    later("error-restore", "error", SLOTS),
    later("settings-backup", "settings", SLOTS),
    later("welcome-restore", "welcome", SLOTS),
    later("settings-leads-and-calendar", "settings", "leads are fixed, no calendar file by now"),
    later("more-platforms", "accounts", "one platform by now; the page reads them from the agent"),
    later("tray-menu", "", "its words are checked over D-Bus in the suite `desktop`, no picture"),
];

impl State {
    /// The pictures that this state must have, by their file names without `.png`.
    pub fn pictures(&self) -> Vec<String> {
        let both = |width: u32| THEMES.map(|theme| format!("{}-{theme}-{width}", self.id)).to_vec();
        match self.shape {
            Shape::Page => SIZES.iter().flat_map(|(width, _)| both(*width)).collect(),
            Shape::Unlock => both(400),
            Shape::SignIn => both(960),
            Shape::Later(_) => Vec::new(),
        }
    }

    /// For the report: what it is, and why it is not there yet.
    pub fn told(&self, taken: &BTreeSet<String>) -> Value {
        let there = self.pictures().iter().filter(|picture| taken.contains(*picture)).count();
        let mut told = json!({ "id": self.id, "drawing": self.drawing, "pictures": there });
        if let Shape::Later(why) = self.shape {
            told["later"] = json!(why);
        } else {
            told["shows"] = json!(self.shows);
        }
        told
    }
}

/// The state of that name.
pub fn named(id: &str) -> &'static State {
    STATES.iter().find(|state| state.id == id).unwrap_or_else(|| panic!("{id} is no state"))
}

/// Pictures that should be there and are not, and drawings that no state is held against.
pub fn missing(taken: &BTreeSet<String>, drawings: &BTreeSet<String>) -> Vec<String> {
    let pictures = STATES.iter().flat_map(State::pictures).filter(|name| !taken.contains(name));
    let is_claimed = |drawing: &&String| STATES.iter().any(|state| state.drawing == **drawing);
    let drawings = drawings.iter().filter(|drawing| !is_claimed(drawing));
    pictures.chain(drawings.map(|name| format!("drawing {name}"))).collect()
}

/// Pictures of different states that are the same picture, by what was drawn in them.
pub fn twins(prints: &BTreeMap<String, String>) -> Vec<String> {
    let mut seen: BTreeMap<&String, &String> = BTreeMap::new();
    prints
        .iter()
        .filter_map(|(name, print)| {
            seen.insert(print, name).map(|other| format!("{other} = {name}"))
        })
        .collect()
}
