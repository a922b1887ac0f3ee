// Which permissions a key can be given.
import type { AccountView, PlatformView } from "./types";
import { words } from "./words";

/** Those that the platform has and the account may hand on, and those that the key has already,
 *  also such as we do not know. */
export function offered(platform: PlatformView | undefined, account: AccountView | undefined, held: string[]): { id: string; label: string }[] {
  const known = platform?.permissions?.all ?? [];
  const may = account?.permissions ?? null;
  const listed = known.filter(({ id }) => may === null || may.includes(id) || held.includes(id));
  const other = [...new Set([...held, ...(platform?.permissions ? (may ?? []) : [])])].filter((id) => !known.some((one) => one.id === id));
  return [...listed, ...other.map((id) => ({ id, label: `${id} (${words.change.other})` }))];
}

/** What is ticked at first. */
export function preset(platform: PlatformView | undefined, account: AccountView | undefined): string[] {
  const may = account?.permissions ?? null;
  return (platform?.permissions?.preset ?? []).filter((id) => may === null || may.includes(id));
}

/** A name as it can stand for an id: small letters, digits, `_` and `-`. */
export function idName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9_-]+/g, "_").replace(/^_+|_+$/g, "");
}
