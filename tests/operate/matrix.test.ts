// Every operator's command in every weather: what stdout, stderr, --json and the exit code say (02, 07).

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { buildAndDeploy, jobDirectory, sickGate, writeJob } from "../fleet/jobs.ts";
import { type Fleet, startFleet } from "../support/fleet.ts";
import { type Bucket, newBucket } from "../support/maand.ts";

let fleet: Fleet;
let bucket: Bucket;
let directory: string;

beforeAll(async () => {
  fleet = await startFleet(3);
  bucket = await newBucket(fleet);
  writeJob(bucket, "api", { manifest: { ...sickGate, max_concurrent_upgrades: 3 } });
  await buildAndDeploy(bucket);
  directory = await jobDirectory(bucket, "api");
}, 60_000);
afterAll(async () => {
  await bucket?.cleanUp();
  await fleet?.down();
});

/** One command in one weather. Text has w0, w1, w2 for addresses and T for times; lines of stderr are sorted. */
interface Cell {
  args: string[];
  code: number;
  out: string;
  err: string;
  /** What the JSON document must hold besides ok, command and run_id. */
  json: object;
}

function plain(text: string): string {
  return fleet.ips
    .reduce((shown, ip, i) => shown.replaceAll(ip, `w${i}`), text)
    .replace(/\b\d+(\.\d+)?s\b/g, "T")
    .replace(/(\S) {2,}/g, "$1  ");
}

const sorted = (text: string): string => plain(text).split("\n").sort().join("\n").trim();

async function hold(cell: Cell): Promise<void> {
  const { args, code, out, err, json } = cell;
  const text = await bucket.maand(...args);
  expect({ code: text.code, out: plain(text.stdout), err: sorted(text.stderr) }).toEqual({ code, out, err });
  // Piped output steers no terminal.
  expect(text.stdout + text.stderr).not.toContain("\x1b");
  const document = await bucket.maandJson(...args);
  expect(document.code).toBe(code);
  expect(sorted(document.stderr)).toBe(err);
  expect(document.json).toMatchObject({ ok: code === 0, ...json });
  expect(document.json.command).toBe(
    args.slice(0, String(document.json.command).split(" ").length).join(" "),
  );
  expect(String(document.json.run_id)).toMatch(/^[0-9a-f-]{36}$/);
}

const everywhere = (command: string) => Promise.all(fleet.ips.map((_, i) => fleet.exec(i, command)));
const on = (workers: readonly number[], member: object) =>
  workers.map((i) => ({ worker_ip: fleet.ips[i]!, ...member }));
const onAll = (member: object) => on([0, 1, 2], member);
/** A line per worker, in the order of workers. */
const each = (line: (worker: string) => string) => ["w0", "w1", "w2"].map(line);
const lines = (...all: string[]) => all.map((line) => `${line}\n`).join("");
const joined = (...all: string[]) => all.sort().join("\n");

const shell = "test ! -e /tmp/sick && echo well";
const sickCheck = "ssh test ! -e /tmp/sick: exit status 1";
const seeJob = '  do: see "maand job status api" and "maand logs show --job api", then mend or restart it';
const tableHead = "worker_ip  status  exit  output";
const makeFault = (target: string) => `make: *** [Makefile:4: ${target}] Error 7`;

function check(weather: string, cells: Record<string, () => Omit<Cell, "args">>): void {
  for (const [command, cell] of Object.entries(cells))
    test(`${weather}: maand ${command}`, () => hold({ args: argsOf[command]!, ...cell() }));
}

