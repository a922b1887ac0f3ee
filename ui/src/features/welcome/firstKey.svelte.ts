// Making the first key, and what follows at once: copied, given to QGIS, or nothing.
import { valueOf } from "$lib/api/backend";
import { makeActivityId } from "$lib/keys";
import { Action } from "$lib/state/action.svelte";
import type { Context } from "$lib/state/context";
import type { ApiError, Ask, QgisView, WorkspaceView } from "$lib/types";
import { openQgis } from "$lib/verbs";
import { words } from "$lib/words";
import { choices } from "$lib/workspaces";
import type { Setup } from "./setup.svelte";

export class FirstKey {
  readonly action = new Action();
  readonly reading = new Action();
  workspace = $state("");
  days = $state(30);
  program = $state("");
  installs = $state.raw<QgisView[]>([]);
  #read = $state.raw<WorkspaceView[]>([]);
  #activity = "";

  constructor(private readonly context: Context, private readonly setup: Setup) {
    this.days = Math.min(30, this.max);
    this.#settle();
  }

  get max(): number {
    return this.setup.platform?.lifetime?.max ?? 30;
  }

  /** Workspaces that can give keys. */
  get workspaces(): string[] {
    const known = this.#read.length > 0 ? this.#read : (this.setup.account?.workspaces ?? []);
    return choices(known, (w) => w.can_issue);
  }

  get problem(): ApiError | null {
    return this.action.error ?? this.reading.error;
  }

  /** Reads the workspaces where they are not known, and looks for QGIS. */
  async read(): Promise<void> {
    const { backend } = this.context;
    const account = this.setup.account;
    if (account && this.workspaces.length === 0) {
      await this.reading.run(async () => {
        this.#read = valueOf(await backend.ask({ ask: "workspaces", account: account.id }), "workspaces");
      });
      this.#settle();
    }
    // Without QGIS, or when looking fails, only the other buttons stand.
    const found = await backend.ask({ ask: "qgis_installs" }).then((answer) => valueOf(answer, "qgis"), () => []);
    this.installs = found.filter((q) => q.can_apply && q.program !== null);
    this.program = this.installs[0]?.program ?? "";
  }

  async create(then: "copy" | "qgis" | "nothing"): Promise<void> {
    const account = this.setup.account;
    if (!account) return;
    this.#activity = makeActivityId();
    await this.action.run(async () => {
      const asked: Ask = { ask: "request_token", account: account.id, workspace: this.workspace, name: words.request.defaultName, lifetime: this.days, permissions: [], activity: this.#activity };
      const credential = valueOf(await this.context.backend.ask(asked), "credential");
      // The key is in the vault: what follows may fail without undoing that.
      this.setup.finish();
      this.context.toasts.show(words.request.done(credential.name));
      if (then === "copy") await this.context.clipboard.copy(credential, "api_key").catch((thrown: unknown) => this.context.toasts.fail(thrown));
      if (then === "qgis") await openQgis(credential, this.context, this.program);
    });
  }

  async cancel(): Promise<void> {
    await this.context.backend.ask({ ask: "cancel_activity", activity: this.#activity }).catch((thrown: unknown) => this.context.toasts.fail(thrown));
  }

  #settle(): void {
    if (!this.workspaces.includes(this.workspace)) this.workspace = this.workspaces[0] ?? "";
  }
}
