// Getting in: host keys, pins, keys of the user, and what the errors say when it does not work.

import { expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createEventStream, type Event } from "../../src/events/event.ts";
import { MaandError } from "../../src/model/error.ts";
import { openConnection } from "../../src/ssh/connect/connection.ts";
import { createPool } from "../../src/ssh/connect/pool.ts";
import type { SshSettings } from "../../src/ssh/connect/settings.ts";
import { resolveTarget } from "../../src/ssh/connect/target.ts";
import { sh } from "../../src/ssh/exec/quote.ts";
import { keyFingerprint, knownHostLine } from "../../src/ssh/host-keys/known-hosts.ts";
import { pinHostKey } from "../../src/ssh/host-keys/pins.ts";
import { addLine, makeKey, publicKey, startSshd, useSshd } from "../support/sshd.ts";
import { rejectionOf } from "../support/thrown.ts";
import { useTempDirs } from "../support/use.ts";
import { freePort } from "../support/watch.ts";

setDefaultTimeout(60_000);

const sshd = useSshd();
const tempDir = useTempDirs();
const dir = tempDir();

/** A path for known_hosts that no other test uses. */
let files = 0;
const freshFile = () => join(dir, `known_hosts_${files++}`);

/** Connects with these settings, runs `true`, closes. */
async function visit(settings: SshSettings): Promise<void> {
  const connection = await openConnection(await resolveTarget("127.0.0.1", settings), settings);
  expect((await connection.exec(sh`true`)).exitCode).toBe(0);
  await connection.close();
}

async function refusal(settings: SshSettings): Promise<MaandError> {
  const error = await rejectionOf(visit(settings));
  expect(error).toBeInstanceOf(MaandError);
  expect(error).toMatchObject({ kind: "unreachable", where: { worker: "127.0.0.1" } });
  expect((error as MaandError).why).toBeTruthy();
  expect((error as MaandError).hint).toBeTruthy();
  return error as MaandError;
}

const blobOf = (key: string) => Buffer.from(key.split(" ")[1]!, "base64");

test("accept-new records the key once, with mode 0600, and knows it afterwards", async () => {
  const knownHostsPath = freshFile();
  await visit(sshd.settings({ knownHostsPath }));
  expect(readFileSync(knownHostsPath, "utf8")).toBe(`[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`);
  expect(statSync(knownHostsPath).mode & 0o777).toBe(0o600);
  await visit(sshd.settings({ knownHostsPath, hostKeyChecking: "strict" }));
  await visit(sshd.settings({ knownHostsPath }));
  expect(readFileSync(knownHostsPath, "utf8").split("\n").length).toBe(2);
});

test("strict refuses an unknown key and gives the line to add, which then works", async () => {
  const knownHostsPath = freshFile();
  const settings = sshd.settings({ knownHostsPath, hostKeyChecking: "strict" });
  const error = await refusal(settings);
  expect(error.why).toContain(keyFingerprint(blobOf(sshd.hostKey)));
  expect(existsSync(knownHostsPath)).toBe(false);
  addLine(knownHostsPath, knownHostLine("127.0.0.1", sshd.port, blobOf(sshd.hostKey)));
  expect(error.hint).toContain(readFileSync(knownHostsPath, "utf8").trim());
  await visit(settings);
});

test("off looks at nothing and records nothing", async () => {
  const knownHostsPath = freshFile();
  await visit(sshd.settings({ knownHostsPath, hostKeyChecking: "off" }));
  expect(existsSync(knownHostsPath)).toBe(false);
});

test("a changed key is refused with both fingerprints, file and line; off goes on", async () => {
  const knownHostsPath = freshFile();
  makeKey(join(dir, "other"));
  const other = publicKey(join(dir, "other.pub"));
  writeFileSync(knownHostsPath, `# mine\n[127.0.0.1]:${sshd.port} ${other}\n`);
  for (const hostKeyChecking of ["strict", "accept-new"] as const) {
    const error = await refusal(sshd.settings({ knownHostsPath, hostKeyChecking }));
    expect(error.where).toMatchObject({ file: knownHostsPath, line: 2 });
    expect(error.why).toContain(keyFingerprint(blobOf(other)));
    expect(error.why).toContain(keyFingerprint(blobOf(sshd.hostKey)));
    expect(error.hint).toContain(`remove line 2 of ${knownHostsPath}`);
  }
  await visit(sshd.settings({ knownHostsPath, hostKeyChecking: "off" }));
});

test("a server whose key is replaced is refused from then on", async () => {
  const other = await startSshd();
  try {
    await visit(other.settings());
    await other.changeHostKey();
    expect((await refusal(other.settings())).message).toBe("the host key of the worker has changed");
    await other.changeHostKey("rsa");
    expect((await refusal(other.settings())).message).toBe("the host key of the worker has changed");
  } finally {
    other.end();
  }
});

