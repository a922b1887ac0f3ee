// The first run: how many presses, by keyboard alone, and what may go wrong on the way.
import { screen, waitFor } from "@testing-library/svelte";
import { expect, test } from "vitest";
import { fail } from "$lib/api/fake";
import { asked, button, open } from "./window";

const MOST = 6;

test("from first paint to the key on the clipboard in four presses", async () => {
  const { backend, user, presses } = open("first-run");
  await user.click(await button(/UK EO Data Hub/));
  await user.click(await button("Open the sign-in window"));
  await user.click(await button("Protect and go on"));
  const create = await button("Create and copy");
  await waitFor(() => expect(create).toBeEnabled());
  await user.click(create);
  await waitFor(() => expect(asked(backend, "copy")).toHaveLength(1));
  expect(presses()).toBe(4);
  expect(presses()).toBeLessThanOrEqual(MOST);
  expect(await button("QGIS")).toBeInTheDocument();
  expect(await button(/Copied\. Clears in/)).toBeInTheDocument();
});

test("the same by keyboard alone, each step starting at its verb or first choice", async () => {
  const { backend, user, presses } = open("first-run");
  await button(/UK EO Data Hub/);
  await waitFor(() => expect(document.activeElement).toHaveTextContent("UK EO Data Hub"));
  await user.keyboard("{Enter}");
  const reach = async (name: string) => {
    const wanted = await button(name);
    await waitFor(() => expect(wanted).toBeEnabled());
    for (let n = 0; n < 20 && document.activeElement !== wanted; n += 1) await user.tab();
    expect(document.activeElement).toBe(wanted);
    await user.keyboard("{Enter}");
  };
  await reach("Open the sign-in window");
  await reach("Protect and go on");
  await reach("Create and copy");
  await waitFor(() => expect(asked(backend, "copy")).toHaveLength(1));
  expect(presses()).toBe(0);
});

test("without a keyring the passphrase is chosen in its own window", async () => {
  const { backend, user, presses } = open("first-run-passphrase");
  await user.click(await button(/UK EO Data Hub/));
  await user.click(await button("Open the sign-in window"));
  await user.click(await button("Choose a passphrase…"));
  await user.click(await button("Create and copy"));
  await waitFor(() => expect(asked(backend, "copy")).toHaveLength(1));
  expect(asked(backend, "open_unlock")).toEqual([["create"]]);
  expect(presses()).toBe(4);
});

test("the passphrase window closed without a result leaves nothing waiting, and can be opened again", async () => {
  const { backend, user } = open("first-run-passphrase");
  const closed: (() => void)[] = [];
  backend.openUnlock = () => new Promise((close) => closed.push(close));
  await user.click(await button(/UK EO Data Hub/));
  await user.click(await button("Open the sign-in window"));
  await user.click(await button("Choose a passphrase…"));
  expect(await screen.findByText(/Waiting for the passphrase/)).toBeInTheDocument();
  closed[0]?.();
  await waitFor(() => expect(screen.queryByText(/Waiting for the passphrase/)).toBeNull());
  await user.click(await button("Choose a passphrase…"));
  expect(await screen.findByText(/Waiting for the passphrase/)).toBeInTheDocument();
  expect(closed).toHaveLength(2);
});

test("a refused sign-in says so, and the way back keeps what was chosen", async () => {
  const { backend, user } = open("first-run");
  backend.failNext.set("portal_sign_in", fail("sign_in_refused"));
  await user.click(await button(/UK EO Data Hub/));
  await user.click(await button("Open the sign-in window"));
  expect(await screen.findByRole("alert")).toHaveTextContent("The sign-in was refused");
  await user.click(await button("Open the sign-in window"));
  await button("Protect and go on");
  expect(asked(backend, "add_account")).toHaveLength(1);
  await user.click(await button("Back"));
  expect(await screen.findByRole("radio", { name: /In a window of the hub/ })).toBeChecked();
});

test("a sign-in can be cancelled while it waits", async () => {
  const { backend, user } = open("first-run", 5);
  await user.click(await button(/UK EO Data Hub/));
  await user.click(screen.getByRole("radio", { name: /code on another device/ }));
  await user.click(await button("Get a code"));
  expect(await screen.findByText("WDJB-MJHT")).toBeInTheDocument();
  await user.click(await button("Cancel sign-in"));
  await button("Get a code");
  expect(asked(backend, "cancel_sign_in")).toHaveLength(1);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a flow that is over, though the last snapshot has it, is in nobody's way", async () => {
  const { backend, user } = open("first-run", 5);
  await user.click(await button(/UK EO Data Hub/));
  await user.click(screen.getByRole("radio", { name: /code on another device/ }));
  await user.click(await button("Get a code"));
  await screen.findByText("WDJB-MJHT");
  const { flows } = backend.snapshot;
  expect(flows).toHaveLength(1);
  await user.click(await button("Cancel sign-in"));
  await waitFor(() => expect(screen.queryByText("WDJB-MJHT")).toBeNull());
  backend.change({ flows });
  backend.failNext.set("cancel_sign_in", fail("flow_unknown"));
  await user.click(await button("Get a code"));
  await waitFor(() => expect(asked(backend, "sign_in")).toHaveLength(2));
  expect(await screen.findByText("WDJB-MJHT")).toBeInTheDocument();
  expect(asked(backend, "cancel_sign_in")).toHaveLength(2);
  expect(screen.queryByRole("alert")).toBeNull();
});

test("a key that one has already: sign-in is skipped, the paste form comes after the vault", async () => {
  const { backend, user, presses } = open("first-run");
  await user.click(await button(/UK EO Data Hub/));
  await user.click(screen.getByRole("radio", { name: /With a key you already have/ }));
  await user.click(await button("Go on"));
  await user.click(await button("Protect and go on"));
  const field = await screen.findByLabelText("API key");
  await waitFor(() => expect(document.activeElement).toBe(field));
  await user.keyboard("454f44487c1e09b25a8f33d061b7e42c");
  await user.type(screen.getByLabelText("Workspace"), "peat");
  await user.click(await button("Keep this key"));
  await waitFor(() => expect(asked(backend, "paste_key")).toHaveLength(1));
  expect(presses()).toBeLessThanOrEqual(MOST);
});

test("a tile with an address of its own goes there and nowhere else", async () => {
  const { backend, user } = open("first-run");
  await user.click(await button(/Sandbox/));
  expect(screen.getByRole("radio", { name: /In a window of the hub/ })).toBeChecked();
  await user.click(await button("Open the sign-in window"));
  await button("Protect and go on");
  expect(asked(backend, "add_account")[0]?.[0]).toMatchObject({ connection: { hub: "http://127.0.0.1:8080" } });
});

test("the other ways stay, and another environment can be chosen", async () => {
  const { backend, user } = open("first-run");
  await user.click(await button(/UK EO Data Hub/));
  await user.click(await button("Use another environment or your own hub"));
  await user.selectOptions(await screen.findByLabelText("Environment"), "staging");
  await user.click(screen.getByRole("radio", { name: /In your own browser/ }));
  await user.type(screen.getByLabelText("Client ID"), "wayleave-test");
  await user.click(await button("Open the browser"));
  await button("Protect and go on");
  expect(asked(backend, "add_account")[0]?.[0]).toMatchObject({ connection: { environment: "staging", client_id: "wayleave-test" } });
  expect(asked(backend, "open_flow_url")).toHaveLength(1);
});
