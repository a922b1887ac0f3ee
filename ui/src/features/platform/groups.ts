// What a platform lists, by what it means here.
import type { RemoteTokenView } from "$lib/types";

export type Groups = Record<"orphans" | "missing" | "ours" | "revoked", RemoteTokenView[]>;

/** Revoked rows, which some platforms keep, are no keys any more, whoever had them. */
export function groups(tokens: RemoteTokenView[]): Groups {
  const living = tokens.filter((t) => t.revoked === null);
  const of = (state: RemoteTokenView["state"]) => living.filter((t) => t.state === state);
  return { orphans: of("orphan"), missing: of("missing"), ours: of("ours"), revoked: tokens.filter((t) => t.revoked !== null) };
}

/** What a key is called: its name, or the platform's id where it has none. */
export const named = (token: RemoteTokenView): string => token.name || token.platform_id;
