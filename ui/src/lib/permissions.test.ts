import { expect, test } from "vitest";
import { account, PORTAL } from "./api/fake-data";
import { idName, offered, preset } from "./permissions";

const ids = (list: { id: string }[]) => list.map((one) => one.id);

test("only what the account may hand on is offered, and what a key has is kept", () => {
  const limited = account(1, { permissions: ["edit_dataset"] });
  expect(ids(offered(PORTAL, limited, []))).toEqual(["edit_dataset"]);
  expect(ids(offered(PORTAL, limited, ["future_permission"]))).toEqual(["edit_dataset", "future_permission"]);
  expect(ids(offered(PORTAL, account(1), []))).toEqual(["edit_dataset", "explore_restricted_dataset"]);
  expect(preset(PORTAL, limited)).toEqual([]);
  expect(preset(PORTAL, account(1))).toEqual(["explore_restricted_dataset"]);
  expect(offered(undefined, undefined, [])).toEqual([]);
});

test("a name becomes an id", () => {
  expect(idName("QGIS, office PC")).toBe("qgis_office_pc");
  expect(idName("ä")).toBe("");
});
