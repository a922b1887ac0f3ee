// The whole window on the fake back end, for feature tests.
import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import App from "../App.svelte";
import { FakeBackend } from "$lib/api/fake";
import type { Scenario } from "$lib/api/fake-data";

export type Opened = { backend: FakeBackend; user: ReturnType<typeof userEvent.setup>; presses: () => number };

/** Opens the window in a scenario; counts pointer presses from then on. */
export function open(scenario: Scenario, delay = 0): Opened {
  const backend = new FakeBackend(scenario, delay);
  let presses = 0;
  document.addEventListener("pointerdown", () => (presses += 1), { capture: true });
  render(App, { backend });
  return { backend, user: userEvent.setup(), presses: () => presses };
}

/** A control by its accessible name, once it is there. */
export const button = (name: string | RegExp) => screen.findByRole("button", { name });

/** What was asked of the back end, by name. */
export const asked = (backend: FakeBackend, name: string): unknown[][] => backend.calls.filter(([call]) => call === name).map(([, ...given]) => given);
