import { expect, test } from "vitest";
import { readOpening } from "./opening";

const read = (query: string) => readOpening(`tauri://localhost/unlock.html${query}`);

test("the desktop says which form", () => {
  expect(["?form=create", "?form=change", "?form=unlock", "", "?form=evil"].map((q) => read(q).form)).toEqual(["create", "change", "unlock", "unlock", "unlock"]);
});

test("and what there is to offer", () => {
  expect(read("?form=create&keyring=0").keyring).toBe(false);
  expect(read("?form=change&slots=keyring").hasPassphrase).toBe(false);
  expect(read("?ends=2026-11-21T09:15:00Z&theme=dark")).toMatchObject({ ends: "2026-11-21T09:15:00Z", theme: "dark" });
  expect(read("?ends=soon&theme=pink")).toMatchObject({ ends: null, theme: "" });
});
