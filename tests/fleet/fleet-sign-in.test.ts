// Signing in where something does not fit: algorithms, too many keys, two hosts at one address, no host key check.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { build } from "../support/built-bucket.ts";
import { makeKey } from "../support/sshd.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(2);
const bucket = useBucket(fleet);
beforeEach(() => build(bucket));
afterEach(() => fleet.resetSshd(0));

const setting = (name: string, value: string) =>
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(new RegExp(`^${name} = .*$`, "m"), `${name} = ${value}`),
  );

/** Exit code and everything that was printed. */
async function run(env: Record<string, string> = {}): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await bucket
    .start(["run_command", "-w", fleet.ips[0]!, "echo here"], { env })
    .wait();
  return { code, text: `${stdout}${stderr}` };
}

test.each([
  ["KexAlgorithms", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256"],
  ["Ciphers", "chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com"],
  ["MACs", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"],
])("%s that do not fit: what the server offers and what maand speaks", async (list, offered, spoken) => {
  // Ciphers that need no MAC would hide the last one.
  if (list === "MACs") await fleet.sshdOption(0, "Ciphers aes256-ctr");
  await fleet.sshdOption(0, `${list} ${offered}`);
  const { code, text } = await run();
  expect(code).toBe(1);
  expect(text).toMatch(new RegExp(`of ${list} it offers ${offered}[^;]*, maand speaks [^;]*${spoken}`));
  expect(text).toContain("sshd_config of the worker");
  expect(text).not.toContain("OpenSSH 7");
});

test("MaxAuthTries: fewer keys, the right one first; ~/ in ssh_config is the home directory", async () => {
  await fleet.sshdOption(0, "MaxAuthTries 2");
  const home = bucket.path("home");
  mkdirSync(`${home}/.ssh`, { recursive: true });
  const strangers = ["a", "b", "c"].map((name) => `${home}/.ssh/${name}`);
  for (const path of strangers) makeKey(path);
  const configWith = (keys: string[]) =>
    writeFileSync(`${home}/.ssh/config`, `Host *\n${keys.map((key) => `  IdentityFile ${key}\n`).join("")}`);
  setting("ssh_config", '"~/.ssh/config"');
  configWith([...strangers, fleet.keyPath]);
  const refused = await run({ HOME: home });
  expect(refused.code).toBe(1);
  expect(refused.text).toContain("the worker let us try no further key");
  expect(refused.text).toContain(strangers.join(", "));
  expect(refused.text).toContain("put the right one first");
  configWith([fleet.keyPath, ...strangers]);
  expect((await run({ HOME: home })).code).toBe(0);
});

test("~user is refused with what to write instead", async () => {
  setting("ssh_config", '"~agent/.ssh/config"');
  const { code, text } = await run();
  expect(code).toBe(2);
  expect(text).toContain("~/ is your home directory");
});

test('host_key_checking = "off" warns once in every command that connects', async () => {
  setting("host_key_checking", '"off"');
  for (let i = 0; i < 2; i++) {
    const { stderr } = await bucket.maand("run_command", "true");
    expect(stderr.match(/warning: host_key_checking is "off"/g)).toHaveLength(1);
  }
});

/** The packet after which both sides encrypt (RFC 4253, 7.3), as it goes over the wire. */
const newKeys = Buffer.from("0000000c0a15", "hex");

/** Passes connections to the workers in turn, and cuts the first `cuts` of them once the keys are exchanged. */
async function fickleAddress(cuts: number): Promise<{ server: Server; port: number }> {
  let made = 0;
  const server = createServer((socket) => {
    const number = made++;
    const upstream = connect({ host: fleet.ips[number % 2]!, port: 22 });
    for (const end of [socket, upstream]) end.on("error", () => undefined);
    upstream.pipe(socket);
    socket.on("data", (chunk: Buffer) => {
      upstream.write(chunk);
      if (number >= cuts || !chunk.includes(newKeys)) return;
      socket.destroy();
      upstream.destroy();
    });
    socket.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as { port: number }).port };
}

test.each([1, 2])(
  "cut off %d times between the keys and the sign-in, at an address of two hosts: nothing is pinned",
  async (cuts) => {
    const { server, port } = await fickleAddress(cuts);
    try {
      bucket.write("secrets/known_hosts", "", 0o600);
      bucket.write("workspace/workers.json", [{ host: "127.0.0.1" }]);
      setting("ssh_port", String(port));
      await build(bucket);
      const { code, stderr } = await bucket.maand("run_command", "true");
      expect(code).toBe(1);
      expect(stderr).toContain("two hosts answer at the address of the worker");
      expect(bucket.read("secrets/known_hosts")).toBe("");
    } finally {
      server.close();
    }
  },
);

test("a key that was met before a cut and is met again is pinned once", async () => {
  const { server, port } = await fickleAddress(0);
  try {
    bucket.write("secrets/known_hosts", "", 0o600);
    bucket.write("workspace/workers.json", [{ host: "127.0.0.1" }]);
    setting("ssh_port", String(port));
    await build(bucket);
    expect((await bucket.maand("run_command", "true")).code).toBe(0);
    const pinned = bucket.read("secrets/known_hosts");
    expect(pinned.trimEnd().split("\n")).toHaveLength(1);
    // The other host answers now.
    const { stderr } = await bucket.maand("run_command", "true");
    expect(stderr).toContain("the host key of the worker has changed");
    expect(bucket.read("secrets/known_hosts")).toBe(pinned);
  } finally {
    server.close();
  }
});
