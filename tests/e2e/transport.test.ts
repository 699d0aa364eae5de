// What reaches a worker, in how many steps, with which modes; and what never does.

import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, callsOf, type DeployJson, jobDirectory, outcomesOf } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(2);
const bucket = useBucket(fleet);

const on = (i: number, command: string) => fleet.exec(i, command).then(({ stdout }) => stdout);

/** Sessions that a worker's sshd has begun since the last call, and connections that were made. */
function sessionCounter(i: number): () => Promise<{ execs: number; connections: number }> {
  let seen = 0;
  return async () => {
    const text = await on(i, "cat /run/sshd.log");
    const fresh = text.slice(seen);
    seen = text.length;
    return {
      execs: fresh.match(/Starting session: /g)?.length ?? 0,
      connections: fresh.match(/Accepted publickey/g)?.length ?? 0,
    };
  };
}

test("round trips: three for a first deploy, one when nothing is due, and jobs that are due together share one transfer", async () => {
  await fleet.sshdOption(0, "LogLevel VERBOSE");
  try {
    for (const job of ["a", "b", "c"]) writeJob(bucket, job, { files: { "app.conf": "1" } });
    await build(bucket);
    const count = sessionCounter(0);
    await count();
    await bucket.maand("deploy");
    // The check, one transfer of all three jobs, and a target each.
    expect(await count()).toEqual({ execs: 1 + 1 + 3, connections: 1 });
    await bucket.maand("deploy");
    expect(await count()).toEqual({ execs: 1, connections: 1 });
    writeJob(bucket, "b", { files: { "app.conf": "2" } });
    await build(bucket);
    await bucket.maand("deploy");
    expect(await count()).toEqual({ execs: 3, connections: 1 });
    const log = bucket.read(`logs/${fleet.ips[0]}.log`);
    expect(log.match(/event=\w+_begin[^\n]*cmd="rsync [^\n]*"/g)).toHaveLength(2);
    expect(log).toContain('cmd="rsync jobs/a jobs/b jobs/c"');
    expect(log).toContain('cmd="rsync jobs/b"');
  } finally {
    await fleet.resetSshd(0);
  }
});

