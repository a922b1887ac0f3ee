import { expect, test } from "vitest";
import { s3, token } from "./api/fake-data";
import { planNamed, planWatched } from "./strip";

const DAY = 86_400_000;
const noon = new Date().setHours(12, 0, 0, 0);
const left = (days: number) => noon + days * DAY - Date.now();

test("a post for each day, in the colour of its first end", () => {
  const plan = planNamed([token(1, "a", "w", left(0.9)), token(2, "b", "w", left(5)), token(3, "c", "w", left(5.1)), token(4, "d", "w", left(20))], noon);
  expect(plan.posts.map((p) => [p.tone, p.count])).toEqual([["urgent", 1], ["soon", 2], ["ok", 1]]);
  expect(plan.posts[1]?.label).toContain("b (w) ends");
  expect(plan.posts[1]?.label).toContain("c (w) ends");
  expect(plan.flag?.text).toBe("a · tomorrow");
});

test("what has ended, ends later, lasts an hour or was revoked has no post", () => {
  const plan = planNamed([token(1, "a", "w", left(-1)), token(2, "b", "w", left(31)), s3(3, "w", 3_600_000), token(4, "d", "w", left(3), { state: "revoked" })], noon);
  expect(plan.posts).toEqual([]);
});

test("locked, a post knows only kind and minute", () => {
  const plan = planWatched([{ kind: "api_token", expires: new Date(noon + 5 * DAY).toISOString() }], noon);
  expect(plan.posts[0]).toMatchObject({ tone: "unknown", id: null });
  expect(plan.posts[0]?.label).toMatch(/^An API token ends /);
});

test("days and weekends stay on the track", () => {
  const { days, weekends } = planNamed([], noon);
  expect(days.every((d) => d.left >= 0 && d.left <= 30)).toBe(true);
  expect(weekends.every((w) => w.left >= 0 && w.left + w.width <= 30)).toBe(true);
  expect(weekends.length).toBeGreaterThanOrEqual(4);
});
