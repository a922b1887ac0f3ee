import { expect, test } from "vitest";
import { seed } from "../api/fake-data";
import type { Snapshot } from "../types";
import { AppState } from "./app.svelte";

const world = seed("expiring");

function snapshot(over: Partial<Snapshot>): Snapshot {
  if (!world) throw new TypeError("no world");
  return { ...world, ...over };
}

test("a snapshot that is not newer is ignored", () => {
  const app = new AppState();
  app.accept(snapshot({ revision: 5, offline: true }));
  app.accept(snapshot({ revision: 5, offline: false }));
  app.accept(snapshot({ revision: 4, offline: false }));
  expect(app.snapshot?.offline).toBe(true);
  app.accept(snapshot({ revision: 6, offline: false }));
  expect(app.snapshot?.offline).toBe(false);
});

test("a new agent counts anew", () => {
  const app = new AppState();
  const first = snapshot({ revision: 90 });
  app.accept(first);
  app.accept({ ...first, revision: 1, agent: { ...first.agent, pid: 7 } });
  expect(app.snapshot?.revision).toBe(1);
});

test("only who is signed in and able can be asked for keys", () => {
  const app = new AppState();
  app.accept(snapshot({}));
  expect(app.issuers.map((a) => a.environment)).toEqual(["production"]);
});

test("only ways to a key that an account here knows are offered", () => {
  const app = new AppState();
  app.accept(snapshot({}));
  expect(app.waysToAKey).toEqual(["request", "s3", "paste"]);
  const only = (world?.accounts ?? []).slice(0, 1).map((a) => ({ ...a, ways: ["device" as const], capabilities: { ...a.capabilities, issue: "no" as const } }));
  app.accept(snapshot({ revision: 99, accounts: only }));
  expect(app.waysToAKey).toEqual(["s3"]);
  app.accept(snapshot({ revision: 100, accounts: [] }));
  expect(app.waysToAKey).toEqual(["request", "s3", "paste"]);
});
