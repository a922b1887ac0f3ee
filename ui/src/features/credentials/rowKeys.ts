// The keys of the list: one tab stop that the arrows move, and a verb for each key.
import type { Context } from "$lib/state/context";
import type { CredentialView, Id } from "$lib/types";
import { verbKey } from "$lib/verbs";

const MOVES: Record<string, (n: number, last: number) => number> = {
  ArrowDown: (n, last) => Math.min(last, n + 1), ArrowUp: (n) => Math.max(0, n - 1), Home: () => 0, End: (_, last) => last,
};

export type RowKeys = { rows: CredentialView[]; focus: (id: Id) => void; menu: (id: Id, deep: boolean) => void };

/** Handles a key on a row; says whether it did. */
export function onRowKey(event: KeyboardEvent, row: CredentialView, { rows, focus, menu }: RowKeys, context: Context): boolean {
  const move = MOVES[event.key];
  if (move && !event.ctrlKey && !event.altKey) {
    const next = rows[move(rows.findIndex((r) => r.id === row.id), rows.length - 1)];
    if (next) focus(next.id);
    return true;
  }
  const asks = event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "c";
  if (asks || (event.shiftKey && event.key === "F10") || event.key === "ContextMenu") {
    menu(row.id, asks);
    return true;
  }
  return verbKey(event, row, context);
}
