// Every operator's command in every weather: what stdout, stderr, --json and the exit code say.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { buildAndDeploy } from "../support/deployed.ts";
import {
  argsOf,
  bucket,
  type Cell,
  directory,
  each,
  everywhere,
  fleet,
  hold,
  joined,
  lines,
  on,
  onAll,
  plain,
  sorted,
  tableHead,
  useSmallFleet,
} from "./small-fleet.ts";

useSmallFleet();

const sickCheck = "ssh test ! -e /tmp/sick: exit status 1";
const seeJob = '  do: see "maand job status api" and "maand logs show --job api", then fix or restart it';
const makeFault = (target: string) => `make: *** [Makefile:4: ${target}] Error 7`;

function check(weather: string, cells: Record<string, () => Omit<Cell, "args">>): void {
  for (const [command, cell] of Object.entries(cells))
    test(`${weather}: maand ${command}`, () => hold({ args: argsOf[command]!, ...cell() }));
}

describe("all goes well", () => {
  const done = (target: string, more: string[] = [], word = "done") => ({
    code: 0,
    out: lines(
      tableHead,
      ...each((w) => `${w}  ${word}  0  ${target} of api on ${w}`),
      ...more,
      ...(target === "status" ? [] : [`${target} of api: done on 3 allocations, the longest took T`]),
    ),
    err: joined(...each((w) => `api@${w} | ${target} of api on ${w}`), ...each((w) => `api@${w}: done`)),
    json: { job: "api", target, interrupted: false, allocations: onAll({ status: "done", exit: 0 }) },
  });
  check("all goes well", {
    health_check: () => ({
      code: 0,
      out: "health check passed: 3 workers, 3 checks\n",
      err: "",
      json: {
        checks: onAll({ job: "api", ok: true, attempts: 1 }),
        workers: onAll({ ok: true }),
        skipped: [],
      },
    }),
    "job status": () => done("status", [], "ok"),
    "job stop": () => done("stop"),
    "job start": () => done("start"),
    "job restart": () => done("restart", ["health check passed: 3 checks"]),
    "job run": () => done("reload"),
    run_command: () => ({
      code: 0,
      out: "3 workers: well\n",
      err: joined(...each((w) => `${w} | well`)),
      json: { interrupted: false, workers: onAll({ exit: 0, stdout: "well\n", stderr: "" }) },
    }),
  });

  test("maand gc, when there is nothing for it", async () => {
    await bucket.maand("gc");
    const json = { interrupted: false, allocations: [], workers: [] };
    await hold({ args: ["gc"], code: 0, out: "gc: nothing to do\n", err: "", json });
  });
});

describe("one worker fails", () => {
  beforeAll(() => fleet.exec(1, `touch /tmp/sick ${directory}/data/broken`));
  afterAll(() => fleet.exec(1, `rm /tmp/sick ${directory}/data/broken`));
  const failing = (target: string, more: string[], moreErr: string[] = []) => ({
    code: 1,
    out: lines(
      tableHead,
      `w0  done  0  ${target} of api on w0`,
      "w1  failed  2  -",
      `w2  done  0  ${target} of api on w2`,
      `failed: api@w1: make ${target} ended with status 2`,
      "  | this is broken on purpose",
      `  | ${makeFault(target)}`,
      "  do: fix the job's Makefile or the worker, then run the command again",
      ...more,
      `${target} of api: 1 of 3 allocations failed`,
    ),
    err: joined(...faultLines(target), ...moreErr),
    json: {
      allocations: [
        ...on([0], { status: "done", exit: 0 }),
        ...on([1], {
          status: "failed",
          exit: 2,
          error: { kind: "remote", job: "api", worker: fleet.ips[1] },
        }),
        ...on([2], { status: "done", exit: 0 }),
      ],
    },
  });
  const faultLines = (target: string) => [
    `api@w0 | ${target} of api on w0`,
    "api@w0: done",
    `api@w1 | ${makeFault(target)}`,
    "api@w1 | this is broken on purpose",
    `api@w1: failed: make ${target} ended with status 2: this is broken on purpose; ${makeFault(target)}`,
    `api@w2 | ${target} of api on w2`,
    "api@w2: done",
  ];
  check("one worker fails", {
    health_check: () => ({
      code: 1,
      out: lines(`failed: api@w1: ${sickCheck}`, seeJob, "health check failed: 1 of 3 checks"),
      err: "",
      json: { checks: [...on([0], { ok: true }), ...on([1], { ok: false }), ...on([2], { ok: true })] },
    }),
    "job status": () => ({
      code: 1,
      out: lines(
        tableHead,
        "w0  ok  0  status of api on w0",
        `w1  not ok  2  this is broken on purpose; ${makeFault("status")}`,
        "w2  ok  0  status of api on w2",
      ),
      err: joined(...faultLines("status")),
      json: { allocations: [...on([0], { exit: 0 }), ...on([1], { exit: 2 }), ...on([2], { exit: 0 })] },
    }),
    "job restart": () =>
      failing(
        "restart",
        [`failed: api@w1: ${sickCheck} (2 attempts)`, seeJob, "health check failed: 1 of 3 checks"],
        [`api@w1: asking up to 2 times until it passes: ${sickCheck}`],
      ),
    "job run": () => failing("reload", []),
    run_command: () => ({
      code: 1,
      out: lines("2 workers: well", "  on w0, w2", "w1: exit 1", "1 of 3 workers failed"),
      err: joined("w0 | well", "w2 | well"),
      json: { workers: [...on([0], { exit: 0 }), ...on([1], { exit: 1 }), ...on([2], { exit: 0 })] },
    }),
  });
});