const argsOf: Record<string, string[]> = {
  health_check: ["health_check"],
  "job status": ["job", "status", "api"],
  "job stop": ["job", "stop", "api"],
  "job start": ["job", "start", "api"],
  "job restart": ["job", "restart", "api", "--health_check"],
  "job run": ["job", "run", "api", "--target", "reload"],
  run_command: ["run_command", shell],
  gc: ["gc"],
};

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
      "  do: mend the job's Makefile or the worker, then run the command again",
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
        "  do: mend the job's Makefile or the worker, then run the command again",
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
  const remedy = "  do: start sshd on the worker, or correct ssh_port in maand.conf";
  const unreached = (target: string, word: string) => ({
    code: 1,
    out: lines(
      tableHead,
      `w0  ${word}  0  ${target} of api on w0`,
      `w1  ${word}  0  ${target} of api on w1`,
      "w2  not reached  -  -",
      `failed: api@w2: ${what}`,
      `  | ${why}`,
      remedy,
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
        remedy,
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
      out: lines("2 workers: well", "  on w0, w1", `w2: ${what}: ${why}`, remedy, "1 of 3 workers failed"),
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
        "  do: mend the job's Makefile or the worker, then run maand gc again",
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

describe("a bad filter", () => {
  const bad: [string[], string][] = [
    [["health_check", "--jobs", "apj"], '--jobs names "apj", which is not in the catalog'],
    [["deploy", "--jobs", "apj"], '--jobs names "apj", which is not in the catalog'],
    [["job", "status", "apj"], 'job "apj" is not in the catalog'],
    [
      ["job", "stop", "api", "--allocations", "10.0.0.9"],
      '--allocations names "10.0.0.9", where job "api" has no allocation',
    ],
    [["job", "run", "api", "--target", "a b"], '"a b" is not a Makefile target'],
    [["job", "run", "api"], "--target needs a value"],
    [["run_command", "true", "-w", "10.0.0.9"], '--workers names "10.0.0.9", which is not in the catalog'],
    [["run_command", "true", "-l", "nosuch"], 'no worker has the label "nosuch"'],
    [["run_command", "echo", "two"], '"two" is too much: 1 argument is expected'],
    [["run_command", "true", "-c", "0"], "--concurrency must be at least 1"],
    [["collect", "facts", "-l", "nosuch"], 'no worker has the label "nosuch"'],
    [["collect", "facts", "-w", "a b"], '--workers names "a b", which is no address'],
    [["gc", "--retain-days", "-1"], '--retain-days "-1": not a whole number'],
    [["gc", "--retain-days", "x"], '--retain-days "x": not a whole number'],
    [["cat", "allocations", "--jobs", ","], '--jobs ",": name at least one, separated by commas'],
    [["logs", "show", "--phase", "nosuch"], '--phase "nosuch" never stands in a log'],
    [["logs", "show", "--event", "nosuch"], '--event "nosuch" never stands in a log'],
    [["logs", "show", "--format", "xml"], 'there is no log format "xml"'],
    [["schema", "manifes"], 'there is no schema "manifes"'],
    [["job", "create", "Bad Name"], '"Bad Name" cannot be the name of a job'],
    [["job"], '"maand job" is a group of commands and needs one more word'],
    [["jobs"], 'there is no command "jobs", did you mean "job"?'],
    [["info", "--json=yes"], "--json takes no value"],
  ];
  test.each(bad)("maand %j", async (args, message) => {
    const { code, stdout, stderr } = await bucket.maand(...args);
    expect({ code, stdout: args.includes("--json=yes") ? "" : stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toStartWith(`error: ${message}\n  do: `);
    if (args.includes("--json=yes")) return;
    const { code: again, json } = await bucket.maandJson(...args);
    expect(again).toBe(2);
    expect(json).toMatchObject({ ok: false, error: { kind: "usage", message } });
  });
});

/** Waits until a command on a worker succeeds. */
async function seen(i: number, command: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await fleet.exec(i, command)).code === 0) return;
    await Bun.sleep(20);
  }
  throw new Error(`never seen on worker ${i}: ${command}`);
}

describe("Ctrl-C", () => {
  beforeAll(() => everywhere(`echo 1.5 > ${directory}/data/pause`));
  afterAll(() => everywhere(`rm -f ${directory}/data/pause /tmp/sick`));

  /** Interrupts once, a moment after standard error or the fleet shows that work has begun. */
  async function interrupt(args: string[], begun: () => Promise<unknown>) {
    const run = bucket.start([...args, "--json"]);
    await begun();
    run.kill("SIGINT");
    const { code, stdout, stderr } = await run.wait();
    expect(stderr).toContain("interrupted: nothing new is begun");
    return { code, json: JSON.parse(stdout) as Record<string, unknown> };
  }
  test("a running target may finish and is told as done; exit 130", async () => {
    const { code, json } = await interrupt(["job", "run", "api", "--target", "reload"], () =>
      seen(2, "pgrep -f '^sleep 1.5'"),
    );
    expect(code).toBe(130);
    expect(json).toMatchObject({
      ok: false,
      interrupted: true,
      allocations: onAll({ status: "done", exit: 0 }),
    });
  });

  test("a running command may finish; a worker whose turn has not come is not begun", async () => {
    const { code, json } = await interrupt(["run_command", "sleep 1.25; echo done", "-c", "2"], () =>
      seen(1, "pgrep -f '^sleep 1.25'"),
    );
    expect(code).toBe(130);
    expect(json).toMatchObject({
      ok: false,
      interrupted: true,
      workers: [
        ...on([0, 1], { exit: 0, stdout: "done\n" }),
        ...on([2], { exit: null, error: { message: "not begun" } }),
      ],
    });
  });

  test("the second does not wait, and says what it leaves behind", async () => {
    const run = bucket.start(["run_command", "sleep 20"]);
    await Promise.all([0, 1, 2].map((i) => seen(i, "pgrep -f '^sleep 20'")));
    run.kill("SIGINT");
    await run.waitForStderr("interrupted: nothing new is begun");
    run.kill("SIGINT");
    const { code, stdout } = await run.wait();
    expect({ code, stdout }).toEqual({
      code: 130,
      stdout:
        "3 workers: interrupted before the command ended: it may still be running on the worker\ninterrupted: 3 of 3 workers not done\n",
    });
    await everywhere("kill $(pgrep -f '^sleep 20')");
  });

  test.each([
    [["run_command", "true"], "workers"],
    [["collect", "facts"], "workers"],
    [["job", "status", "api"], "allocations"],
    [["health_check"], "workers"],
  ])("nobody waits for a worker that hangs in its handshake: maand %j", async (args, member) => {
    await fleet.pauseSshd(1);
    try {
      const { code, json } = await interrupt(args, () => Bun.sleep(700));
      expect(code).toBe(130);
      expect(json).toMatchObject({ ok: false, interrupted: true, [member]: expect.any(Array) });
    } finally {
      await fleet.resumeSshd(1);
    }
  });

  test("waiting for a check ends", async () => {
    await fleet.exec(0, "touch /tmp/sick");
    bucket.write("workspace/jobs/slow/manifest.json", {
      ...{ version: "1", selectors: ["worker"] },
      health_check: {
        checks: [{ type: "ssh", command: "false" }],
        wait: { attempts: 600, interval_seconds: 1 },
      },
    });
    bucket.write("workspace/jobs/slow/Makefile", "start stop restart:\n\t@true\n");
    await bucket.maand("build");
    const run = bucket.start(["health_check", "--wait", "--jobs", "slow"]);
    await run.waitForStderr("asking up to 600 times until it passes: ssh false: exit status 1");
    run.kill("SIGINT");
    const { code, stdout } = await run.wait();
    expect(code).toBe(130);
    expect(stdout).toContain("health check: interrupted, not everything was asked\n");
    bucket.remove("workspace/jobs/slow");
    await bucket.maand("build");
  });
});

describe("a second maand at the same time", () => {
  test("who writes is refused with exit 3, who looks is not", async () => {
    const first = bucket.start(["run_command", "sleep 30"]);
    await seen(0, "pgrep -f '^sleep 30'");
    const writers = [
      ...Object.values(argsOf),
      ...[
        ["build"],
        ["deploy"],
        ["collect", "facts"],
        ["hooks", "hook_x"],
        ["job", "create", "new"],
        ["init", "--yes"],
      ],
    ];
    for (const args of writers) {
      const { code, json } = await bucket.maandJson<{ error: { message: string } }>(...args);
      expect([args, code]).toEqual([args, 3]);
      expect(json).toMatchObject({ ok: false, error: { kind: "locked" } });
      expect(json.error.message).toContain(`held by maand run_command (pid ${first.pid}, started `);
    }
    const readers = [
      ...["workers", "jobs", "allocations", "deployments", "ports", "hooks", "certs", "kv"].map((what) => [
        "cat",
        what,
      ]),
      ...[
        ["info"],
        ["logs", "show", "--tail", "1"],
        ["deploy", "--dry-run"],
        ["render", "api"],
        ["schema", "workers"],
      ],
    ];
    for (const args of readers) {
      const { code, json } = await bucket.maandJson(...args);
      expect([args, code, json.ok]).toEqual([args, 0, true]);
    }
    // Ctrl-C ends the waiting for the lock as well.
    const waiting = bucket.start(["gc", "--lock-wait", "60"]);
    await Bun.sleep(500);
    waiting.kill("SIGINT");
    const { code, stderr } = await waiting.wait();
    expect(code).toBe(130);
    expect(stderr).toContain("error: interrupted while waiting for another maand; nothing was done\n");
    first.kill("SIGINT");
    await first.waitForStderr("interrupted: nothing new is begun");
    first.kill("SIGINT");
    expect((await first.wait()).code).toBe(130);
    await everywhere("kill $(pgrep -f '^sleep 30')");
  }, 60_000);
});
