// What is kept and shown of a hook's output: whole lines, no secrets, a bound, the last lines for the error.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { createHookOutput } from "../../src/hooks/output.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function collect() {
  const lines: string[] = [];
  const output = createHookOutput((stream, line) => lines.push(`${stream} ${line}`));
  return { lines, output };
}

test("lines come whole, however they were cut, each stream for itself", () => {
  const { lines, output } = collect();
  output.push("stdout", bytes("one\ntw"));
  output.push("stderr", bytes("err"));
  output.push("stdout", bytes("o\nthree"));
  expect(lines).toEqual(["stdout one", "stdout two"]);
  output.close();
  expect(lines).toEqual(["stdout one", "stdout two", "stdout three", "stderr err"]);
  output.push("stdout", bytes("late\n"));
  expect(lines).toHaveLength(4);
});

test("only the last twenty lines are kept for the error", () => {
  const { output } = collect();
  for (let i = 0; i < 50; i++) output.push("stdout", bytes(`line ${i}\n`));
  expect(output.lastLines()).toEqual(Array.from({ length: 20 }, (_, i) => `line ${30 + i}`));
});

test("a secret is hidden in every line, also one of several lines and one inside another", () => {
  const { lines, output } = collect();
  output.hide("sesame");
  output.hide("open sesame now");
  output.hide("-----BEGIN\nabcdef\n\nxy");
  output.push("stdout", bytes("say open sesame now, or sesame\nkey abcdef xy\n"));
  output.tell("thrown: sesame\n  at abcdef");
  expect(lines).toEqual([
    "stdout say ***, or ***",
    "stdout key *** xy",
    "stderr thrown: ***",
    "stderr   at ***",
  ]);
  expect(output.masked("sesame")).toBe("***");
  expect(output.lastLines()).toEqual(["say ***, or ***", "key *** xy"]);
});

test("whatever is printed around it, a secret of four or more characters never shows", () => {
  const word = fc
    .string({ minLength: 4, maxLength: 12 })
    .filter((text) => text.trim().length >= 4 && !/[\n\r*]/.test(text));
  fc.assert(
    fc.property(word, word, fc.string(), fc.string(), (secret, other, before, after) => {
      const { lines, output } = collect();
      output.hide(secret);
      output.hide(other);
      output.push(
        "stdout",
        bytes(`${before.replaceAll("*", "")}${secret}${other}${after.replaceAll("*", "")}\n`),
      );
      output.close();
      expect(lines.join("\n").replace(/^stdout /gm, "")).not.toContain(secret);
    }),
    { numRuns: 200 },
  );
});

test("beyond 16 MiB nothing is shown but how much there was", () => {
  const { lines, output } = collect();
  const chunk = bytes(`${"x".repeat(1023)}\n`.repeat(1024));
  for (let i = 0; i < 20; i++) output.push("stdout", chunk);
  output.close();
  expect(lines).toHaveLength(16 * 1024 + 1);
  expect(lines.at(-1)).toBe(
    `stderr maand: ${4 * 1024 * 1024} bytes of further output of this hook are not shown`,
  );
});
