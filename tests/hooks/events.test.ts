// Every event in every runtime: the environment, the batches, the working directory, and what may be written.

import { describe, expect, test } from "bun:test";
import type { HookCall } from "../../src/hooks/call.ts";
import { allocationIdOf } from "../../src/model/ids.ts";
import { type HookEvent, hookEvents } from "../../src/model/manifest.ts";
import type { Room } from "../support/builders/hook-room.ts";
import { hooks, useRooms, workers } from "../support/builders/hook-room.ts";

const makeRoom = useRooms();

const [first, second, third] = workers as [string, string, string];

const scripts: Record<string, { file: string; isolation?: string; text: string }> = {
  py: {
    file: "hook_a.py",
    text: `import json, os, maand
put = maand.put_job_variable("from_hook", maand.hook_event()).status_code
secret = maand.put_job_secret("token", "veiled").status_code
order = maand.put_rollout_order(maand.get_rollout_order()).status_code
other = maand.get_store_value("vars/job/other", "x").status_code
print(json.dumps({"env": dict(os.environ), "cwd": os.getcwd(), "put": put, "secret": secret, "order": order, "other": other}))
`,
  },
  ts: {
    file: "hook_a.ts",
    text: `import * as maand from "./maand";
interface Seen { env: Record<string, string | undefined>; cwd: string; put: number; secret: number; order: number; other: number }
export default async function (): Promise<void> {
  const seen: Seen = {
    env: { ...process.env },
    cwd: process.cwd(),
    put: (await maand.putJobVariable("from_hook", maand.hookEvent())).status,
    secret: (await maand.putJobSecret("token", "veiled")).status,
    order: (await maand.putRolloutOrder(await maand.getRolloutOrder())).status,
    other: (await maand.getStoreValue("vars/job/other", "x")).status,
  };
  console.log(JSON.stringify(seen));
}
`,
  },
};
scripts.js = {
  file: "hook_a.js",
  text: `const maand = require("maand");
module.exports = async () => {
  const status = async (answer) => (await answer).status;
  console.log(JSON.stringify({
    env: { ...process.env },
    cwd: process.cwd(),
    put: await status(maand.putJobVariable("from_hook", maand.hookEvent())),
    secret: await status(maand.putJobSecret("token", "veiled")),
    order: await status(maand.putRolloutOrder(await maand.getRolloutOrder())),
    other: await status(maand.getStoreValue("vars/job/other", "x")),
  }));
};
`,
};
scripts["ts in a process"] = { ...scripts.ts!, isolation: "process" };

interface Seen {
  env: Record<string, string>;
  cwd: string;
  put: number;
  secret: number;
  order: number;
  other: number;
}

function seenBy(room: Room): Map<string, Seen> {
  const all = room.events.flatMap((event) => {
    if (event.type !== "output" || !event.line.startsWith("{")) return [];
    return [JSON.parse(event.line) as Seen];
  });
  return new Map(all.map((seen) => [seen.env.ALLOCATION_IP!, seen]));
}

function makeEventRoom(script: (typeof scripts)[string]): Promise<Room> {
  const declaration = {
    executed_on: [...hookEvents],
    ...(script.isolation === undefined ? {} : { isolation: script.isolation }),
  };
  return makeRoom(
    {
      api: {
        manifest: {
          hooks: hooks({ hook_a: declaration }),
          max_concurrent_starts: 0,
          max_concurrent_upgrades: 2,
        },
        files: { [`_hooks/${script.file}`]: script.text },
      },
      other: { files: {} },
    },
    { disabled: { jobs: { api: { allocations: [third] } } } },
  );
}

/** What the caller of each event says of it. */
const calls: Record<HookEvent, Partial<HookCall>> = {
  post_build: {},
  pre_deploy: { phase: "new" },
  job_control: {
    phase: "update",
    control: {
      target: "deploy",
      newAllocations: [first],
      updatedAllocations: [second],
      stoppedAllocations: [],
    },
  },
  after_allocation_started: { phase: "update", batch: { index: 1, count: 4 } },
  after_allocation_stopped: { phase: "stop" },
  health_check: {},
  post_deploy: { phase: "update" },
  cli: {},
};

