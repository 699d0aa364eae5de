// Every function of the helper module, in both languages, from inside real hooks, against a real worker.

import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allocationIdOf } from "../../src/model/ids.ts";
import runner from "../../src/worker/runner.py" with { type: "text" };
import type { Room } from "../support/builders/hook-room.ts";
import { hooks, useRooms } from "../support/builders/hook-room.ts";
import { useSshd } from "../support/sshd.ts";

const makeRoom = useRooms();

const sshd = useSshd();

const ip = "127.0.0.1";

const makefile = `show:
	@echo job=$(JOB) ip=$(ALLOCATION_IP) current=$(CURRENT_VERSION) new=$(NEW_VERSION) color=$(COLOR)
fail:
	@echo to stderr >&2; exit 3
start stop restart:
	@true
`;

/** A bucket whose one worker is reached through the sshd, with the jobs in place as a deploy leaves them. */
async function makeHelperRoom(file: string, script: string): Promise<Room> {
  const root = join(sshd.dir, `worker-${crypto.randomUUID()}`);
  const conf = [
    'ssh_user = "root"',
    `ssh_port = ${sshd.port}`,
    "use_sudo = false",
    `worker_root = "${root}"`,
    "command_timeout = 30",
  ];
  const room = await makeRoom(
    {
      db: {
        manifest: { hooks: hooks({ hook_a: ["cli"] }), version: "2.0.0" },
        files: { [`_hooks/${file}`]: script },
      },
      web: {
        manifest: {
          version: "7.0.0",
          hooks: hooks({
            hook_w: { executed_on: ["cli"], demands: { job: "db", hook: "hook_a", config: { user: "web" } } },
          }),
        },
        files: { "_hooks/hook_w.py": "" },
      },
    },
    { conf: `${conf.join("\n")}\n`, workers: [{ host: ip, labels: ["db", "web"] }] },
  );
  cpSync(sshd.keyPath, join(room.dir, "secrets/worker.key"));
  const bucket = join(root, room.session.bucketId);
  for (const job of ["db", "web"]) {
    mkdirSync(join(bucket, "jobs", job), { recursive: true });
    writeFileSync(join(bucket, "jobs", job, "Makefile"), makefile);
  }
  mkdirSync(join(bucket, "bin"));
  writeFileSync(join(bucket, "bin/runner.py"), runner);
  writeFileSync(join(bucket, "worker.json"), JSON.stringify({ bucket_id: room.session.bucketId }));
  return room;
}

