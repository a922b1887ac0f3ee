import { describe, expect, test } from "vitest";
import bindings from "./api/bindings.ts?raw";
import { asApiError, ERRORS, explain } from "./errors";
import type { ErrorCode } from "./types";

const declared = /export type ErrorCode = ([^;]+);/.exec(bindings)?.[1]?.match(/\w+/g) ?? [];

test("every code of the protocol has its words, and no other", () => {
  expect(declared.length).toBeGreaterThan(40);
  expect(Object.keys(ERRORS).sort()).toEqual([...declared].sort());
});

describe.each(Object.keys(ERRORS) as ErrorCode[])("%s", (code) => {
  const told = explain({ code, message: "m", params: {} });
  test("says what happened, what was kept and what to do, also without facts", () => {
    expect([told.title, told.kept, told.advice].every((text) => text.length > 3 && !/undefined|\[object/.test(text))).toBe(true);
  });
  test("is written as the house writes", () => {
    expect(`${told.title} ${told.kept} ${told.advice}`).not.toMatch(/please|successfully|oops|!/i);
    expect(told.title).not.toMatch(/\.$/);
    expect([told.kept, told.advice].every((text) => text.endsWith("."))).toBe(true);
  });
});

test("facts fill the words", () => {
  expect(explain({ code: "invalid_lifetime", message: "", params: { min: "1", max: "30" } }).title).toBe("The hub allows 30 days at most");
  expect(explain({ code: "invalid_lifetime", message: "", params: { min: "1", max: "720", unit: "hours" } }).advice).toBe("Choose 1 to 720 hours.");
  expect(explain({ code: "invalid_lifetime", message: "", params: {} }).title).toBe("Keys have no end to choose here");
  expect(explain({ code: "offline", message: "", params: { host: "eodatahub.org.uk" } }).title).toContain("eodatahub.org.uk");
});

test("what is no error of the protocol becomes one", () => {
  expect(asApiError(new TypeError("odd"))).toMatchObject({ code: "internal", message: "odd" });
  expect(asApiError({ code: "made_up" }).code).toBe("internal");
});

test("what the agent takes for the reason stands before the advice", () => {
  const { advice } = explain({ code: "forbidden", message: "", params: { hint: "the role is not for this user" } });
  expect(advice).toMatch(/^The role is not for this user\. \S/);
});

test("after a sign-out it is over here, whatever the platform said", () => {
  const told = explain({ code: "platform_unavailable", message: "", params: { signed_out_here: "true" } });
  expect(told.kept).toMatch(/signed out here/);
  expect(told.advice).toMatch(/End it on the platform/);
});
