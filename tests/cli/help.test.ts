// maand help: every command and topic is there, and every command line that it shows is one that maand takes.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Application, type Command, type RouteMap, run } from "@stricli/core";
import type { ParseContext, Parsed } from "../../src/cli/define.ts";
import { takeGlobals } from "../../src/cli/globals.ts";
import { application } from "../../src/commands/application.ts";
import { commandGroups, commonFlags } from "../../src/help/commands.ts";
import { helpText } from "../../src/help/help.ts";
import { topics } from "../../src/help/topics.ts";
import { MaandError } from "../../src/model/error.ts";
import { maand } from "../support/maand.ts";

type Target = Command<ParseContext> | RouteMap<ParseContext>;
const directory = join(import.meta.dir, "../../src/help");
const texts = readdirSync(directory).filter((name) => name.endsWith(".md"));

/** Every command of the table by the words that call it. */
function commandNames(target: Target, words: readonly string[] = []): string[] {
  if (!("getAllEntries" in target)) return [words.join(" ")];
  const standIn = target.getDefaultCommand?.();
  return target.getAllEntries().flatMap((entry) => {
    // `cat kv` itself is a command: the one that runs when no other word follows.
    const isDefault = entry.target === standIn;
    return commandNames(entry.target as Target, isDefault ? words : [...words, entry.name.original]);
  });
}

/** What maand would run for a command line, without running it; the complaint when it takes it for wrong. */
async function parseLine(argv: readonly string[]): Promise<Parsed | string> {
  const parsed: Parsed[] = [];
  const complaint: string[] = [];
  const context = {
    process: {
      stdout: { write: () => undefined },
      stderr: { write: (text: string) => complaint.push(text) },
    },
    onParsed: (command: Parsed) => parsed.push(command),
  };
  await run(
    application as Application<ParseContext>,
    takeGlobals(argv).rest,
    context as unknown as ParseContext,
  );
  return parsed[0] ?? complaint.join();
}

