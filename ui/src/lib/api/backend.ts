// What the page may ask of the desktop. Two implementations: tauri.ts (real) and fake.ts.
import type { AccountView, Answer, Ask, CredentialView, Field, Id, PastedKey, QgisReady, Snapshot, Snippet } from "./bindings";
import type { ApiError, ClipboardView, Revealed, UnlockForm } from "../types";

export type Unsubscribe = () => void;

/** The main window's back end. */
export interface Backend {
  /** Calls back with each new snapshot. */
  onSnapshot(on: (snapshot: Snapshot) => void): Promise<Unsubscribe>;
  /** Calls back when what is in the clipboard changes its state. */
  onClipboard(on: (clipboard: ClipboardView) => void): Promise<Unsubscribe>;
  /** Calls back when no snapshots come, with the reason. */
  onCutOff(on: (error: ApiError) => void): Promise<Unsubscribe>;
  currentSnapshot(): Promise<Snapshot>;
  /** Every verb without a secret in it. Rejects with an `Error` of the protocol. */
  ask(ask: Ask): Promise<Answer>;
  /** Puts one field on the clipboard; the text never comes here. */
  copy(id: Id, field: Field): Promise<{ seconds: number }>;
  copySnippet(id: Id, snippet: Snippet): Promise<{ seconds: number }>;
  /** One of the platform's own forms. */
  copyTemplate(id: Id, template: string): Promise<{ seconds: number }>;
  clearClipboard(): Promise<void>;
  /** The one secret that reaches the page: one record, for some seconds. */
  reveal(id: Id, field: Field): Promise<Revealed>;
  /** Opens the sign-in window and waits for its end. */
  portalSignIn(account: Id): Promise<AccountView>;
  /** Opens a flow's address in the system browser. */
  openFlowUrl(flow: Id): Promise<void>;
  /** Of a pair, both parts. */
  pasteKey(key: string, secretKey: string | null, about: PastedKey): Promise<CredentialView>;
  /** Opens the platform's own page of keys in the system browser. */
  openKeyPage(account: Id, workspace: string | null): Promise<void>;
  /** Opens the window that takes a passphrase; settles when that is gone, whatever came of it. */
  openUnlock(form: UnlockForm): Promise<void>;
  /** Prepares the one-time ticket and starts QGIS. */
  openQgis(credential: Id, program: string): Promise<QgisReady>;
  /** Prepares the one-time ticket and puts the line for the Python Console on the clipboard. */
  copyQgisLine(credential: Id): Promise<QgisReady>;
  /** Ends the agent, of whatever version, and starts the one that belongs to this window. */
  restartAgent(): Promise<void>;
  quit(): Promise<void>;
  /** Says, for the log, that the page has been drawn for the first time. */
  drawn(): Promise<void>;
}

/** The unlock window's back end: nothing but these. */
export interface UnlockBackend {
  unlock(passphrase: string): Promise<void>;
  createVault(passphrase: string, keyring: boolean): Promise<void>;
  changePassphrase(old: string | null, next: string): Promise<void>;
  close(): Promise<void>;
}

/** Kinds of answers that carry something. */
type Valued = Extract<Answer, { value: unknown }>;
type Value<K extends Valued["answer"]> = { [A in Valued as A["answer"]]: A["value"] }[K];

/** The value of an answer of the expected kind. */
export function valueOf<K extends Valued["answer"]>(answer: Answer, kind: K): Value<K> {
  if (answer.answer === kind && "value" in answer) return answer.value as Value<K>;
  throw new TypeError(`expected the answer ${kind}, got ${answer.answer}`);
}