describe("all workers fail", () => {
  beforeAll(() => everywhere(`touch /tmp/sick ${directory}/data/broken`));
  afterAll(() => everywhere(`rm /tmp/sick ${directory}/data/broken`));
  const faults = (target: string) =>
    joined(
      ...each((w) => `api@${w} | ${makeFault(target)}`),
      ...each((w) => `api@${w} | this is broken on purpose`),
      ...each(
        (w) =>
          `api@${w}: failed: make ${target} ended with status 2: this is broken on purpose; ${makeFault(target)}`,
      ),
    );
  check("all workers fail", {
    health_check: () => ({
      code: 1,
      out: lines(
        ...each((w) => `failed: api@${w}: ${sickCheck}`),
        seeJob,
        "health check failed: 3 of 3 checks",
      ),
      err: "",
      json: { checks: onAll({ ok: false, error: "exit status 1" }), workers: onAll({ ok: true }) },
    }),
    "job status": () => ({
      code: 1,
      out: lines(
        tableHead,
        ...each((w) => `${w}  not ok  2  this is broken on purpose; ${makeFault("status")}`),
      ),
      err: faults("status"),
      json: { allocations: onAll({ exit: 2 }) },
    }),
    "job run": () => ({
      code: 1,
      out: lines(
        tableHead,
        ...each((w) => `${w}  failed  2  -`),
        "failed: api@w0, api@w1, api@w2: make reload ended with status 2",
        "  | this is broken on purpose",
        `  | ${makeFault("reload")}`,
        "  do: fix the job's Makefile or the worker, then run the command again",
        "reload of api: 3 of 3 allocations failed",
      ),
      err: faults("reload"),
      json: { allocations: onAll({ status: "failed", exit: 2 }) },
    }),
    run_command: () => ({
      code: 1,
      out: lines("3 workers: exit 1", "3 of 3 workers failed"),
      err: "",
      json: { workers: onAll({ exit: 1, stdout: "" }) },
    }),
  });
});

