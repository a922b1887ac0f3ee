// The desktop, through Tauri. The only file that knows its commands and events.
import { invoke } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { Backend, UnlockBackend } from "./backend";

export function makeBackend(): Backend {
  return {
    onSnapshot: (on) => listen<Parameters<typeof on>[0]>("snapshot", (event) => on(event.payload)),
    onClipboard: (on) => listen<Parameters<typeof on>[0]>("clipboard", (event) => on(event.payload)),
    onCutOff: (on) => listen<Parameters<typeof on>[0]>("cut_off", (event) => on(event.payload)),
    currentSnapshot: () => invoke("current_snapshot"),
    ask: (ask) => invoke("ask", { ask }),
    copy: (id, field) => invoke("copy", { id, field }),
    copySnippet: (id, snippet) => invoke("copy_snippet", { id, snippet }),
    copyTemplate: (id, template) => invoke("copy_template", { id, template }),
    clearClipboard: () => invoke("clear_clipboard"),
    reveal: (id, field) => invoke("reveal", { id, field }),
    portalSignIn: (account) => invoke("portal_sign_in", { account }),
    openFlowUrl: (flow) => invoke("open_flow_url", { flow }),
    pasteKey: (key, secretKey, about) => invoke("paste_key", { key, secretKey, about }),
    openKeyPage: (account, workspace) => invoke("open_key_page", { account, workspace }),
    openUnlock: (form) => invoke("open_unlock", { form }),
    openQgis: (credential, program) => invoke("open_qgis", { credential, program }),
    copyQgisLine: (credential) => invoke("copy_qgis_line", { credential }),
    restartAgent: () => invoke("restart_agent"),
    quit: () => invoke("quit"),
    drawn: () => invoke("drawn"),
  };
}

export function makeUnlockBackend(): UnlockBackend {
  return {
    unlock: (passphrase) => invoke("unlock", { passphrase }),
    createVault: (passphrase, keyring) => invoke("create_vault", { passphrase, keyring }),
    changePassphrase: (old, next) => invoke("change_passphrase", { old, new: next }),
    close: () => invoke("close_unlock"),
  };
}