const python = `import json, maand
from maand import *
r = {}
r["context"] = [maand.allocation_id(), maand.allocation_ip(), maand.allocation_index(), maand.job_name(), maand.hook_name(),
  maand.hook_event(), maand.is_allocation_disabled(), maand.batch_allocations(), maand.batch_index(), maand.batch_count(),
  maand.env("JOB"), maand.env("NOT_THERE"), maand.env("NOT_THERE", "x"), maand.find_bucket_root()]
r["aliases"] = [maand.command_name(), maand.command_event(), maand.get_allocation_id(), maand.get_allocation_ip(),
  maand.get_allocation_index(), maand.get_event(), maand.get_command(), maand.get_job()]
r["job"] = maand.job()
worker = maand.worker(); worker["worker_id"] = len(worker["worker_id"]); r["worker"] = worker
response = maand.get_store_value("maand/job/db", "version")
r["response"] = [response.status_code, response.ok, response.text, response.json(), response.raise_for_status() is response]
r["kv"] = [maand.get_kv_value("maand/job/db", "name"), maand.kv_get("vars/job/db", "gone"), maand.kv_get("vars/job/db", "gone", "d"),
  maand.kv.put("vars/job/db", "a", True).status_code, maand.kv.get("vars/job/db", "a"), maand.kv.delete("vars/job/db", "a").status_code,
  maand.kv.get("vars/job/db", "a", "none"), maand.kv_put("vars/job/db", "b", 1).ok, maand.kv_put_secret("secrets/job/db", "s", "veiled").ok,
  maand.kv.put("secrets/job/db", "t", "veiled too").ok, maand.kv.get("secrets/job/db", "t") == "veiled" + " too",
  maand.kv.delete("secrets/job/db", "t").status_code]
r["vars"] = [maand.put_job_variable("v", 5).status_code, maand.kv_get("vars/job/db", "v"), maand.delete_job_variable("v").status_code, maand.delete_job_variable("v").status_code]
r["secrets"] = [maand.put_job_secret("p", "pass" + "word").status_code, maand.get_job_secret("p") == "pass" + "word", maand.list_job_keys().json(), maand.delete_job_secret("p").status_code]
r["keys"] = sorted(maand.list_job_keys("vars/job/db").json()["namespaces"]["vars/job/db"])
r["order"] = [maand.get_rollout_order(), maand.put_rollout_order(["127.0.0.1"]).status_code, maand.put_deploy_order("127.0.0.1").status_code]
r["demands"] = [maand.demands(), maand.list_hook_demands().json(), maand.list_command_demands().status_code, maand.get_demands().status_code]
r["semaphores"] = [maand.acquire_semaphore("s", capacity=2).json(), maand.semaphore_status("s").json(), maand.release_semaphore("s").status_code, maand.release_semaphore("s").status_code]
with maand.semaphore("m"):
  r["held"] = maand.semaphore_status("m").json()["available"]
r["with"] = maand.with_semaphore("m", lambda: maand.semaphore_status("m").json()["available"])
r["after"] = maand.semaphore_status("m").json()["available"]
def attempt(action):
  try:
    action()
    return "no error"
  except (maand.HookApiError, maand.CommandError) as error:
    return [type(error).__name__, str(error)]
r["errors"] = [attempt(lambda: maand.get_kv_value("vars/job/db", "gone")), attempt(lambda: maand.get_job_secret("gone")),
  attempt(lambda: maand.kv_get("vars/job/web", "x")), attempt(lambda: maand.put_job_variable("", 1).raise_for_status())]
done = maand.run_ssh("127.0.0.1", "echo out; echo err >&2; exit 4")
r["ssh"] = [done.returncode, done.stdout, done.stderr, attempt(done.raise_for_status), maand.run_ssh("127.0.0.1", "cat", input="fed").stdout,
  maand.run_ssh("127.0.0.1", "exit 0").raise_for_status().returncode, attempt(lambda: maand.run_ssh("192.0.2.1", "true")),
  attempt(lambda: maand.run_ssh("127.0.0.1", "sleep 20", timeout_seconds=0.5))[0]]
r["runner"] = [maand.run_runner_target("show").stdout, maand.run_runner_target("show", "127.0.0.1", ["db", "web"]).stdout, maand.run_runner_target("fail", jobs="db").returncode]
r["make"] = [maand.run_make_target("show", variables={"COLOR": "a b"}).stdout, maand.run_make_target("show", "127.0.0.1").returncode, maand.run_make_target("nothing").returncode]
r["load"] = maand.load_ssh()
print(json.dumps(r))
`;