describe("a worker that cannot be reached", () => {
  beforeAll(() => fleet.killSshd(2));
  afterAll(() => fleet.startSshd(2));
  const what = "the worker refused the connection";
  const why = "nothing listens at agent@w2:22";
  const hint = "  do: start sshd on the worker, or correct ssh_port in maand.conf";
  const unreached = (target: string, word: string) => ({
    code: 1,
    out: lines(
      tableHead,
      `w0  ${word}  0  ${target} of api on w0`,
      `w1  ${word}  0  ${target} of api on w1`,
      "w2  not reached  -  -",
      `failed: api@w2: ${what}`,
      `  | ${why}`,
      hint,
      ...(target === "status" ? [] : [`${target} of api: 1 of 3 allocations failed`]),
    ),
    err: joined(
      ...["w0", "w1"].flatMap((w) => [`api@${w} | ${target} of api on ${w}`, `api@${w}: done`]),
      `api@w2: not reached: ${what}: ${why}`,
    ),
    json: {
      allocations: [
        ...on([0, 1], { status: "done", exit: 0 }),
        ...on([2], { status: "not_reached", exit: null, error: { kind: "unreachable" } }),
      ],
    },
  });
  check("a worker that cannot be reached", {
    health_check: () => ({
      code: 1,
      out: lines(
        `failed: worker w2: ${what}: ${why}`,
        hint,
        `failed: api@w2: ssh test ! -e /tmp/sick: ${what}: ${why}`,
        seeJob,
        "health check failed: 1 of 3 workers, 1 of 3 checks",
      ),
      err: "",
      json: { workers: [...on([0, 1], { ok: true }), ...on([2], { ok: false })] },
    }),
    "job status": () => unreached("status", "ok"),
    "job run": () => unreached("reload", "done"),
    run_command: () => ({
      code: 1,
      out: lines("2 workers: well", "  on w0, w1", `w2: ${what}: ${why}`, hint, "1 of 3 workers failed"),
      err: joined(`error: w2: ${what}: ${why}`, "w0 | well", "w1 | well"),
      json: {
        workers: [...on([0, 1], { exit: 0 }), ...on([2], { exit: null, error: { kind: "unreachable" } })],
      },
    }),
  });

  test("maand collect facts", async () => {
    const { code, stdout, stderr } = await bucket.maand("collect", "facts");
    expect(code).toBe(1);
    expect(plain(stdout)).toMatch(/^w2 {2}- {2}- {2}-/m);
    expect(sorted(stderr)).toBe(`warning: w2: ${what}: ${why}`);
    const { json } = await bucket.maandJson<{ ok: boolean; workers: object[] }>("collect", "facts");
    expect(json).toMatchObject({ ok: false, workers: onAll({}) });
    expect(json.workers[2]).toMatchObject({ error: { kind: "unreachable" } });
  });
});

describe("gc of a job that left without a deploy", () => {
  beforeAll(async () => {
    writeJob(bucket, "old");
    await buildAndDeploy(bucket);
    bucket.remove("workspace/jobs/old");
    await bucket.maand("build");
    await fleet.exec(1, `touch ${directory.replace(/api$/, "old")}/data/broken`);
    await fleet.killSshd(2);
  }, 60_000);
  afterAll(() => fleet.startSshd(2));

  test("one stop fails, one worker is away: both are kept, told, and done by the next gc", async () => {
    const first = await bucket.maandJson<{ ok: boolean; allocations: object[] }>("gc");
    expect(first.code).toBe(1);
    expect(first.json).toMatchObject({
      ok: false,
      command: "gc",
      allocations: [
        ...on([0], { job: "old", status: "purged", stopped: true }),
        ...on([1], { job: "old", status: "kept", error: { kind: "remote" } }),
        ...on([2], { job: "old", status: "kept", error: { kind: "unreachable" } }),
      ],
    });
    const second = await bucket.maand("gc");
    expect(second.code).toBe(1);
    expect(plain(second.stdout)).toBe(
      lines(
        "failed: old@w1: make stop ended with status 2",
        "  | this is broken on purpose",
        `  | ${makeFault("stop")}`,
        "  do: fix the job's Makefile or the worker, then run maand gc again",
        "kept: old@w1: gc tries again next time",
        "failed: old@w2: the worker refused the connection",
        "  | nothing listens at agent@w2:22",
        "  do: start sshd on the worker, or correct ssh_port in maand.conf",
        "kept: old@w2: gc tries again next time",
      ),
    );
    await fleet.startSshd(2);
    await fleet.exec(1, `rm ${directory.replace(/api$/, "old")}/data/broken`);
    const third = await bucket.maand("gc");
    expect({ code: third.code, stdout: plain(third.stdout).split("\n").slice(0, 2) }).toEqual({
      code: 0,
      stdout: [
        "purged: old@w1 (it still ran and was stopped)",
        "purged: old@w2 (it still ran and was stopped)",
      ],
    });
  });
});
