import { expect, test } from "vitest";
import type { RemoteTokenView } from "$lib/types";
import { groups, named } from "./groups";

const token = (platform_id: string, more: Partial<RemoteTokenView>): RemoteTokenView => ({
  platform_id, name: platform_id, workspace: "demo-ws", created: null, expires: null, state: "ours", credential: null, kind: null, permissions: [], revoked: null, ...more,
});

test("every row is in one group, a revoked one in none of the living", () => {
  const rows = [token("a", {}), token("b", { state: "orphan" }), token("c", { state: "missing" }), token("d", { state: "orphan", revoked: { at: null, reason: null } })];
  const found = groups(rows);
  expect(Object.values(found).map((group) => group.map((t) => t.platform_id))).toEqual([["b"], ["c"], ["a"], ["d"]]);
});

test("a key without a name is called by its id", () => {
  expect(named(token("x", { name: "" }))).toBe("x");
});
