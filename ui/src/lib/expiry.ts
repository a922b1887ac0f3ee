// How much time a credential has left, as a state, a share and words. Pure.
import { count, DAY, shortDate, span, time } from "./time";
import type { CredentialKind, CredentialView, WatchedView } from "./types";
import { words } from "./words";

/** How pressing an end is; also the name of its colour, icon and shape. */
export type Urgency = "ok" | "soon" | "urgent" | "expired" | "none";

export type Left = {
  urgency: Urgency;
  /** "Ends in 22 hours", "12 days left", "Ended 2 hours ago", … */
  text: string;
  /** Share of its life that is left, 0–100. */
  share: number;
};

const SOON = { api_token: 7 * DAY, s3: DAY / 144, key_pair: 7 * DAY, session_token: DAY / 144 };
const URGENT = { api_token: DAY, s3: 0, key_pair: DAY, session_token: 0 };
const LIFE = { api_token: 30 * DAY, s3: DAY / 24, key_pair: 365 * DAY, session_token: DAY / 24 };

/** How pressing the end of something is. */
export function urgency(kind: CredentialKind, expires: string | null, now: number): Urgency {
  if (expires === null) return "none";
  const left = Date.parse(expires) - now;
  if (left <= 0) return "expired";
  if (left < URGENT[kind]) return "urgent";
  return left < SOON[kind] ? "soon" : "ok";
}

/** Time left of a credential. */
export function timeLeft(credential: CredentialView, now: number): Left {
  const { state, expires, kind } = credential;
  if (state === "revoked") return { urgency: "expired", text: words.left.revoked, share: 0 };
  if (state === "missing") return { urgency: "expired", text: words.left.missing, share: 0 };
  if (expires === null) return { urgency: "none", text: words.left.noEnd, share: 100 };
  const how = state === "expired" ? "expired" : urgency(kind, expires, now);
  return { urgency: how, text: sentence(how, kind, expires, now), share: share(credential, now) };
}

function sentence(how: Urgency, kind: CredentialKind, expires: string, now: number): string {
  const left = Date.parse(expires) - now;
  if (how === "expired") return words.left.ended(span(Math.abs(left)));
  if (how === "soon" || how === "urgent") return words.left.endsIn(span(left));
  return kind === "s3" ? words.left.until(time(expires)) : words.left.left(span(left));
}

function share(credential: CredentialView, now: number): number {
  const end = Date.parse(credential.expires ?? "");
  const start = credential.created ? Date.parse(credential.created) : end - LIFE[credential.kind];
  const life = Math.max(1, end - start);
  return Math.round(Math.min(100, Math.max(0, ((end - now) / life) * 100)));
}

/** Whether somebody has to do something about it. */
export function needsYou(credential: CredentialView, now: number): boolean {
  if (credential.state === "missing") return true;
  if (credential.kind === "s3" || credential.state === "revoked") return false;
  return ["soon", "urgent", "expired"].includes(timeLeft(credential, now).urgency);
}

/** The same while locked, when only kind and minute are known. */
export function watchedNeedsYou(watched: WatchedView, now: number): boolean {
  return watched.kind === "api_token" && urgency(watched.kind, watched.expires, now) === "urgent";
}

/** "30 days", of a credential whose times are known. */
export function lifeInWords(credential: CredentialView): string | null {
  if (!credential.created || !credential.expires) return null;
  const life = Date.parse(credential.expires) - Date.parse(credential.created);
  return life < 2 * DAY ? span(life) : count(Math.round(life / DAY), "day");
}

/** Where the next end of a list is: ended first, no end last. */
export function byEnd(a: CredentialView, b: CredentialView): number {
  const rank = (c: CredentialView) => (c.state === "revoked" ? 2 : c.expires === null ? 1 : 0);
  return rank(a) - rank(b) || Date.parse(a.expires ?? "") - Date.parse(b.expires ?? "") || a.name.localeCompare(b.name);
}

/** "20 Dec", or nothing. */
export function endDate(credential: CredentialView): string | null {
  return credential.expires ? shortDate(credential.expires) : null;
}
