// What a screen may know. Generated from the agent's protocol; re-exported so that nobody
// outside lib/api names the generated file.
export type {
  Ability, AccountView, ActivityView, AlertView, Answer, Ask, Capabilities, ConnectionField, CredentialKind,
  CredentialState, CredentialView, Error as ApiError, ErrorCode, Field, FlowView, KeyOwner, HistoryEvent,
  HistoryView, Id, NewAccount, OnForget, OnRemove, PastedKey, PermissionsView, PlatformView, QgisReady, QgisView, RemoteTokenView,
  Settings, SignInWay, SlotKind, Snapshot, Snippet, Support, Theme, Tile, TokenRequest, VaultInfo,
  VaultView, VerifyCause, VerifyView, WatchedView, WorkspaceView,
} from "./api/bindings";

import type { Field, Id, Snippet } from "./api/bindings";

/** What can be copied of a credential: one field, a ready form, or one of its platform's forms. */
export type Copyable = Field | Snippet | `template:${string}`;

/** What stands in the clipboard, as the desktop tells it. */
export type ClipboardView = {
  /** Of which credential it is. */
  credential: Id | null;
  /** Which field or snippet. */
  what: string | null;
  /** When it will be cleared, RFC 3339. */
  until: string | null;
  /** `holding` ours; `cleared`; `foreign`: something else took its place; `stuck`: could not be cleared. */
  state: "holding" | "cleared" | "foreign" | "stuck";
};

/** The forms of the window that takes a passphrase. */
export type UnlockForm = "unlock" | "create" | "change";

/** A secret on screen for a while. */
export type Revealed = { text: string; seconds: number };
