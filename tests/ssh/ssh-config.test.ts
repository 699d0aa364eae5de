// ssh_config: what `ssh -G` says about a worker, jump hosts, and the known_hosts files it names.

import { beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPool } from "../../src/ssh/connect/pool.ts";
import type { SshSettings } from "../../src/ssh/connect/settings.ts";
import { parseJump } from "../../src/ssh/connect/ssh-config.ts";
import { resolveTarget } from "../../src/ssh/connect/target.ts";
import { sh } from "../../src/ssh/exec/quote.ts";
import { startSshd, useSshd } from "../support/sshd.ts";
import { rejectionOf } from "../support/thrown.ts";
import { useTempDir } from "../support/use.ts";

setDefaultTimeout(60_000);

const sshd = useSshd();
const bastion = useSshd();
const tempDir = useTempDir();
let dir: string;
let config: string;

beforeEach(() => {
  dir = tempDir();
  config = join(dir, "config with blank");
});

function settings(text: string, overrides: Partial<SshSettings> = {}): SshSettings {
  writeFileSync(config, text);
  return sshd.settings({ sshConfigPath: config, knownHostsPath: join(dir, "pins"), ...overrides });
}

test("without ssh_config everything is from maand.conf", async () => {
  expect(await resolveTarget("10.0.0.1", sshd.settings({ user: "agent", port: 2200 }))).toEqual({
    worker: "10.0.0.1",
    endpoint: { host: "10.0.0.1", port: 2200, user: "agent", keyPaths: [sshd.keyPath], knownHostsPaths: [] },
    jumps: [],
  });
});

test("what the config says beats maand.conf, and what it leaves open does not", async () => {
  const text = `Host 10.0.0.1
  HostName 127.0.0.9
  Port 2222
  User deploy
  IdentityFile ${dir}/%h-%r.key
  IdentityFile ~/second
  UserKnownHostsFile ${dir}/a "${dir}/b c"
  HostKeyAlias w1
Host 10.0.0.2
  Port 22
`;
  const from = settings(text, { user: "agent", port: 2200 });
  const one = await resolveTarget("10.0.0.1", from);
  expect(one.endpoint).toMatchObject({ host: "127.0.0.9", port: 2222, user: "deploy", hostKeyAlias: "w1" });
  expect(one.endpoint.keyPaths).toEqual([`${dir}/127.0.0.9-deploy.key`, `${process.env.HOME}/second`]);
  expect(one.endpoint.knownHostsPaths.slice(0, 1)).toEqual([`${dir}/a`]);
  const two = await resolveTarget("10.0.0.2", from);
  expect(two.endpoint).toMatchObject({ host: "10.0.0.2", port: 22, user: "agent", keyPaths: [sshd.keyPath] });
});

test("a worker behind a jump host is reached, each host key is checked, the jump host is shared", async () => {
  const text = `Host w1 w2
  HostName 127.0.0.1
  Port ${sshd.port}
  ProxyJump root@bastion:${bastion.port}
Host bastion
  HostName 127.0.0.1
  IdentityFile ${bastion.keyPath}
Host w1 w2
  IdentityFile ${sshd.keyPath}
`;
  const from = settings(text);
  const pool = createPool(from);
  const links = await Promise.all([pool.connect("w1"), pool.connect("w2")]);
  for (const link of links) {
    const result = await link.exec(sh`echo "$SSH_CONNECTION"`);
    expect(result.stdout.trim().endsWith(` ${sshd.port}`)).toBe(true);
  }
  expect(bastion.children().length).toBe(1);
  expect(sshd.children().length).toBe(2);
  const pins = await Bun.file(from.knownHostsPath).text();
  expect(pins).toContain(`[127.0.0.1]:${bastion.port} ${bastion.hostKey}`);
  expect(pins).toContain(`[127.0.0.1]:${sshd.port} ${sshd.hostKey}`);
  await pool.closeAll();

  writeFileSync(
    from.knownHostsPath,
    pins.replace(`${bastion.port} ${bastion.hostKey}`, `${bastion.port} ${sshd.hostKey}`),
  );
  const changed = createPool(from);
  const error = await rejectionOf(changed.connect("w1"));
  expect(error).toMatchObject({ kind: "unreachable", where: { worker: "w1", file: from.knownHostsPath } });
  expect((error as Error & { why: string }).why).toContain("host key of the worker has changed");
  await changed.closeAll();
});

