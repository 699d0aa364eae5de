// The probe of a file: its script through real shells on real files, and what is made of answers that say less.

import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { type FileProbe, fileProbeCommand, readFileProbe } from "../../src/health/file-probe.ts";
import { failed, passed, type Verdict } from "../../src/model/result.ts";
import { runProcess } from "../support/process.ts";
import { useTempDir } from "../support/use.ts";

const dir = useTempDir();
const job = (...parts: string[]) => dir("b-1", "jobs", "api", ...parts);

/** Asks as a worker would; `as` stands before the shell, such as a change of user. */
async function ask(
  probe: Omit<FileProbe, "type">,
  options: { as?: string[]; path?: string } = {},
): Promise<Verdict> {
  const whole: FileProbe = { type: "file", ...probe };
  const { text } = fileProbeCommand(whole, job());
  const path = options.path ?? process.env.PATH;
  const answer = await runProcess([...(options.as ?? []), "sh", "-c", text], {
    env: { PATH: path },
    timeoutSeconds: 20,
  });
  const content = `${answer.stdout}${answer.stderr}`;
  expect(content).not.toContain("s3cret");
  return readFileProbe(whole, { ...answer, exitCode: answer.code ?? -1 });
}

const aged = (path: string, seconds: number) => {
  const then = Date.now() / 1000 - seconds;
  utimesSync(path, then, then);
};

describe.each(["the sh of this machine", "bash that is called sh"])("%s", (shell) => {
  /** The search path, in which `sh` is the shell in question. */
  const searched = () => {
    mkdirSync(job("data"), { recursive: true });
    if (shell.startsWith("the")) return process.env.PATH!;
    mkdirSync(dir("tools"));
    symlinkSync(execFileSync("which", ["bash"], { encoding: "utf8" }).trim(), dir("tools", "sh"));
    return `${dir("tools")}:${process.env.PATH}`;
  };

  test("a file that is there passes, whatever it is called", async () => {
    const path = searched();
    for (const name of ["ready", "-n", "a b", "it's", '$(touch x)"`', "*", "é", "..a", "#x"]) {
      writeFileSync(job("data", name), "");
      expect([name, await ask({ path: `data/${name}` }, { path })]).toEqual([name, passed]);
    }
    writeFileSync(job("-n"), "");
    expect(await ask({ path: "-n" }, { path })).toEqual(passed);
  });

  test("what is no file fails, and it is said why", async () => {
    const path = searched();
    writeFileSync(job("plain"), "");
    execFileSync("mkfifo", [job("data", "pipe")]);
    symlinkSync("gone", job("data", "dangling"));
    symlinkSync("loop", job("loop"));
    symlinkSync("/dev/zero", job("device"));
    for (const [name, reason] of [
      ["none", "none does not exist"],
      ["none/deep/er", "none/deep/er does not exist"],
      ["plain/x", "plain/x does not exist"],
      ["*", "* does not exist"],
      ["data/dangling", "data/dangling is a link to something that does not exist"],
      ["loop", "loop is a link to something that does not exist"],
      ["data", "data is a directory, not a file"],
      [".", ". is a directory, not a file"],
      ["data/pipe", "data/pipe is no regular file"],
      ["device", "device is no regular file"],
    ] as const)
      expect(await ask({ path: name, contains: "x", maxAgeSeconds: 5 }, { path })).toEqual(failed(reason));
  });

  test("a link passes where it stays inside, and fails where it leads out", async () => {
    const path = searched();
    mkdirSync(job("releases", "2"), { recursive: true });
    mkdirSync(dir("b-1", "jobs", "api-2"));
    for (const place of [job("releases/2/ready"), dir("outside"), dir("b-1/jobs/api-2/ready")])
      writeFileSync(place, "s3cret up\n");
    symlinkSync("releases/2", job("current"));
    symlinkSync(job("releases/2/ready"), job("absolute"));
    symlinkSync("../../../outside", job("relative"));
    symlinkSync("../api-2", job("sibling"));
    symlinkSync(dir("outside"), job("releases/2/next"));
    symlinkSync("/", job("root"));
    for (const name of ["current/ready", "absolute"])
      expect([name, await ask({ path: name, contains: "up" }, { path })]).toEqual([name, passed]);
    for (const name of [
      "relative",
      "sibling/ready",
      "sibling",
      "current/next",
      "root",
      `root${dir("outside")}`,
    ])
      expect(await ask({ path: name, contains: "up" }, { path })).toEqual(
        failed(`${name} leads out of the job's directory, and is not followed`),
      );
  });

  test("a link that is put in the place of a file that was looked at is not followed", async () => {
    const path = searched();
    const stat = execFileSync("which", ["stat"], { encoding: "utf8" }).trim();
    writeFileSync(job("ready"), "up");
    writeFileSync(dir("outside"), "for root alone");
    mkdirSync(dir("swap"));
    const swap = `#!/bin/sh\nln -sf ${dir("outside")} ${job("ready")}\nexec ${stat} "$@"\n`;
    writeFileSync(dir("swap", "stat"), swap, { mode: 0o755 });
    const probe = { path: "ready", contains: "for root alone" };
    expect(await ask(probe, { path: `${dir("swap")}:${path}` })).toEqual(
      failed('ready does not contain "for root alone"'),
    );
    expect(await ask(probe, { path })).toEqual(
      failed("ready leads out of the job's directory, and is not followed"),
    );
  });

  test("the directories above the job may be links", async () => {
    const path = searched();
    writeFileSync(job("ready"), "");
    symlinkSync(dir("b-1"), dir("b-2"));
    const probe: FileProbe = { type: "file", path: "ready" };
    const { text } = fileProbeCommand(probe, dir("b-2", "jobs", "api"));
    const answer = await runProcess(["sh", "-c", text], { env: { PATH: path } });
    expect(readFileProbe(probe, { ...answer, exitCode: 0 })).toEqual(passed);
  });

  test("the text occurs, or does not", async () => {
    const path = searched();
    const text = `first\n\\d+ [a-z]* it's "quoted" $HOME é\n-e tail\0s3cret`;
    writeFileSync(job("log"), text);
    for (const contains of ["first", "\\d+ [a-z]*", `it's "quoted" $HOME é`, "-e tail", "t", "s3cret"])
      expect([contains, await ask({ path: "log", contains }, { path })]).toEqual([contains, passed]);
    for (const contains of ["FIRST", "d+ [a-z]x", "f.rst", "firstsecond", "-v", "ê"])
      expect(await ask({ path: "log", contains }, { path })).toEqual(
        failed(`log does not contain ${JSON.stringify(contains)}`),
      );
    writeFileSync(job("log"), "");
    expect(await ask({ path: "log", contains: "x" }, { path })).toEqual(failed('log does not contain "x"'));
  });

  test("16 MiB are searched, and a byte more is not", async () => {
    const path = searched();
    const most = 16 * 1024 * 1024;
    writeFileSync(job("big"), Buffer.concat([Buffer.alloc(most - 2, "x"), Buffer.from("up")]));
    expect(await ask({ path: "big", contains: "up" }, { path })).toEqual(passed);
    truncateSync(job("big"), most + 1);
    const reason = "big has 16777217 bytes, and only files of up to 16 MiB are searched";
    expect(await ask({ path: "big", contains: "up" }, { path })).toEqual(failed(reason));
    expect(await ask({ path: "big", maxAgeSeconds: 60 }, { path })).toEqual(passed);
  });

  test("the age counts, in fractions too, and before the text", async () => {
    const path = searched();
    writeFileSync(job("beat"), "up");
    aged(job("beat"), 120);
    expect(await ask({ path: "beat", maxAgeSeconds: 130, contains: "up" }, { path })).toEqual(passed);
    const old = await ask({ path: "beat", maxAgeSeconds: 119, contains: "down" }, { path });
    expect(old).toEqual(
      failed(expect.stringMatching(/^beat is 1[23]\d(\.\d)? s old; at most 119 s are allowed$/) as never),
    );
    aged(job("beat"), 0.7);
    expect((await ask({ path: "beat", maxAgeSeconds: 0.6 }, { path })).pass).toBe(false);
    // A clock that was put back is not the job's fault.
    aged(job("beat"), -3600);
    expect(await ask({ path: "beat", maxAgeSeconds: 0.1 }, { path })).toEqual(passed);
  });

  test("what may not be read or entered is told from what is not there", async () => {
    const path = searched();
    const as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    chmodSync(dir(), 0o755);
    mkdirSync(job("private"), { mode: 0o700 });
    writeFileSync(job("private", "ready"), "s3cret");
    writeFileSync(job("locked"), "s3cret", { mode: 0o600 });
    for (const name of ["locked", "private/ready", "private/none"])
      expect(await ask({ path: name }, { path, as })).toEqual(
        failed(`${name} cannot be read by the user that asks for it`),
      );
    expect(await ask({ path: "none" }, { path, as })).toEqual(failed("none does not exist"));
    chmodSync(dir("b-1"), 0o700);
    expect(await ask({ path: "ready" }, { path, as })).toEqual(
      failed("ready cannot be looked at: the job's directory is not there, or may not be entered"),
    );
  });
});

