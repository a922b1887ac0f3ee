// The desktop and the agent in memory, for tests and `npm run dev:fake`. Behaves as the protocol
// says, in small delays, and holds no secret worth the name.
import type { Backend, UnlockBackend } from "./backend";
import type { AccountView, Answer, Ask, CredentialView, ErrorCode, FlowView, Snapshot } from "./bindings";
import { account, history, id, lock, PAIRS, PLATFORM, PORTAL, QGIS, s3, type Scenario, SCENARIOS, seed, token, VAULT } from "./fake-data";
import type { ClipboardView } from "../types";

const DAY = 86_400_000;
export const FAKE_KEY = "454f44480000000000000000000000fa";

/** An error as the protocol has it, which is no `Error` of JavaScript's. */
class Failure extends Error {
  constructor(readonly code: ErrorCode, readonly params: Record<string, string> = {}) {
    super(code);
  }
}
export const fail = (code: ErrorCode, params?: Record<string, string>): Failure => new Failure(code, params);
const done: Answer = { answer: "done" };

export class FakeBackend implements Backend {
  /** Every call made, for tests: the name and what was given. */
  readonly calls: [string, ...unknown[]][] = [];
  /** Errors that the next call of an ask or command meets. */
  readonly failNext = new Map<string, Failure>();
  snapshot: Snapshot;
  /** The vault before it was locked. */
  private open: Snapshot | null = null;
  private next = 100;
  private readonly watchers = new Set<(s: Snapshot) => void>();
  private readonly clipboardWatchers = new Set<(c: ClipboardView) => void>();
  private readonly cutOffWatchers = new Set<(error: Failure) => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private settleFlow: ((outcome: "done" | "cancelled") => void) | null = null;

  constructor(readonly scenario: Scenario = "expiring", private readonly delay = 250) {
    const full = seed("expiring");
    if (!full) throw new TypeError("the world of expiring is empty");
    this.snapshot = seed(scenario) ?? full;
    if (scenario === "locked") this.open = full;
  }

  onSnapshot = (on: (s: Snapshot) => void) => Promise.resolve(watch(this.watchers, on));
  onClipboard = (on: (c: ClipboardView) => void) => Promise.resolve(watch(this.clipboardWatchers, on));

  onCutOff = (on: (error: Failure) => void) => Promise.resolve(watch(this.cutOffWatchers, on));

  currentSnapshot = (): Promise<Snapshot> =>
    this.scenario === "loading" ? new Promise<Snapshot>(() => undefined) : Promise.resolve(this.snapshot);

  async ask(ask: Ask): Promise<Answer> {
    this.calls.push([ask.ask, ask]);
    await this.work(ask.ask);
    return this.answer(ask);
  }

  private answer(ask: Ask): Answer | Promise<Answer> {
    switch (ask.ask) {
      case "platforms": return { answer: "platforms", value: [PLATFORM, PORTAL, PAIRS] };
      case "snapshot": return { answer: "snapshot", value: this.snapshot };
      case "create_with_keyring": return this.created(["keyring"]);
      case "unlock_with_keyring": return this.unlocked();
      case "lock": this.open = this.snapshot; this.change(lock(this.snapshot)); this.clip({ credential: null, what: null, until: null, state: "cleared" }); return done;
      case "vault_info": return { answer: "vault", value: VAULT };
      case "vault_check": return { answer: "vault", value: { ...VAULT, checked: true } };
      case "add_account": return this.added(account(++this.next, { username: null, workspaces: [], name: ask.name ?? "UK EO Data Hub", hub: ask.connection.hub ?? "https://eodatahub.org.uk", sign_in: { state: "signed_out", with: null, until: null }, client_id: ask.connection.client_id ?? null }));
      case "edit_account": return this.edited(ask.account, { ...(ask.name && { name: ask.name }), ...(ask.username && { username: ask.username }), ...(ask.client_id !== null && { client_id: ask.client_id || null }) });
      case "remove_account": this.change({ accounts: this.snapshot.accounts.filter((a) => a.id !== ask.account) }); return done;
      case "sign_in": return this.flow(ask.account, ask.way);
      case "await_sign_in": return this.awaitFlow();
      case "cancel_sign_in": this.settleFlow?.("cancelled"); this.change({ flows: [] }); return done;
      case "sign_out": this.edited(ask.account, { sign_in: { state: "signed_out", with: null, until: null } }); return done;
      case "workspaces": return { answer: "workspaces", value: account(1).workspaces };
      case "request_token": return this.stored(token(++this.next, ask.name, ask.workspace, (ask.lifetime ?? 30) * DAY, { account: ask.account }));
      case "request_s3": return this.stored({ ...s3(++this.next, ask.workspace, 3_600_000), account: ask.account });
      case "cancel_activity": return done;
      case "remote_tokens": return { answer: "remote_tokens", value: [] };
      case "revoke": return this.edit(ask.credential, { state: "revoked" });
      case "try_again": return this.edited(ask.account, { refused: [] });
      case "rotate": return this.edit(ask.credential, {});
      case "edit_token": return this.edit(ask.credential, { ...(ask.name && { name: ask.name }), ...(ask.permissions && { permissions: ask.permissions }) });
      case "request_session": return this.stored(token(++this.next, "Session token", "project", 3_600_000, { kind: "session_token", account: ask.account, fields: ["token", "bearer_header"] }));
      case "adopt": return this.stored(token(++this.next, ask.platform_id, ask.workspace, null, { account: ask.account, platform_id: ask.platform_id }));
      case "rename": return this.edit(ask.credential, { name: ask.name });
      case "verify": this.edit(ask.credential, { verified_at: new Date().toISOString() }); return { answer: "verified", value: { id: ask.credential, ok: true, cause: "ok" } };
      case "forget": this.change({ credentials: this.snapshot.credentials.filter((c) => c.id !== ask.credential) }); return done;
      case "history": return { answer: "history", value: ask.credential ? history(ask.credential, "") : [] };
      case "qgis_installs": return { answer: "qgis", value: QGIS };
      case "prepare_qgis": return { answer: "qgis_ready", value: ready() };
      case "set_settings": { const { theme, clear_clipboard_after, lock_after, notices } = ask; this.change({ settings: { theme, clear_clipboard_after, lock_after, notices } }); return done; }
      case "dismiss_alert": this.change({ alerts: this.snapshot.alerts.filter((a) => a.id !== ask.alert) }); return done;
      case "stop": case "revoke_remote": return done;
    }
  }

