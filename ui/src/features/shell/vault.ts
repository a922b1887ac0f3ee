import type { Context } from "$lib/state/context";

/** Closes the vault to everybody. */
export function lock({ backend, toasts }: Context): void {
  backend.ask({ ask: "lock" }).catch((thrown: unknown) => toasts.fail(thrown));
}

/** Opens the vault: silently with the keyring where that is all it has, else in the unlock window. */
export function unlock({ backend, toasts, app }: Context): void {
  const slots = app.snapshot?.vault.slots ?? [];
  const byKeyring = slots.includes("keyring") && (app.snapshot?.vault.keyring ?? false);
  const opened = byKeyring ? backend.ask({ ask: "unlock_with_keyring" }) : backend.openUnlock("unlock");
  Promise.resolve(opened).catch((thrown: unknown) => {
    if (!byKeyring || !slots.includes("passphrase")) toasts.fail(thrown);
    else backend.openUnlock("unlock").catch((again: unknown) => toasts.fail(again));
  });
}
