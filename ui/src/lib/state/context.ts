// What feature roots may reach, through Svelte's context.
import { getContext, setContext } from "svelte";
import type { Backend } from "../api/backend";
import { AppState } from "./app.svelte";
import { ClipboardState } from "./clipboard.svelte";
import { Now } from "./now.svelte";
import { Toasts } from "./toasts.svelte";
import { ViewState } from "./view.svelte";

export type Context = {
  backend: Backend;
  app: AppState;
  view: ViewState;
  now: Now;
  toasts: Toasts;
  clipboard: ClipboardState;
};

const KEY = Symbol("wayleave");

export function makeContext(backend: Backend): Context {
  const now = new Now();
  const toasts = new Toasts();
  return { backend, app: new AppState(), view: new ViewState(), now, toasts, clipboard: new ClipboardState(backend, now, toasts) };
}

export const provide = (context: Context): Context => setContext(KEY, context);
export const reach = (): Context => getContext<Context>(KEY);

/** Starts following the agent: subscribe first, then ask, so that nothing falls between. */
export async function follow(context: Context): Promise<() => void> {
  const { backend, app, clipboard } = context;
  const stops = await Promise.all([backend.onSnapshot((s) => app.accept(s)), backend.onClipboard(clipboard.accept)]);
  try {
    app.accept(await backend.currentSnapshot());
    await app.loadPlatforms(backend);
  } catch (thrown) {
    app.failure = app.snapshot ? null : thrown;
  }
  return () => stops.forEach((stop) => stop());
}
