// One ticking clock for the whole window: each second while something counts down, else every
// 30 seconds; it stands still while the window is hidden.
export class Now {
  ms = $state(Date.now());
  #fast = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts ticking; returns what stops it. */
  start(): () => void {
    const wake = () => (document.hidden ? clearTimeout(this.#timer) : this.#tick());
    document.addEventListener("visibilitychange", wake);
    this.#tick();
    return () => {
      document.removeEventListener("visibilitychange", wake);
      clearTimeout(this.#timer);
    };
  }

  /** Asks for seconds until the returned function is called. */
  countSeconds(): () => void {
    this.#fast += 1;
    this.#tick();
    let over = false;
    return () => {
      if (!over) this.#fast -= 1;
      over = true;
    };
  }

  /** Looks at the clock now: something changed, and with it what has ended. */
  look = (): void => this.#tick();

  #tick(): void {
    clearTimeout(this.#timer);
    this.ms = Date.now();
    this.#timer = setTimeout(() => this.#tick(), this.#fast > 0 ? 250 : 30_000);
  }
}
