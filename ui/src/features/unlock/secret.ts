/** Takes what was typed out of a field and leaves nothing in it. */
export function takeSecret(input: HTMLInputElement): string {
  const { value } = input;
  input.value = "";
  return value;
}
