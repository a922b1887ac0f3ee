// Something read from the agent, and read again whenever it may have changed.
import { asApiError } from "../errors";
import type { ApiError } from "../types";

export class Reading<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);
  #runs = false;
  #again = false;

  constructor(private readonly ask: () => Promise<T>) {}

  /** Reads it. One reading at a time, so that an older answer never replaces a newer one; whoever
   *  asks meanwhile is served by one more. */
  read = async (): Promise<void> => {
    this.#again = this.#runs;
    if (this.#runs) return;
    this.#runs = true;
    do {
      this.#again = false;
      await this.#once();
    } while (this.#again);
    this.#runs = false;
  };

  async #once(): Promise<void> {
    try {
      this.value = await this.ask();
      this.error = null;
    } catch (thrown) {
      this.error = asApiError(thrown);
    }
  }
}
