// A real use of hooks: three etcd members with TLS between them from maand's certificates, rolled out and upgraded.

import { expect, test } from "bun:test";
import { build } from "../support/built-bucket.ts";
import { allCalls, type DeployJson, jobDirectory, outcomesOf } from "../support/deployed.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(3);
const bucket = useFileBucket(fleet);

const config = `name: etcd-{{ .AllocationIndex }}
data-dir: data/etcd
listen-peer-urls: https://{{ .WorkerIP }}:{{ port "peer" }}
initial-advertise-peer-urls: https://{{ .WorkerIP }}:{{ port "peer" }}
listen-client-urls: https://{{ .WorkerIP }}:{{ port "client" }}
advertise-client-urls: https://{{ .WorkerIP }}:{{ port "client" }}
initial-cluster: {{ range $i, $ip := split (getJob "workers") "," }}{{ if $i }},{{ end }}etcd-{{ $i }}=https://{{ $ip }}:{{ port "peer" }}{{ end }}
initial-cluster-token: {{ getSecret "token" }}
initial-cluster-state: new
snapshot-count: {{ get "vars/bucket/job/etcd" "snapshot_count" }}
client-transport-security: { cert-file: certs/member.crt, key-file: certs/member.key, trusted-ca-file: certs/ca.crt, client-cert-auth: true }
peer-transport-security: { cert-file: certs/member.crt, key-file: certs/member.key, trusted-ca-file: certs/ca.crt, client-cert-auth: true }
`;

const makefile = `start:
	@mkdir -p data logs
	@setsid etcd --config-file etcd.yml >>logs/etcd.log 2>&1 </dev/null & echo $$! >data/pid
	@echo "$@ $(CURRENT_VERSION) $(NEW_VERSION)" >>data/calls
stop:
	@kill $$(cat data/pid) 2>/dev/null || true
	@for i in $$(seq 100); do kill -0 $$(cat data/pid) 2>/dev/null || break; sleep 0.1; done
restart: stop start
`;

/** etcdctl on the worker, with the member's own certificate as the client's. */
const secretHook = `import { jobName, kvGet, putJobSecret } from "maand";
export default async function () {
  if ((await kvGet(\`secrets/job/\${jobName()}\`, "token")) === undefined)
    (await putJobSecret("token", crypto.randomUUID())).raiseForStatus();
}
`;
const waitHook = `import { allocationIp, env, getKvValue, jobName, runSsh } from "./maand";
export default async function () {
  const ip = allocationIp();
  const port = await getKvValue(\`maand/job/\${jobName()}\`, "port_client");
  const dir = \`/opt/worker/\${env("BUCKET_ID")}/jobs/\${jobName()}/certs\`;
  const ask = \`ETCDCTL_API=3 etcdctl --endpoints=https://\${ip}:\${port} --cacert=\${dir}/ca.crt --cert=\${dir}/member.crt --key=\${dir}/member.key endpoint health\`;
  for (let i = 0; i < 60; i++) {
    const { returncode } = await runSsh(ip, ask, { sudo: true });
    if (returncode === 0) { console.log(\`member \${ip} is up\`); return; }
    await Bun.sleep(500);
  }
  throw new Error(\`member \${ip} did not come up\`);
}
`;
const quorumHook = `import maand
ips = maand.get_kv_value("maand/job/etcd", "workers").split(",")
port = maand.get_kv_value("maand/job/etcd", "port_client")
certs = "/opt/worker/%s/jobs/etcd/certs" % maand.env("BUCKET_ID")
ask = "ETCDCTL_API=3 etcdctl --endpoints=%s --cacert=%s/ca.crt --cert=%s/member.crt --key=%s/member.key member list" % (
    "https://%s:%s" % (maand.allocation_ip(), port), certs, certs, certs)
result = maand.run_ssh(maand.allocation_ip(), ask, sudo=True)
result.raise_for_status()
started = result.stdout.count("started")
print("%d of %d members" % (started, len(ips)))
if started < len(ips) // 2 + 1:
    raise SystemExit("no quorum: %d of %d members are started" % (started, len(ips)))
`;
const statusHook = `import { allocationIp, getJobSecret } from "maand";
const token = await getJobSecret("token");
console.log(\`status of \${allocationIp()}: token of \${token.length} characters \${token}\`);
`;

