// The list in every state, its keys, and the verbs of a credential.
import { cleanup, render, screen, waitFor, within } from "@testing-library/svelte";
import { expect, test, vi } from "vitest";
import App from "../App.svelte";
import { fail, FAKE_KEY } from "$lib/api/fake";
import { id, seed } from "$lib/api/fake-data";
import { asked, button, open } from "./window";

const names = () => screen.queryAllByRole("meter").length;

test("locked: no name, only kind and minute", async () => {
  open("locked");
  expect(await screen.findByText("The vault is locked")).toBeInTheDocument();
  expect(document.body.innerHTML).not.toMatch(/office PC|peatland|eo-analyst/);
  expect(screen.getAllByRole("button", { name: /An API token ends/ }).length).toBeGreaterThan(0);
});

test("empty, error, no hits and offline each say what to do", async () => {
  const { backend, user } = open("expiring");
  await user.type(await screen.findByLabelText(/Search credentials/), "xyzzy");
  expect(await screen.findByText(/has “xyzzy” in it/)).toBeInTheDocument();
  await user.click(await button("Show all"));
  expect(names()).toBeGreaterThan(0);
  backend.change({ offline: true });
  expect(await screen.findByText("Offline")).toBeInTheDocument();
  expect(await button("Waits: New key… QGIS, office PC")).toHaveAttribute("aria-disabled", "true");
  backend.change({ offline: false, credentials: [] });
  expect(await screen.findByText("No credentials yet")).toBeInTheDocument();
  backend.change({ vault: { ...backend.snapshot.vault, state: "unusable", problem: fail("vault_damaged") } });
  expect(await screen.findByText("The vault file is damaged")).toBeInTheDocument();
});

test("who can only get S3 credentials is offered nothing else", async () => {
  const { backend, user } = open("empty");
  const accounts = backend.snapshot.accounts.slice(0, 1).map((a) => ({ ...a, ways: ["device" as const], capabilities: { ...a.capabilities, issue: "no" as const } }));
  backend.change({ accounts });
  await user.click(await button("Get S3 credentials"));
  expect(await screen.findByRole("dialog", { name: /S3 credentials/ })).toBeInTheDocument();
  expect(screen.queryByText(/Have a key already/)).not.toBeInTheDocument();
  await user.keyboard("{Escape}");
  backend.change({ accounts, credentials: seed("expiring")?.credentials ?? [] });
  await waitFor(() => expect(names()).toBeGreaterThan(0));
  expect(await button("Get S3 credentials")).toBeInTheDocument();
  expect(screen.queryByRole("button", { name: "Request…" })).not.toBeInTheDocument();
});

test("an agent that cannot be reached is said, with a way on", async () => {
  const { backend, user } = open("loading");
  const answers = vi.spyOn(backend, "currentSnapshot");
  cleanup();
  answers.mockRejectedValue(fail("agent_unreachable"));
  render(App, { backend });
  expect(await screen.findByText("Wayleave’s background part does not answer")).toBeInTheDocument();
  answers.mockResolvedValue(backend.snapshot);
  await user.click(await button("Try again"));
  expect(await button("QGIS, office PC")).toBeInTheDocument();
});

test("an agent of another version is restarted from here", async () => {
  const { backend, user } = open("expiring");
  await button("QGIS, office PC");
  backend.cutOff(fail("agent_version"));
  expect(await screen.findByText("Two versions of Wayleave are running")).toBeInTheDocument();
  backend.failNext.set("restart_agent", fail("agent_unreachable"));
  await user.click(await button("Restart the agent"));
  expect(await screen.findByText("Wayleave’s background part does not answer")).toBeInTheDocument();
  backend.cutOff(fail("agent_version"));
  await user.click(await button("Restart the agent"));
  expect(await button("QGIS, office PC")).toBeInTheDocument();
  expect(asked(backend, "restart_agent")).toHaveLength(2);
});

