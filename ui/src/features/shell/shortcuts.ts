// Keys that work everywhere. Keys of a row stand in the list, keys of a credential on its page.
import type { Context } from "$lib/state/context";
import type { Route } from "$lib/state/view.svelte";
import { pagesOf } from "./pages";
import { lock } from "./vault";

/** The page that a key with Ctrl leads to: by its place in the list of pages. */
function pageOf(key: string, context: Context): Route | undefined {
  const page = key === "," ? "settings" : pagesOf(context.app)[Number.parseInt(key, 10) - 1];
  return page && { page };
}

/** Handles a key that no control took. */
export function onKey(event: KeyboardEvent, context: Context): void {
  if (event.defaultPrevented || context.app.snapshot?.vault.state !== "unlocked" || context.view.dialog) return;
  if (context.view.route.page === "welcome") return;
  if (handle(event, context)) event.preventDefault();
}

function handle(event: KeyboardEvent, context: Context): boolean {
  const { view } = context;
  if (event.ctrlKey && !event.altKey && !event.shiftKey) return control(event.key.toLowerCase(), context);
  if (event.key === "F1") view.open({ dialog: "keys" });
  else if ((event.altKey && event.key === "ArrowLeft") || event.key === "Escape") return back(context);
  else return false;
  return true;
}

function control(key: string, context: Context): boolean {
  const { view } = context;
  const page = pageOf(key, context);
  if (page) view.go(page);
  else if (key === "l") lock(context);
  else if (key === "n") request(context);
  else if (key === "f") return focusSearch(context);
  else return false;
  return true;
}

function request({ view, app }: Context): void {
  if (app.snapshot?.accounts.length) view.open({ dialog: app.waysToAKey[0] ?? "request" });
  else view.go({ page: "welcome", for: "first" });
}

function back({ view }: Context): boolean {
  if (view.route.page !== "credential") return false;
  view.go({ page: "credentials" });
  return true;
}

function focusSearch({ view }: Context): boolean {
  if (view.route.page !== "credentials") view.go({ page: "credentials" });
  requestAnimationFrame(() => document.getElementById("search")?.focus());
  return true;
}
