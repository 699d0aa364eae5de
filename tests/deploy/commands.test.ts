// The scripts that deploy runs on workers, run here by the shell on a directory of the test.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkCommand, deleteDeployedCommand, readCheck, stopCommand } from "../../src/worker/commands.ts";
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
    bucketId: "b",
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

test("the check asks for room only where files will be sent", async () => {
  const files = { workerJson: "{}\n", jobsJson: "[]\n" };
  const ask = async (space: boolean) =>
    (await shell(checkCommand(root(), false, "# runner\n", { space, refresh: files }).text)).stdout;
  expect(await ask(true)).toMatch(/^maand-check free \d+$/m);
  const answer = await ask(false);
  expect(answer).not.toContain("free");
  expect(readCheck({ exitCode: 0, stdout: answer, stderr: "" }, false)).toEqual({
    findings: [],
    missing: [],
    refreshed: true,
  });
});
