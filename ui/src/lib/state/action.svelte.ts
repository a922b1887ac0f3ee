// One thing being done: whether it runs, and how it failed.
import { asApiError } from "../errors";
import type { ApiError } from "../types";

export class Action {
  pending = $state(false);
  error = $state.raw<ApiError | null>(null);

  /** Runs it unless it runs already. Answers whether it went well. */
  run = async (work: () => Promise<void>): Promise<boolean> => {
    if (this.pending) return false;
    this.pending = true;
    this.error = null;
    try {
      await work();
      return true;
    } catch (thrown) {
      const error = asApiError(thrown);
      if (error.code !== "cancelled") this.error = error;
      return false;
    } finally {
      this.pending = false;
    }
  };
}
