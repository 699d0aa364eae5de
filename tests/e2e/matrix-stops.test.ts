// What is refused, what Ctrl-C does, what a second maand is told, and what a terminal shows.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeBareJob } from "../support/builders/jobs.ts";
import { atTerminal } from "../support/keyboard.ts";
import {
  argsOf,
  bucket,
  directory,
  each,
  everywhere,
  fleet,
  lines,
  on,
  onAll,
  plain,
  tableHead,
  useSmallFleet,
} from "./small-fleet.ts";

useSmallFleet();

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
    [["info", "--quiet=yes"], "--quiet takes no value"],
    [["info", "--lock-wait", "soon"], '--lock-wait "soon" is not a number of seconds'],
  ];
  test.each(bad)("maand %j", async (args, message) => {
    const { code, stdout, stderr } = await bucket.maand(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toStartWith(`error: ${message}\n  do: `);
    const { code: again, json } = await bucket.maandJson(...args);
    expect(again).toBe(2);
    expect(json).toMatchObject({ ok: false, error: { kind: "usage", message } });
    expect(String(json.run_id)).toMatch(/^[0-9a-f-]{36}$/);
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
    expect(stderr).toContain("interrupted: nothing new is started");
    return { code, json: JSON.parse(stdout) as Record<string, unknown> };
  }
  test("a running target may finish and is told as done; exit 130", async () => {
    const { code, json } = await interrupt(["job", "run", "api", "--target", "reload"], () =>
      Promise.all([0, 1, 2].map((i) => seen(i, "pgrep -f '^sleep 1.5'"))),
    );
    expect(code).toBe(130);
    expect(json).toMatchObject({
      ok: false,
      interrupted: true,
      allocations: onAll({ status: "done", exit: 0 }),
    });
  });

  test("a running command may finish; a worker whose turn has not come is not started", async () => {
    const { code, json } = await interrupt(["run_command", "sleep 1.25; echo done", "-c", "2"], () =>
      Promise.all([0, 1].map((i) => seen(i, "pgrep -f '^sleep 1.25'"))),
    );
    expect(code).toBe(130);
    expect(json).toMatchObject({
      ok: false,
      interrupted: true,
      workers: [
        ...on([0, 1], { exit: 0, stdout: "done\n" }),
        ...on([2], { exit: null, error: { message: "not started" } }),
      ],
    });
  });

  test("the second does not wait, and says what it leaves behind", async () => {
    const run = bucket.start(["run_command", "sleep 20"]);
    await Promise.all([0, 1, 2].map((i) => seen(i, "pgrep -f '^sleep 20'")));
    run.kill("SIGINT");
    await run.waitForStderr("interrupted: nothing new is started");
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
    const conf = bucket.read("maand.conf");
    // Whoever waited for the worker would still wait when this test is over.
    bucket.write("maand.conf", conf.replace(/^connect_timeout = .*$/m, "connect_timeout = 300"));
    expect(bucket.read("maand.conf")).toContain("connect_timeout = 300");
    await fleet.pauseSshd(1);
    try {
      const { code, json } = await interrupt(args, () => Bun.sleep(700));
      expect(code).toBe(130);
      expect(json).toMatchObject({ ok: false, interrupted: true, [member]: expect.any(Array) });
    } finally {
      await fleet.resumeSshd(1);
      bucket.write("maand.conf", conf);
    }
  });

  test("waiting for a check ends", async () => {
    await fleet.exec(0, "touch /tmp/sick");
    writeBareJob(bucket, "slow", {
      ...{ version: "1", selectors: ["worker"] },
      health_check: {
        checks: [{ type: "ssh", command: "false" }],
        wait: { attempts: 600, interval_seconds: 1 },
      },
    });
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
    await first.waitForStderr("interrupted: nothing new is started");
    first.kill("SIGINT");
    expect((await first.wait()).code).toBe(130);
    await everywhere("kill $(pgrep -f '^sleep 30')");
  }, 60_000);
});

describe("on a terminal", () => {
  /** What is on the screen, without escapes. */
  async function screen(...args: string[]): Promise<string> {
    const terminal = atTerminal([...args, "--no-color", "--no-progress"], bucket.dir, {});
    await terminal.end();
    return plain(terminal.screen().replaceAll("\r", ""));
  }

  test("one worker's output is there once", async () => {
    expect(await screen("run_command", "hostname; echo more", "-w", fleet.ips[0]!)).toBe(
      "w0 | w0\nw0 | more\ndone on 1 worker\n",
    );
  });

  test("the table of a status is enough", async () => {
    expect(await screen("job", "status", "api")).toBe(
      lines(tableHead, ...each((w) => `${w}  ok  0  status of api on ${w}`)),
    );
  });

  test("what a target printed has scrolled by and is not in the table", async () => {
    expect(await screen("job", "restart", "api")).toEndWith(
      lines(
        "worker_ip  status  exit",
        ...each((w) => `${w}  done  0`),
        "restart of api: done on 3 allocations, the longest took T",
      ),
    );
  });
});