function writeEtcd(version: string, snapshotCount: number): void {
  const at = (path: string) => `workspace/jobs/etcd/${path}`;
  bucket.write(at("manifest.json"), {
    version,
    selectors: ["worker"],
    max_concurrent_upgrades: 1,
    resources: { ports: { client: {}, peer: {} } },
    certs: { member: { subject: { common_name: "etcd" }, key: "ecdsa-p256" } },
    hooks: {
      hook_secret: { executed_on: ["pre_deploy"] },
      hook_wait: { executed_on: ["after_allocation_started"] },
      hook_quorum: { executed_on: ["health_check"] },
      hook_status: { executed_on: ["cli"] },
    },
    health_check: { wait: { attempts: 30, interval_seconds: 1 }, timeout_seconds: 20 },
  });
  bucket.write(at("etcd.yml.tpl"), config);
  bucket.write(at("Makefile"), makefile);
  bucket.write(at("vars.conf"), `snapshot_count = ${snapshotCount}\n`);
  bucket.write(at("_hooks/hook_secret.ts"), secretHook);
  bucket.write(at("_hooks/hook_wait.ts"), waitHook);
  bucket.write(at("_hooks/hook_quorum.py"), quorumHook);
  bucket.write(at("_hooks/hook_status.ts"), statusHook);
}

async function etcdctl(i: number, command: string): Promise<string> {
  const certs = `${await jobDirectory(bucket, "etcd")}/certs`;
  const port = (await bucket.maand("cat", "kv", "get", "maand/job/etcd", "port_client")).stdout.trim();
  const flags = `--endpoints=https://${fleet.ips[i]}:${port} --cacert=${certs}/ca.crt --cert=${certs}/member.crt --key=${certs}/member.key`;
  const { stdout, stderr, code } = await fleet.exec(i, `ETCDCTL_API=3 etcdctl ${flags} ${command}`);
  if (code !== 0) throw new Error(`etcdctl ${command}: ${stderr}`);
  return stdout;
}

test("hooks make the secret, wait for members, gate on quorum; an upgrade keeps the data", async () => {
  writeEtcd("1.0.0", 1000);
  await build(bucket);
  const first = await bucket.maandJson<DeployJson>("deploy");
  expect(`${first.code} ${first.stderr}`).toStartWith("0 ");
  expect(first.stderr).toContain(`member ${fleet.ips[0]} is up`);
  expect(first.stderr).toContain("3 of 3 members");
  await etcdctl(0, "put colour blue");
  expect(await etcdctl(2, "get --print-value-only colour")).toBe("blue\n");
  // Without a certificate of the bucket's CA nobody gets in.
  const port = (await bucket.maand("cat", "kv", "get", "maand/job/etcd", "port_client")).stdout.trim();
  const stranger = await fleet.exec(
    1,
    `ETCDCTL_API=3 etcdctl --command-timeout=3s --endpoints=https://${fleet.ips[0]}:${port} --cacert=${await jobDirectory(bucket, "etcd")}/certs/ca.crt get colour 2>&1`,
  );
  expect(stranger.code).not.toBe(0);

  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  writeEtcd("2.0.0", 2000);
  await build(bucket);
  const second = await bucket.maandJson<DeployJson>("deploy");
  expect(`${second.code} ${second.stderr}`).toStartWith("0 ");
  expect(Object.values(outcomesOf(second.json, "etcd"))).toEqual(fleet.ips.map(() => "restart done"));
  expect(await allCalls(fleet, bucket, "etcd")).toEqual(
    fleet.ips.map(() => ["start 0.0.0 1.0.0", "start 1.0.0 2.0.0"]),
  );
  expect(await etcdctl(1, "get --print-value-only colour")).toBe("blue\n");

  const status = await bucket.maand("hooks", "hook_status", "etcd");
  expect(status.code).toBe(0);
  const token = (
    await bucket.maand("cat", "kv", "get", "secrets/job/etcd", "token", "--reveal")
  ).stdout.trim();
  expect(status.stdout + status.stderr).toContain("token of 36 characters ***");
  expect(
    first.stdout + first.stderr + second.stdout + second.stderr + status.stdout + status.stderr,
  ).not.toContain(token);
  const health = await bucket.maand("health_check");
  expect(`${health.code} ${health.stdout}`).toStartWith("0 ");

  // A member that is down: two of three are a quorum still, and the operator is told who is down.
  await fleet.exec(2, `kill $(cat ${await jobDirectory(bucket, "etcd")}/data/pid)`);
  const wounded = await bucket.maand("health_check");
  expect(wounded.code).toBe(1);
  expect(wounded.stdout).toContain(`etcd@${fleet.ips[2]}`);
  await bucket.maand("job", "restart", "etcd", "--allocations", fleet.ips[2]!, "--health_check");
  expect((await bucket.maand("health_check", "--wait")).code).toBe(0);
}, 180_000);
