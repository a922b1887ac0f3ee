// Which credentials are shown, and under which heading. Pure.
import { byEnd, needsYou } from "$lib/expiry";
import type { Filter } from "$lib/state/view.svelte";
import type { AccountView, CredentialView, Id } from "$lib/types";

export type Group = { key: string; workspace: string; platform: string; rows: CredentialView[] };
export type Wanted = { filter: Filter; search: string; account: Id | null };

/** Those that fit the chips and the search: name, workspace, account, platform. */
export function select(all: CredentialView[], accounts: AccountView[], wanted: Wanted, now: number): CredentialView[] {
  const text = wanted.search.trim().toLocaleLowerCase();
  const haystack = (c: CredentialView) => {
    const account = accounts.find((a) => a.id === c.account);
    return [c.name, c.workspace, account?.name, account?.username, account?.platform_name].join("\n").toLocaleLowerCase();
  };
  return all.filter((c) => fits(c, wanted.filter, now) && (wanted.account === null || c.account === wanted.account) && (text === "" || haystack(c).includes(text)));
}

/** Whether a credential belongs under a chip. */
export function fits(credential: CredentialView, filter: Filter, now: number): boolean {
  if (filter === "all") return true;
  return filter === "needs_you" ? needsYou(credential, now) : credential.kind === filter;
}

/** By workspace and account; rows sorted by their end, groups by the next end of a token: S3
 *  credentials always end within the hour and would come first each time. */
export function group(rows: CredentialView[], accounts: AccountView[]): Group[] {
  const groups = new Map<string, Group>();
  for (const row of [...rows].sort(byEnd)) {
    const key = `${row.account}/${row.workspace}`;
    const platform = accounts.find((a) => a.id === row.account)?.name ?? "";
    const found = groups.get(key) ?? { key, workspace: row.workspace, platform, rows: [] };
    found.rows.push(row);
    groups.set(key, found);
  }
  const next = ({ rows }: Group) => Math.min(...rows.map((r) => (r.kind === "api_token" && r.state !== "revoked" && r.expires ? Date.parse(r.expires) : Infinity)));
  // Where both are infinite the order of the rows stays.
  return [...groups.values()].sort((a, b) => (next(a) === next(b) ? 0 : next(a) - next(b)));
}