/** The maand calls of a line of shell, each as its arguments. */
function callsIn(line: string): string[][] {
  return line.split(/&&|;|(?<=\S)\s{3,}/).flatMap((part) => {
    const words = [...part.trim().matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
    if (words[0] !== "maand") return [];
    const end = words.findIndex((word) => word === "<" || word === ">" || word === "|");
    return [words.slice(1, end < 0 ? undefined : end)];
  });
}

test("the overview names every command of the table, and no other", async () => {
  const named = commandGroups
    .flatMap((group) => group.commands)
    .map(([line]) => line.replace(/ [<[].*$/, ""))
    .sort();
  expect(named).toEqual(commandNames(application.root as Target).sort());
  for (const name of named) expect(await helpText()).toContain(`  ${name}`);
});

test("the flags of every command are those that are parsed", () => {
  for (const [flag] of commonFlags) {
    const words = flag.replace("SECONDS", "5").split(" ");
    expect([flag, takeGlobals(["cat", ...words, "jobs"]).rest]).toEqual([flag, ["cat", "jobs"]]);
  }
});

test("every text is a topic", () => {
  const embedded = new Set(topics.map((topic) => topic.text));
  for (const name of texts)
    expect([name, embedded.has(readFileSync(join(directory, name), "utf8"))]).toEqual([name, true]);
  expect(topics).toHaveLength(texts.length);
});

test.each(topics.map((topic) => topic.name))(
  "the topic %s stands on its own and fits a terminal",
  async (name) => {
    const text = await helpText(name);
    expect(text).toStartWith("# ");
    expect(text).toEndWith("\n");
    expect(text.length).toBeGreaterThan(400);
    expect(text.split("\n").filter((line) => line.length > 130)).toEqual([]);
    // What a formatter for web pages makes of a * or _ that stands outside of code.
    expect(text).not.toMatch(/\\[*_]|\*\*py/);
    expect(await helpText()).toContain(`  ${name} `);
  },
);

const shown = topics.flatMap(({ name, text }) => {
  const code = text.split("\n").filter((line) => line.startsWith("    "));
  const inline = [...text.matchAll(/`(maand [^`]+)`/g)].map((match) => match[1]!);
  return [...code, ...inline].flatMap(callsIn).map((argv) => [name, argv] as const);
});

test("the topics show command lines", () => {
  expect(shown.length).toBeGreaterThan(60);
});

test.each(shown)("%s: maand %p", async (_, argv) => {
  if (argv[0] === "help") {
    expect(await helpText(argv[1])).not.toBe("");
    return;
  }
  // `maand schema manifest|workers|disabled` stands for three lines.
  const words = argv.map((word) => word.replace(/\|.*/, ""));
  expect(await parseLine(words)).toBeObject();
});

test("an unknown topic suggests one; a command without a topic leads to its --help", async () => {
  const errorOf = async (topic: string): Promise<MaandError> => {
    try {
      await helpText(topic);
    } catch (thrown) {
      if (thrown instanceof MaandError) return thrown;
    }
    throw new Error("no MaandError");
  };
  expect(await errorOf("deplou")).toMatchObject({ kind: "usage", hint: 'did you mean "deploy"?' });
  expect((await errorOf("info")).hint).toBe('"maand info --help" explains that command');
  expect(await helpText("health-check")).toBe(await helpText("health"));
});

test("help works anywhere, without a bucket", async () => {
  const [plain, overview, topic, unknown] = await Promise.all(
    [[], ["help"], ["help", "deploy"], ["help", "nothing-like-it"]].map((args) => maand(args, { cwd: "/" })),
  );
  expect(plain).toMatchObject({ code: 0, stdout: await helpText(), stderr: "" });
  expect(overview).toEqual(plain!);
  expect(topic).toMatchObject({ code: 0, stdout: await helpText("deploy"), stderr: "" });
  expect(unknown).toMatchObject({ code: 2, stdout: "" });
  expect(unknown!.stderr).toContain("known are quickstart");
});

test("--help and -h are the overview, a group lists its commands, cat kv is explained as well", async () => {
  const [long, short, job, kv] = await Promise.all(
    [["--help"], ["-h"], ["job", "--help"], ["cat", "kv", "--help"]].map((args) => maand(args, { cwd: "/" })),
  );
  expect(long).toMatchObject({ code: 0, stdout: await helpText() });
  expect(short).toEqual(long!);
  expect(job!.stdout).toContain("maand job stop <job>     stop a job and keep it stopped\n");
  expect(kv!.stdout).toContain("maand cat kv --jobs api");
  expect(kv!.stdout).toContain("maand cat kv get <namespace> <key>");
});

test("a command's help has its own flags as they are typed, before those of every command", async () => {
  const { stdout } = await maand(["deploy", "--help"], { cwd: "/" });
  expect(stdout).toStartWith("maand deploy: push files to workers and roll jobs out\n");
  expect(stdout).toContain("\n  -n, --dry-run            print the plan and do nothing\n");
  expect(stdout).toContain("\n      --jobs a,b           only these jobs\n");
  expect(stdout.indexOf("--force")).toBeLessThan(stdout.indexOf("--lock-wait SECONDS"));
  expect((await maand(["run-command", "--help"], { cwd: "/" })).stdout).toContain(
    "maand run_command <shell> [flags]",
  );
  expect((await maand(["render", "--help"], { cwd: "/" })).stdout).toContain(
    "maand render <job> [path] [flags]",
  );
});

test("every command explains itself with examples", async () => {
  for (const name of commandNames(application.root as Target)) {
    const outcome = await maand([...name.split(" "), "--help"], { cwd: "/" });
    expect([name, outcome.code]).toEqual([name, 0]);
    expect(outcome.stdout).toContain("\nEXAMPLES\n");
    expect(outcome.stdout.split("\n").filter((line) => line.length > 130)).toEqual([]);
  }
}, 60_000);
