// Times and spans in words. Intl only; the clock is always given.
const LOCALE = "en-GB";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const day = new Intl.DateTimeFormat(LOCALE, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
const longDay = new Intl.DateTimeFormat(LOCALE, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const dayMonth = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "long" });
const shortDay = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short" });
const weekday = new Intl.DateTimeFormat(LOCALE, { weekday: "short" });
const clock = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const relative = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const units = {
  second: unit("second"),
  minute: unit("minute"),
  hour: unit("hour"),
  day: unit("day"),
};

function unit(name: string): Intl.NumberFormat {
  return new Intl.NumberFormat(LOCALE, { style: "unit", unit: name, unitDisplay: "long", maximumFractionDigits: 0 });
}

type Unit = keyof typeof units;

/** "22 hours". */
export function count(amount: number, name: Unit): string {
  return units[name].format(amount);
}

/** Picks the unit: minutes under an hour, hours under 48 hours, then days. Rounded down, so that
 *  nothing promises more time than there is, but what is short of a whole unit by less than a
 *  sixtieth of it counts as whole: a key of 30 days says so right after it was made. The agent and
 *  the command line have the same rule; all are held to tests/fixtures/spans.json. */
function split(span: number): [number, Unit] {
  const whole = (unit: number) => Math.floor((span + unit / 60 - 1) / unit);
  if (whole(HOUR) < 1) return [Math.max(1, whole(MINUTE)), "minute"];
  return whole(HOUR) < 48 ? [whole(HOUR), "hour"] : [whole(DAY), "day"];
}

/** A span in words: "45 minutes", "22 hours", "12 days". */
export function span(milliseconds: number): string {
  return count(...split(milliseconds));
}

/** "just now", "2 min ago" in full words, "3 days ago". */
export function ago(at: string, now: number): string {
  const past = now - Date.parse(at);
  if (past < MINUTE) return "just now";
  const [amount, name] = split(past);
  return relative.format(-amount, name);
}

/** "Sat 21 November 2026, 09:15", in the user's time zone. */
export function absolute(at: string): string {
  const date = new Date(at);
  return `${plain(day.format(date))}, ${clock.format(date)}`;
}

/** "Sunday 20 December 2026". */
export function fullDay(at: string | number): string {
  return plain(longDay.format(new Date(at)));
}

/** "22 October". */
export function dayAndMonth(at: string | number): string {
  return dayMonth.format(new Date(at));
}

/** "30 Nov". */
export function shortDate(at: string | number): string {
  return shortDay.format(new Date(at));
}

/** "Mon". */
export function weekdayName(at: string | number): string {
  return weekday.format(new Date(at));
}

/** "09:15". */
export function time(at: string | number): string {
  return clock.format(new Date(at));
}

/** When something is, as one says it: "today, 09:15", "tomorrow, Sat 21 November, 09:15", "Sat 5 December, 09:15". */
export function when(at: string, now: number): string {
  const days = daysBetween(now, Date.parse(at));
  if (days === 0) return `today, ${time(at)}`;
  const date = `${weekdayName(at)} ${dayAndMonth(at)}, ${time(at)}`;
  return Math.abs(days) === 1 ? `${relative.format(days, "day")}, ${date}` : date;
}

/** "today", "tomorrow" or "25 Nov", for a flag on the strip. */
export function shortWhen(at: string, now: number): string {
  const days = daysBetween(now, Date.parse(at));
  return days === 0 || days === 1 ? relative.format(days, "day") : shortDate(at);
}

/** When something happened, for a column: "just now", "2 minutes ago", "09:15", "23 Oct". */
export function column(at: string, now: number): string {
  if (now - Date.parse(at) < HOUR) return ago(at, now);
  return daysBetween(now, Date.parse(at)) === 0 ? time(at) : shortDate(at);
}

/** Calendar days from one moment to another, in the user's time zone. */
export function daysBetween(from: number, to: number): number {
  return Math.round((startOfDay(to) - startOfDay(from)) / DAY);
}

/** Midnight before a moment, in the user's time zone. */
export function startOfDay(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

/** "2026-11-20", for a date field, in the user's time zone. */
export function isoDay(at: number): string {
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** en-GB puts a comma after the weekday; the drawings do not. */
function plain(text: string): string {
  return text.replace(",", "");
}
