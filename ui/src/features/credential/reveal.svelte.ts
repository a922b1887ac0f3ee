// The one secret on the page: one record, 30 s, gone on blur, lock, Esc, and when the page goes.
import type { Backend } from "$lib/api/backend";
import type { Now } from "$lib/state/now.svelte";
import type { Toasts } from "$lib/state/toasts.svelte";
import type { Field, Id } from "$lib/types";
import { words } from "$lib/words";

export class Reveal {
  text = $state.raw<string | null>(null);
  #until = $state(0);
  #span = 30;
  #stop: (() => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly backend: Backend, private readonly now: Now, private readonly toasts: Toasts) {}

  get seconds(): number {
    return Math.max(0, Math.ceil((this.#until - this.now.ms) / 1000));
  }

  get share(): number {
    return (this.seconds / this.#span) * 100;
  }

  async show(id: Id, field: Field): Promise<void> {
    try {
      const { text, seconds } = await this.backend.reveal(id, field);
      if (!document.hasFocus()) return;
      this.hide();
      this.text = text;
      this.#span = seconds;
      this.#until = Date.now() + seconds * 1000;
      this.#stop = this.now.countSeconds();
      this.#timer = setTimeout(this.hide, seconds * 1000);
      this.toasts.say(words.reveal.shown);
    } catch (thrown) {
      this.toasts.fail(thrown);
    }
  }

  hide = (): void => {
    clearTimeout(this.#timer);
    this.#stop?.();
    this.#stop = null;
    if (this.text !== null) this.toasts.say(words.reveal.gone);
    this.text = null;
  };
}