test("a file becomes a directory, a link and a file again; data/ logs/ bin/ stay; nothing of another job is sent", async () => {
  writeJob(bucket, "api", { files: { thing: "file", "conf/a": "1", "deep/er/x": "1" } });
  writeJob(bucket, "other");
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "api");
  await on(
    0,
    `cd ${directory} && mkdir -p logs bin data/sub && echo 1 > logs/x && echo 2 > bin/y && echo 3 > data/sub/z && echo 4 > stray`,
  );
  const kept = () => on(0, `cd ${directory} && cat logs/x bin/y data/sub/z; ls stray 2>/dev/null || true`);
  const look = () =>
    on(
      0,
      `cd ${directory} && find thing conf deep empty -printf '%p %y %m %l\\n' 2>/dev/null | sort; cat thing/inside thing 2>/dev/null || true`,
    );

  // Whatever lies in the staging tree of a job that is not due stays here.
  bucket.write(`tmp/workers/${fleet.ips[0]}/jobs/other/stray`, "never sent");
  bucket.remove("workspace/jobs/api/thing");
  bucket.remove("workspace/jobs/api/deep");
  bucket.write("workspace/jobs/api/thing/inside", "in");
  bucket.write("workspace/jobs/api/conf/run.sh", "#!/bin/sh\n", 0o750);
  mkdirSync(bucket.path("workspace/jobs/api/empty/logs"), { recursive: true });
  bucket.write("workspace/jobs/api/deep", "a file now");
  await buildAndDeploy(bucket);
  expect(await look()).toBe(
    "conf d 755 \nconf/a f 644 \nconf/run.sh f 750 \ndeep f 644 \nempty d 755 \nempty/logs d 755 \nthing d 755 \nthing/inside f 644 \nin",
  );
  expect(await kept()).toBe("1\n2\n3\n");
  expect(await on(0, `ls ${directory}/../other`)).toBe("Makefile\ndata\n");

  bucket.remove("workspace/jobs/api/thing");
  symlinkSync("conf/a", bucket.path("workspace/jobs/api/thing"));
  chmodSync(bucket.path("workspace/jobs/api/conf/a"), 0o600);
  await buildAndDeploy(bucket);
  expect(await look()).toContain("conf/a f 600 \n");
  expect(await look()).toContain("thing l 777 conf/a\n1");
  bucket.remove("workspace/jobs/api/thing");
  bucket.write("workspace/jobs/api/thing", "file again");
  await buildAndDeploy(bucket);
  expect(await look()).toContain("file again");
  expect(await on(0, `cat ${directory}/conf/a`)).toBe("1");
  expect(await kept()).toBe("1\n2\n3\n");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("certificates reach the worker as root's, keys for nobody else; a new one restarts like any change", async () => {
  const manifest = { certs: { server: { subject: { common_name: "api" }, key: "ecdsa-p256" } } };
  writeJob(bucket, "api", { manifest });
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "api");
  const modes = "stat -c '%n %a %U:%G' certs certs/*";
  expect(await on(0, `cd ${directory} && ${modes}`)).toBe(
    "certs 755 root:root\ncerts/ca.crt 644 root:root\ncerts/server.crt 644 root:root\ncerts/server.key 600 root:root\n",
  );
  const verified = await on(
    0,
    `cd ${directory}/certs && openssl verify -CAfile ca.crt server.crt && openssl x509 -in server.crt -noout -checkip ${fleet.ips[0]}`,
  );
  expect(verified).toContain("server.crt: OK");
  expect(verified).toContain("does match");
  const key = await on(0, `cat ${directory}/certs/server.key`);
  expect(key).toContain("PRIVATE KEY");

  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  const conf = bucket.read("maand.conf");
  // Due for renewal from the moment it was made.
  bucket.write(
    "maand.conf",
    conf
      .replace(/^certs_renewal_buffer = .*$/m, "certs_renewal_buffer = 59")
      .replace(/^certs_ttl = .*$/m, "certs_ttl = 60"),
  );
  await build(bucket);
  bucket.write(
    "maand.conf",
    conf
      .replace(/^certs_renewal_buffer = .*$/m, "certs_renewal_buffer = 61")
      .replace(/^certs_ttl = .*$/m, "certs_ttl = 90"),
  );
  await build(bucket);
  const renewed = await bucket.maandJson<DeployJson>("deploy");
  expect(outcomesOf(renewed.json, "api")).toEqual(
    Object.fromEntries(fleet.ips.map((ip) => [ip, "restart done"])),
  );
  expect(await on(0, `cat ${directory}/certs/server.key`)).not.toBe(key);
  expect(await on(0, `cd ${directory} && ${modes}`)).toContain("certs/server.key 600 root:root\n");
  // Nothing that was printed or logged on the way holds a key.
  expect(renewed.stdout + renewed.stderr + bucket.read(`logs/${fleet.ips[0]}.log`)).not.toContain(
    "PRIVATE KEY",
  );
});

test("a file that a secret went into is for its owner and group, on the worker and on the way, even without a tmp/", async () => {
  const secret = (text: string) => bucket.write("password", text);
  writeJob(bucket, "api", {
    manifest: { hooks: { hook_secret: { executed_on: ["pre_deploy"] } } },
    files: {
      "app.conf.tpl": 'p={{ getSecret "password" }}\n',
      "plain.conf.tpl": "x\n",
      "_hooks/hook_secret.ts": `import { readFileSync } from "node:fs";
import { putJobSecret } from "maand";
export default async () => (await putJobSecret("password", readFileSync("password", "utf8"))).raiseForStatus();
`,
    },
  });
  await build(bucket);
  secret("geheim-9471");
  bucket.remove("tmp");
  const first = await bucket.maand("deploy");
  expect(first.code).toBe(0);
  const directory = await jobDirectory(bucket, "api");
  expect(await on(0, `cd ${directory} && stat -c '%n %a' app.conf plain.conf && cat app.conf`)).toBe(
    "app.conf 640\nplain.conf 644\np=geheim-9471\n",
  );
  expect(statSync(bucket.path("tmp")).mode & 0o777).toBe(0o700);
  chmodSync(bucket.path("tmp"), 0o755);
  secret("geheim-2");
  writeJob(bucket, "api", {
    version: "2.0.0",
    manifest: { hooks: { hook_secret: { executed_on: ["pre_deploy"] } } },
  });
  await build(bucket);
  const diff = await bucket.maand("deploy", "--dry-run", "--diff", "--run-hooks");
  expect(diff.stdout).toContain("differs in secrets only");
  const second = await bucket.maand("deploy");
  expect(statSync(bucket.path("tmp")).mode & 0o777).toBe(0o700);
  writeJob(bucket, "api", { version: "3.0.0" });
  await build(bucket);
  bucket.remove("tmp");
  const third = await bucket.maand("deploy");
  expect(third.code).toBe(0);
  expect(statSync(bucket.path("tmp")).mode & 0o777).toBe(0o700);
  const said =
    [first, diff, second, third].map((o) => o.stdout + o.stderr).join("") +
    bucket.read(`logs/${fleet.ips[0]}.log`);
  expect(said).not.toContain("geheim");
});