describe.each(Object.keys(scripts))("%s", (language) => {
  test.each([...hookEvents])("%s", async (event) => {
    const room = await makeEventRoom(scripts[language]!);
    const run = await room.host.run({ event, job: "api", ...calls[event], writesWithBatch: true });
    expect(run.results.map(({ workerIp, status, error }) => [workerIp, status, error?.why])).toEqual(
      [first, second, third].map((ip) => [ip, "done", undefined]),
    );
    expect(run.error).toBeUndefined();
    const seen = seenBy(room);
    expect([...seen.keys()].sort()).toEqual([...workers]);
    // Two at a time, but all at once for first starts; the batch of a rollout stays whole.
    const whole = event === "pre_deploy" || event === "after_allocation_started";
    for (const [i, ip] of workers.entries()) {
      const { env, cwd, put, secret, order, other } = seen.get(ip)!;
      const batch = whole ? workers : i < 2 ? [first, second] : [third];
      expect(env).toMatchObject({
        ALLOCATION_ID: allocationIdOf("api", ip),
        ALLOCATION_IP: ip,
        ALLOCATION_INDEX: String(i),
        JOB: "api",
        EVENT: event,
        HOOK: "hook_a",
        COMMAND: "hook_a",
        DISABLED: ip === third ? "1" : "0",
        CURRENT_VERSION: "0.0.0",
        NEW_VERSION: "1.2.3",
        BUCKET_ROOT: room.dir,
        BUCKET_ID: room.session.bucketId,
        BATCH_ALLOCATIONS: batch.join(","),
        BATCH_INDEX: String(event === "after_allocation_started" ? 1 : whole || i < 2 ? 0 : 1),
        BATCH_COUNT: String(event === "after_allocation_started" ? 4 : whole ? 1 : 2),
        DEPLOY_PHASE: calls[event].phase ?? "",
        ROLLOUT_ORDER: `${first},${second}`,
        ROLLOUT_ORDER_SOURCE: "default",
        HOOK_API_HOST: "127.0.0.1",
        PATH: process.env.PATH!,
      });
      const control = {
        TARGET: "deploy",
        NEW_ALLOCATIONS: first,
        UPDATED_ALLOCATIONS: second,
        STOPPED_ALLOCATIONS: "",
      };
      if (event === "job_control") expect(env).toMatchObject(control);
      else for (const name of Object.keys(control)) expect(env).not.toHaveProperty(name);
      expect(env).not.toHaveProperty("BUN_TEST");
      expect(cwd).toBe(room.dir);
      const writes = event === "health_check" ? 400 : 200;
      expect([put, secret]).toEqual([writes, writes]);
      expect(order).toBe(event === "pre_deploy" || event === "cli" ? 200 : 400);
      expect(other).toBe(400);
    }
    expect(run.writes).toBe("pending");
    const kept = event === "health_check" ? undefined : event;
    expect(room.host.kv.get("vars/job/api", "from_hook")).toBe(kept);
    expect(room.session.kv.get("vars/job/api", "from_hook")).toBeUndefined();
    // Each allocation's writes are its own: those of one are enough to keep what all of them wrote alike.
    const { allocId } = room.state.allocations.find((row) => row.workerIp === second)!;
    room.host.kv.discard(room.state.allocations.map((row) => row.allocId).filter((id) => id !== allocId));
    room.host.kv.store([allocId], 1).committed();
    expect(room.session.kv.get("vars/job/api", "from_hook")).toBe(kept);
    await room.close();
  });
});