test("a revoked key is refused", async () => {
  const knownHostsPath = freshFile();
  writeFileSync(knownHostsPath, `@revoked * ${sshd.hostKey}\n`);
  expect((await refusal(sshd.settings({ knownHostsPath }))).where).toMatchObject({ line: 1 });
});

test("the type of key that is on record is asked for", async () => {
  for (const keyType of ["rsa", "ecdsa"]) {
    const both = await startSshd({
      keyType,
      prepare: (path) => makeKey(join(path, "second")),
      config: (path) => [`HostKey ${join(path, "second")}`],
    });
    try {
      addLine(join(both.dir, "known_hosts"), `[127.0.0.1]:${both.port} ${both.hostKey}`);
      await visit(both.settings({ hostKeyChecking: "strict" }));
    } finally {
      both.end();
    }
  }
});

test("many pins at once, from many workers, are all kept", async () => {
  const file = freshFile();
  writeFileSync(file, "first line without a newline");
  chmodSync(file, 0o644);
  const endpoint = (i: number) => ({
    host: `10.0.0.${i}`,
    port: 22,
    user: "x",
    keyPaths: [],
    knownHostsPaths: [],
  });
  const key = blobOf(sshd.hostKey);
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      await Bun.sleep(i % 5);
      await pinHostKey(file, endpoint(i), key, "a worker");
      expect(readFileSync(file, "utf8")).toContain(`\n${knownHostLine(`10.0.0.${i}`, 22, key)}\n`);
    }),
  );
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines.length).toBe(101);
  expect(lines[0]).toBe("first line without a newline");
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a known_hosts that cannot be written is an error of this host and nothing goes on", async () => {
  const error = await rejectionOf(
    visit(sshd.settings({ knownHostsPath: join(dir, "no/such/dir/known_hosts") })),
  );
  expect(error).toMatchObject({ kind: "local" });
});

test("a key that the worker does not know", async () => {
  makeKey(join(dir, "stranger"));
  const error = await refusal(sshd.settings({ keyPath: join(dir, "stranger") }));
  expect(error.message).toContain(`refused the key ${join(dir, "stranger")} for user root`);
});

test("a user that the worker does not know", async () => {
  expect((await refusal(sshd.settings({ user: "nobody-here" }))).message).toContain("for user nobody-here");
});

test("a key file that is missing, none, or open to others", async () => {
  expect((await refusal(sshd.settings({ keyPath: join(dir, "missing") }))).where).toMatchObject({
    file: join(dir, "missing"),
  });
  writeFileSync(join(dir, "junk"), "this is no key\n");
  expect((await refusal(sshd.settings({ keyPath: join(dir, "junk") }))).message).toBe(
    "the private key cannot be used",
  );
  const open = join(dir, "open");
  writeFileSync(open, readFileSync(sshd.keyPath), { mode: 0o644 });
  await visit(sshd.settings({ keyPath: open }));
});

test("rsa and ecdsa keys of the user work", async () => {
  for (const type of ["rsa", "ecdsa"]) {
    const path = join(dir, `user-${type}`);
    makeKey(path, { type });
    addLine(join(sshd.dir, "authorized_keys"), publicKey(`${path}.pub`));
    await visit(sshd.settings({ keyPath: path }));
  }
});

test("a key with a passphrase goes through ssh-agent, and the error says so without one", async () => {
  const path = join(dir, "guarded");
  makeKey(path, { passphrase: "open sesame" });
  addLine(join(sshd.dir, "authorized_keys"), publicKey(`${path}.pub`));
  const before = process.env.SSH_AUTH_SOCK;
  const agent = spawn("ssh-agent", ["-D", "-a", join(dir, "agent")], { stdio: "ignore" });
  try {
    delete process.env.SSH_AUTH_SOCK;
    const settings = sshd.settings({ keyPath: path });
    const without = await refusal(settings);
    expect(without.message).toBe("the private key needs a passphrase");
    expect(without.hint).toContain(`ssh-add ${path}`);
    process.env.SSH_AUTH_SOCK = join(dir, "agent");
    while (!existsSync(join(dir, "agent"))) await Bun.sleep(10);
    expect((await refusal(settings)).why).toBe("the ssh-agent does not hold this key");
    for (let i = 0; i < 8; i++) {
      makeKey(join(dir, `more-${i}`));
      execFileSync("ssh-add", ["-q", join(dir, `more-${i}`)]);
    }
    const ask = join(dir, "askpass");
    writeFileSync(ask, "#!/bin/sh\necho open sesame\n", { mode: 0o700 });
    const env = { ...process.env, SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: "force" };
    execFileSync("ssh-add", ["-q", path], { env, stdio: "ignore" });
    await visit(settings);
    await visit(sshd.settings({ keyPath: `${path}.pub` }));
    process.env.SSH_AUTH_SOCK = join(dir, "no-agent");
    expect((await refusal(settings)).why).toContain("does not answer");
  } finally {
    if (before === undefined) delete process.env.SSH_AUTH_SOCK;
    else process.env.SSH_AUTH_SOCK = before;
    agent.kill();
  }
});

