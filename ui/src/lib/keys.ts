// What a pasted text looks like, by shape only.
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a Token ID (a UUID) and so not a key. */
export function isTokenId(text: string): boolean {
  return UUID.test(text.trim());
}

/** A new id for an activity: 16 random bytes as 32 hex digits. */
export function makeActivityId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
