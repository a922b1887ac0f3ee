// What of ours is in the clipboard, and for how long. Never the text.
import type { Backend } from "../api/backend";
import type { ClipboardView, Copyable, CredentialView, Id } from "../types";
import { count } from "../time";
import { isTemplate } from "../labels";
import { words } from "../words";
import type { Now } from "./now.svelte";
import type { Toasts } from "./toasts.svelte";

export class ClipboardState {
  view = $state.raw<ClipboardView>({ credential: null, what: null, until: null, state: "cleared" });
  #seconds = 30;
  #stopCounting: (() => void) | null = null;

  constructor(private readonly backend: Backend, private readonly now: Now, private readonly toasts: Toasts) {}

  /** Follows the desktop's word. */
  accept = (view: ClipboardView): void => {
    const before = this.view.state;
    this.view = view;
    this.#stopCounting?.();
    this.#stopCounting = view.state === "holding" ? this.now.countSeconds() : null;
    if (view.state === "cleared" && before === "holding") this.toasts.say(words.copy.cleared);
    if (view.state === "foreign" && before === "holding") this.toasts.say(words.copy.foreign);
  };

  /** Copies one thing of a credential. */
  async copy(credential: CredentialView, what: Copyable): Promise<void> {
    const { seconds } = await this.#put(credential.id, what);
    this.#seconds = seconds;
    this.toasts.say(words.copy.copied(count(seconds, "second")));
  }

  #put(id: Id, what: Copyable): Promise<{ seconds: number }> {
    if (what === "env") return this.backend.copySnippet(id, what);
    return isTemplate(what) ? this.backend.copyTemplate(id, what.slice("template:".length)) : this.backend.copy(id, what);
  }

  clear = (): Promise<void> => this.backend.clearClipboard();

  /** Seconds left of what was copied, while it is this. */
  left(credential: Id, what: Copyable): number | null {
    const { view } = this;
    if (view.state !== "holding" || view.credential !== credential || view.what !== what || !view.until) return null;
    return Math.max(0, Math.ceil((Date.parse(view.until) - this.now.ms) / 1000));
  }

  /** Share of the time that is left, 0–100. */
  share(seconds: number): number {
    return Math.min(100, (seconds / this.#seconds) * 100);
  }
}
