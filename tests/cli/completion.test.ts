// What may be typed next: the words and kinds of names that the declarations give for each place.

import { expect, test } from "bun:test";
import { type Completion, completionAfter } from "../../src/cli/completion.ts";
import type { NamesOf } from "../../src/cli/declaration.ts";
import { runnable, typedFlag } from "../../src/cli/declaration.ts";
import { globalFlags } from "../../src/cli/globals.ts";
import { commands } from "../../src/commands/application.ts";
import { topics } from "../../src/help/topics.ts";
import { schemaNames } from "../../src/workspace/schema.ts";

const after = (line: string): Completion => completionAfter(commands, line.split(" ").filter(Boolean));
const words = (line: string): string[] => after(line).words.map(({ word }) => word);
const flags = (line: string): string[] => words(line).filter((word) => word.startsWith("--"));
const others = (line: string): string[] => words(line).filter((word) => !word.startsWith("--"));
const globals = [...globalFlags.map(({ flag }) => flag as string), "--help"];

test("commands, then their subcommands", () => {
  expect(others("").slice(0, 4)).toEqual(["init", "job", "collect", "schema"]);
  expect(others("").at(-1)).toBe("help");
  expect(flags("")).toEqual(globals);
  expect(others("job")).toEqual(["create", "start", "stop", "restart", "status", "run"]);
  expect(others("cat")).toEqual(expect.arrayContaining(["certs", "kv"]));
  expect(after("job").words[0]).toEqual({ word: "create", brief: "write the files of a new job" });
});

test("a command that others stand behind has both its own flags and their words", () => {
  expect(words("cat kv")).toEqual(["get", "--jobs", "--active", "--deleted", ...globals]);
  expect(flags("cat kv get")).toEqual(["--reveal", ...globals]);
});

test("flags of the command, but for those that are given", () => {
  expect(flags("deploy -n --jobs api")).toEqual([
    "--build",
    "--diff",
    "--run-hooks",
    "--force",
    "--sync-only",
    ...globals,
  ]);
  expect(flags("init --worker a")).toContain("--worker");
  expect(flags("hook --json").includes("--json")).toBe(false);
});

test.each<[string, Partial<Completion>]>([
  ["deploy --jobs", { names: "job", list: true, words: [] }],
  ["run_command -w", { names: "worker", list: true, words: [] }],
  ["--bucket", { names: "directory", words: [] }],
  ["info --lock-wait", { words: [] }],
  ["init --ssh-key", { names: "file", words: [] }],
  ["job run api --target", { names: "target", words: [] }],
  ["job create --runtime", { words: ["compose", "systemd", "process"].map((word) => ({ word, brief: "" })) }],
])("a value: %s", (line, expected) => {
  expect(after(line)).toEqual(expected as Completion);
});

test.each<[string, string | undefined]>([
  ["job stop", "job"],
  ["job stop --allocations 10.0.0.1", "job"],
  ["--bucket /b job --json stop", "job"],
  ["hooks", "hook"],
  ["hook hook_x", "job"],
  ["hooks hook_x db", undefined],
  ["cat kv get", "namespace"],
  ["cat kv get maand/job/api", "key"],
  ["render --", "job"],
  ["run_command", undefined],
  ["job create", undefined],
])("an argument: %s", (line, kind) => {
  expect(after(line).names).toBe(kind as never);
});

test("after -- there are no flags, after help topics, after nonsense nothing", () => {
  expect(words("render --")).toEqual([]);
  expect(words("help")).toEqual(topics.map(({ name }) => name));
  expect(words("help deploy")).toEqual([]);
  expect(after("nonsense")).toEqual({ words: [] });
  expect(after("cat nonsense")).toEqual({ words: [] });
});

test("what names a job, a worker or a label says so in every declaration", () => {
  const kinds: Record<string, NamesOf> = { jobs: "job", job: "job", workers: "worker", labels: "label" };
  for (const { flags: own, name, positional } of runnable(commands)) {
    for (const [flag, declared] of Object.entries(own)) {
      const kind = kinds[flag];
      if (kind === undefined || declared.kind === "boolean") continue;
      expect([name, typedFlag(flag), declared.of]).toEqual([name, typedFlag(flag), kind]);
    }
    if (positional.job !== undefined && name !== "job create") expect(positional.job.of).toBe("job");
  }
});

test("the words that are repeated in a declaration are those of the code", () => {
  expect(others("schema").toSorted()).toEqual([...schemaNames].toSorted());
});
