import { describe, expect, test } from "vitest";
import { s3, token } from "./api/fake-data";
import { byEnd, needsYou, timeLeft } from "./expiry";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const left = (ms: number | null) => timeLeft(token(1, "a", "w", ms), Date.now());

describe("time left of a token", () => {
  test.each([
    [8 * DAY, "ok"], [7 * DAY - HOUR, "soon"], [DAY + HOUR, "soon"], [DAY - HOUR, "urgent"], [-HOUR, "expired"], [null, "none"],
  ] as const)("%s ms left is %s", (ms, urgency) => expect(left(ms).urgency).toBe(urgency));

  test("words say it without colour", () => {
    expect([left(22.5 * HOUR).text, left(12.5 * DAY).text, left(-2.5 * HOUR).text, left(null).text]).toEqual(["Ends in 22 hours", "12 days left", "Ended 2 hours ago", "No end known"]);
  });
  test("the share is of its own life", () => expect(left(15 * DAY).share).toBe(50));
  test("a revoked one says so whatever its end", () => expect(timeLeft(token(1, "a", "w", 8 * DAY, { state: "revoked" }), Date.now()).text).toBe("Revoked"));
  test("the agent's word that it ended wins over this computer's clock", () => expect(timeLeft(token(1, "a", "w", 8 * DAY, { state: "expired" }), Date.now()).urgency).toBe("expired"));
});

describe("S3 credentials", () => {
  test("an hour is their life, not an alarm", () => expect(timeLeft(s3(1, "w", 0.9 * HOUR), Date.now()).urgency).toBe("ok"));
  test("they never need anybody", () => expect(needsYou(s3(1, "w", -HOUR), Date.now())).toBe(false));
});

test("lists: next end first, no end later, revoked last", () => {
  const list = [token(1, "none", "w", null), token(2, "revoked", "w", DAY, { state: "revoked" }), token(3, "later", "w", 9 * DAY), token(4, "ended", "w", -DAY)];
  expect(list.sort(byEnd).map((c) => c.name)).toEqual(["ended", "later", "none", "revoked"]);
});
