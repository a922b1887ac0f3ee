// What the agent says, held whole. Screens read it; nobody writes it but `accept`.
import { valueOf, type Backend } from "../api/backend";
import type { AccountView, ActivityView, CredentialView, Id, PlatformView, Snapshot } from "../types";

export type WayToAKey = "request" | "s3" | "paste";

export class AppState {
  /** Replaced whole with each push: no deep proxies. */
  snapshot = $state.raw<Snapshot | null>(null);
  /** Why there is none, when asking for it failed. */
  failure = $state.raw<unknown>(null);

  /** The platforms there are; they do not change while the agent runs. */
  platforms = $state.raw<PlatformView[] | null>(null);

  /** Takes a snapshot that is newer than the one held. A new agent starts counting anew. */
  accept(next: Snapshot): void {
    const held = this.snapshot;
    this.failure = null;
    const sameAgent = held?.agent.pid === next.agent.pid && held.agent.since === next.agent.since;
    if (held && sameAgent && next.revision <= held.revision) return;
    this.snapshot = next;
  }

  async loadPlatforms(backend: Backend): Promise<void> {
    this.platforms ??= valueOf(await backend.ask({ ask: "platforms" }), "platforms");
  }

  /** The platform of an account. */
  platformOf(account: AccountView | undefined): PlatformView | undefined {
    return this.platforms?.find((p) => p.id === account?.platform);
  }

  credential(id: Id): CredentialView | undefined {
    return this.snapshot?.credentials.find((c) => c.id === id);
  }

  account(id: Id): AccountView | undefined {
    return this.snapshot?.accounts.find((a) => a.id === id);
  }

  /** What is going on with a credential now. */
  activityOn(credential: Id): ActivityView | undefined {
    return this.snapshot?.activities.find((a) => a.credential === credential);
  }

  activity(id: Id): ActivityView | undefined {
    return this.snapshot?.activities.find((a) => a.id === id);
  }

  /** Accounts that can request tokens: signed in, and the platform does it. */
  get issuers(): AccountView[] {
    return this.snapshot?.accounts.filter((a) => a.sign_in.state === "signed_in" && a.capabilities.issue !== "no") ?? [];
  }

  /** Accounts whose platform tells which keys there are. */
  get listers(): AccountView[] {
    return this.snapshot?.accounts.filter((a) => a.capabilities.list !== "no") ?? [];
  }

  /** Accounts that can get S3 credentials. */
  get s3Accounts(): AccountView[] {
    return this.snapshot?.accounts.filter((a) => a.sign_in.state === "signed_in" && a.capabilities.s3 !== "no") ?? [];
  }

  /** The dialogs that can bring a key to the accounts here, the one to offer first in front. Who is
   *  not signed in is told so there; before there is an account nothing is ruled out. */
  get waysToAKey(): WayToAKey[] {
    const accounts = this.snapshot?.accounts ?? [];
    const some = (can: (account: AccountView) => boolean) => accounts.length === 0 || accounts.some(can);
    return [
      ...(some((a) => a.capabilities.issue !== "no") ? (["request"] as const) : []),
      ...(some((a) => a.capabilities.s3 !== "no") ? (["s3"] as const) : []),
      ...(some((a) => a.ways.includes("paste")) ? (["paste"] as const) : []),
    ];
  }
}
