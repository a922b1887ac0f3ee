// Generated from src-tauri/core/src/api.rs by `make bindings`. Do not edit.

export type Ability = "issue" | "list" | "revoke" | "rotate" | "edit" | "read_key" | "s3" | "session";

export type AccountView = { 
/**
 * Our id.
 */
id: Id, 
/**
 * Display name.
 */
name: string, 
/**
 * User name at the platform, once known.
 */
username: string | null, 
/**
 * The platform's id.
 */
platform: string, 
/**
 * The platform's display name.
 */
platform_name: string, 
/**
 * `production`, `staging`, `test`; `None` for a custom hub.
 */
environment: string | null, 
/**
 * The hub's URL.
 */
hub: string, 
/**
 * The client id for browser and device, when configured.
 */
client_id: string | null, 
/**
 * Who is signed in, and until when.
 */
sign_in: SignInView, 
/**
 * Ways that can be used now, preferred first.
 */
ways: Array<SignInWay>, 
/**
 * What can be done with this account now.
 */
capabilities: Capabilities, 
/**
 * What was seen to be refused, so that [`Ask::TryAgain`] has something to forget.
 */
refused: Array<Ability>, 
/**
 * Permissions that a token of this account can be given, where the platform told them.
 */
permissions: Array<string> | null, 
/**
 * The credential that the account acts with, where keys are the only way to sign in.
 */
key: Id | null, 
/**
 * Workspaces as last read, sorted by name.
 */
workspaces: Array<WorkspaceView>, 
/**
 * Where keys are managed by hand.
 */
manage_url: string | null, };

export type ActivityKind = "request_token" | "request_s3" | "revoke" | "request_session" | "rotate" | "edit" | "verify" | "read" | "sign_in";

export type ActivityView = { 
/**
 * Its id.
 */
id: Id, 
/**
 * What it does.
 */
kind: ActivityKind, 
/**
 * On which account.
 */
account: Id | null, 
/**
 * On which credential.
 */
credential: Id | null, 
/**
 * Since when.
 */
since: string, 
/**
 * Whether cancelling loses nothing now.
 */
cancellable: boolean, };

export type AgentView = { 
/**
 * Its process id.
 */
pid: number, 
/**
 * Its version.
 */
version: string, 
/**
 * Since when it runs.
 */
since: string, };

export type AlertView = { 
/**
 * Its id.
 */
id: Id, 
/**
 * What it is about.
 */
error: Error, 
/**
 * When it came up.
 */
at: string, 
/**
 * On which account.
 */
account: Id | null, 
/**
 * On which credential.
 */
credential: Id | null, };

export type Answer = { "answer": "done" } | { "answer": "snapshot", "value": Snapshot } | { "answer": "vault", "value": VaultInfo } | { "answer": "platforms", "value": Array<PlatformView> } | { "answer": "account", "value": AccountView } | { "answer": "flow", "value": FlowView } | { "answer": "workspaces", "value": Array<WorkspaceView> } | { "answer": "credential", "value": CredentialView } | { "answer": "remote_tokens", "value": Array<RemoteTokenView> } | { "answer": "verified", "value": VerifyView } | { "answer": "history", "value": Array<HistoryView> } | { "answer": "qgis", "value": Array<QgisView> } | { "answer": "qgis_ready", "value": QgisReady };

