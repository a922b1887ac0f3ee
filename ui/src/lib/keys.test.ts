import { expect, test } from "vitest";
import { isTokenId, makeActivityId } from "./keys";

test("a UUID is a Token ID, a key is not", () => {
  expect(isTokenId(" 9F1c2e7a-41d0-4b7e-a3c5-60d2f1e88b14\n")).toBe(true);
  expect(isTokenId("454f44487c1e09b25a8f33d061b7e42c")).toBe(false);
});

test("activities are 16 random bytes in hex", () => {
  expect(makeActivityId()).toMatch(/^[0-9a-f]{32}$/);
  expect(makeActivityId()).not.toBe(makeActivityId());
});