test("without the job there is no file", async () => {
  expect(await ask({ path: "ready" })).toEqual(
    failed("ready cannot be looked at: the job's directory is not there, or may not be entered"),
  );
});

describe("answers", () => {
  const probe: FileProbe = { type: "file", path: "ready", maxAgeSeconds: 60, contains: "up" };
  const read = (stdout: string, stderr = "", exitCode = 0) =>
    readFileProbe(probe, { stdout, stderr, exitCode });

  test("what a login shell says besides is no answer", () => {
    const facts = "maand-file facts 2 100.5 101.5\n";
    expect(read(`welcome\nmaand-file with\n${facts}`)).toEqual(passed);
    expect(read(`with\n maand-file with\n${facts}`)).toEqual(
      failed("ready has 2 bytes, and only files of up to 16 MiB are searched"),
    );
  });

  test("half an answer fails, with what went wrong but nothing else", () => {
    const start = "ready could not be looked at: exit status";
    expect(read("maand-file with\n", "", 137)).toEqual(failed(`${start} 137`));
    expect(read("s3cret\n", "\nsudo: a password is required\n", 1)).toEqual(
      failed(`${start} 1: sudo: a password is required`),
    );
  });

  test("times without fractions are times, and what is no time fails", () => {
    expect(read("maand-file with\nmaand-file facts 2 100 160.%N\n")).toEqual(passed);
    expect(read("maand-file with\nmaand-file facts 2 100 161.%N\n")).toEqual(
      failed("ready is 61 s old; at most 60 s are allowed"),
    );
    expect(read("maand-file with\nmaand-file facts 2 %.9Y 161\n")).toEqual(
      failed("ready: the worker could not tell its age"),
    );
    expect(read("maand-file with\nmaand-file facts\n")).toEqual(
      failed("ready: the worker could not tell its age"),
    );
  });

  test("an age that is just too much is not rounded to what passes", () => {
    expect(read("maand-file with\nmaand-file facts 2 100 160.01\n")).toEqual(
      failed("ready is 60.1 s old; at most 60 s are allowed"),
    );
  });
});