test("nobody listens", async () => {
  const error = await refusal(sshd.settings({ port: await freePort() }));
  expect(error.message).toBe("the worker refused the connection");
});

test("a name that does not resolve", async () => {
  const settings = sshd.settings();
  const error = await rejectionOf(openConnection(await resolveTarget("w1.invalid", settings), settings));
  expect(error).toMatchObject({ kind: "unreachable", where: { worker: "w1.invalid" } });
  expect((error as MaandError).message).toBe("the name of the worker cannot be resolved");
});

/** A TCP server that treats every caller like this. */
async function serve(
  treat: (socket: Socket) => void,
): Promise<{ port: number; end(): void; calls(): number }> {
  let calls = 0;
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    calls++;
    open.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    treat(socket);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const end = () => {
    for (const socket of open) socket.destroy();
    server.close();
  };
  return { port, end, calls: () => calls };
}

test("a server that says nothing ends in connect_timeout, which the error names", async () => {
  const silent = await serve(() => undefined);
  const error = await refusal(sshd.settings({ port: silent.port, connectTimeoutSeconds: 0.4 }));
  expect(error.why).toContain("0.4 s (connect_timeout)");
  expect(error.why).toContain("the SSH greeting");
  silent.end();
});

test("a server that stops in the middle of the handshake ends in connect_timeout too", async () => {
  const half = await serve((socket) => socket.write("SSH-2.0-Half\r\n"));
  const error = await refusal(sshd.settings({ port: half.port, connectTimeoutSeconds: 0.4 }));
  expect(error.why).toContain("connect_timeout");
  half.end();
});

test("a server that drops us is tried again, and its last words are in the error", async () => {
  const full = await serve((socket) => socket.end("Exceeded MaxStartups\r\n"));
  const error = await refusal(sshd.settings({ port: full.port, connectTimeoutSeconds: 1 }));
  expect(full.calls()).toBeGreaterThan(2);
  expect(error.why).toContain("Exceeded MaxStartups");
  expect(error.hint).toContain("MaxStartups");
  full.end();
});

test("a server that is no SSH server is an error", async () => {
  const web = await serve((socket) => socket.end(`HTTP/1.1 400 Bad Request\r\n\r\n${"x".repeat(50_000)}`));
  await refusal(sshd.settings({ port: web.port, connectTimeoutSeconds: 1 }));
  web.end();
});

test("a signal stops the waiting", async () => {
  const silent = await serve(() => undefined);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 100);
  const settings = sshd.settings({ port: silent.port });
  const error = await rejectionOf(
    openConnection(await resolveTarget("127.0.0.1", settings), settings, stop.signal),
  );
  expect(error).toMatchObject({ kind: "interrupted" });
  silent.end();
});

test("12 connections at once pass an sshd with MaxStartups 2", async () => {
  const narrow = await startSshd({ config: ["MaxStartups 2"] });
  try {
    const target = await narrow.target();
    const settings = narrow.settings({ connectTimeoutSeconds: 30 });
    const open = await Promise.all(Array.from({ length: 12 }, () => openConnection(target, settings)));
    await Promise.all(open.map((connection) => connection.close()));
  } finally {
    narrow.end();
  }
});

test("the pool makes one connection per worker and remembers failures", async () => {
  const settings = sshd.settings({ knownHostsPath: freshFile() });
  const events = createEventStream();
  const seen: Event[] = [];
  events.subscribe((event) => seen.push(event));
  const pool = createPool(settings, events);
  const [one, two] = await Promise.all([pool.connect("127.0.0.1"), pool.connect("127.0.0.1")]);
  expect(one).toBe(two);
  expect(seen).toMatchObject([{ type: "step", scope: { worker: "127.0.0.1" } }]);
  const failures = await Promise.all([
    rejectionOf(pool.connect("bad.invalid")),
    rejectionOf(pool.connect("bad.invalid")),
  ]);
  expect(failures[0]).toBe(failures[1]);
  await pool.connect("localhost");
  expect(pool.connected()).toEqual(["127.0.0.1", "localhost"]);
  expect(await pool.reconnect("127.0.0.1")).toBe(one);
  await one.close();
  expect(pool.connected()).toEqual(["localhost"]);
  const [again, same] = await Promise.all([pool.reconnect("127.0.0.1"), pool.reconnect("127.0.0.1")]);
  expect(again).toBe(same);
  expect(again).not.toBe(one);
  expect((await again.exec(sh`true`)).exitCode).toBe(0);
  await pool.closeAll();
  expect(pool.connected()).toEqual([]);
  expect(again.lost).toBeInstanceOf(MaandError);
});
