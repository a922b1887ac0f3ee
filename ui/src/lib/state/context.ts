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
  const { backend, app, clipboard, now } = context;
  const stops = await Promise.all([
    backend.onSnapshot((s) => {
      now.look();
      app.accept(s);
    }),
    backend.onClipboard(clipboard.accept),
    backend.onCutOff((error) => (app.failure = error)),
  ]);
  await look(context);
  return () => stops.forEach((stop) => stop());
}

/** Asks for what there is now; also the way on after a failure. */
export async function look({ backend, app }: Context): Promise<void> {
  try {
    app.accept(await backend.currentSnapshot());
    app.failure = null;
    await app.loadPlatforms(backend);
  } catch (thrown) {
    // What came by itself meanwhile is as good as what was asked for.
    if (app.failure !== null || app.snapshot === null) app.failure = thrown;
  }
}
