// Which account and workspace a request is for, and the request while it runs.
import { valueOf } from "$lib/api/backend";
import { makeActivityId } from "$lib/keys";
import { Action } from "$lib/state/action.svelte";
import type { Context } from "$lib/state/context";
import type { AccountView, Id, WorkspaceView } from "$lib/types";
import { choices } from "$lib/workspaces";

export class RequestForm {
  readonly action = new Action();
  readonly reading = new Action();
  account = $state<Id>("");
  #workspace = $state("");
  readonly activity = makeActivityId();

  constructor(private readonly context: Context, private readonly accounts: () => AccountView[], private readonly fits: (workspace: WorkspaceView) => boolean, start: { account?: Id; workspace?: string }) {
    this.account = accounts().find((a) => a.id === start.account)?.id ?? accounts()[0]?.id ?? "";
    this.#workspace = start.workspace ?? "";
    if (this.account && this.workspaces.length === 0) void this.read();
  }

  get chosen(): AccountView | undefined {
    return this.accounts().find((a) => a.id === this.account);
  }

  get workspaces(): string[] {
    return choices(this.chosen?.workspaces ?? [], this.fits);
  }

  /** The one chosen while it is there, else the first. */
  get workspace(): string {
    return this.workspaces.includes(this.#workspace) ? this.#workspace : (this.workspaces[0] ?? "");
  }

  set workspace(name: string) {
    this.#workspace = name;
  }

  /** Whether cancelling loses nothing now. */
  get cancellable(): boolean {
    return this.context.app.activity(this.activity)?.cancellable ?? true;
  }

  /** Reads the account's workspaces from the platform; the next snapshot has them. */
  read = async (): Promise<void> => {
    await this.reading.run(async () => {
      valueOf(await this.context.backend.ask({ ask: "workspaces", account: this.account }), "workspaces");
    });
  };

  cancel = (): void => {
    this.context.backend.ask({ ask: "cancel_activity", activity: this.activity }).catch((thrown: unknown) => this.context.toasts.fail(thrown));
  };
}
