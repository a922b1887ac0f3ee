// The first run as a state: platform → sign in → protect → create. Each step can be gone back from.
import { valueOf } from "$lib/api/backend";
import { Action } from "$lib/state/action.svelte";
import type { Context } from "$lib/state/context";
import { SignInFlow } from "$lib/state/sign-in.svelte";
import type { AccountView, Id, PlatformView, SignInWay, Tile } from "$lib/types";
import { words } from "$lib/words";

export type Step = "platform" | "signIn" | "protect" | "create" | "paste";

export class Setup {
  readonly signIn: SignInFlow;
  readonly connecting = new Action();
  step = $state<Step>("platform");
  platform = $state.raw<PlatformView | null>(null);
  tile = $state.raw<Tile | null>(null);
  /** What the connection fields hold. */
  connection = $state<Record<string, string>>({});
  #added = $state<Id | null>(null);
  #answered = $state.raw<AccountView | null>(null);
  #connectedTo = "";
  /** Whether there was no vault when this began: then protecting it is a step. */
  readonly #protects: boolean;

  constructor(private readonly context: Context, private readonly only: "first" | "account") {
    this.signIn = new SignInFlow(context);
    this.#protects = context.app.snapshot?.vault.state === "missing";
  }

  get steps(): Step[] {
    if (this.only === "account") return ["platform", "signIn"];
    const last: Step = this.signIn.way === "paste" ? "paste" : "create";
    return ["platform", "signIn", ...(this.#protects ? (["protect"] as const) : []), ...(last === "paste" || this.#issues ? [last] : [])];
  }

  /** Whether somebody who signs in here can ask for keys. */
  get #issues(): boolean {
    if (this.account) return this.account.capabilities.issue !== "no";
    return this.platform?.lifetime !== null || this.platform.permissions !== null;
  }

  /** The account as the agent tells it now, else as it answered. */
  get account(): AccountView | null {
    return (this.#added && this.context.app.account(this.#added)) || this.#answered;
  }

  /** Ways to sign in to this tile: the platform's order, but what still needs a client id stands
   *  behind the window that works at once. */
  get ways(): SignInWay[] {
    const ways = this.platform?.ways ?? [];
    if (this.tile?.connection.client_id || !ways.includes("portal")) return ways;
    return ["portal", ...ways.filter((way) => way !== "portal")];
  }

  choose(platform: PlatformView, tile: Tile): void {
    this.context.view.route = { page: "welcome", for: this.only };
    this.platform = platform;
    this.tile = tile;
    // Only what the tile says: a preset of another field could send its user to another hub.
    this.connection = { ...tile.connection };
    for (const field of platform.fields) {
      if (field.kind !== "choice" && field.default !== null) this.connection[field.key] ??= field.default;
    }
    this.signIn.way = this.ways[0] ?? "paste";
    this.step = "signIn";
  }

  back = (): void => {
    if (this.signIn.action.pending) void this.signIn.cancel();
    this.signIn.action.error = null;
    this.step = this.steps[this.steps.indexOf(this.step) - 1] ?? "platform";
  };

  /** Signs in the chosen way and goes on; a paste needs nobody to be signed in yet. */
  async go(): Promise<void> {
    let account: AccountView | null = null;
    const connected = await this.connecting.run(async () => {
      account = await this.#connect();
    });
    if (!connected || account === null) return;
    const { id } = account as AccountView;
    if (this.signIn.way !== "paste") {
      this.#answered = (await this.signIn.start(id)) ?? this.#answered;
      if (this.#answered?.sign_in.state !== "signed_in") return;
    }
    this.next();
  }

  next(): void {
    const following = this.steps[this.steps.indexOf(this.step) + 1];
    if (!following) return this.only === "account" ? this.context.view.go({ page: "accounts" }) : this.finish();
    if (following === "paste") return this.#paste();
    this.step = following;
  }

  /** Ends the first run. */
  finish(): void {
    this.context.view.go({ page: "credentials" });
  }

  /** A pasted key is taken by the dialog that everybody uses for it. */
  #paste(): void {
    this.finish();
    if (this.#added) this.context.view.open({ dialog: "paste", account: this.#added });
  }

  /** Adds the account, once for each connection; another connection replaces it. */
  async #connect(): Promise<AccountView> {
    const { backend } = this.context;
    const wanted = JSON.stringify([this.platform?.id, this.#given]);
    if (this.account && wanted === this.#connectedTo) return this.account;
    if (this.#added) await backend.ask({ ask: "remove_account", account: this.#added, credentials: "forget" });
    this.#added = null;
    if (!this.platform) throw new TypeError(words.welcome.title);
    const account = valueOf(await backend.ask({ ask: "add_account", platform: this.platform.id, connection: this.#given, name: this.#name }), "account");
    [this.#added, this.#answered, this.#connectedTo] = [account.id, account, wanted];
    return account;
  }

  /** A hub that a tile names is called by that name, as long as it is still that hub. */
  get #name(): string | null {
    const hub = this.tile?.connection.hub;
    return hub && hub === this.connection.hub ? (this.tile?.name ?? null) : null;
  }

  /** The fields that hold something. */
  get #given(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.connection).filter(([, value]) => value.trim() !== ""));
  }
}