  copy = (credential: string, field: string) => this.hold("copy", credential, field);
  copySnippet = (credential: string, snippet: string) => this.hold("copy_snippet", credential, snippet);
  copyTemplate = (credential: string, template: string) => this.hold("copy_template", credential, `template:${template}`);

  async clearClipboard(): Promise<void> {
    this.calls.push(["clear_clipboard"]);
    await this.work("clear_clipboard");
    this.clip({ credential: null, what: null, until: null, state: "cleared" });
  }

  async reveal(credential: string, field: string) {
    this.calls.push(["reveal", credential, field]);
    await this.work("reveal");
    return { text: FAKE_KEY, seconds: 30 };
  }

  async portalSignIn(of: string): Promise<AccountView> {
    this.calls.push(["portal_sign_in", of]);
    await this.work("portal_sign_in");
    await this.answer({ ask: "sign_in", account: of, way: "portal" });
    const answer = await this.awaitFlow();
    if (answer.answer !== "account") throw fail("internal");
    return answer.value;
  }

  openFlowUrl = (flow: string) => this.did("open_flow_url", flow);
  openKeyPage = (of: string, workspace: string | null) => this.did("open_key_page", of, workspace);
  restartAgent = () => this.did("restart_agent");
  quit = () => this.did("quit");
  drawn = () => Promise.resolve();

  async pasteKey(key: string, secretKey: string | null, about: Parameters<Backend["pasteKey"]>[2]): Promise<CredentialView> {
    this.calls.push(["paste_key", key.length, about]);
    await this.work("paste_key");
    if (/^[0-9a-f]{8}-/i.test(key)) throw fail("token_id_not_key");
    const left = about.expires ? Date.parse(about.expires) - Date.now() : null;
    const kind = secretKey === null ? "api_token" : "key_pair";
    const made = token(++this.next, about.name || "key", about.workspace, left, { account: about.account, kind, platform_id: about.token_id, end_confirmed: false, owner: about.owner });
    if (about.workspace === "") this.edited(about.account, { key: made.id, sign_in: { state: "signed_in", with: "paste", until: null } });
    if (about.username) this.edited(about.account, { username: about.username });
    this.stored(made);
    return made;
  }

  async openUnlock(form: string): Promise<void> {
    this.calls.push(["open_unlock", form]);
    await this.work("open_unlock");
    if (form === "create") this.created(["passphrase"]);
    if (form === "unlock") this.unlocked();
  }

  async openQgis(credential: string, program: string) {
    await this.did("open_qgis", credential, program);
    return ready();
  }

  async copyQgisLine(credential: string) {
    await this.did("copy_qgis_line", credential);
    return ready();
  }

  /** Publishes a changed snapshot. */
  change(over: Partial<Snapshot>): void {
    this.snapshot = { ...this.snapshot, ...over, revision: this.snapshot.revision + 1 };
    this.watchers.forEach((on) => on(this.snapshot));
  }

