// The window that takes a passphrase: the field is empty before anything is awaited.
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { fail } from "$lib/api/fake";
import { readOpening } from "../features/unlock/opening";
import UnlockWindow from "../features/unlock/UnlockWindow.svelte";

function opened(query: string) {
  const backend = { unlock: vi.fn(() => Promise.reject(fail("wrong_passphrase"))), createVault: vi.fn(() => Promise.resolve()), changePassphrase: vi.fn(() => Promise.resolve()), close: vi.fn(() => Promise.resolve()) };
  render(UnlockWindow, { backend, opening: readOpening(`tauri://localhost/unlock.html${query}`) });
  return { backend, user: userEvent.setup() };
}

test("a wrong passphrase is said, the field is empty and focused", async () => {
  const { backend, user } = opened("?form=unlock");
  const field = screen.getByLabelText("Passphrase");
  await user.type(field, "not it{Enter}");
  expect(backend.unlock).toHaveBeenCalledWith("not it");
  expect(await screen.findByRole("alert")).toHaveTextContent("Not the passphrase. Nothing is lost.");
  expect(field).toHaveValue("");
  await waitFor(() => expect(document.activeElement).toBe(field));
});

test("two that differ are not sent", async () => {
  const { backend, user } = opened("?form=create");
  await user.type(screen.getByLabelText("Passphrase"), "correct horse");
  await user.type(screen.getByLabelText("Again"), "correct house");
  await user.click(screen.getByRole("button", { name: "Create the vault" }));
  expect(await screen.findByText("The two are not the same.")).toBeInTheDocument();
  expect(backend.createVault).not.toHaveBeenCalled();
});

test("a vault is created with or without the keyring", async () => {
  const { backend, user } = opened("?form=create");
  await user.type(screen.getByLabelText("Passphrase"), "correct horse");
  await user.type(screen.getByLabelText("Again"), "correct horse");
  await user.click(screen.getByRole("checkbox"));
  await user.click(screen.getByRole("button", { name: "Create the vault" }));
  expect(backend.createVault).toHaveBeenCalledWith("correct horse", true);
});

test("without a keyring it is not offered", () => {
  opened("?form=create&keyring=0");
  expect(screen.queryByRole("checkbox")).toBeNull();
});

test("without a passphrase no old one is asked for", async () => {
  const { backend, user } = opened("?form=change&slots=keyring");
  expect(screen.queryByLabelText("The one you have")).toBeNull();
  await user.type(screen.getByLabelText("New passphrase"), "correct horse");
  await user.type(screen.getByLabelText("Again"), "correct horse");
  await user.click(screen.getByRole("button", { name: "Change it" }));
  expect(backend.changePassphrase).toHaveBeenCalledWith(null, "correct horse");
});

test("Esc closes it", async () => {
  const { backend, user } = opened("?form=unlock");
  await user.keyboard("{Escape}");
  expect(backend.close).toHaveBeenCalled();
});
