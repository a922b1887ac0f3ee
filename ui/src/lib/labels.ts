// Names for what the protocol calls by a code.
import type { AccountView, Copyable, CredentialKind, CredentialView, Field, HistoryView, Snippet } from "./types";
import { words } from "./words";

export const KIND: Record<CredentialKind, string> = { api_token: "API token", s3: "S3 credentials", key_pair: "Key pair", session_token: "Session token" };

export const COPYABLE: Record<Field | Snippet, string> = {
  api_key: "API key",
  secret_key: "secret key",
  token: "session token",
  username: "user name",
  bearer_header: "API Header value",
  token_id: "Token ID (not the key)",
  access_key_id: "access key ID",
  secret_access_key: "secret access key",
  session_token: "session token",
  env: ".env text",
};

/** What a copyable thing of this credential is called. */
export function copyableName(credential: CredentialView, what: Copyable): string {
  if (!isTemplate(what)) return COPYABLE[what];
  return credential.templates.find((template) => what === templateOf(template.id))?.label ?? what;
}

/** A platform's form, as something to copy. */
export const templateOf = (id: string): Copyable => `template:${id}`;

export function isTemplate(what: Copyable): what is `template:${string}` {
  return what.startsWith("template:");
}

/** What the S3 fields are called by the tools that read them. */
export const AWS_NAME: Partial<Record<Copyable, string>> = {
  access_key_id: "AWS_ACCESS_KEY_ID",
  secret_access_key: "AWS_SECRET_ACCESS_KEY",
  session_token: "AWS_SESSION_TOKEN",
};

/** What the first copy verb of a credential takes. */
export function mainCopy(credential: CredentialView): Copyable {
  const main = { s3: "env", api_token: "api_key", key_pair: "secret_key", session_token: "token" } as const;
  return main[credential.kind];
}

/** Everything of it that can be copied, the main one first. */
export function copyables(credential: CredentialView): Copyable[] {
  const all: Copyable[] = [...credential.fields, ...credential.snippets, ...credential.templates.map((template) => templateOf(template.id))];
  const main = mainCopy(credential);
  return all.includes(main) ? [main, ...all.filter((what) => what !== main)] : all;
}

/** Who an account is, in a word: its user, else its own name. */
export function who(account: AccountView): string {
  return account.username ?? account.name;
}

/** "UK EO Data Hub · production · 3 workspaces". */
export function accountLine(account: AccountView): string {
  const place = account.environment ? (words.accounts.environment[account.environment] ?? account.environment) : host(account.hub);
  const parts = [account.platform_name, place];
  if (account.workspaces.length > 0) parts.push(words.accounts.workspaces(account.workspaces.length));
  return words.accounts.line(parts);
}

/** The host of an address; the address itself when it is none. */
export function host(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

const FIELD_COPIED: Record<string, string> = {
  api_key: "Key copied", secret_key: "Secret key copied", token: "Session token copied", username: "User name copied", bearer_header: "API Header value copied", token_id: "Token ID copied",
  access_key_id: "Access key ID copied", secret_access_key: "Secret access key copied", session_token: "Session token copied", env: ".env text copied",
};

/** A line of the history. */
export function historyLine(entry: HistoryView): string {
  const detail = entry.detail ?? "";
  switch (entry.event) {
    case "requested": return "Requested";
    case "pasted": return "Pasted into the vault";
    case "copied": return FIELD_COPIED[detail] ?? "Copied";
    case "revealed": return "Shown for 30 seconds";
    case "printed": return "Printed by the command line";
    case "given_to_qgis": return "Given to QGIS";
    case "verified": return "Verified: the platform accepts it";
    case "refused": return "Refused by the platform";
    case "warned": return "Warned on the desktop";
    case "revoked": return "Revoked on the platform";
    case "forgotten": return "Forgotten";
    case "renamed": return "Renamed";
    case "rotated": return "Key replaced by the platform";
    case "edited": return "Changed on the platform";
    case "adopted": return "Read from the platform";
  }
}
