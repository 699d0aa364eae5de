// What maand says names only commands and flags that there are: every string of the source and every help text is searched.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AnyCommand, Command } from "../../src/cli/declaration.ts";
import { isParent, resolveWords, runnable, typedFlag } from "../../src/cli/declaration.ts";
import { globalFlags } from "../../src/cli/globals.ts";
import { commands } from "../../src/commands/application.ts";

const root = join(import.meta.dir, "../../src");
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(?:ts|md|txt)$/.test(name))
  .sort();

/** The lines of a file that people read: all of a text, and of code what is no comment. */
function shownLines(name: string): { place: string; line: string }[] {
  const lines = readFileSync(join(root, name), "utf8").split("\n");
  const isCode = name.endsWith(".ts");
  return lines.flatMap((line, i) => {
    if (isCode && /^\s*(?:\/\/|\/?\*)/.test(line)) return [];
    return [{ place: `src/${name}:${i + 1}`, line: isCode ? line.replace(/(?<=[;,{]) \/\/ .*$/, "") : line }];
  });
}

/** What follows "maand" where it is the subject of a sentence. A word that is missing here fails the test: add it. */
const prose = new Set(
  [
    "leaves speaks and are at calls can cannot does ends finds has holds is itself knows limits makes needs on reaches read runs",
    "starts that uses writes",
  ]
    .join(" ")
    .split(" "),
);

/** `<job>` and `${job}` stand for any word. */
const isPlaceholder = (word: string): boolean => /^(?:<|\$\{)/.test(word);

/** What is wrong with the words that follow "maand" in a text; undefined when nothing is. */
function complaint(text: string): string | undefined {
  // The call ends where the quotes, the sentence or the shell command around it do.
  const call = text.split(/["`'),;:]|\.(?:\s|$)|\\n| [&|>] |\s{3,}/, 1)[0]!;
  const words = call.split(/\s+/).filter((word) => word !== "");
  const [first = ""] = words;
  if (!/^[a-z][a-z_-]*$|^-/.test(first) || prose.has(first) || first === "help") return undefined;
  const { found, taken } = resolveWords(commands, words);
  if (found === undefined && !first.startsWith("-")) return `no command "${first}"`;
  const next = words[taken];
  const isOpen = found !== undefined && isParent(found) && found.standIn === undefined;
  if (isOpen && next !== undefined && !next.startsWith("-") && !isPlaceholder(next))
    return `"${found.name}" has no command "${next}"`;
  // `maand job ${target} api --allocations ...` may be any command of the parent.
  const meant = found === undefined ? [] : runnable(isOpen ? [found] : [commandOf(found)]);
  const known = new Set([...everywhere, ...meant.flatMap(flagsOf)]);
  const unknown = words
    .slice(taken)
    .find((word) => /^--?[a-z]/.test(word) && !known.has(word.split("=", 1)[0]!));
  return unknown === undefined ? undefined : `no flag ${unknown}`;
}

const commandOf = (found: AnyCommand): AnyCommand =>
  isParent(found) && found.standIn !== undefined ? found.standIn : found;

const everywhere = [...globalFlags.map(({ flag }) => flag as string), "--help", "-h", "--version"];

function flagsOf({ flags }: Command): string[] {
  return Object.entries(flags).flatMap(([name, { letter }]) => [
    typedFlag(name),
    ...(letter === undefined ? [] : [`-${letter}`]),
  ]);
}

const mentions = files.flatMap(shownLines).flatMap(({ place, line }) =>
  line
    .split(/(?<![\w./@-])maand (?=\S)/)
    .slice(1)
    .map((text) => ({ place, text })),
);

test("commands and their flags", () => {
  expect(mentions.length).toBeGreaterThan(150);
  const wrong = mentions.flatMap(({ place, text }) => {
    const what = complaint(text);
    return what === undefined ? [] : [`${place}: ${what}: maand ${text}`];
  });
  expect(wrong).toEqual([]);
});

/** Flags of other programs, of the runner and in what maand writes for the user's jobs or says of them. */
const foreign = [
  "--run-id",
  "--update-seq",
  "--worker-id",
  "--directory",
  "--lines",
  "--no-pager",
  "--now",
  "--remove-orphans",
  "--status",
];

test("flags that stand alone", () => {
  // The command and the flag of this name have a second spelling.
  const known = new Set([
    ...everywhere,
    ...runnable(commands).flatMap(flagsOf),
    ...foreign,
    "--health-check",
  ]);
  const ours = files.filter((name) => !name.startsWith("ssh/rsync/"));
  const wrong = ours
    .flatMap(shownLines)
    .flatMap(({ place, line }) =>
      [...line.matchAll(/(?<![\w-])--[a-z][a-z_-]*/g)].flatMap(([flag]) =>
        known.has(flag) ? [] : [`${place}: ${flag}`],
      ),
    );
  expect(wrong).toEqual([]);
});

test("what is wrong is found", () => {
  expect(complaint('migrate" first')).toBe('no command "migrate"');
  expect(complaint("job pause api`")).toBe('"job" has no command "pause"');
  expect(complaint("deploy --jobs api --dry --force")).toBe("no flag --dry");
  expect(complaint(`job restart \${job} -x`)).toBe("no flag -x");
  expect(complaint('cat kv --deleted lists deleted keys"')).toBeUndefined();
  expect(complaint("hook <hook> --watch; and --more")).toBeUndefined();
});