export type Ask = { "ask": "snapshot" } | { "ask": "stop" } | { "ask": "create_with_keyring" } | { "ask": "unlock_with_keyring" } | { "ask": "lock" } | { "ask": "vault_info" } | { "ask": "vault_check" } | { "ask": "platforms" } | { "ask": "add_account" } & NewAccount | { "ask": "edit_account", 
/**
 * Which.
 */
account: Id, 
/**
 * A new display name.
 */
name: string | null, 
/**
 * The user name at the platform, asked for once where it cannot be found.
 */
username: string | null, 
/**
 * The client id for the browser and device ways; empty takes it away.
 */
client_id: string | null, } | { "ask": "remove_account", 
/**
 * Which.
 */
account: Id, 
/**
 * What happens to its credentials.
 */
credentials: OnRemove, } | { "ask": "sign_in", 
/**
 * To which account.
 */
account: Id, 
/**
 * How; [`SignInWay::Paste`] is [`Confide::PasteKey`] instead.
 */
way: SignInWay, } | { "ask": "await_sign_in", 
/**
 * Which flow.
 */
flow: Id, } | { "ask": "cancel_sign_in", 
/**
 * Which flow.
 */
flow: Id, } | { "ask": "sign_out", 
/**
 * Which account.
 */
account: Id, 
/**
 * Also end the session at the platform.
 */
everywhere: boolean, } | { "ask": "workspaces", 
/**
 * Which account.
 */
account: Id, } | { "ask": "try_again", 
/**
 * Which account.
 */
account: Id, } | { "ask": "request_token" } & TokenRequest | { "ask": "request_s3", 
/**
 * Whose.
 */
account: Id, 
/**
 * For which workspace.
 */
workspace: string, 
/**
 * Names the activity in the snapshot, so that it can be cancelled.
 */
activity: Id | null, } | { "ask": "request_session", 
/**
 * Whose.
 */
account: Id, 
/**
 * Names the activity in the snapshot.
 */
activity: Id | null, } | { "ask": "rotate", 
/**
 * Which.
 */
credential: Id, 
/**
 * For how long, in the platform's unit; the platform's usual time when absent.
 */
lifetime: number | null, } | { "ask": "edit_token", 
/**
 * Which.
 */
credential: Id, 
/**
 * The new name; absent keeps it.
 */
name: string | null, 
/**
 * The new permissions; absent keeps them.
 */
permissions: Array<string> | null, } | { "ask": "adopt", 
/**
 * Whose.
 */
account: Id, 
/**
 * In which workspace.
 */
workspace: string, 
/**
 * The platform's id.
 */
platform_id: string, } | { "ask": "cancel_activity", 
/**
 * Which.
 */
activity: Id, } | { "ask": "remote_tokens", 
/**
 * Whose.
 */
account: Id, 
/**
 * In which workspace; all of them when absent.
 */
workspace: string | null, } | { "ask": "revoke_remote", 
/**
 * Whose.
 */
account: Id, 
/**
 * In which workspace.
 */
workspace: string, 
/**
 * The platform's id.
 */
platform_id: string, } | { "ask": "revoke", 
/**
 * Which.
 */
credential: Id, } | { "ask": "verify", 
/**
 * Which.
 */
credential: Id, } | { "ask": "forget", 
/**
 * Which.
 */
credential: Id, 
/**
 * What to do about a token that has not ended.
 */
unexpired: OnForget, } | { "ask": "rename", 
/**
 * Which.
 */
credential: Id, 
/**
 * The new name, 1 to [`NAME_MAX`] characters.
 */
name: string, } | { "ask": "history", 
/**
 * Of which credential; of all when absent.
 */
credential: Id | null, } | { "ask": "qgis_installs" } | { "ask": "prepare_qgis", 
/**
 * The API token to put into QGIS.
 */
credential: Id, } | { "ask": "set_settings" } & Settings | { "ask": "dismiss_alert", 
/**
 * Which.
 */
alert: Id, };

export type Capabilities = { 
/**
 * Request a token.
 */
issue: Support, 
/**
 * List tokens.
 */
list: Support, 
/**
 * Revoke a token.
 */
revoke: Support, 
/**
 * Rotate in one call.
 */
rotate: Support, 
/**
 * Change name and permissions of a token.
 */
edit: Support, 
/**
 * Read a token's key again.
 */
read_key: Support, 
/**
 * Get S3 credentials.
 */
s3: Support, 
/**
 * Get session tokens.
 */
session: Support, };

export type ConnectionField = { 
/**
 * Its key in [`NewAccount::connection`].
 */
key: string, 
/**
 * Its label.
 */
label: string, 
/**
 * What may be given.
 */
kind: FieldKind, 
/**
 * The choices of [`FieldKind::Choice`].
 */
options: Array<string>, 
/**
 * What is preset.
 */
default: string | null, 
/**
 * Whether it must be given.
 */
required: boolean, 
/**
 * One sentence of help.
 */
help: string, };

