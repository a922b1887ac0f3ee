import { describe, expect, test } from "vitest";
import spans from "../../../tests/fixtures/spans.json";
import { absolute, ago, column, count, daysBetween, isoDay, shortWhen, span, when } from "./time";

const cases = spans as [number, string][];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = new Date(2026, 10, 20, 10, 42).getTime();
const at = (offset: number) => new Date(NOW + offset).toISOString();

describe("spans", () => {
  test.each(cases)("%d ms is %s", (milliseconds, text) => expect(span(milliseconds)).toBe(text));

  test("plurals come from Intl", () => expect([count(1, "second"), count(30, "second")]).toEqual(["1 second", "30 seconds"]));
});

describe("moments", () => {
  test("absolute names day and time without a comma after the weekday", () => expect(absolute(at(0))).toBe("Fri 20 November 2026, 10:42"));
  test("today, tomorrow, later", () => expect([when(at(HOUR), NOW), when(at(22.55 * HOUR), NOW), when(at(5 * DAY), NOW)]).toEqual(["today, 11:42", "tomorrow, Sat 21 November, 09:15", "Wed 25 November, 10:42"]));
  test("a flag on the strip", () => expect([shortWhen(at(HOUR), NOW), shortWhen(at(DAY), NOW), shortWhen(at(5 * DAY), NOW)]).toEqual(["today", "tomorrow", "25 Nov"]));
  test("ago rounds down", () => expect([ago(at(-20_000), NOW), ago(at(-2 * MINUTE), NOW), ago(at(-2.9 * HOUR), NOW)]).toEqual(["just now", "2 minutes ago", "2 hours ago"]));
  test("a column shows the time of today and the date of other days", () => expect([column(at(-2 * HOUR), NOW), column(at(-28 * DAY), NOW)]).toEqual(["08:42", "23 Oct"]));
  test("days are calendar days", () => expect(daysBetween(NOW, NOW + 14 * HOUR)).toBe(1));
  test("a date field's value", () => expect(isoDay(NOW)).toBe("2026-11-20"));
});
