// maand init killed at any moment: running it again gives a good bucket, and what was finished stays as it was.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { maand, startMaand } from "../support/maand.ts";
import { useTempDirs } from "../support/use.ts";

const kills = 40;
const tempDir = useTempDirs();

/** Every entry below `dir`, as one text: changes of it are the moments worth a kill. */
function state(dir: string): string {
  return readdirSync(dir, { recursive: true }).sort().join("\n");
}

async function expectGood(dir: string): Promise<void> {
  const init = await maand(["init", "--yes"], { cwd: dir });
  expect(init.stderr).toBe("");
  expect(init.code).toBe(0);
  const leftovers = state(dir)
    .split("\n")
    .filter((path) => /\.new(-\d+)?$/.test(path));
  expect(leftovers).toEqual([]);
  expect(statSync(join(dir, "secrets/kv.key")).size).toBe(32);
  const certificate = new X509Certificate(readFileSync(join(dir, "secrets/ca.crt")));
  expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(join(dir, "secrets/ca.key"))))).toBe(true);
  const catalog = new Database(join(dir, "data/maand.db"));
  expect(catalog.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  const { bucket_id } = catalog.query("SELECT bucket_id FROM bucket").get() as { bucket_id: string };
  catalog.close();
  expect(certificate.subject).toBe(`CN=${bucket_id}`);
  expect((await maand(["build"], { cwd: dir })).code).toBe(0);
}

test("kill -9 at every stage", async () => {
  const reached = new Set<string>();
  for (let kill = 0; kill < kills; kill++) {
    const dir = tempDir();
    const child = startMaand(["init", "--yes", "--worker", "10.9.0.1"], { cwd: dir });
    // The kill falls after a certain number of changes in the directory, so that every stage gets one.
    let before = "";
    const deadline = Date.now() + 10_000;
    for (let changes = 0; changes <= kill % 20 && Date.now() < deadline; ) {
      const now = state(dir);
      if (now !== before) changes += 1;
      before = now;
      if (now.includes(".vscode")) break;
      await Bun.sleep(0);
    }
    child.kill("SIGKILL");
    await child.wait();
    reached.add(state(dir));
    await expectGood(dir);
  }
  // Kills that all fall at the same place would prove little.
  expect(reached.size).toBeGreaterThan(3);
}, 240_000);

test("a kill between the key and the certificate of the CA is finished, a lone key of another origin is not", async () => {
  const dir = tempDir();
  await maand(["init", "--yes"], { cwd: dir });
  const [certificate, waiting] = ["ca.crt", ".ca.crt.new"].map((name) => join(dir, "secrets", name));
  const authority = readFileSync(certificate!, "utf8");
  renameSync(certificate!, waiting!);
  await expectGood(dir);
  expect(readFileSync(certificate!, "utf8")).toBe(authority);

  rmSync(certificate!);
  writeFileSync(waiting!, authority.replace(/[A-Z]/, "x"));
  expect((await maand(["init", "--yes"], { cwd: dir })).code).toBe(1);
  expect(existsSync(certificate!)).toBe(false);
}, 60_000);
