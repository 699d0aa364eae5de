// The command table: what is declared once stays once, and reading it loads nothing that a command needs only when it runs.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type AnyCommand, isParent, ownWord, resolveWords, runnable } from "../../src/cli/declaration.ts";
import { endingOf, exitCodeMeanings, exitCodeOf } from "../../src/cli/exit-codes.ts";
import { parseArguments } from "../../src/cli/parser.ts";
import { commands } from "../../src/commands/application.ts";

const source = join(import.meta.dir, "../../src");

/** The files and packages that a file imports when it is loaded: no types, and nothing that is imported later. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^(?:import|export)\s(?!type\b)[^;]*?from "([^"]+)"|^import "([^"]+)"/gm)]
    .filter(([statement]) => !/^import \{(?:\s*type [^,}]+,?)+\s*\}/.test(statement))
    .map((match) => match[1] ?? match[2]!)
    .map((name) => (name.startsWith(".") ? join(dirname(file), name) : name));
}

/** Everything that is loaded with a file. */
function loadedWith(file: string): Set<string> {
  const seen = new Set<string>();
  const waiting = [join(source, file)];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    if (next.endsWith(".ts")) waiting.push(...importsOf(next));
  }
  return new Set([...seen].map((name) => (name.startsWith("/") ? relative(source, name) : name)));
}

describe("what is loaded at every start", () => {
  test("the commands as they are declared, and nothing that carries them out", () => {
    const loaded = [...loadedWith("commands/application.ts")];
    expect(
      loaded.filter(
        (name) => !/^(?:commands|cli|events|kv|model)\/|^bucket\/regular-file.ts|^node:/.test(name),
      ),
    ).toEqual([]);
    expect(
      loaded.filter((name) =>
        /\/(?:run|watch|wizard|show|show-table|[a-z]+-rows|[a-z]+-values)\.ts$/.test(name),
      ),
    ).toEqual([]);
    expect(loaded).toContain("commands/cat/certs.ts");
  });

  test("the command line has no parser and no package that takes long", () => {
    const packages = [...loadedWith("cli/command-line.ts")].filter(
      (name) => !name.includes("/") || name.startsWith("@"),
    );
    expect(packages.toSorted()).toEqual(["bun:sqlite", "node:fs"]);
  });

  test("main.ts loads nothing but the version", () => {
    expect([...loadedWith("main.ts")].toSorted()).toEqual(["main.ts", "version.ts"]);
  });
});

test("each folder of the commands is in the table", () => {
  const folders = readdirSync(join(source, "commands"), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(folders).toHaveLength(commands.length);
  for (const { name } of folders)
    expect([name, existsSync(join(source, "commands", name, "command.ts"))]).toEqual([name, true]);
});

test("a name begins with its parent's, and no two commands of a parent answer to one word", () => {
  const check = (among: readonly AnyCommand[]): void => {
    const words = among.flatMap((command) => [
      ownWord(command),
      ...(isParent(command) ? [] : (command.spellings ?? [])),
    ]);
    expect(words.toSorted()).toEqual([...new Set(words)].toSorted());
    for (const parent of among) {
      if (!isParent(parent)) continue;
      const { name, standIn, subcommands } = parent;
      for (const command of subcommands)
        expect(command.name).toBe(command === standIn ? name : `${name} ${ownWord(command)}`);
      check(subcommands);
    }
  };
  for (const { name } of commands) expect(name).not.toContain(" ");
  check(commands);
});

test.each(runnable(commands).map((command) => [command.name, command] as const))(
  "%s is found by its words, and parsed to a call of itself",
  async (name, command) => {
    const words = name.split(" ");
    const found = resolveWords(commands, words).found!;
    expect(isParent(found) ? found.standIn : found).toBe(command);
    const places = Object.keys(command.positional);
    const required = Object.entries(command.flags).flatMap(([flag, { kind, ...rest }]) =>
      kind === "text" && "required" in rest ? [`--${flag}`, "x"] : [],
    );
    expect(await parseArguments(commands, [...words, ...places, ...required])).toMatchObject({
      kind: "call",
      call: { name },
    });
  },
);

test("another spelling is the same command", async () => {
  for (const command of runnable(commands))
    for (const spelling of command.spellings ?? [])
      expect(resolveWords(commands, [spelling])).toEqual({ found: command, taken: 1 });
  expect(resolveWords(commands, ["health-check"]).found?.name).toBe("health_check");
});

test("the stand-in of a parent needs no word of its own, and may have one", async () => {
  for (const words of [
    ["cat", "kv"],
    ["cat", "kv", "list"],
    ["cat", "kv", "--deleted"],
  ])
    expect(await parseArguments(commands, words)).toMatchObject({ kind: "call", call: { name: "cat kv" } });
  expect(await parseArguments(commands, ["cat", "kv", "kv"])).toMatchObject({ kind: "complaint" });
});

test("flags and arguments reach a command by name", async () => {
  const command = runnable(commands).find(({ name }) => name === "render")!;
  const calls: unknown[] = [];
  const spied = [
    {
      ...command,
      call: (...given: Parameters<typeof command.call>) => {
        calls.push(given);
        return command.call(...given);
      },
    },
  ];
  await parseArguments(spied, ["render", "api", "--worker", "10.0.0.1"]);
  await parseArguments(spied, ["render", "--reveal", "--", "api", "--x"]);
  expect(calls).toEqual([
    [
      { reveal: false, worker: "10.0.0.1" },
      { job: "api", path: undefined },
    ],
    [{ reveal: true }, { job: "api", path: "--x" }],
  ]);
});

test("the access of a deploy follows from its flags", async () => {
  const accessOf = async (...flags: string[]) => {
    const parsed = await parseArguments(commands, ["deploy", ...flags]);
    return parsed.kind === "call" ? parsed.call.access : undefined;
  };
  expect(await accessOf()).toBe("write");
  expect(await accessOf("-n")).toBe("read");
  expect(await accessOf("-n", "-b")).toBe("write");
  expect(await accessOf("--dry-run", "--run-hooks")).toBe("write");
});

test("exit codes: an interruption counts for more than a failure", () => {
  const codeOf = (interrupted: boolean, failed: boolean): number =>
    exitCodeOf(endingOf({ interrupted, failed }));
  expect([codeOf(false, false), codeOf(false, true), codeOf(true, false), codeOf(true, true)]).toEqual([
    0, 1, 130, 130,
  ]);
  expect((["usage", "workspace", "locked", "remote", "not_found"] as const).map(exitCodeOf)).toEqual([
    2, 2, 3, 1, 1,
  ]);
  expect(exitCodeMeanings.map(([code]) => code)).toEqual([0, 1, 2, 3, 130]);
});