export type CredentialKind = "api_token" | "s3" | "key_pair" | "session_token";

export type CredentialState = "active" | "expiring" | "expired" | "revoked" | "missing";

export type CredentialView = { 
/**
 * Our id.
 */
id: Id, 
/**
 * What it is.
 */
kind: CredentialKind, 
/**
 * The user's name for it.
 */
name: string, 
/**
 * Whose it is.
 */
account: Id, 
/**
 * The platform's id.
 */
platform: string, 
/**
 * The workspace it opens.
 */
workspace: string, 
/**
 * The platform's id of it, where known.
 */
platform_id: string | null, 
/**
 * When it was made.
 */
created: string | null, 
/**
 * When it ends; `None` when no end is known.
 */
expires: string | null, 
/**
 * Whether the platform told the end.
 */
end_confirmed: boolean, 
/**
 * Where it stands.
 */
state: CredentialState, 
/**
 * Places it was put.
 */
installations: number, 
/**
 * When the platform last accepted it.
 */
verified_at: string | null, 
/**
 * S3: where its objects are.
 */
s3: S3Location | null, 
/**
 * What can be copied of it, in the order of its kind.
 */
fields: Array<Field>, 
/**
 * In which ready forms it can be had.
 */
snippets: Array<Snippet>, 
/**
 * Forms for the tools that read this platform.
 */
templates: Array<TemplateView>, 
/**
 * What it may do, in the platform's own words.
 */
permissions: Array<string>, 
/**
 * Whose it is at the platform, where the user told.
 */
owner: KeyOwner | null, };

export type Error = { 
/**
 * What to branch on.
 */
code: ErrorCode, 
/**
 * One English sentence of what happened, without a full stop, for logs and the CLI.
 */
message: string, 
/**
 * Facts to fill words with.
 */
params: { [key in string]: string }, };

export type ErrorCode = "no_vault" | "vault_exists" | "vault_locked" | "wrong_passphrase" | "weak_passphrase" | "vault_damaged" | "vault_newer" | "vault_foreign" | "vault_in_use" | "vault_unwritable" | "no_keyring" | "not_signed_in" | "session_ended" | "sign_in_refused" | "sign_in_failed" | "sign_in_open" | "flow_unknown" | "no_client_id" | "cancelled" | "forbidden" | "rejected" | "not_found" | "ambiguous" | "not_supported" | "rate_limited" | "platform_unavailable" | "offline" | "timed_out" | "tls" | "clock_off" | "unexpected_answer" | "outcome_unknown" | "issued_but_not_stored" | "invalid_input" | "invalid_name" | "invalid_lifetime" | "invalid_address" | "not_this_platform" | "token_id_not_key" | "no_username" | "still_valid" | "expired" | "ticket_spent" | "agent_unreachable" | "agent_version" | "agent_busy" | "no_display" | "notice_not_shown" | "tool_missing" | "file_problem" | "internal";

export type ExpiryInput = "days" | "hours" | "none" | "manual";

export type Field = "api_key" | "username" | "secret_key" | "token" | "bearer_header" | "token_id" | "access_key_id" | "secret_access_key" | "session_token";

export type FieldKind = "choice" | "url" | "host" | "text";

export type FlowView = { 
/**
 * Its id.
 */
id: Id, 
/**
 * To which account.
 */
account: Id, 
/**
 * How.
 */
way: SignInWay, 
/**
 * Portal: where the window starts. Browser: what to open. Device: where to type the code.
 */
url: string, 
/**
 * Device: what to type.
 */
user_code: string | null, 
/**
 * Portal: the hub's origin, whose cookies are the result.
 */
hub: string, 
/**
 * When it is given up.
 */
until: string, };

export type HistoryEvent = "requested" | "pasted" | "copied" | "revealed" | "printed" | "given_to_qgis" | "verified" | "refused" | "warned" | "revoked" | "forgotten" | "renamed" | "rotated" | "edited" | "adopted";

