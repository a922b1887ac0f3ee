import { expect, test } from "vitest";
import { account, s3, token } from "./api/fake-data";
import { accountLine, copyables, historyLine, host, mainCopy, who } from "./labels";

test("a token is copied as its key first, S3 as .env first", () => {
  expect(copyables(token(1, "a", "w", 1))[0]).toBe("api_key");
  expect(copyables(s3(1, "w", 1))).toEqual(["env", "access_key_id", "secret_access_key", "session_token"]);
  expect(mainCopy(s3(1, "w", 1))).toBe("env");
});

test("an account's line counts its workspaces in words", () => {
  expect(accountLine(account(1))).toBe("UK EO Data Hub · production · 3 workspaces");
  const own = account(1, { environment: null, hub: "https://hub.example.org/x", workspaces: account(1).workspaces.slice(0, 1) });
  expect(accountLine(own)).toBe("UK EO Data Hub · hub.example.org · 1 workspace");
});

test("who, host and history", () => {
  expect([who(account(1)), who(account(1, { username: null }))]).toEqual(["eo-analyst", "UK EO Data Hub"]);
  expect(host("no address")).toBe("no address");
  expect(historyLine({ at: "", event: "copied", credential: null, name: "", workspace: "", platform_id: null, expires: null, detail: "bearer_header" })).toBe("API Header value copied");
});
