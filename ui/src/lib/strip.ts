// The calendar of the next 30 days: where posts and day marks stand. Pure.
import { urgency, type Urgency } from "./expiry";
import { DAY, shortDate, shortWhen, startOfDay, time, weekdayName, when } from "./time";
import type { CredentialView, WatchedView } from "./types";
import { listed, words } from "./words";

export const SPAN_DAYS = 30;
const HEIGHT: Record<Urgency, number> = { urgent: 44, soon: 32, ok: 28, expired: 28, none: 28 };

/** A post: what ends on one day. `left` and the rest are in days from now. */
export type Post = { key: string; id: string | null; left: number; height: number; tone: "ok" | "soon" | "urgent" | "unknown"; label: string; count: number };
export type DayMark = { left: number; text: string; narrow: boolean };
export type Weekend = { left: number; width: number };
export type Flag = { left: number; text: string };
export type StripPlan = { posts: Post[]; days: DayMark[]; weekends: Weekend[]; flag: Flag | null };

type End = { id: string | null; at: string; label: string; short: string; tone: Post["tone"]; urgency: Urgency };

/** Posts for credentials that the screen may name. S3 sets last an hour: too short for a calendar. */
export function planNamed(credentials: CredentialView[], now: number): StripPlan {
  const ends = credentials.filter((c) => c.kind === "api_token" && c.state !== "revoked" && c.state !== "missing");
  return plan(ends.flatMap((c) => toEnd(c, now)), now);
}

/** Posts while locked: only kind and minute are known. */
export function planWatched(watched: WatchedView[], now: number): StripPlan {
  const tokens = watched.filter((w) => w.kind === "api_token" && w.expires !== null);
  return plan(tokens.map((w) => anonymous(w, now)), now);
}

function toEnd(credential: CredentialView, now: number): End[] {
  if (!credential.expires) return [];
  const how = urgency(credential.kind, credential.expires, now);
  const named = words.strip.named(credential.name, credential.workspace);
  return [{ id: credential.id, at: credential.expires, label: named, short: credential.name, urgency: how, tone: how === "urgent" || how === "soon" ? how : "ok" }];
}

function anonymous({ kind, expires }: WatchedView, now: number): End {
  const how = urgency(kind, expires, now);
  return { id: null, at: expires ?? "", label: words.strip.anonymous[kind], short: words.strip.anonymousShort[kind], urgency: how, tone: how === "urgent" ? "urgent" : "unknown" };
}

function plan(ends: End[], now: number): StripPlan {
  const shown = ends.filter(({ at }) => Date.parse(at) > now && Date.parse(at) < now + SPAN_DAYS * DAY);
  shown.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
  const first = shown.find(({ urgency }) => urgency === "urgent");
  return { posts: posts(shown, now), days: marks(now), weekends: weekends(now), flag: first ? flag(first, now) : null };
}

/** One post for each day, in the colour of its first end. */
function posts(ends: End[], now: number): Post[] {
  const byDay = new Map<number, End[]>();
  for (const end of ends) {
    const day = startOfDay(Date.parse(end.at));
    byDay.set(day, [...(byDay.get(day) ?? []), end]);
  }
  return [...byDay.entries()].map(([day, [first, ...rest]]) => {
    if (!first) throw new TypeError("a day without an end");
    const sentences = [first, ...rest].map((end) => words.strip.ends(end.label, when(end.at, now)));
    const count = sentences.length;
    // The number that is seen is said too.
    const label = count > 1 ? words.strip.several(count, listed(sentences)) : listed(sentences);
    return { key: String(day), id: first.id, left: daysFrom(now, Date.parse(first.at)), height: HEIGHT[first.urgency], tone: first.tone, label, count };
  });
}

function flag(end: End, now: number): Flag {
  const moment = end.id === null ? `${shortWhen(end.at, now)} ${time(end.at)}` : shortWhen(end.at, now);
  return { left: daysFrom(now, Date.parse(end.at)), text: words.strip.flag(end.short, moment) };
}

/** Mondays, the first by its name. */
function marks(now: number): DayMark[] {
  const mondays = midnights(now).filter((at) => new Date(at).getDay() === 1 && daysFrom(now, at) > 2 && daysFrom(now, at) < 28.5);
  return mondays.map((at) => {
    const left = daysFrom(now, at);
    const near = left < 7;
    return { left, text: near ? weekdayName(at) : shortDate(at), narrow: !near };
  });
}

function weekends(now: number): Weekend[] {
  const saturdays = midnights(now - 2 * DAY).filter((at) => new Date(at).getDay() === 6);
  return saturdays.flatMap((at) => {
    const from = Math.max(0, daysFrom(now, at));
    const to = Math.min(SPAN_DAYS, daysFrom(now, at) + 2);
    return to > from ? [{ left: from, width: to - from }] : [];
  });
}

function midnights(from: number): number[] {
  const start = new Date(startOfDay(from));
  return Array.from({ length: SPAN_DAYS + 3 }, (_, n) => new Date(start).setDate(start.getDate() + n));
}

function daysFrom(now: number, at: number): number {
  return (at - now) / DAY;
}