export type HistoryView = { 
/**
 * When.
 */
at: string, 
/**
 * What.
 */
event: HistoryEvent, 
/**
 * Its id, also after it was forgotten.
 */
credential: Id | null, 
/**
 * Its name then.
 */
name: string, 
/**
 * Its workspace.
 */
workspace: string, 
/**
 * The platform's id of it.
 */
platform_id: string | null, 
/**
 * When it ends.
 */
expires: string | null, 
/**
 * Which field or snippet, or another fact of the event.
 */
detail: string | null, };

export type Id = string;

export type KeyOwner = { 
/**
 * A person or a service account.
 */
kind: OwnerKind, 
/**
 * The name.
 */
name: string, };

export type KeyPart = { 
/**
 * `api_key` or `secret_key`.
 */
field: Field, 
/**
 * What the platform calls it.
 */
label: string, };

export type LifetimeRange = { 
/**
 * Shortest.
 */
min: number, 
/**
 * Longest that is offered.
 */
max: number, 
/**
 * Preset.
 */
default: number, };

export type NewAccount = { 
/**
 * The platform's id, as [`PlatformView::id`].
 */
platform: string, 
/**
 * What the platform's connection fields hold: `environment`, `hub`, `client_id`, ….
 */
connection: { [key in string]: string }, 
/**
 * A display name; made from the connection when absent.
 */
name: string | null, };

export type OnForget = "ask" | "revoke" | "keep";

export type OnRemove = "keep" | "forget" | "revoke";

export type OwnerKind = "user" | "service_account";

export type PastedKey = { 
/**
 * To which account it belongs.
 */
account: Id, 
/**
 * The workspace it opens; empty where the platform tells it ([`ScopeView::typed`]).
 */
workspace: string, 
/**
 * The user name at the platform, if known; kept with the account.
 */
username: string | null, 
/**
 * A name for it.
 */
name: string, 
/**
 * The platform's Token ID, if known.
 */
token_id: string | null, 
/**
 * When it was made, as the user says.
 */
made: string | null, 
/**
 * When it ends, as the user says; `None`: no end known.
 */
expires: string | null, 
/**
 * Whose it is at the platform, if told.
 */
owner: KeyOwner | null, };

export type PermissionView = { 
/**
 * What is sent.
 */
id: string, 
/**
 * What it means.
 */
label: string, };

export type PermissionsView = { 
/**
 * Those that are known, in the platform's order.
 */
all: Array<PermissionView>, 
/**
 * Those that are ticked at first.
 */
preset: Array<string>, };

export type PlatformView = { 
/**
 * `eodh`, ….
 */
id: string, 
/**
 * Display name.
 */
name: string, 
/**
 * Two letters for its badge.
 */
badge: string, 
/**
 * One line under its name.
 */
subtitle: string, 
/**
 * What must be given to connect.
 */
fields: Array<ConnectionField>, 
/**
 * Connections offered as tiles of the first run: the platform's own, and what the agent
 * was started with (`make demo` registers the sandbox).
 */
tiles: Array<Tile>, 
/**
 * The ways to sign in, preferred first.
 */
ways: Array<SignInWay>, 
/**
 * What its keys are called, and what they look like.
 */
key_hint: string, 
/**
 * Where its first key is made, in a sentence; empty where signing in makes keys.
 */
first_key: string, 
/**
 * The secret parts of a key that is pasted: one, or two.
 */
parts: Array<KeyPart>, 
/**
 * Whether the owner of a pasted key can be told: a person or a service account.
 */
owners: boolean, 
/**
 * Whether QGIS has a plugin of the platform that takes its keys.
 */
qgis: boolean, 
/**
 * What a key opens.
 */
scope: ScopeView, 
/**
 * How the end of a token is given.
 */
expiry: ExpiryInput, 
/**
 * Lifetimes of API tokens, for [`ExpiryInput::Days`] and [`ExpiryInput::Hours`].
 */
lifetime: LifetimeRange | null, 
/**
 * Whether names of tokens are their ids: unique, and `a-z 0-9 _ -` only.
 */
names_are_ids: boolean, 
/**
 * The permissions of tokens, where the user chooses them.
 */
permissions: PermissionsView | null, 
/**
 * S3 credentials, where it has them.
 */
s3: S3Offer | null, 
/**
 * Session tokens that a key can be exchanged for.
 */
session: SessionOffer | null, };

