import { expect, test } from "vitest";
import { account, token } from "$lib/api/fake-data";
import { group, select } from "./grouping";

const DAY = 86_400_000;
const accounts = [account(1)];
const all = [token(1, "Office", "peat", 2 * DAY), token(2, "Laptop", "flood", 20 * DAY), token(3, "Old", "flood", -DAY)];
const find = (over: object) => select(all, accounts, { filter: "all", search: "", account: null, ...over }, Date.now()).map((c) => c.name);

test("search covers name, workspace and account, in any case", () => {
  expect(find({ search: "OFFICE" })).toEqual(["Office"]);
  expect(find({ search: "flood" })).toEqual(["Laptop", "Old"]);
  expect(find({ search: "eo-analyst" })).toHaveLength(3);
  expect(find({ search: "xyzzy" })).toEqual([]);
});

test("chips: what needs somebody, what kind, whose", () => {
  expect(find({ filter: "needs_you" })).toEqual(["Office", "Old"]);
  expect(find({ filter: "s3" })).toEqual([]);
  expect(find({ account: "another" })).toEqual([]);
});

test("groups stand by their next end", () => {
  expect(group(all, accounts).map((g) => [g.workspace, g.rows.map((r) => r.name)])).toEqual([["flood", ["Old", "Laptop"]], ["peat", ["Office"]]]);
});