test("a jump host that is down, and a worker that it does not reach", async () => {
  const way = (jump: number, port: number) => `Host w1
  HostName 127.0.0.1
  Port ${port}
  ProxyJump 127.0.0.1:${jump}
  IdentityFile ${sshd.keyPath}
Host *
  IdentityFile ${bastion.keyPath}
`;
  for (const text of [way(1, sshd.port), way(bastion.port, 1)]) {
    const pool = createPool(settings(text));
    const error = await rejectionOf(pool.connect("w1"));
    expect(error).toMatchObject({ kind: "unreachable", where: { worker: "w1" } });
    expect((error as Error).message).toBe("the worker cannot be reached through its jump host");
    await pool.closeAll();
  }
});

test("a worker that dies behind its jump host is noticed", async () => {
  const doomed = await startSshd();
  const text = `Host w1
  HostName 127.0.0.1
  Port ${doomed.port}
  ProxyJump 127.0.0.1:${bastion.port}
  IdentityFile ${doomed.keyPath}
Host 127.0.0.1
  IdentityFile ${bastion.keyPath}
`;
  const pool = createPool(settings(text));
  try {
    const link = await pool.connect("w1");
    const running = rejectionOf(link.exec(sh`sleep 30`));
    doomed.kill();
    expect(await running).toMatchObject({ kind: "unreachable", where: { worker: "w1" } });
  } finally {
    await pool.closeAll();
    doomed.end();
  }
});

test("hashed names in the user's own known_hosts count, and new pins stay out of it", async () => {
  const own = join(dir, "own_known_hosts");
  writeFileSync(own, `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`);
  execFileSync("ssh-keygen", ["-H", "-f", own], { stdio: "ignore" });
  const text = `Host *\n  UserKnownHostsFile ${own}\n`;
  const pool = createPool(settings(text, { hostKeyChecking: "strict" }));
  await pool.connect("127.0.0.1");
  await pool.closeAll();
  expect(existsSync(join(dir, "pins"))).toBe(false);
  const before = await Bun.file(own).text();
  writeFileSync(own, before.replace(sshd.hostKey, bastion.hostKey));
  const changed = createPool(settings(text));
  expect(await rejectionOf(changed.connect("127.0.0.1"))).toMatchObject({ where: { file: own, line: 1 } });
  await changed.closeAll();
});

test("what maand cannot do is said: ProxyCommand, endless jumps, files that are wrong or missing", async () => {
  const command = settings("Host *\n  ProxyCommand nc %h %p\n");
  expect(await rejectionOf(resolveTarget("w1", command))).toMatchObject({
    kind: "usage",
    where: { file: config },
  });
  const circle = settings("Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n");
  expect(await rejectionOf(resolveTarget("a", circle))).toMatchObject({ kind: "usage" });
  const wrong = settings("Host *\n  NoSuchOption yes\n");
  expect(await rejectionOf(resolveTarget("w1", wrong))).toMatchObject({ kind: "local" });
  const missing = sshd.settings({ sshConfigPath: join(dir, "none") });
  expect(await rejectionOf(resolveTarget("w1", missing))).toMatchObject({ kind: "local" });
});

test("the spellings of a jump host", () => {
  expect(parseJump("h")).toEqual({ host: "h" });
  expect(parseJump("me@h:22")).toEqual({ host: "h", user: "me", port: 22 });
  expect(parseJump("me@[fd00::1]:2222")).toEqual({ host: "fd00::1", user: "me", port: 2222 });
  expect(parseJump("ssh://me@h:22/")).toEqual({ host: "h", user: "me", port: 22 });
});
