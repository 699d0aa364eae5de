// maand init on a terminal: it asks, it takes defaults, and a cancelled wizard leaves no trace.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { atTerminal } from "../support/keyboard.ts";
import { useTempDirs } from "../support/use.ts";

const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n";
const tempDir = useTempDirs();

function emptyDirectory(): { dir: string; home: string } {
  const base = tempDir();
  const [dir, home] = [join(base, "bucket"), join(base, "home")];
  mkdirSync(dir);
  mkdirSync(join(home, ".ssh"), { recursive: true });
  return { dir, home };
}

test("the answers go into the bucket", async () => {
  const { dir, home } = emptyDirectory();
  writeFileSync(join(home, "my-key"), key, { mode: 0o600 });
  const maand = atTerminal(["init"], dir, { HOME: home });
  await maand.see("User to sign in as");
  maand.type("deployer\r");
  await maand.see("through sudo");
  maand.type("n");
  await maand.see("SSH private key");
  maand.type(`${join(home, "my-key")}\r`);
  await maand.see("Addresses of the workers");
  maand.type("10.9.0.1, 10.9.0.2\r");
  await maand.see("Create the bucket");
  maand.type("\r");
  await maand.see("next:");
  expect(await maand.end()).toBe(0);
  const conf = readFileSync(join(dir, "maand.conf"), "utf8");
  expect(conf).toContain('ssh_user = "deployer"');
  expect(conf).toContain("use_sudo = false");
  expect(readFileSync(join(dir, "secrets/worker.key"), "utf8")).toBe(key);
  expect(statSync(join(dir, "secrets/worker.key")).mode & 0o777).toBe(0o600);
  const workers = JSON.parse(readFileSync(join(dir, "workspace/workers.json"), "utf8"));
  expect(workers.map((worker: { host: string }) => worker.host)).toEqual(["10.9.0.1", "10.9.0.2"]);
  expect(maand.screen()).not.toContain("sudoers");
}, 60_000);

test("a wrong answer is asked again, and Enter takes the default", async () => {
  const { dir, home } = emptyDirectory();
  const maand = atTerminal(["init", "--ssh-user", "ops"], dir, { HOME: home });
  await maand.see("through sudo");
  maand.type("\r");
  await maand.see("SSH private key");
  maand.type("\r");
  await maand.see("Addresses of the workers");
  maand.type("not_a_host\r");
  await maand.see('"not_a_host" is no host');
  maand.type("\x15fd00::1\r");
  await maand.see("Create the bucket");
  maand.type("\r");
  await maand.see("next:");
  expect(await maand.end()).toBe(0);
  expect(readFileSync(join(dir, "maand.conf"), "utf8")).toContain('ssh_user = "ops"');
  expect(existsSync(join(dir, "secrets/worker.key"))).toBe(false);
  expect(readFileSync(join(dir, "workspace/workers.json"), "utf8")).toContain('"host": "fd00::1"');
}, 60_000);

test.each([
  "User to sign in as",
  "through sudo",
  "SSH private key",
  "Addresses of the workers",
  "Create the bucket",
])(
  "Ctrl-C at %p writes nothing and exits with 130",
  async (question) => {
    const { dir, home } = emptyDirectory();
    const maand = atTerminal(["init"], dir, { HOME: home });
    for (const asked of [
      "User to sign in as",
      "through sudo",
      "SSH private key",
      "Addresses of the workers",
      "Create the bucket",
    ]) {
      await maand.see(asked);
      if (asked === question) break;
      maand.type("\r");
    }
    maand.type("\x03");
    await maand.see("nothing was written");
    expect(await maand.end()).toBe(130);
    expect(readdirSync(dir)).toEqual([]);
  },
  60_000,
);

test("a complete bucket is not asked about, and --yes asks nothing", async () => {
  const { dir, home } = emptyDirectory();
  const first = atTerminal(["init", "--yes", "--worker", "10.9.0.1"], dir, { HOME: home });
  await first.see("next:");
  expect(await first.end()).toBe(0);
  const second = atTerminal(["init"], dir, { HOME: home });
  await second.see("nothing was missing");
  expect(await second.end()).toBe(0);
  expect(second.screen()).not.toContain("User to sign in as");
}, 60_000);