test("one tab stop that the arrows move; keys are verbs of the row", async () => {
  const { backend, user } = open("expiring");
  const first = await button("Files of thames-flood");
  first.focus();
  await user.keyboard("{ArrowDown}{ArrowDown}");
  expect(document.activeElement).toHaveTextContent("QGIS, field laptop");
  expect(screen.getAllByRole("button").filter((b) => b.hasAttribute("data-open") && b.tabIndex === 0)).toHaveLength(1);
  await user.keyboard("{Control>}c{/Control}");
  await waitFor(() => expect(asked(backend, "copy")).toEqual([[id(17), "api_key"]]));
  await user.keyboard("{Control>}j{/Control}");
  await waitFor(() => expect(asked(backend, "verify")).toHaveLength(1));
  await user.keyboard("{End}{Enter}");
  expect(await screen.findByRole("heading", { level: 1, name: "Dataset sync" })).toBeInTheDocument();
  await user.keyboard("{Escape}");
  expect(await screen.findByRole("heading", { level: 1, name: "Credentials" })).toBeInTheDocument();
});

test("copying counts down and becomes clear now", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("Copy Nightly peat index"));
  const clear = await button(/Copied\. Clears in \d+ s/);
  expect(screen.getByText("Copied. Leaves the clipboard in 30 seconds.")).toBeInTheDocument();
  await user.click(clear);
  await waitFor(() => expect(asked(backend, "clear_clipboard")).toHaveLength(1));
  expect(await screen.findByText("Cleared from the clipboard.")).toBeInTheDocument();
  expect(await button("Copy Nightly peat index")).toBeInTheDocument();
});

test("a clipboard that could not be cleared is said aloud", async () => {
  const { backend } = open("expiring");
  await button("Copy Nightly peat index");
  backend.clip({ credential: id(13), what: "api_key", until: null, state: "stuck" });
  expect(await screen.findByText("Still in the clipboard")).toBeInTheDocument();
});

test.each(["Escape", "blur", "lock"])("a shown key goes with %s", async (how) => {
  const { backend, user } = open("expiring");
  document.hasFocus = () => true;
  await user.click(await button("Nightly peat index"));
  await user.click(await button("Show the key for 30 seconds"));
  expect(await screen.findByText(FAKE_KEY)).toBeInTheDocument();
  if (how === "Escape") await user.keyboard("{Escape}");
  if (how === "blur") window.dispatchEvent(new Event("blur"));
  if (how === "lock") await backend.ask({ ask: "lock" });
  await waitFor(() => expect(document.body.innerHTML).not.toContain(FAKE_KEY));
});

test("a token’s name is told apart from the key", async () => {
  const { user } = open("expiring");
  await user.click(await button("Nightly peat index"));
  const facts = await screen.findByRole("complementary", { name: "Facts" });
  expect(within(facts).getByText("A name for it, not the key itself")).toBeInTheDocument();
  expect(await button("Copy EODH Username")).toBeInTheDocument();
  expect(await button("Copy EODH API Key")).toBeInTheDocument();
  expect(await button("Copy value of the API Header")).toBeInTheDocument();
});

test("QGIS asks once for a user name that nobody knows", async () => {
  const { backend, user } = open("out");
  await user.click(await button("Nightly peat index"));
  await user.click((await screen.findAllByRole("button", { name: "Open QGIS with EODH" }))[0] as HTMLElement);
  await user.type(await screen.findByLabelText("User name"), "eo-analyst");
  await user.click(await button("Save"));
  await waitFor(() => expect(asked(backend, "open_qgis")).toEqual([[id(13), "/usr/bin/qgis"]]));
});

test("revoking asks, with the focus on Cancel, and says what stops", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("QGIS, office PC"));
  await user.click(await button("Revoke…"));
  const dialog = await screen.findByRole("alertdialog");
  await waitFor(() => expect(document.activeElement).toHaveTextContent("Cancel"));
  expect(dialog).toHaveTextContent("These stop getting data from peatland-mapping:");
  await waitFor(() => expect(dialog).toHaveTextContent("Given to QGIS once"));
  await user.click(within(dialog).getByRole("button", { name: "Revoke on the platform" }));
  await waitFor(() => expect(asked(backend, "revoke")).toHaveLength(1));
  expect(await screen.findByText("“QGIS, office PC” is revoked.")).toBeInTheDocument();
});

test("forgetting a token that works revokes it first unless one says otherwise", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("Nightly peat index"));
  await user.click(await button("Forget…"));
  await user.click(await screen.findByRole("radio", { name: /Leave it alive/ }));
  await user.click(within(screen.getByRole("alertdialog")).getByRole("button", { name: "Forget" }));
  await waitFor(() => expect(asked(backend, "forget")).toEqual([[{ ask: "forget", credential: id(13), unexpired: "keep" }]]));
});
