// The contract with the desktop: each verb is this command with these arguments, and nothing else.
import { emit } from "@tauri-apps/api/event";
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, expect, test, vi } from "vitest";
import { makeBackend, makeUnlockBackend } from "./tauri";

afterEach(clearMocks);

const about = { account: "a", workspace: "w", username: null, name: "n", token_id: null, made: null, expires: null, owner: null };

test("commands and their arguments", async () => {
  const calls: [string, unknown][] = [];
  mockIPC((command, args) => void calls.push([command, args]));
  const main = makeBackend();
  const unlock = makeUnlockBackend();
  await main.currentSnapshot();
  await main.ask({ ask: "lock" });
  await main.copy("1", "api_key");
  await main.copySnippet("1", "env");
  await main.clearClipboard();
  await main.reveal("1", "api_key");
  await main.portalSignIn("a");
  await main.openFlowUrl("f");
  await main.pasteKey("k", null, about);
  await main.openKeyPage("a", null);
  await main.openUnlock("create");
  await main.openQgis("1", "/usr/bin/qgis");
  await main.copyQgisLine("1");
  await main.quit();
  await main.drawn();
  await unlock.unlock("p");
  await unlock.createVault("p", true);
  await unlock.changePassphrase(null, "q");
  await unlock.close();
  expect(calls.map(([command, args]) => [command, args ?? {}])).toEqual([
    ["current_snapshot", {}], ["ask", { ask: { ask: "lock" } }], ["copy", { id: "1", field: "api_key" }], ["copy_snippet", { id: "1", snippet: "env" }],
    ["clear_clipboard", {}], ["reveal", { id: "1", field: "api_key" }], ["portal_sign_in", { account: "a" }], ["open_flow_url", { flow: "f" }],
    ["paste_key", { key: "k", secretKey: null, about }], ["open_key_page", { account: "a", workspace: null }], ["open_unlock", { form: "create" }],
    ["open_qgis", { credential: "1", program: "/usr/bin/qgis" }], ["copy_qgis_line", { credential: "1" }], ["quit", {}], ["drawn", {}],
    ["unlock", { passphrase: "p" }], ["create_vault", { passphrase: "p", keyring: true }], ["change_passphrase", { old: null, new: "q" }], ["close_unlock", {}],
  ]);
});

test("events reach the page until it stops listening", async () => {
  mockIPC(() => undefined, { shouldMockEvents: true });
  const [snapshot, clipboard] = [vi.fn(), vi.fn()];
  const stop = await makeBackend().onSnapshot(snapshot);
  await makeBackend().onClipboard(clipboard);
  await emit("snapshot", { revision: 2 });
  await emit("clipboard", { state: "cleared" });
  expect(snapshot).toHaveBeenCalledWith({ revision: 2 });
  expect(clipboard).toHaveBeenCalledWith({ state: "cleared" });
  stop();
});

test("what the desktop rejects with arrives as it is", async () => {
  const error = { code: "vault_locked", message: "the vault is locked", params: {} };
  // The desktop rejects with the protocol’s own error, which is no Error of JavaScript’s.
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
  mockIPC(() => Promise.reject(error));
  await expect(makeBackend().ask({ ask: "vault_info" })).rejects.toEqual(error);
});
