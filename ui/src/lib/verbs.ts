// What can be done with a credential: the same verbs in the row, in its menu, by keys and on its page.
import { valueOf } from "./api/backend";
import { asApiError, explain } from "./errors";
import { timeLeft } from "./expiry";
import { copyableName, copyables, mainCopy } from "./labels";
import type { Context } from "./state/context";
import { span } from "./time";
import type { Copyable, CredentialView } from "./types";
import { words } from "./words";

export type Verb = { id: "copy" | "copy_as" | "qgis" | "verify" | "rename" | "edit" | "rotate" | "forget" | "revoke"; label: string; keys?: string; bad?: boolean; apart?: boolean; disabled?: boolean; items?: Verb[]; run: () => void };

/** What a row offers first. */
export type MainVerb = "copy" | "new_key" | "get_new";

/** The first verb: copying, unless its end is near and a new one can be had. */
export function mainVerb(credential: CredentialView, context: Context): MainVerb {
  const { urgency } = timeLeft(credential, context.now.ms);
  const capabilities = context.app.account(credential.account)?.capabilities;
  if (credential.kind === "s3") return urgency === "expired" && capabilities?.s3 !== "no" ? "get_new" : "copy";
  const pressing = urgency === "soon" || urgency === "urgent" || urgency === "expired";
  return pressing && credential.kind === "api_token" && capabilities?.issue !== "no" ? "new_key" : "copy";
}

/** Runs the first verb. */
export function runMain(credential: CredentialView, context: Context): void {
  const { account, workspace, name } = credential;
  switch (mainVerb(credential, context)) {
    case "copy": return copyOrClear(credential, mainCopy(credential), context);
    case "new_key": return context.view.open({ dialog: "request", account, workspace, name });
    case "get_new": return context.view.open({ dialog: "s3", account, workspace });
  }
}

/** The menu of a credential. */
export function verbsOf(credential: CredentialView, context: Context): Verb[] {
  const { view, app } = context;
  const open = (dialog: "rename" | "edit_token" | "rotate" | "forget" | "revoke") => () => view.open({ dialog, id: credential.id });
  const ended = timeLeft(credential, context.now.ms).urgency === "expired";
  const token = credential.kind === "api_token";
  const account = app.account(credential.account);
  const can = account?.capabilities;
  // A session token is ended by whoever can get one.
  const revocable = !ended && ((token && can?.revoke !== "no") || (credential.kind === "session_token" && can?.session !== "no"));
  const qgis = token && !ended && (app.platformOf(account)?.qgis ?? true);
  const offline = app.snapshot?.offline ?? false;
  return [
    ...copies(credential, context),
    ...(qgis ? [{ id: "qgis" as const, label: words.qgis.open, keys: "Ctrl U", apart: true, run: () => void openQgis(credential, context) }] : []),
    { id: "verify", label: words.verbs.verify, keys: "Ctrl J", apart: !qgis, disabled: offline, run: () => void verify(credential, context) },
    { id: "rename", label: words.verbs.rename, keys: "F2", apart: true, run: open("rename") },
    ...(token && can?.edit !== "no" && can ? [{ id: "edit" as const, label: words.change.edit, disabled: offline, run: open("edit_token") }] : []),
    ...(token && !ended && can?.rotate === "yes" ? [{ id: "rotate" as const, label: words.change.rotate, disabled: offline, run: open("rotate") }] : []),
    { id: "forget", label: words.verbs.forget, run: open("forget") },
    ...(revocable ? [{ id: "revoke" as const, label: words.revoke.menu, keys: "Del", bad: true, apart: true, disabled: offline, run: open("revoke") }] : []),
  ];
}

/** The usual copy, and behind *Copy as…* every form there is. */
function copies(credential: CredentialView, context: Context): Verb[] {
  const [main, ...others] = copyables(credential);
  if (main === undefined) return [];
  const copy = (what: Copyable, label: string): Verb => ({ id: "copy", label, run: () => copyOrClear(credential, what, context) });
  const first = { ...copy(main, words.copy.label(copyableName(credential, main))), keys: "Ctrl C" };
  if (others.length === 0) return [first];
  const labels: Partial<Record<Copyable, string>> = words.copy.as;
  const items = [main, ...others].map((what) => copy(what, labels[what] ?? copyableName(credential, what)));
  return [first, { id: "copy_as", label: words.copy.asMore, keys: "Ctrl Shift C", items, run: () => undefined }];
}