export type Purpose = "reveal" | "clipboard" | "output";

export type QgisPackaging = "system" | "flatpak" | "snap";

export type QgisReady = { 
/**
 * The script, mode 0600, for `qgis --code`.
 */
script: string, 
/**
 * One line for QGIS' Python Console; holds no secret.
 */
one_liner: string, 
/**
 * When the ticket is no good any more.
 */
until: string, };

export type QgisView = { 
/**
 * The program; `None` when only profiles were found.
 */
program: string | null, 
/**
 * `3.40.6`; `None` when it could not be told.
 */
version: string | null, 
/**
 * How it was installed.
 */
packaging: QgisPackaging, 
/**
 * Its profiles.
 */
profiles: Array<string>, 
/**
 * Whether *Apply* and *Open QGIS* can work: not from inside a Flatpak or Snap.
 */
can_apply: boolean, 
/**
 * Whether map layers can carry an API Header: from 3.24 (integrations.md part 1).
 */
api_header: boolean, };

export type RemoteState = "ours" | "orphan" | "missing";

export type RemoteTokenView = { 
/**
 * The platform's id.
 */
platform_id: string, 
/**
 * Its name there.
 */
name: string, 
/**
 * Its workspace.
 */
workspace: string, 
/**
 * When it was made.
 */
created: string | null, 
/**
 * When it ends.
 */
expires: string | null, 
/**
 * Whether it is ours.
 */
state: RemoteState, 
/**
 * Its credential in the vault.
 */
credential: Id | null, 
/**
 * What the platform calls this kind of token, where it has several.
 */
kind: string | null, 
/**
 * What it may do, in the platform's own words.
 */
permissions: Array<string>, 
/**
 * That it was revoked, on platforms that keep such rows.
 */
revoked: RevocationView | null, };

export type RevocationView = { 
/**
 * When, where told.
 */
at: string | null, 
/**
 * Why, where told.
 */
reason: string | null, };

export type S3Location = { 
/**
 * Bucket name; empty where the credentials open more than one bucket.
 */
bucket: string, 
/**
 * Key prefix, ending in `/`; empty only where the bucket is one's own or not told. Where a
 * bucket is shared, a store without a prefix is not ready and has no location.
 */
prefix: string, 
/**
 * AWS region.
 */
region: string, 
/**
 * Endpoint URL where it is not AWS' own.
 */
endpoint: string | null, };

export type S3Mode = "requested" | "pair";

export type S3Offer = { 
/**
 * How they are had.
 */
mode: S3Mode, 
/**
 * Seconds that they last; absent where they last as long as the key.
 */
seconds: number | null, };

export type ScopeView = { 
/**
 * What the platform calls it: `Workspace`, `Portal`, ….
 */
label: string, 
/**
 * Whether the user types it when a key is pasted; else the connection or the platform
 * tells it, and an account has one.
 */
typed: boolean, };

export type SessionOffer = { 
/**
 * Seconds that they last where the platform does not tell.
 */
seconds: number, };

export type Settings = { 
/**
 * Light, dark, or as the desktop has it.
 */
theme: Theme, 
/**
 * Seconds until a copied secret leaves the clipboard, 10 to 120.
 */
clear_clipboard_after: number, 
/**
 * Minutes without use until the vault locks; `None`: never by itself.
 */
lock_after: number | null, 
/**
 * Whether notices are shown on the desktop.
 */
notices: boolean, };

export type SignInState = "signed_out" | "signed_in" | "expired";

export type SignInView = { 
/**
 * Where it stands.
 */
state: SignInState, 
/**
 * How the session came about.
 */
with: SignInWay | null, 
/**
 * When it ends if nothing renews it, or when it ended.
 */
until: string | null, };

export type SignInWay = "portal" | "browser" | "device" | "paste";

export type SlotKind = "passphrase" | "keyring";

export type SlotView = { 
/**
 * Its random id, hex.
 */
id: string, 
/**
 * What opens it.
 */
kind: SlotKind, 
/**
 * Argon2id memory in MiB, for a passphrase.
 */
memory_mib: number | null, 
/**
 * Argon2id passes, for a passphrase.
 */
passes: number | null, };