describe("order and failure", () => {
  const recorder = `import maand, sys
print("ran", maand.hook_name(), maand.allocation_ip())
if maand.allocation_ip() in maand.kv_get("vars/job/api", "fail", ""): sys.exit(7)
`;
  const makeOrderRoom = (width: number, event = "cli") =>
    makeRoom({
      api: {
        manifest: { hooks: hooks({ hook_b: [event], hook_a: [event] }), max_concurrent_upgrades: width },
        files: { "_hooks/hook_a.py": recorder, "_hooks/hook_b.py": recorder },
      },
    });
  const ran = (room: Room) =>
    room
      .output()
      .split("\n")
      .filter((line) => line.startsWith("ran"));

  test("hooks by name, allocations in the order that the KV says", async () => {
    const room = await makeOrderRoom(1);
    room.host.kv.write("test", [
      { namespace: "maand/job/api", key: "rollout_order", value: `${third},${first},${second}` },
    ]);
    const run = await room.host.run({ event: "cli", job: "api" });
    expect(run.error).toBeUndefined();
    expect(ran(room)).toEqual(
      ["hook_a", "hook_b"].flatMap((hook) => [third, first, second].map((ip) => `ran ${hook} ${ip}`)),
    );
    await room.close();
  });

  test("an order that is none is told of once and not followed", async () => {
    const room = await makeOrderRoom(1);
    room.host.kv.write("test", [{ namespace: "maand/job/api", key: "rollout_order", value: third }]);
    await room.host.run({ event: "cli", job: "api" });
    expect(ran(room)[0]).toBe(`ran hook_a ${first}`);
    expect(room.warnings().filter((text) => text.includes("rollout_order"))).toHaveLength(1);
    await room.close();
  });

  test("a failure lets its batch finish and nothing after it begin; all failures are told", async () => {
    const room = await makeOrderRoom(2);
    room.host.kv.write("test", [{ namespace: "vars/job/api", key: "fail", value: `${first},${second}` }]);
    const run = await room.host.run({ event: "cli", job: "api" });
    expect(run.results.map(({ hook, workerIp, status }) => [hook, workerIp, status])).toEqual([
      ["hook_a", first, "failed"],
      ["hook_a", second, "failed"],
      ["hook_a", third, "skipped"],
      ["hook_b", first, "skipped"],
      ["hook_b", second, "skipped"],
      ["hook_b", third, "skipped"],
    ]);
    expect(ran(room)).toHaveLength(2);
    expect(run.error?.kind).toBe("hook");
    expect(run.error?.why).toContain(first);
    expect(run.error?.why).toContain(second);
    await room.close();
  });

  test("a gate asks all of them all the same", async () => {
    const room = await makeOrderRoom(1, "health_check");
    room.host.kv.write("test", [{ namespace: "vars/job/api", key: "fail", value: first }]);
    const run = await room.host.run({ event: "health_check", job: "api" });
    expect(run.results.map(({ status }) => status)).toEqual([
      "failed",
      "done",
      "done",
      "failed",
      "done",
      "done",
    ]);
    await room.close();
  });

  const writing = `import maand
maand.kv_put("vars/job/api", "x", maand.kv_get("vars/job/api", "value", "") + maand.allocation_ip())
if maand.allocation_ip() == maand.kv_get("vars/job/api", "fail", ""): raise SystemExit(7)
`;
  const makeWritingRoom = (event: string) =>
    makeRoom({
      api: {
        manifest: { hooks: hooks({ hook_a: [event] }), max_concurrent_upgrades: 1 },
        files: { "_hooks/hook_a.py": writing },
      },
    });

  test("a run keeps what its hooks wrote when all succeed, drops it when one fails, and says which", async () => {
    const room = await makeWritingRoom("cli");
    const write = (key: string, value: string) =>
      room.host.kv.write("test", [{ namespace: "vars/job/api", key, value }]);
    write("value", "1 ");
    expect((await room.host.run({ event: "cli", job: "api" })).writes).toBe("kept");
    expect(room.session.kv.get("vars/job/api", "x")).toBe(`1 ${third}`);
    write("value", "2 ");
    write("fail", second);
    expect((await room.host.run({ event: "cli", job: "api" })).writes).toBe("dropped");
    expect(room.host.kv.get("vars/job/api", "x")).toBe(`1 ${third}`);
    // What others have pending is none of its business.
    expect(room.host.kv.pending()).toEqual(["test"]);
    await room.close();
  });

  test("runs of one job side by side settle what is theirs: of two stops one fails, and the other's writes stay", async () => {
    const room = await makeWritingRoom("after_allocation_stopped");
    room.host.kv.write("test", [{ namespace: "vars/job/api", key: "fail", value: second }]);
    const stop = (ip: string) => {
      const targets = room.state.allocations.filter((row) => row.workerIp === ip);
      const call = { event: "after_allocation_stopped" as const, job: "api", phase: "stop" as const };
      return room.host.run({ ...call, targets: targets.map((allocation) => ({ allocation })) });
    };
    const ran = await Promise.all([stop(first), stop(second)]);
    expect(ran.map(({ writes }) => writes)).toEqual(["kept", "dropped"]);
    expect(room.session.kv.get("vars/job/api", "x")).toBe(first);
    await room.close();
  });

  test("a gate in the middle of a batch leaves the batch's writes alone", async () => {
    const room = await makeOrderRoom(1, "health_check");
    room.host.kv.write("test", [{ namespace: "vars/job/api", key: "fail", value: first }]);
    expect((await room.host.run({ event: "health_check", job: "api" })).writes).toBe("pending");
    expect(room.host.kv.get("vars/job/api", "fail")).toBe(first);
    await room.close();
  });

  test("Ctrl-C begins no further batch, the second one ends what runs", async () => {
    const room = await makeRoom({
      api: {
        manifest: { hooks: hooks({ hook_a: ["cli"] }) },
        files: {
          "_hooks/hook_a.ts":
            'export default async () => { console.log("begun"); await Bun.sleep(20_000); };\n',
        },
      },
    });
    const running = room.host.run({ event: "cli", job: "api" });
    for (let i = 0; i < 500 && !room.output().includes("begun"); i++) await Bun.sleep(10);
    room.graceful.abort();
    room.forced.abort();
    const run = await running;
    expect(run.interrupted).toBe(true);
    expect(run.results.map(({ status, error }) => [status, error?.kind])).toEqual([
      ["failed", "interrupted"],
      ["skipped", undefined],
      ["skipped", undefined],
    ]);
    await room.close();
  });
});
