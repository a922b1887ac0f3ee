import { expect, test, vi } from "vitest";
import { Reading } from "./reading.svelte";

function waiting() {
  const answers: ((text: string) => void)[] = [];
  const reading = new Reading(() => new Promise<string>((answer) => answers.push(answer)));
  return { reading, answers };
}

test("what is asked for during a reading is read once more, not skipped", async () => {
  const { reading, answers } = waiting();
  const first = reading.read();
  await reading.read();
  await reading.read();
  expect(answers).toHaveLength(1);
  answers[0]?.("old");
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  answers[1]?.("new");
  await first;
  expect(reading.value).toBe("new");
  expect(answers).toHaveLength(2);
});

test("a failure keeps what was read before", async () => {
  const given = ["all of it"];
  const reading = new Reading(() => (given.length > 0 ? Promise.resolve(given.pop()) : Promise.reject(new TypeError("gone"))));
  await reading.read();
  await reading.read();
  expect([reading.value, reading.error?.code]).toEqual(["all of it", "internal"]);
});