export type Snapshot = { 
/**
 * Grows by one with each change; a client ignores one that is not newer.
 */
revision: number, 
/**
 * Who says so.
 */
agent: AgentView, 
/**
 * The vault.
 */
vault: VaultView, 
/**
 * Accounts, sorted by name. Empty while locked.
 */
accounts: Array<AccountView>, 
/**
 * Credentials, sorted by end (no end last). Empty while locked: then see `watched`.
 */
credentials: Array<CredentialView>, 
/**
 * All that is known of credentials while locked.
 */
watched: Array<WatchedView>, 
/**
 * Sign-ins under way.
 */
flows: Array<FlowView>, 
/**
 * Long work under way.
 */
activities: Array<ActivityView>, 
/**
 * What the user should know; dismissable.
 */
alerts: Array<AlertView>, 
/**
 * Whether the last attempt to reach a platform found the network.
 */
offline: boolean, 
/**
 * The settings.
 */
settings: Settings, };

export type Snippet = "env";

export type Support = "yes" | "no" | "unknown";

export type TemplateView = { 
/**
 * Its id, unique among those of the credential.
 */
id: string, 
/**
 * What it is for.
 */
label: string, };

export type Theme = "system" | "light" | "dark";

export type Tile = { 
/**
 * Display name.
 */
name: string, 
/**
 * One line under it: the host.
 */
subtitle: string, 
/**
 * What [`NewAccount::connection`] is to hold.
 */
connection: { [key in string]: string }, };

export type TokenRequest = { 
/**
 * Whose.
 */
account: Id, 
/**
 * For which workspace.
 */
workspace: string, 
/**
 * The user's name for it, 1 to [`NAME_MAX`] characters; sent as it is.
 */
name: string, 
/**
 * For how long, in the unit of [`PlatformView::expiry`]; absent where tokens have no end.
 */
lifetime: number | null, 
/**
 * What it may do: of [`PermissionsView::all`], or any other text where the catalogue is
 * open. Empty where the platform has no permissions to choose.
 */
permissions: Array<string>, 
/**
 * Names the activity in the snapshot, so that it can be cancelled.
 */
activity: Id | null, };

export type VaultInfo = { 
/**
 * Its file.
 */
path: string, 
/**
 * Format number.
 */
format: number, 
/**
 * Its random id, hex.
 */
vault_id: string, 
/**
 * Transactions so far.
 */
epoch: number, 
/**
 * Records in it.
 */
records: number, 
/**
 * Size in bytes.
 */
size: number, 
/**
 * What opens it.
 */
slots: Array<SlotView>, 
/**
 * Every PRAGMA as read back from the open connection.
 */
pragmas: { [key in string]: string }, 
/**
 * Whether every record and the root were verified just now.
 */
checked: boolean, };

export type VaultState = "missing" | "locked" | "opening" | "unlocked" | "unusable";

export type VaultView = { 
/**
 * Where things stand.
 */
state: VaultState, 
/**
 * Its file.
 */
path: string, 
/**
 * What opens it.
 */
slots: Array<SlotKind>, 
/**
 * Whether a keyring answers on this computer.
 */
keyring: boolean, 
/**
 * Why it cannot be used, when it cannot.
 */
problem: Error | null, };

export type VerifyCause = "ok" | "expired" | "revoked" | "wrong_workspace" | "wrong_environment" | "clock" | "tls" | "offline" | "server" | "not_permitted";

export type VerifyView = { 
/**
 * Which.
 */
id: Id, 
/**
 * Whether it works.
 */
ok: boolean, 
/**
 * Why it does or does not.
 */
cause: VerifyCause, };

export type WatchedView = { 
/**
 * What it is.
 */
kind: CredentialKind, 
/**
 * When it ends, to the minute.
 */
expires: string | null, };

export type WorkspaceView = { 
/**
 * Its name, which is also its id.
 */
name: string, 
/**
 * As the platform says it.
 */
status: string, 
/**
 * Whether tokens can be requested for it.
 */
can_issue: boolean, 
/**
 * Where its objects are; `None` while there is no store that is ready.
 */
s3: S3Location | null, };