/** Copies; pressed again while it is in the clipboard it clears. */
export function copyOrClear(credential: CredentialView, what: Copyable, context: Context): void {
  const { clipboard, view, toasts, app } = context;
  if (what === "username" && !app.account(credential.account)?.username) {
    view.open({ dialog: "username", account: credential.account, then: () => copyOrClear(credential, what, context) });
    return;
  }
  const work = clipboard.left(credential.id, what) === null ? clipboard.copy(credential, what) : clipboard.clear();
  work.catch((thrown: unknown) => toasts.fail(thrown));
}

/** Asks the platform whether it accepts the credential, and says what came of it. */
export async function verify(credential: CredentialView, { backend, toasts }: Context): Promise<void> {
  try {
    const { cause } = valueOf(await backend.ask({ ask: "verify", credential: credential.id }), "verified");
    toasts.show(words.verified[cause]);
  } catch (thrown) {
    toasts.fail(thrown);
  }
}

/** Starts QGIS so that it fetches this key; asks for the user name once if nobody knows it. */
export async function openQgis(credential: CredentialView, context: Context, program?: string): Promise<void> {
  await withUsername(credential, context, async () => {
    const which = program ?? (await firstQgis(context));
    if (which === null) return context.toasts.show(words.qgis.none);
    await context.backend.openQgis(credential.id, which);
    context.toasts.show(words.qgis.opened);
  });
}

/** Puts the line for QGIS' Python Console on the clipboard. */
export async function copyQgisLine(credential: CredentialView, context: Context): Promise<void> {
  await withUsername(credential, context, async () => {
    const { until } = await context.backend.copyQgisLine(credential.id);
    context.toasts.show(words.qgis.line(span(Date.parse(until) - Date.now() + 999)));
  });
}

async function withUsername(credential: CredentialView, context: Context, work: () => Promise<void>): Promise<void> {
  const ask = () => context.view.open({ dialog: "username", account: credential.account, then: () => void withUsername(credential, context, work) });
  if (!context.app.account(credential.account)?.username) return ask();
  try {
    await work();
  } catch (thrown) {
    if (asApiError(thrown).code === "no_username") ask();
    else context.toasts.fail(thrown);
  }
}

/** The QGIS to start when none was chosen: the newest that can be started. */
export async function firstQgis({ backend }: Context): Promise<string | null> {
  const installs = valueOf(await backend.ask({ ask: "qgis_installs" }), "qgis");
  return installs.find((install) => install.can_apply && install.program !== null)?.program ?? null;
}

/** A key that stands for a verb of this credential. */
export function verbKey(event: KeyboardEvent, credential: CredentialView, context: Context): boolean {
  const plain = !event.ctrlKey && !event.altKey && !event.shiftKey;
  if (plain && event.key.toLowerCase() === "r") {
    runMain(credential, context);
    return true;
  }
  const keys = `${event.ctrlKey ? "Ctrl " : ""}${event.key.length === 1 ? event.key.toUpperCase() : event.key.replace("Delete", "Del")}`;
  const verbs = verbsOf(credential, context);
  const verb: Verb | undefined = verbs.find((v) => v.keys === keys) ?? (keys === "Del" ? verbs.find((v) => v.id === "forget") : undefined);
  if (!verb || verb.disabled || event.altKey || event.shiftKey) return false;
  verb.run();
  return true;
}

/** Details for a report: facts only, never a secret. */
export function supportDetails(thrown: unknown): string {
  const error = asApiError(thrown);
  const params = Object.entries(error.params).map(([name, value]) => `${name}: ${value}`);
  return [explain(error).title, `code: ${error.code}`, error.message, ...params].join("\n");
}