  /** Says that no snapshots come. */
  cutOff(error: Failure): void {
    this.cutOffWatchers.forEach((on) => on(error));
  }

  /** Says what the clipboard holds. */
  clip(view: ClipboardView): void {
    clearTimeout(this.timer);
    this.clipboardWatchers.forEach((on) => on(view));
  }

  private async did(name: string, ...given: unknown[]): Promise<void> {
    this.calls.push([name, ...given]);
    await this.work(name);
  }

  private async work(name: string): Promise<void> {
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
    const failure = this.failNext.get(name);
    this.failNext.delete(name);
    if (failure) throw failure;
  }

  private async hold(name: string, credential: string, what: string): Promise<{ seconds: number }> {
    await this.did(name, credential, what);
    const seconds = this.snapshot.settings.clear_clipboard_after;
    this.clip({ credential, what, until: new Date(Date.now() + seconds * 1000).toISOString(), state: "holding" });
    this.timer = setTimeout(() => this.clip({ credential: null, what: null, until: null, state: "cleared" }), seconds * 1000);
    return { seconds };
  }

  private created(slots: Snapshot["vault"]["slots"]): Answer {
    this.change({ vault: { ...this.snapshot.vault, state: "unlocked", slots } });
    return done;
  }

  private unlocked(): Answer {
    const { accounts, credentials } = this.open ?? this.snapshot;
    this.change({ accounts, credentials, watched: [], vault: { ...this.snapshot.vault, state: "unlocked" } });
    return done;
  }

  private added(view: AccountView): Answer {
    this.change({ accounts: [...this.snapshot.accounts, view] });
    return { answer: "account", value: view };
  }

  private edited(of: string, over: Partial<AccountView>): Answer {
    this.change({ accounts: this.snapshot.accounts.map((a) => (a.id === of ? { ...a, ...over } : a)) });
    const value = this.snapshot.accounts.find((a) => a.id === of);
    if (!value) throw fail("not_found");
    return { answer: "account", value };
  }

  private stored(view: CredentialView): Answer {
    this.change({ credentials: [view, ...this.snapshot.credentials] });
    return { answer: "credential", value: view };
  }

  private edit(of: string, over: Partial<CredentialView>): Answer {
    this.change({ credentials: this.snapshot.credentials.map((c) => (c.id === of ? { ...c, ...over } : c)) });
    const value = this.snapshot.credentials.find((c) => c.id === of);
    if (!value) throw fail("not_found");
    return { answer: "credential", value };
  }

  private flow(of: string, way: FlowView["way"]): Answer {
    const value: FlowView = { id: id(++this.next), account: of, way, url: "https://eodatahub.org.uk/device", user_code: way === "device" ? "WDJB-MJHT" : null, hub: "https://eodatahub.org.uk", until: new Date(Date.now() + 600_000).toISOString() };
    this.change({ flows: [value] });
    return { answer: "flow", value };
  }

  private async awaitFlow(): Promise<Answer> {
    const [flow] = this.snapshot.flows;
    if (!flow) throw fail("flow_unknown");
    const outcome = await new Promise((resolve) => {
      this.settleFlow = resolve;
      if (this.scenario !== "busy") setTimeout(() => resolve("done"), this.delay * 8);
    });
    this.change({ flows: [] });
    if (outcome === "cancelled") throw fail("cancelled");
    return this.edited(flow.account, { username: "eo-analyst", workspaces: account(1).workspaces, sign_in: { state: "signed_in", with: flow.way, until: new Date(Date.now() + 1_800_000).toISOString() } });
  }
}

function watch<T>(set: Set<T>, on: T): () => void {
  set.add(on);
  return () => set.delete(on);
}

const ready = () => ({ script: "/run/user/1000/wayleave/eodh.py", one_liner: "exec(open('/run/user/1000/wayleave/eodh.py').read())", until: new Date(Date.now() + 300_000).toISOString() });

export function makeBackend(): Backend {
  const asked = new URLSearchParams(location.search).get("scenario") as Scenario | null;
  return new FakeBackend(asked && SCENARIOS.includes(asked) ? asked : "expiring");
}

export function makeUnlockBackend(): UnlockBackend {
  const check = async (passphrase: string, code: ErrorCode) => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    if (passphrase !== "correct horse battery") throw fail(code);
  };
  return {
    unlock: (passphrase) => check(passphrase, "wrong_passphrase"),
    createVault: (passphrase) => check(passphrase, "weak_passphrase"),
    changePassphrase: (old) => check(old ?? "", "wrong_passphrase"),
    close: () => Promise.resolve(),
  };
}
