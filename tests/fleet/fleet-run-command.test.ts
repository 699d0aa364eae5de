// run_command on real workers: exit codes, environment, input, folding, batches with health checks.

import { beforeAll, expect, test } from "bun:test";
import { makeSick, makeWell, sickGate, writeJob } from "../support/builders/jobs.ts";
import { buildAndDeploy } from "../support/deployed.ts";
import { maand } from "../support/maand.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

interface RunJson {
  workers: {
    worker_ip: string;
    exit: number | null;
    stdout: string;
    stderr: string;
    error?: { message: string; why?: string };
  }[];
  health?: { checks: { ok: boolean }[] };
}

const fleet = useFleet(3);
const bucket = useFileBucket(fleet);
beforeAll(async () => {
  bucket.write(
    "workspace/workers.json",
    fleet.ips.map((host, i) => ({ host, labels: i === 0 ? ["db"] : ["web"] })),
  );
  writeJob(bucket, "api", { manifest: sickGate });
  await buildAndDeploy(bucket);
});

const run = (...args: string[]) => bucket.maandJson<RunJson>("run_command", ...args);

test("as the ssh user, under bash, in the bucket's directory, with BUCKET_ID and WORKER_IP", async () => {
  const { json, code } = await run(
    'id -un; echo "$BASH_VERSION" | grep -c .; pwd; echo "$BUCKET_ID $WORKER_IP"',
  );
  const { json: info } = await bucket.maandJson<{ bucket_id: string }>("info");
  expect(code).toBe(0);
  expect(json.workers.map((worker) => worker.stdout)).toEqual(
    fleet.ips.map((ip) => `agent\n1\n/opt/worker/${info.bucket_id}\n${info.bucket_id} ${ip}\n`),
  );
});

test("exit codes come as they were, and any failure is exit 1", async () => {
  const { json, code } = await run(
    `case $WORKER_IP in ${fleet.ips[0]}) exit 0;; ${fleet.ips[1]}) exit 42;; *) kill -9 $$;; esac`,
  );
  expect(code).toBe(1);
  expect(json.workers.map((worker) => worker.exit)).toEqual([0, 42, 137]);
});

test("quotes, newlines and dollars reach bash as they were typed", async () => {
  const { json } = await run("x='a \"b\" $HOME'\necho \"$x\" 'it'\\''s'", "-w", fleet.ips[0]!);
  expect(json.workers[0]!.stdout).toBe('a "b" $HOME it\'s\n');
});

test("-w and -l choose; both, unknown names, an empty command and -c 0 are usage errors", async () => {
  expect(
    (await run("true", "-w", `${fleet.ips[2]},${fleet.ips[0]}`)).json.workers.map((w) => w.worker_ip),
  ).toEqual([fleet.ips[0]!, fleet.ips[2]!]);
  expect((await run("true", "-l", "WEB")).json.workers.map((w) => w.worker_ip)).toEqual(fleet.ips.slice(1));
  for (const bad of [
    ["true", "-w", fleet.ips[0]!, "-l", "web"],
    ["true", "-w", "10.9.9.9"],
    ["true", "-l", "webb"],
    [" "],
    ["true", "-c", "0"],
    ["'".repeat(100_000)],
  ])
    expect((await bucket.maand("run_command", ...bad)).code).toBe(2);
  expect((await bucket.maand("run_command", "true", "-l", "webb")).stderr).toContain('"web"');
});

test("the summary folds what is the same; lines stream with their worker", async () => {
  const same = await bucket.maand("run_command", "echo hello");
  expect(same.stdout).toBe("3 workers: hello\n");
  expect(
    same.stderr
      .split("\n")
      .filter((line) => line !== "")
      .sort(),
  ).toEqual(fleet.ips.map((ip) => `${ip} | hello`).sort());
  const mixed = await bucket.maand(
    "run_command",
    `[ $WORKER_IP = ${fleet.ips[0]} ] && exit 3; echo a; echo b`,
  );
  expect(mixed.stdout).toBe(
    `2 workers:\n  a\n  b\n  on ${fleet.ips[1]}, ${fleet.ips[2]}\n${fleet.ips[0]}: exit 3\n1 of 3 workers failed\n`,
  );
});

test("control characters of a worker do not reach the terminal", async () => {
  const { stdout, stderr } = await bucket.maand(
    "run_command",
    "printf 'x\\033[31mred\\n'",
    "-w",
    fleet.ips[0]!,
  );
  expect(stdout + stderr).not.toContain("\u001b");
  expect(stdout).toContain("\\x1b[31mred");
});

test("standard input goes to every worker, also to those whose turn comes later", async () => {
  const stdin = "line\n".repeat(50_000);
  const outcome = await maand(["run_command", "md5sum", "-c", "1", "--json"], { cwd: bucket.dir, stdin });
  const { workers } = JSON.parse(outcome.stdout) as RunJson;
  const expected = `${new Bun.CryptoHasher("md5").update(stdin).digest("hex")}  -\n`;
  expect(workers.map((worker) => worker.stdout)).toEqual([expected, expected, expected]);
});

test("input that never ends holds up no command that does not read it", async () => {
  const child = Bun.spawn(
    [process.env.MAAND_BIN ?? "dist/maand", "--bucket", bucket.dir, "run_command", "true"],
    {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  expect(await child.exited).toBe(0);
  expect(await new Response(child.stdout).text()).toBe("3 workers: no output\n");
});

test("an unreachable worker is told with its reason, the others are done", async () => {
  await fleet.killSshd(1);
  try {
    const { json, code } = await run("echo ok");
    expect(code).toBe(1);
    expect(json.workers.map((worker) => worker.exit)).toEqual([0, null, 0]);
    expect(json.workers[1]!.error!.message).toContain("refused");
  } finally {
    await fleet.startSshd(1);
  }
});

test("--health_check after each batch: a sick worker keeps the later ones from being begun", async () => {
  const well = await run("echo x", "-c", "2", "--health_check");
  expect([well.code, well.json.health!.checks.length]).toEqual([0, 3]);
  await makeSick(fleet, 2);
  try {
    const { json, code } = await run("touch /tmp/was-here; echo x", "-c", "1", "--health_check");
    expect(code).toBe(1);
    expect(json.workers.map((worker) => worker.exit)).toEqual([0, null, null]);
    expect(json.workers[1]!.error!.why).toContain("health check");
    expect((await fleet.exec(1, "ls /tmp/was-here")).code).not.toBe(0);
  } finally {
    await makeWell(fleet, 2);
  }
});

test("a command that outlives command_timeout is ended and told", async () => {
  const conf = bucket.read("maand.conf");
  bucket.write("maand.conf", conf.replace(/^command_timeout = .*/m, "command_timeout = 1"));
  try {
    const { json, code } = await run("sleep 600", "-w", fleet.ips[0]!);
    expect([code, json.workers[0]!.exit]).toEqual([1, null]);
    expect(json.workers[0]!.error!.message).toContain("did not end in time");
  } finally {
    bucket.write("maand.conf", conf);
  }
});

test("Ctrl-C: what runs may finish, nothing else is begun, exit 130", async () => {
  const running = bucket.start(["run_command", "echo begun; sleep 2; echo ended", "-c", "1", "--json"]);
  await running.waitForStderr("begun");
  running.kill("SIGINT");
  const outcome = await running.wait();
  expect(outcome.code).toBe(130);
  const { workers } = JSON.parse(outcome.stdout) as RunJson;
  expect(workers.map((worker) => worker.stdout)).toEqual(["begun\nended\n", "", ""]);
});
