// The words of every error: what happened, what was kept, what to do. Total over ErrorCode, so a
// new code does not compile without words.
import { fullDay, time } from "./time";
import type { ApiError, ErrorCode } from "./types";

type Params = Record<string, string | undefined>;
type Text = string | ((params: Params) => string);

/** The verb that cures it, where there is one. */
export type Cure = "sign_in" | "unlock" | "retry" | "username" | "manage" | "request" | "by_hand" | "restart";

export type ErrorWords = {
  title: Text;
  kept: Text;
  advice: Text;
  severity: "info" | "warning" | "danger";
  action?: Cure;
};

const NOTHING_CHANGED = "Nothing was changed.";
const SIGNED_OUT_HERE = "You are signed out here; the session may live on at the platform.";
const END_IT_THERE = "End it on the platform’s own page.";
const KEYS_KEPT = "Your keys are unchanged.";
const NOTHING_SENT = "Nothing was sent.";
const HUB = "the platform";

export const ERRORS: Record<ErrorCode, ErrorWords> = {
  no_vault: { title: "There is no vault yet", kept: "Nothing is lost.", advice: "Set one up first.", severity: "info" },
  vault_exists: { title: "There is a vault already", kept: "It was not touched.", advice: "Unlock that one.", severity: "warning", action: "unlock" },
  vault_locked: { title: "The vault is locked", kept: KEYS_KEPT, advice: "Unlock it and try again.", severity: "info", action: "unlock" },
  wrong_passphrase: { title: "Not the passphrase", kept: "Nothing is lost.", advice: "Try again; capitals count.", severity: "warning" },
  weak_passphrase: { title: "That passphrase is too short", kept: NOTHING_CHANGED, advice: (p) => `Take at least ${p.least ?? "12"} characters, or four words.`, severity: "warning" },
  vault_damaged: { title: "The vault file is damaged", kept: "The file was left as it is. What already uses your keys goes on with them.", advice: "Put a good copy of the file in its place, or move it away and start a new vault.", severity: "danger" },
  vault_newer: { title: "The vault is from a newer Wayleave", kept: "It was not touched.", advice: "Update Wayleave on this computer.", severity: "danger" },
  vault_foreign: { title: "This file is not a vault", kept: "It was not touched.", advice: "Move the file away and start again.", severity: "danger" },
  vault_in_use: { title: "Another program holds the vault", kept: "It was not touched.", advice: (p) => (p.pid ? `End process ${p.pid} and try again.` : "End the other Wayleave and try again."), severity: "warning", action: "retry" },
  vault_unwritable: { title: "The vault cannot be written", kept: "What was stored before is safe.", advice: "Free some disk space or check who may write there, then try again.", severity: "danger", action: "retry" },
  no_keyring: { title: "No keyring answers on this computer", kept: NOTHING_CHANGED, advice: "Use a passphrase instead.", severity: "warning" },

  not_signed_in: { title: "Nobody is signed in", kept: KEYS_KEPT, advice: "Sign in and try again.", severity: "info", action: "sign_in" },
  session_ended: { title: (p) => (p.at ? `You were signed out at ${time(p.at)}` : "You were signed out"), kept: "Nothing is lost.", advice: "Sign in once more for this.", severity: "warning", action: "sign_in" },
  sign_in_refused: { title: "The sign-in was refused", kept: KEYS_KEPT, advice: "Try again, or use another way to sign in.", severity: "warning", action: "sign_in" },
  sign_in_failed: { title: "The sign-in did not finish", kept: KEYS_KEPT, advice: "Try again, or use another way to sign in.", severity: "warning", action: "sign_in" },
  sign_in_open: { title: "A sign-in to this account is still open", kept: NOTHING_CHANGED, advice: "Finish that one or cancel it.", severity: "info" },
  flow_unknown: { title: "That sign-in is over", kept: KEYS_KEPT, advice: "Start a new one.", severity: "info", action: "sign_in" },
  no_client_id: { title: "This way needs a client ID", kept: NOTHING_SENT, advice: "Ask the hub’s team for one and enter it, or use another way.", severity: "info" },
  cancelled: { title: "Cancelled", kept: NOTHING_CHANGED, advice: "Start again when you like.", severity: "info" },

  forbidden: { title: "This account may not do that", kept: NOTHING_CHANGED, advice: "Check the workspace, or ask its owner.", severity: "warning" },
  rejected: { title: (p) => (p.field ? `The platform does not accept the ${p.field}` : "The platform does not accept that"), kept: NOTHING_CHANGED, advice: "Change it and try again.", severity: "warning" },
  not_found: { title: "It is not there any more", kept: "Everything else is unchanged.", advice: "Look at the list again.", severity: "warning" },
  ambiguous: { title: "More than one thing has that name", kept: NOTHING_CHANGED, advice: "Choose which one.", severity: "info" },
  not_supported: { title: "The platform does not do that for you here", kept: NOTHING_CHANGED, advice: (p) => (p.url ? "Do it on the platform’s own page." : "Do it by hand where the platform lets you."), severity: "info", action: "manage" },
  rate_limited: { title: "Too many requests for now", kept: NOTHING_CHANGED, advice: (p) => (p.retry_after ? `Wait ${p.retry_after} seconds, then try again.` : "Wait a minute, then try again."), severity: "info", action: "retry" },
  platform_unavailable: { title: "The platform has a fault of its own", kept: KEYS_KEPT, advice: "Try again in some minutes.", severity: "warning", action: "retry" },
  offline: { title: (p) => `Offline: ${p.host ?? HUB} cannot be reached`, kept: KEYS_KEPT, advice: "Check the network, then try again.", severity: "info", action: "retry" },
  timed_out: { title: "No answer in time", kept: KEYS_KEPT, advice: "Try again in a moment.", severity: "warning", action: "retry" },
  tls: { title: (p) => `The certificate of ${p.host ?? HUB} is not trusted`, kept: NOTHING_SENT, advice: "Check this computer’s clock and network; somebody may be in between.", severity: "danger" },
  clock_off: { title: (p) => (p.host ? `This computer’s clock is not the clock of ${p.host}` : "This computer’s clock is off"), kept: KEYS_KEPT, advice: "Set this computer’s clock: files cannot be opened with one that is minutes off.", severity: "warning" },
  unexpected_answer: { title: "The platform answered something unknown", kept: KEYS_KEPT, advice: "Try again; if it stays, a newer Wayleave may know it.", severity: "warning", action: "retry" },
  outcome_unknown: { title: "It is not known whether that worked", kept: "Nothing is sent twice. Wayleave looks it up when it can.", advice: "Look at the list in a moment.", severity: "warning" },
  issued_but_not_stored: { title: "The key could not be stored", kept: (p) => (p.revoked === "false" ? "The new key may still live on the platform." : "It was revoked again."), advice: "Free some disk space and request a new one.", severity: "danger", action: "request" },

  invalid_input: { title: (p) => (p.field ? `The ${p.field} is not acceptable` : "That is not acceptable"), kept: NOTHING_SENT, advice: "Change it and try again.", severity: "warning" },
  invalid_name: { title: "That name does not work", kept: NOTHING_SENT, advice: (p) => `Use 1 to ${p.max ?? "128"} characters.`, severity: "warning" },
  invalid_lifetime: { title: (p) => (p.max ? `The ${p.unit === "hours" ? "platform" : "hub"} allows ${p.max} ${p.unit ?? "days"} at most` : "Keys have no end to choose here"), kept: NOTHING_SENT, advice: (p) => (p.max ? `Choose ${p.min ?? "1"} to ${p.max} ${p.unit ?? "days"}.` : "Leave the lifetime out."), severity: "warning" },
  invalid_address: { title: "That is no safe address", kept: NOTHING_SENT, advice: "It must start with https://.", severity: "warning" },
  not_this_platform: { title: "There is no such platform at that address", kept: NOTHING_SENT, advice: "Check the address.", severity: "warning" },
  token_id_not_key: { title: "That is a Token ID, the name of a key", kept: "Nothing was stored.", advice: "The key is shorter and starts with 454f4448.", severity: "warning" },
  no_username: { title: "Your user name is not known yet", kept: NOTHING_CHANGED, advice: "Enter it once; QGIS needs it.", severity: "info", action: "username" },
  still_valid: { title: (p) => (p.expires ? `This key works until ${fullDay(p.expires)}` : "This key still works"), kept: "It was not forgotten.", advice: "Revoke it first, or say that it may go on.", severity: "warning" },
  expired: { title: (p) => (p.expires ? `This ended on ${fullDay(p.expires)}` : "This has ended"), kept: "It stays in the list.", advice: "Request a new one.", severity: "info", action: "request" },
  ticket_spent: { title: "That line was used already or is too old", kept: NOTHING_CHANGED, advice: "Copy a new one.", severity: "info" },

  agent_unreachable: { title: "Wayleave’s background part does not answer", kept: KEYS_KEPT, advice: "Try again; it is started anew.", severity: "danger", action: "retry" },
  agent_version: { title: "Two versions of Wayleave are running", kept: KEYS_KEPT, advice: "Restart the agent, Wayleave’s background part; then this window’s version serves everybody. Unlock the vault again after that.", severity: "danger", action: "restart" },
  agent_busy: { title: "Wayleave has too much to do", kept: NOTHING_CHANGED, advice: "Try again in a moment.", severity: "warning", action: "retry" },
  no_display: { title: "There is no screen for that", kept: NOTHING_CHANGED, advice: "Do it where a window can open.", severity: "warning" },
  notice_not_shown: { title: "This desktop shows no notices", kept: "The notice is kept and tried again every minute.", advice: "Look here for what ends, or start a notification service.", severity: "info" },
  tool_missing: { title: (p) => `${p.tool ?? "A program"} is not installed`, kept: NOTHING_CHANGED, advice: "Install it and try again.", severity: "warning" },
  file_problem: { title: "A file could not be read or written", kept: "The file was left as it is.", advice: (p) => (p.path ? `Look at ${p.path}.` : "Check who may write there."), severity: "warning" },
  internal: { title: "Wayleave made a mistake", kept: KEYS_KEPT, advice: "Try again; if it stays, report what you did.", severity: "danger" },
};

export type Explained = { title: string; kept: string; advice: string; severity: ErrorWords["severity"]; action?: Cure };

/** An error in words. */
export function explain(error: ApiError): Explained {
  const { title, kept, advice, severity, action } = ERRORS[error.code];
  const fill = (text: Text) => (typeof text === "string" ? text : text(error.params));
  // After a sign-out it is over here, whatever the platform said.
  const here = error.params.signed_out_here === "true";
  return { title: fill(title), kept: here ? SIGNED_OUT_HERE : fill(kept), advice: reason(error) + (here ? END_IT_THERE : fill(advice)), severity, action };
}

/** What the agent takes for the reason, as a sentence in front of the advice. */
function reason({ params: { hint } }: ApiError): string {
  return hint ? `${hint.charAt(0).toUpperCase()}${hint.slice(1)}. ` : "";
}

/** Whatever was thrown, as an error of the protocol. */
export function asApiError(thrown: unknown): ApiError {
  if (isApiError(thrown)) return thrown;
  return { code: "internal", message: thrown instanceof Error ? thrown.message : String(thrown), params: {} };
}

function isApiError(thrown: unknown): thrown is ApiError {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && String(thrown.code) in ERRORS;
}
