// maand help: every command and topic is there, and every command line that it shows is one that maand takes.

import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { globalFlagRows } from "../../src/cli/command-help.ts";
import { groups, runnable } from "../../src/cli/declaration.ts";
import { takeGlobals } from "../../src/cli/globals.ts";
import { helpText as helpOf } from "../../src/cli/help.ts";
import { parseArguments } from "../../src/cli/parser.ts";
import { commands } from "../../src/commands/application.ts";
import { topics } from "../../src/help/topics.ts";
import { MaandError } from "../../src/model/error.ts";
import { maand } from "../support/maand.ts";

const directory = join(import.meta.dir, "../../src/help");
const texts = readdirSync(directory).filter((name) => name.endsWith(".md"));

const helpText = (topic?: string): Promise<string> => helpOf(commands, topic);
const commandNames = runnable(commands).map(({ name }) => name);

/** The maand calls of a line of shell, each as its arguments. */
function callsIn(line: string): string[][] {
  return line.split(/&&|;|(?<=\S)\s{3,}/).flatMap((part) => {
    const words = [...part.trim().matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
    if (words[0] !== "maand") return [];
    const end = words.findIndex((word) => word === "<" || word === ">" || word === "|");
    return [words.slice(1, end < 0 ? undefined : end)];
  });
}

test("the overview names every command once, below its heading", async () => {
  const all = (await helpText()).split("\n");
  const lines = all.slice(0, all.indexOf("flags of every command"));
  const headings = groups.map((group) => lines.indexOf(group));
  expect(headings).toEqual(headings.toSorted((a, b) => a - b));
  for (const { group, name } of runnable(commands)) {
    const rows = [...lines.keys()].filter(
      (at) => lines[at]!.slice(2).replace(/(?: <\w+>)* {2,}.*$/, "") === name,
    );
    expect([name, rows.length]).toEqual([name, 1]);
    expect([name, headings.findLast((at) => at < rows[0]!)]).toEqual([name, lines.indexOf(group)]);
  }
});

test("the flags of every command are those that are parsed", () => {
  for (const [flag] of globalFlagRows()) {
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
  expect(await parseArguments(commands, takeGlobals(words).rest)).toMatchObject({ kind: "call" });
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
  expect(kv!.stdout).toContain("maand cat kv get <ns> <key>");
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
  for (const name of commandNames) {
    const outcome = await maand([...name.split(" "), "--help"], { cwd: "/" });
    expect([name, outcome.code]).toEqual([name, 0]);
    expect(outcome.stdout).toContain("\nEXAMPLES\n");
    expect(outcome.stdout.split("\n").filter((line) => line.length > 130)).toEqual([]);
  }
}, 60_000);
