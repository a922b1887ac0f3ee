// How the desktop opened this window: unlock.html?form=unlock|create|change
//   &keyring=0      no keyring answers here, so it is not offered
//   &slots=keyring  the vault has no passphrase yet (change form: nothing to enter as the old one)
//   &ends=RFC3339   the next end that is pressing, when there is one
//   &theme=dark     as set
import type { UnlockForm } from "$lib/types";

export type Opening = { form: UnlockForm; keyring: boolean; hasPassphrase: boolean; ends: string | null; theme: string };

const FORMS: readonly string[] = ["unlock", "create", "change"] satisfies UnlockForm[];

export function readOpening(href: string): Opening {
  const { searchParams, hash } = new URL(href);
  const form = searchParams.get("form") ?? hash.slice(1);
  const ends = searchParams.get("ends");
  return {
    form: FORMS.includes(form) ? (form as UnlockForm) : "unlock",
    keyring: searchParams.get("keyring") !== "0",
    hasPassphrase: searchParams.get("slots") !== "keyring",
    ends: ends && !Number.isNaN(Date.parse(ends)) ? ends : null,
    theme: ["light", "dark"].find((theme) => theme === searchParams.get("theme")) ?? "",
  };
}
