// The scripts that deploy runs on workers, run here by the shell on a directory of the test.

import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { checkCommand, goOnInput, readCheck } from "../../src/worker/check.ts";
import { deleteDeployedCommand, stopCommand } from "../../src/worker/commands.ts";
import { receiveCommand } from "../../src/worker/receive.ts";
import { runProcess } from "../support/process.ts";
import { useTempDir } from "../support/use.ts";

const root = useTempDir("maand commands-");

const shell = (text: string) => runProcess(["bash", "-c", text]);
const jobs = () => root("jobs", "api");

function putJob(files: string[]): void {
  for (const path of files) {
    mkdirSync(join(jobs(), path, ".."), { recursive: true });
    writeFileSync(join(jobs(), path), "");
  }
}

test("deleting deployed files leaves data/, logs/ and bin/ alone, hidden files go", async () => {
  putJob(["Makefile", ".env", "-rf", "..two", "conf/a b", "data/x", "logs/x", "bin/x"]);
  expect((await shell(deleteDeployedCommand(root(), "api", false).text)).code).toBe(0);
  expect(readdirSync(jobs()).sort()).toEqual(["bin", "data", "logs"]);
  expect((await shell(deleteDeployedCommand(root(), "api", false).text)).code).toBe(0);
});

test("deleting a job that keeps nothing takes its directory; one that is not there is no fault", async () => {
  putJob(["Makefile"]);
  expect((await shell(deleteDeployedCommand(root(), "api", false).text)).code).toBe(0);
  expect(existsSync(jobs())).toBe(false);
  expect((await shell(deleteDeployedCommand(root(), "api", false).text)).code).toBe(0);
});

test("a stop has nothing to do where a deletion was cut short, and is passed on where there is a Makefile", async () => {
  const run = {
    directory: root(),
    identity: { bucketId: "b", workerId: "w", updateSeq: 1 },
    useSudo: false,
    job: "api",
    workerIp: "10.0.0.1",
    currentVersion: "1.0.0",
    newVersion: "1.0.0",
    timeoutSeconds: 10,
  };
  putJob(["data/x", "conf/x"]);
  expect((await shell(stopCommand(run).text)).code).toBe(0);
  putJob(["Makefile"]);
  expect((await shell(stopCommand(run).text)).code).not.toBe(0); // There is no runner.py here.
});

const mark = { run: "ab12", number: 3 };
const check = (input: string, space = false) =>
  runProcess(
    ["bash", "-c", checkCommand(root("bucket"), false, "# runner", { space, mark, jobsJson: "[]" }).text],
    { stdin: input },
  );
const read = (outcome: { code: number | null; stdout: string; stderr: string }) =>
  readCheck(outcome.stdout, false, { exitCode: outcome.code ?? 1, stderr: outcome.stderr });

test("the check asks for room only where files will be sent", async () => {
  expect((await check("", true)).stdout).toMatch(/^maand-check free \d+$/m);
  expect((await check("")).stdout).not.toContain("free");
});

test("without a word the check leaves nothing behind, with one it puts the files of the root in place", async () => {
  await check("");
  expect(existsSync(root("bucket"))).toBe(false);
  await check("stop\n");
  expect(existsSync(root("bucket"))).toBe(false);
  const done = await check(goOnInput('{"x":1}'));
  expect(read(done)).toEqual({ findings: [], missing: [], marks: [3], jobs: new Map() });
  expect(readdirSync(root("bucket")).sort()).toEqual(["bin", "jobs", "jobs.json", "worker.json"]);
  expect(readFileSync(root("bucket", "worker.json"), "utf8")).toBe('{"x":1}\n');
  await check("");
  expect(readdirSync(root("bucket")).sort()).toEqual(["bin", "jobs", "jobs.json", "worker.json"]);
});

test("the check tells what is there: worker.json, other marks, each job with its mark", async () => {
  for (const job of ["bare", "data-only/data", "older", "whole"])
    mkdirSync(root("bucket", "jobs", job), { recursive: true });
  writeFileSync(root("bucket", "jobs", "whole", "Makefile"), "");
  writeFileSync(root("bucket", "jobs", "whole", ".maand-synced"), "0123456789abcdef\n");
  writeFileSync(root("bucket", "jobs", "older", "Makefile"), "");
  writeFileSync(root("bucket", "jobs", "bare", ".maand-synced"), "fedcba9876543210\n");
  symlinkSync("whole", root("bucket", "jobs", "link"));
  writeFileSync(root("bucket", ".check-ab12-7"), "");
  writeFileSync(root("bucket", ".check-another-9"), "");
  writeFileSync(root("bucket", "worker.json"), '{\n "update_seq": 1 }');
  const { workerJson, marks, jobs } = read(await check(""));
  expect([workerJson, marks.sort()]).toEqual(['{ "update_seq": 1 }', [3, 7]]);
  expect(Object.fromEntries(jobs)).toEqual({
    bare: { mark: "fedcba9876543210", begun: true, bare: true, isLink: false },
    "data-only": { begun: false, bare: true, isLink: false },
    link: { mark: "0123456789abcdef", begun: true, bare: false, isLink: true },
    older: { begun: false, bare: false, isLink: false },
    whole: { mark: "0123456789abcdef", begun: true, bare: false, isLink: false },
  });
});

test.each(["", "bin", "jobs"])("a link in the place of bucket/%s is not followed", async (place) => {
  mkdirSync(root("victim"));
  mkdirSync(root("bucket", "x"), { recursive: true });
  if (place === "") rmSync(root("bucket"), { recursive: true });
  symlinkSync(root("victim"), root("bucket", place).replace(/\/$/, ""));
  const { findings } = read(await check(goOnInput("{}")));
  expect(findings.join()).toMatch(/^a link stands where a directory of maand has to be: .* -> .*victim$/);
  expect(readdirSync(root("victim"))).toEqual([]);
});

test("links in the place of files are replaced, not written through", async () => {
  writeFileSync(root("victim"), "precious");
  mkdirSync(root("bucket", "bin"), { recursive: true });
  mkdirSync(root("bucket", "jobs"));
  const names = ["worker.json", "jobs.json", "bin/runner.py"];
  for (const name of names) symlinkSync(root("victim"), root("bucket", name));
  expect(read(await check(goOnInput("{}"))).findings).toEqual([]);
  expect(readFileSync(root("victim"), "utf8")).toBe("precious");
  expect(names.map((name) => readFileSync(root("bucket", name), "utf8"))).toEqual([
    "{}\n",
    "[]\n",
    "# runner\n",
  ]);
});

test("a sync that breaks leaves no mark, one that is whole a new one", async () => {
  mkdirSync(root("jobs", "api"), { recursive: true });
  const path = root("jobs", "api", ".maand-synced");
  const receive = (...words: string[]) =>
    shell(receiveCommand(root(), new Map([["api", "00ff"]]), false, words).text);
  writeFileSync(path, "old\n");
  expect((await receive("sh", "-c", "exit 23")).code).toBe(23);
  // Empty: a sync has begun here, and nobody knows what is there.
  expect(readFileSync(path, "utf8")).toBe("");
  expect((await receive("true")).code).toBe(0);
  expect(readFileSync(path, "utf8")).toBe("00ff\n");
});