test("max_parallel_workers 1: one worker at a time, however many jobs", async () => {
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(/^#? ?max_parallel_workers.*$/m, "max_parallel_workers = 1"),
  );
  expect(bucket.read("maand.conf")).toContain("\nmax_parallel_workers = 1\n");
  const jobs = ["a", "b"];
  for (const job of jobs) {
    writeJob(bucket, job);
    bucket.write(
      `workspace/jobs/${job}/Makefile`,
      "start:\n\t@mkdir -p data; date +%s%N > data/begun; sleep 0.4; date +%s%N > data/ended\n",
    );
  }
  await buildAndDeploy(bucket);
  const spans: { worker: number; begun: number; ended: number }[] = [];
  for (const worker of [0, 1]) {
    for (const job of jobs) {
      const text = await on(
        worker,
        `cat ${await jobDirectory(bucket, job)}/data/begun ${await jobDirectory(bucket, job)}/data/ended`,
      );
      const [begun, ended] = text.split("\n").map(Number) as [number, number];
      spans.push({ worker, begun, ended });
    }
  }
  for (const a of spans)
    for (const b of spans)
      if (a.worker !== b.worker) expect(a.ended < b.begun || b.ended < a.begun).toBe(true);
});

test("a rollout order that a hook sets is the order of the batches; one that lists others is ignored with a warning", async () => {
  const manifest = { hooks: { hook_order: { executed_on: ["pre_deploy"] } } };
  const [a, b] = fleet.ips as [string, string];
  const hook = (order: string[]) => ({
    "_hooks/hook_order.ts": `import { putRolloutOrder } from "maand";\nexport default async () => { await putRolloutOrder(${JSON.stringify(order)}); };\n`,
  });
  writeJob(bucket, "api", { manifest, files: hook([b, a]) });
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { manifest, version: "2.0.0" });
  await build(bucket);
  const ordered = await bucket.maand("deploy");
  const at = (ip: string) => ordered.stderr.indexOf(`api@${ip}: done`);
  expect(at(b)).toBeGreaterThan(0);
  expect(at(b)).toBeLessThan(at(a));
  writeJob(bucket, "api", { manifest, version: "3.0.0", files: hook([b]) });
  await build(bucket);
  const ignored = await bucket.maand("deploy");
  const positions = [a, b].map((ip) => ignored.stderr.indexOf(`api@${ip}: done`));
  expect(positions[0]).toBeGreaterThan(0);
  expect(positions[0]).toBeLessThan(positions[1]!);
  expect(ignored.stderr).toContain("going by worker position");
});

test("no workers, no jobs, and a worker that build does not know yet", async () => {
  const workers = bucket.read("workspace/workers.json");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  bucket.write("workspace/workers.json", "[]");
  writeJob(bucket, "api");
  await build(bucket);
  const none = await bucket.maandJson<DeployJson>("deploy");
  expect([none.code, none.json.waves]).toEqual([0, []]);
  bucket.write("workspace/workers.json", workers);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  await buildAndDeploy(bucket);
  expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["start 0.0.0 1.0.0"]);
});
