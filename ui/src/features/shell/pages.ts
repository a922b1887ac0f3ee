// The pages there are for the accounts here, in their order.
import type { AppState } from "$lib/state/app.svelte";

export type PageName = "credentials" | "platform" | "accounts" | "settings";

/** What lives on a platform is shown where one tells it. */
export function pagesOf(app: AppState): PageName[] {
  return ["credentials", ...(app.listers.length > 0 ? (["platform"] as const) : []), "accounts", "settings"];
}
