// Requesting, pasting, and what is said when it does not work.
import { screen, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { fail } from "$lib/api/fake";
import { asked, button, open } from "./window";

const UUID = "9f1c2e7a-41d0-4b7e-a3c5-60d2f1e88b14";

test("a request names its activity, and closes when the token is stored", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("Request…"));
  const name = await screen.findByLabelText("Name");
  await user.clear(name);
  await user.type(name, "Nightly");
  await user.selectOptions(screen.getByLabelText("Workspace"), "thames-flood");
  await user.click(await button("Request token"));
  await waitFor(() => expect(asked(backend, "request_token")).toHaveLength(1));
  expect(asked(backend, "request_token")[0]?.[0]).toMatchObject({ workspace: "thames-flood", name: "Nightly", lifetime: 30, permissions: [], activity: expect.stringMatching(/^[0-9a-f]{32}$/) as string });
  expect(await screen.findByText("“Nightly” is in the vault.")).toBeInTheDocument();
});

test("31 days are refused in place, without a question to the hub", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("Request…"));
  const days = await screen.findByLabelText("Days");
  await user.clear(days);
  await user.type(days, "31");
  expect(await screen.findByText("The hub allows 30 days at most")).toBeInTheDocument();
  await user.click(await button("Request token"));
  expect(asked(backend, "request_token")).toHaveLength(0);
});

test("a failure stays in the dialog with what was typed", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("Request…"));
  await user.type(await screen.findByLabelText("Name"), " 2");
  backend.failNext.set("request_token", fail("platform_unavailable"));
  await user.click(await button("Request token"));
  expect(await screen.findByText("The platform has a fault of its own")).toBeInTheDocument();
  expect(screen.getByLabelText("Name")).toHaveValue("QGIS 2");
});

test("long work can be cancelled by its activity", async () => {
  const { backend, user } = open("expiring", 5_000);
  await user.click(await button("Request…"));
  await user.click(await button("Request token"));
  expect(await screen.findByText("Asking the platform for a key…")).toBeInTheDocument();
  await user.click(await button("Cancel"));
  await waitFor(() => expect(asked(backend, "cancel_activity")).toHaveLength(1));
  const [made] = asked(backend, "request_token")[0] as [{ activity: string }];
  expect(asked(backend, "cancel_activity")[0]?.[0]).toMatchObject({ activity: made.activity });
});

test("nobody signed in: a request leads to signing in", async () => {
  const { user } = open("out");
  await user.click(await button("Request…"));
  expect(await screen.findByText("Nobody is signed in")).toBeInTheDocument();
  await user.click(await button("Sign in"));
  expect(await button("Open the sign-in window")).toBeInTheDocument();
});

test("a Token ID is not taken for a key, and a key leaves the field at once", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("More ways to get a key"));
  await user.click(await screen.findByRole("menuitem", { name: /Paste a key/ }));
  const field = await screen.findByLabelText("API key");
  await user.type(field, UUID);
  expect(await screen.findByText(/That is a Token ID/)).toBeInTheDocument();
  await user.click(await button("Keep this key"));
  expect(asked(backend, "paste_key")).toHaveLength(0);
  await user.clear(field);
  await user.type(field, "454f44487c1e09b25a8f33d061b7e42c");
  await user.click(screen.getByLabelText("No end known"));
  backend.failNext.set("paste_key", fail("forbidden"));
  await user.click(await button("Keep this key"));
  expect(field).toHaveValue("");
  await waitFor(() => expect(asked(backend, "paste_key")[0]?.[1]).toMatchObject({ expires: null, workspace: "forest-carbon", username: "eo-analyst" }));
  expect(await screen.findByText("This account may not do that")).toBeInTheDocument();
});

test("settings go as a whole, with the one change", async () => {
  const { backend, user } = open("expiring");
  await user.click(await button("Settings"));
  await user.selectOptions(await screen.findByLabelText("Theme"), "Dark");
  await waitFor(() => expect(asked(backend, "set_settings")[0]?.[0]).toMatchObject({ theme: "dark", clear_clipboard_after: 30, lock_after: 15, notices: true }));
  await waitFor(() => expect(document.documentElement.dataset.theme).toBe("dark"));
});