const typescript = `import * as maand from "./maand";
const r: Record<string, unknown> = {};
const attempt = async (action: () => unknown): Promise<unknown> => {
  try {
    await action();
    return "no error";
  } catch (error) {
    if (error instanceof maand.HookApiError || error instanceof maand.CommandError) return [error.name, error.message];
    throw error;
  }
};
const status = async (answer: Promise<maand.ApiResponse>) => (await answer).status;
export default async function () {
  r.context = [maand.allocationId(), maand.allocationIp(), maand.allocationIndex(), maand.jobName(), maand.hookName(),
    maand.hookEvent(), maand.isAllocationDisabled(), maand.batchAllocations(), maand.batchIndex(), maand.batchCount(),
    maand.env("JOB"), maand.env("NOT_THERE") ?? null, maand.env("NOT_THERE", "x"), maand.findBucketRoot()];
  r.aliases = [maand.commandName(), maand.commandEvent(), maand.getAllocationId(), maand.getAllocationIp(),
    maand.getAllocationIndex(), maand.getEvent(), maand.getCommand(), maand.getJob()];
  r.job = maand.job();
  const worker = await maand.worker();
  r.worker = { ...worker, worker_id: worker.worker_id.length };
  const response = await maand.getStoreValue("maand/job/db", "version");
  r.response = [response.status, response.ok, response.text, response.json(), response.raiseForStatus() === response];
  r.kv = [await maand.getKvValue("maand/job/db", "name"), (await maand.kvGet("vars/job/db", "gone")) ?? null, await maand.kvGet("vars/job/db", "gone", "d"),
    await status(maand.kv.put("vars/job/db", "a", true)), await maand.kv.get("vars/job/db", "a"), await status(maand.kv.delete("vars/job/db", "a")),
    await maand.kv.get("vars/job/db", "a", "none"), (await maand.kvPut("vars/job/db", "b", 1)).ok, (await maand.kvPutSecret("secrets/job/db", "s", "veiled")).ok,
    (await maand.kv.put("secrets/job/db", "t", "veiled too")).ok, (await maand.kv.get("secrets/job/db", "t")) === "veiled" + " too",
    await status(maand.kv.delete("secrets/job/db", "t"))];
  r.vars = [await status(maand.putJobVariable("v", 5)), await maand.kvGet("vars/job/db", "v"), await status(maand.deleteJobVariable("v")), await status(maand.deleteJobVariable("v"))];
  r.secrets = [await status(maand.putJobSecret("p", "pass" + "word")), (await maand.getJobSecret("p")) === "pass" + "word", (await maand.listJobKeys()).json(), await status(maand.deleteJobSecret("p"))];
  r.keys = (await maand.listJobKeys("vars/job/db")).json<{ namespaces: Record<string, string[]> }>().namespaces["vars/job/db"]!.sort();
  r.order = [await maand.getRolloutOrder(), await status(maand.putRolloutOrder(["127.0.0.1"])), await status(maand.putDeployOrder("127.0.0.1"))];
  r.demands = [await maand.demands(), (await maand.listHookDemands()).json(), await status(maand.listCommandDemands()), await status(maand.getDemands())];
  r.semaphores = [(await maand.acquireSemaphore("s", { capacity: 2 })).json(), (await maand.semaphoreStatus("s")).json(), await status(maand.releaseSemaphore("s")), await status(maand.releaseSemaphore("s"))];
  const available = async () => (await maand.semaphoreStatus("m")).json<{ available: number }>().available;
  r.held = await maand.withSemaphore("m", {}, available);
  r.with = await maand.withSemaphore("m", { capacity: 1, timeoutSeconds: 5 }, available);
  r.after = await available();
  r.errors = [await attempt(() => maand.getKvValue("vars/job/db", "gone")), await attempt(() => maand.getJobSecret("gone")),
    await attempt(() => maand.kvGet("vars/job/web", "x")), await attempt(async () => (await maand.putJobVariable("", 1)).raiseForStatus())];
  const done = await maand.runSsh("127.0.0.1", "echo out; echo err >&2; exit 4");
  r.ssh = [done.returncode, done.stdout, done.stderr, await attempt(() => done.raiseForStatus()), (await maand.runSsh("127.0.0.1", "cat", { input: "fed" })).stdout,
    (await maand.runSsh("127.0.0.1", "exit 0")).raiseForStatus().returncode, await attempt(() => maand.runSsh("192.0.2.1", "true")),
    ((await attempt(() => maand.runSsh("127.0.0.1", "sleep 20", { timeoutSeconds: 0.5 }))) as string[])[0]];
  r.runner = [(await maand.runRunnerTarget("show")).stdout, (await maand.runRunnerTarget("show", "127.0.0.1", ["db", "web"])).stdout, (await maand.runRunnerTarget("fail", null, "db")).returncode];
  r.make = [(await maand.runMakeTarget("show", null, { COLOR: "a b" })).stdout, (await maand.runMakeTarget("show", "127.0.0.1")).returncode, (await maand.runMakeTarget("nothing")).returncode];
  r.load = await maand.loadSsh();
  console.log(JSON.stringify(r));
}
`;

