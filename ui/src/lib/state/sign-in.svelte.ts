// One sign-in: start it, wait for its end, cancel it.
import { valueOf } from "../api/backend";
import { asApiError } from "../errors";
import type { AccountView, FlowView, Id, SignInWay } from "../types";
import { Action } from "./action.svelte";
import type { Context } from "./context";

export class SignInFlow {
  readonly action = new Action();
  way = $state<SignInWay>("portal");
  #account = $state<Id | null>(null);
  #started = $state.raw<FlowView | null>(null);
  #cancelled = false;

  constructor(private readonly context: Context) {}

  /** What is waited for: as started here, or as the agent tells it. */
  get flow(): FlowView | null {
    if (!this.action.pending) return null;
    return this.#started ?? this.context.app.snapshot?.flows.find((f) => f.account === this.#account) ?? null;
  }

  /** Signs in; answers the account, or nothing when it failed or was cancelled. */
  async start(account: Id): Promise<AccountView | null> {
    let result: AccountView | null = null;
    this.#account = account;
    this.#started = null;
    this.#cancelled = false;
    await this.action.run(async () => {
      await this.#cancelOpen();
      result = this.way === "portal" ? await this.context.backend.portalSignIn(account) : await this.#byFlow(account);
    });
    return result;
  }

  cancel = async (): Promise<void> => {
    this.#cancelled = true;
    await this.#cancelOpen();
  };

  /** Shows the flow's page in the system browser once more. */
  openPage = (): void => {
    if (this.flow) this.context.backend.openFlowUrl(this.flow.id).catch((thrown: unknown) => this.context.toasts.fail(thrown));
  };

  async #byFlow(account: Id): Promise<AccountView> {
    const { backend } = this.context;
    const flow = valueOf(await backend.ask({ ask: "sign_in", account, way: this.way }), "flow");
    this.#started = flow;
    if (this.way === "browser") await backend.openFlowUrl(flow.id);
    return valueOf(await backend.ask({ ask: "await_sign_in", flow: flow.id }), "account");
  }

  async #cancelOpen(): Promise<void> {
    const { backend, app } = this.context;
    const open = this.#started ?? app.snapshot?.flows.find((f) => f.account === this.#account);
    if (!open) return;
    await backend.ask({ ask: "cancel_sign_in", flow: open.id }).catch((thrown: unknown) => {
      // A flow that the last snapshot still had, and that is over by now, is in nobody's way.
      if (!this.#cancelled && asApiError(thrown).code !== "flow_unknown") throw thrown;
    });
  }
}
