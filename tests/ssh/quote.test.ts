// Quoting: whatever the text, a real shell reads it as the word that was meant.

import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { MaandError } from "../../src/model/error.ts";
import {
  bash,
  joinShell,
  quoteWord,
  runScript,
  type ScriptFile,
  type ShellText,
  script,
  sh,
  sudo,
  withEnv,
  withoutComments,
} from "../../src/ssh/exec/quote.ts";

/** The words that bash sees, each ended by NUL. */
function wordsOf(command: ShellText): string[] {
  return execFileSync("bash", ["-c", command.text], { encoding: "utf8" }).split("\0").slice(0, -1);
}

const anyText = fc.oneof(
  fc.string({ unit: "binary-ascii" }),
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom(
      "'",
      '"',
      "\\",
      "$",
      "`",
      "!",
      "\n",
      " ",
      "*",
      "~",
      "#",
      ";",
      "&",
      "=",
      "-",
      "{",
      "a",
    ),
  }),
);
const usableText = anyText.filter((t) => !t.includes("\0") && t.isWellFormed());

test("any texts survive a real bash, as single words and as a list", () => {
  fc.assert(
    fc.property(fc.array(usableText, { minLength: 1, maxLength: 5 }), usableText, (list, one) => {
      const command = sh`printf '%s\\0' ${list} ${one}`;
      expect(wordsOf(command)).toEqual([...list, one]);
    }),
    { numRuns: 150 },
  );
});

test("any texts survive two shells, one inside the other, and the environment", () => {
  fc.assert(
    fc.property(usableText, usableText, (one, two) => {
      const inner = bash(sh`printf '%s\\0' ${one} "$V"`);
      expect(wordsOf(withEnv({ V: two }, inner))).toEqual([one, two]);
    }),
    { numRuns: 100 },
  );
});

test("plain words stay readable, all else is quoted", () => {
  expect(sh`make -C ${"/opt/worker/x"} ${"start"}`.text).toBe("make -C /opt/worker/x start");
  expect(sh`echo ${"it's"} ${3} ${""}`.text).toBe("echo 'it'\\''s' 3 ''");
  expect(quoteWord("A=b")).toBe("'A=b'");
  expect(quoteWord("if")).toBe("'if'");
  expect(sh`echo ${[]}.`.text).toBe("echo .");
});

test("shell text goes in unchanged, also from a list of commands", () => {
  const both = joinShell("&&", [sh`cd ${"a b"}`, sh`ls`]);
  expect(sh`(${both})`.text).toBe("(cd 'a b' && ls)");
  expect(joinShell(";", [sh`a`, sh`b`]).text).toBe("a; b");
});

test("a script gets its values as arguments, whatever they are, and a command as its words", () => {
  const file = `# Prints its arguments.\nprintf '%s\\0' "$@"\n` as ScriptFile;
  fc.assert(
    fc.property(fc.array(usableText, { maxLength: 4 }), usableText, (list, one) => {
      const command = runScript("sh", script(file), one, list, 3, sh`a ${"b c"}`);
      expect(wordsOf(command)).toEqual([one, ...list, "3", "a", "b c"]);
    }),
    { numRuns: 50 },
  );
  expect(runScript("bash", script(file), "x").text).toBe(`bash -c 'printf '\\''%s\\0'\\'' "$@"' bash x`);
});

test("only lines that are a comment or blank are taken out of a script", () => {
  const file = '#!/bin/sh\n# one\n\n  # two\nset -- "$#" # kept\n\techo "#$1"\n  \n' as ScriptFile;
  expect(script(file).text).toBe('set -- "$#" # kept\n\techo "#$1"');
  expect(withoutComments("")).toBe("");
});

test("a string that was put together is no script", () => {
  const text: string = ["tr", "ue"].join("");
  // @ts-expect-error only the text of an imported file is one
  expect(script(text).text).toBe("true");
});

test("sudo and env go in front", () => {
  expect(sudo(true, withEnv({ A: "1 2", B: "x" }, sh`make start`)).text).toBe(
    "sudo -n env A='1 2' B=x make start",
  );
  expect(sudo(false, sh`true`).text).toBe("true");
  expect(withEnv({}, sh`true`).text).toBe("true");
});

test("what cannot be a word is refused", () => {
  const bad = [
    () => sh`echo ${"a\0b"}`,
    () => sh`echo ${["ok", "\0"]}`,
    () => sh`echo \0`,
    () => sh`echo ${Number.NaN}`,
    () => sh`echo '${"x"}'`,
    () => sh`echo "a ${"x"} b"`,
    () => withEnv({ "A B": "x" }, sh`true`),
    () => withEnv({ A: "\0" }, sh`true`),
  ];
  for (const make of bad) {
    expect(make).toThrow(MaandError);
  }
});

test("quotes that are closed before a placeholder, or escaped, are no quotes around it", () => {
  expect(sh`printf '%s "' ${"x y"}`.text).toBe(`printf '%s "' 'x y'`);
  expect(sh`echo \\' ${"x"}`.text).toBe("echo \\' x");
});