/** What both languages must find; `root` is the bucket. */
function expected(root: string): Record<string, unknown> {
  const id = allocationIdOf("db", ip);
  const show = (job: string, version: string, color = "") =>
    `job=${job} ip=127.0.0.1 current=0.0.0 new=${version} color=${color}\n`;
  return {
    context: [id, ip, 0, "db", "hook_a", "cli", false, [ip], 0, 1, "db", null, "x", root],
    aliases: ["hook_a", "cli", id, ip, 0, "cli", "hook_a", "db"],
    job: { job: "db", allocation_id: id, current_version: "0.0.0", new_version: "2.0.0" },
    worker: { worker_ip: ip, worker_id: 36, labels: ["db", "web", "worker"] },
    response: [
      200,
      true,
      '{"namespace":"maand/job/db","key":"version","value":"2.0.0"}',
      { namespace: "maand/job/db", key: "version", value: "2.0.0" },
      true,
    ],
    kv: ["db", null, "d", 200, "true", 200, "none", true, true, true, true, 200],
    vars: [200, "5", 200, 404],
    secrets: [200, true, { namespaces: { "vars/job/db": ["b"], "secrets/job/db": ["p", "s"] } }, 200],
    keys: ["b"],
    order: [[ip], 200, 200],
    demands: [
      [{ job: "web", hook: "hook_w", demand_config: { user: "web" }, command: "hook_w" }],
      [{ job: "web", hook: "hook_w", demand_config: { user: "web" }, command: "hook_w" }],
      200,
      200,
    ],
    semaphores: [
      { name: "s", allocation_id: id, capacity: 2, acquired: true },
      { name: "s", capacity: 2, holders: [id], waiting: 0, available: 1 },
      200,
      409,
    ],
    held: 0,
    with: 0,
    after: 1,
    errors: [
      ["HookApiError", 'GET /kv: 404 key "gone" does not exist in namespace "vars/job/db"'],
      ["HookApiError", 'GET /kv: 404 key "gone" does not exist in namespace "secrets/job/db"'],
      ["HookApiError", 'GET /kv: 400 namespace "vars/job/web" is not allowed for hooks of job "db"'],
      ["HookApiError", "PUT /kv: 400 key: use printable text of 1 to 253 characters"],
    ],
    ssh: [
      4,
      "out\n",
      "err\n",
      ["CommandError", "the command on 127.0.0.1 ended with status 4: err"],
      "fed",
      0,
      ["HookApiError", 'POST /worker/run: 400 "192.0.2.1" is no worker of this bucket'],
      "HookApiError",
    ],
    runner: [show("db", "2.0.0"), show("db", "2.0.0") + show("web", "7.0.0"), 2],
    make: [show("db", "2.0.0", "a b"), 0, 2],
    load: ["root", join(root, "secrets/worker.key"), false],
  };
}

describe.each([
  ["py", "hook_a.py", python],
  ["ts", "hook_a.ts", typescript],
])("%s", (_, file, script) => {
  test("every function does what help says", async () => {
    const room = await makeHelperRoom(file, script);
    const run = await room.host.run({ event: "cli", job: "db" });
    expect(run.error?.why).toBeUndefined();
    const line = room
      .output()
      .split("\n")
      .find((text) => text.startsWith("{"));
    expect(JSON.parse(line!)).toEqual(expected(room.dir));
    // All of it over one connection.
    expect(room.session.pool.connected()).toEqual([ip]);
    expect(room.output()).not.toContain("veiled");
    await room.close();
  });
});

test("outside of a hook the module says so", () => {
  const python3 = Bun.spawnSync(["python3", "-B", "-c", "import maand; maand.job_name()"], {
    cwd: join(import.meta.dir, "../../src/hooks/sdk"),
    env: { PATH: process.env.PATH! },
  });
  expect(python3.stderr.toString()).toContain("this script was not started by maand");
});
