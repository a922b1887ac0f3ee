// Short messages: shown for some seconds with at most one verb, and spoken by the live regions.
import { asApiError, explain } from "../errors";
import { words } from "../words";

export type Toast = { id: number; text: string; detail?: string; tone: "plain" | "bad"; verb?: { label: string; run: () => void } };

const STAYS = 8_000;

export class Toasts {
  list = $state.raw<Toast[]>([]);
  /** Spoken politely, not shown. */
  spoken = $state("");
  #next = 1;
  // Not shown, so not reactive.
  // eslint-disable-next-line svelte/prefer-svelte-reactivity
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  /** Only for the live region. */
  say(text: string): void {
    this.spoken = text;
  }

  show(text: string, verb?: Toast["verb"]): void {
    this.#post({ text, verb, tone: "plain" });
  }

  /** A failure that belongs to no field: what happened, what was kept and what to do. */
  fail(thrown: unknown, verb?: Toast["verb"]): void {
    const error = asApiError(thrown);
    if (error.code === "cancelled") return;
    const { title, kept, advice } = explain(error);
    this.#post({ text: title, detail: words.problem.both(kept, advice), verb, tone: "bad" });
  }

  dismiss = (id: number): void => {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  };

  /** Takes all away: they name credentials, which a locked vault must not. */
  clear(): void {
    for (const { id } of this.list) this.dismiss(id);
    this.spoken = "";
  }

  /** Stays as long as somebody is on it. */
  hold = (id: number): void => clearTimeout(this.#timers.get(id));

  release = (id: number): void => {
    this.hold(id);
    this.#timers.set(id, setTimeout(() => this.dismiss(id), STAYS));
  };

  #post(toast: Omit<Toast, "id">): void {
    const id = this.#next++;
    this.list = [...this.list.slice(-1), { ...toast, id }];
    this.release(id);
  }
}
