// Where the user is and what is open. Nothing of it outlives the window.
import type { Id, RemoteTokenView, SignInWay } from "../types";

export type Route =
  | { page: "credentials" }
  | { page: "credential"; id: Id }
  | { page: "platform" }
  | { page: "accounts" }
  | { page: "settings" }
  | { page: "welcome"; for: "first" | "account" };

export type OpenDialog =
  | { dialog: "request"; account?: Id; workspace?: string; name?: string }
  | { dialog: "s3"; account?: Id; workspace?: string }
  | { dialog: "paste"; account?: Id; workspace?: string; token?: RemoteTokenView }
  | { dialog: "revoke"; id: Id }
  | { dialog: "revoke_remote"; account: Id; token: RemoteTokenView; then: () => void }
  | { dialog: "forget"; id: Id }
  | { dialog: "rename"; id: Id }
  | { dialog: "edit_token"; id: Id }
  | { dialog: "rotate"; id: Id }
  | { dialog: "username"; account: Id; then?: () => void }
  | { dialog: "sign_in"; account: Id; way?: SignInWay }
  | { dialog: "edit_account"; account: Id }
  | { dialog: "remove_account"; account: Id }
  | { dialog: "keys" };

export type Filter = "all" | "needs_you" | "api_token" | "s3";

export class ViewState {
  route = $state.raw<Route>({ page: "credentials" });
  dialog = $state.raw<OpenDialog | null>(null);
  search = $state("");
  filter = $state<Filter>("all");
  /** Only this account's credentials; all when null. */
  account = $state<Id | null>(null);
  /** The row that has the list's one tab stop. */
  row = $state<Id | null>(null);

  /** The credential whose page was left last. */
  cameFrom: Id | null = null;

  go(route: Route): void {
    this.dialog = null;
    this.cameFrom = this.route.page === "credential" ? this.route.id : null;
    this.route = route;
  }

  open(dialog: OpenDialog): void {
    this.dialog = dialog;
  }

  close = (): void => {
    this.dialog = null;
  };

  showAll = (): void => {
    this.search = "";
    this.filter = "all";
    this.account = null;
  };
}
