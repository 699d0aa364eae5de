// maand init without a terminal: what it makes, that it loses nothing, and what it refuses.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { migrations, runMigration } from "../../src/catalog/schema.ts";
import { maand, startMaand } from "../support/maand.ts";
import { useTempDirs } from "../support/use.ts";

const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n";
const emptyDirectory = useTempDirs();

async function init(dir: string, ...flags: string[]) {
  const outcome = await maand(["init", "--yes", "--json", ...flags], { cwd: dir });
  return { ...outcome, json: JSON.parse(outcome.stdout) };
}

const modeOf = (...path: string[]): number => statSync(join(...path)).mode & 0o777;
const text = (...path: string[]): string => readFileSync(join(...path), "utf8");

/** Every file with its content: what must not change. */
function contents(dir: string): Map<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  // The lock and SQLite's own bookkeeping beside the catalog are no content.
  return new Map(
    names.filter((name) => !/\/data\/(?!maand\.db$)/.test(name)).map((name) => [name, text(name)]),
  );
}

test("a new bucket has every file of the contract, private ones for nobody else", async () => {
  const dir = emptyDirectory();
  const { code, json } = await init(dir);
  expect(code).toBe(0);
  expect(json.ok).toBe(true);
  expect(json.bucket_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  for (const path of ["data", "secrets", "tmp", "logs"]) expect(modeOf(dir, path)).toBe(0o700);
  for (const name of ["ca.crt", "ca.key", "kv.key", "known_hosts"])
    expect(modeOf(dir, "secrets", name)).toBe(0o600);
  expect(modeOf(dir, "data/maand.db")).toBe(0o600);
  expect(statSync(join(dir, "secrets/kv.key")).size).toBe(32);
  expect(text(dir, "secrets/known_hosts")).toBe("");
  expect(JSON.parse(text(dir, "workspace/workers.json"))).toEqual([]);
  expect(readdirSync(join(dir, "workspace/jobs"))).toEqual([]);
  expect(text(dir, "maand.conf")).toContain("certs_renewal_buffer = 10");
  for (const line of ["/data/", "/secrets/", "/tmp/", "/logs/"])
    expect(text(dir, ".gitignore").split("\n")).toContain(line);
  for (const name of ["manifest", "workers", "disabled"])
    expect(JSON.parse(text(dir, `workspace/.schema/${name}.json`)).title).toBe(`maand ${name}.json`);
  const settings = JSON.parse(text(dir, ".vscode/settings.json"));
  expect(settings["json.schemas"][0]).toEqual({
    fileMatch: ["/workspace/workers.json"],
    url: "./workspace/.schema/workers.json",
  });
  const authority = new X509Certificate(text(dir, "secrets/ca.crt"));
  expect(authority.subject).toBe(`CN=${json.bucket_id}`);
  expect((await maand(["build"], { cwd: dir })).code).toBe(0);
  const info = JSON.parse((await maand(["info", "--json"], { cwd: dir })).stdout);
  expect(info).toMatchObject({
    bucket_id: json.bucket_id,
    update_seq: 0,
    workers: 0,
    jobs: 0,
    last_deploy: null,
  });
});

test("again: nothing is made, nothing changes", async () => {
  const dir = emptyDirectory();
  const first = await init(dir, "--worker", "10.9.0.1");
  const before = contents(dir);
  const second = await init(dir);
  expect(second.json).toMatchObject({ bucket_id: first.json.bucket_id, made: [], updated: [] });
  expect(contents(dir)).toEqual(before);
});

test("what the user has written is kept, and what is missing is added", async () => {
  const dir = emptyDirectory();
  mkdirSync(join(dir, "workspace/jobs/web"), { recursive: true });
  mkdirSync(join(dir, ".vscode"));
  writeFileSync(join(dir, "maand.conf"), 'ssh_user = "ops"\n');
  writeFileSync(join(dir, ".gitignore"), "node_modules/\nsecrets/");
  writeFileSync(join(dir, ".vscode/settings.json"), '{\n  // mine\n  "editor.tabSize": 3,\n}\n');
  writeFileSync(join(dir, "workspace/workers.json"), '[{ "host": "10.9.0.7" }]\n');
  writeFileSync(join(dir, "workspace/bucket.conf"), 'mine = "yes"\n');
  writeFileSync(join(dir, "workspace/jobs/web/Makefile"), "start:\n");
  const { code, json } = await init(dir, "--worker", "10.9.0.1", "--ssh-user", "other");
  expect(code).toBe(0);
  expect(text(dir, "maand.conf")).toBe('ssh_user = "ops"\n');
  expect(text(dir, "workspace/workers.json")).toBe('[{ "host": "10.9.0.7" }]\n');
  expect(text(dir, "workspace/bucket.conf")).toBe('mine = "yes"\n');
  expect(text(dir, "workspace/jobs/web/Makefile")).toBe("start:\n");
  expect(text(dir, ".gitignore")).toStartWith("node_modules/\nsecrets/\n");
  expect(text(dir, ".gitignore").match(/secrets/g)).toHaveLength(1);
  expect(text(dir, ".gitignore")).toContain("/data/\n/tmp/\n/logs/\n");
  expect(text(dir, ".vscode/settings.json")).toContain("// mine\n");
  expect(text(dir, ".vscode/settings.json")).toContain('"editor.tabSize": 3');
  expect(text(dir, ".vscode/settings.json")).toContain("workspace/.schema/workers.json");
  expect(json.updated).toEqual([".gitignore", ".vscode/settings.json"]);
  expect(json.kept).toContain("maand.conf");
  expect(json.notes.join("\n")).toContain('ssh_user = "other"');
  expect(json.notes.join("\n")).toContain("workers.json already lists workers");
});

test("workers go into a workers.json that lists none", async () => {
  const dir = emptyDirectory();
  await init(dir);
  for (const empty of ["[]\n", "", " \n"]) {
    writeFileSync(join(dir, "workspace/workers.json"), empty);
    expect((await init(dir, "--worker", "10.9.0.1", "--worker", "web.example.com")).json.updated).toEqual([
      "workspace/workers.json",
    ]);
    const rows = JSON.parse(text(dir, "workspace/workers.json"));
    expect(rows.map((row: { host: string }) => row.host)).toEqual(["10.9.0.1", "web.example.com"]);
  }
  expect((await maand(["build"], { cwd: dir })).code).toBe(0);
});

test("a workers.json that is a link stays one", async () => {
  const dir = emptyDirectory();
  mkdirSync(join(dir, "workspace"));
  writeFileSync(join(dir, "shared.json"), "[]\n");
  symlinkSync("../shared.json", join(dir, "workspace/workers.json"));
  await init(dir, "--worker", "10.9.0.1");
  expect(text(dir, "shared.json")).toContain("10.9.0.1");
});

test("the SSH key is copied once, for its owner only, and another one is refused", async () => {
  const dir = emptyDirectory();
  const home = emptyDirectory();
  writeFileSync(join(home, "key"), key);
  writeFileSync(join(home, "other"), key.replace("bm90", "bm91"));
  writeFileSync(join(home, "text"), "hello\n");
  expect((await init(dir, "--ssh-key", join(home, "key"))).json.made).toContain("secrets/worker.key");
  expect(text(dir, "secrets/worker.key")).toBe(key);
  expect(modeOf(dir, "secrets/worker.key")).toBe(0o600);
  expect((await init(dir, "--ssh-key", join(home, "key"))).code).toBe(0);
  const other = await init(dir, "--ssh-key", join(home, "other"));
  expect(other.code).toBe(2);
  expect(other.json.error.message).toBe("the bucket already has another SSH key");
  expect(text(dir, "secrets/worker.key")).toBe(key);
  expect((await init(dir, "--ssh-key", join(home, "text"))).code).toBe(2);
  expect((await init(dir, "--ssh-key", join(home, "none"))).code).toBe(2);
});

test.each([
  [["--ssh-user", "a b"], "no user name"],
  [["--worker", "10.9.0.999"], '"10.9.0.999" is no host'],
  [["--worker", "10.9.0.1", "--worker", "10.9.0.1"], "is there twice"],
  [["--worker", "FD00::1", "--worker", "fd00:0::1"], "is there twice"],
])("%p is refused before anything is written", async (flags, message) => {
  const dir = emptyDirectory();
  const outcome = await init(dir, ...flags);
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain(message);
  expect(readdirSync(dir)).toEqual([]);
});

test("--bucket and BUCKET_ROOT name the directory, which is made when missing", async () => {
  const dir = emptyDirectory();
  expect((await init(dir, "--bucket", "a/b")).json.bucket).toBe(join(dir, "a/b"));
  expect(existsSync(join(dir, "a/b/maand.conf"))).toBe(true);
  const outcome = await maand(["init", "--yes"], { cwd: dir, env: { BUCKET_ROOT: join(dir, "c") } });
  expect(outcome.code).toBe(0);
  expect(existsSync(join(dir, "c/maand.conf"))).toBe(true);
  expect(existsSync(join(dir, "maand.conf"))).toBe(false);
});

test("a bucket inside another one is said", async () => {
  const dir = emptyDirectory();
  await init(dir);
  mkdirSync(join(dir, "workspace/deep"));
  expect((await init(join(dir, "workspace/deep"))).json.notes.join()).toContain(`inside another one, ${dir}`);
});

test("loose modes of secrets are tightened", async () => {
  const dir = emptyDirectory();
  await init(dir);
  chmodSync(join(dir, "secrets"), 0o755);
  chmodSync(join(dir, "secrets/kv.key"), 0o644);
  const { json } = await init(dir);
  expect(modeOf(dir, "secrets")).toBe(0o700);
  expect(modeOf(dir, "secrets/kv.key")).toBe(0o600);
  expect(json.notes.join()).toContain("kv.key");
});

test("half a CA is an error, and a lost kv.key with secrets in the catalog too", async () => {
  const dir = emptyDirectory();
  await init(dir);
  const authority = text(dir, "secrets/ca.crt");
  rmSync(join(dir, "secrets/ca.crt"));
  const half = await init(dir);
  expect(half.code).toBe(1);
  expect(half.json.error.message).toBe("secrets/ca.crt is missing");
  writeFileSync(join(dir, "secrets/ca.crt"), authority);

  rmSync(join(dir, "secrets/kv.key"));
  expect((await init(dir)).json.made).toContain("secrets/kv.key");
  const catalog = new Database(join(dir, "data/maand.db"));
  catalog.run("INSERT INTO kv VALUES ('secrets/job/api', 'password', 1, x'00', 1, 0, 0)");
  catalog.close();
  rmSync(join(dir, "secrets/kv.key"));
  const lost = await init(dir);
  expect(lost.code).toBe(1);
  expect(lost.json.error.hint).toContain("restore secrets/kv.key");
  expect(existsSync(join(dir, "secrets/kv.key"))).toBe(false);
});

test("a CA that was made for another bucket is kept, and said", async () => {
  const [dir, other] = [emptyDirectory(), emptyDirectory()];
  const { json } = await init(other);
  mkdirSync(join(dir, "secrets"));
  for (const name of ["ca.crt", "ca.key"])
    writeFileSync(join(dir, "secrets", name), text(other, "secrets", name));
  const second = await init(dir);
  expect(second.json.bucket_id).not.toBe(json.bucket_id);
  expect(text(dir, "secrets/ca.crt")).toBe(text(other, "secrets/ca.crt"));
  expect(second.json.notes.join()).toContain(json.bucket_id);
});

test("a catalog of a newer maand is refused, untouched", async () => {
  const dir = emptyDirectory();
  await init(dir);
  const catalog = new Database(join(dir, "data/maand.db"));
  catalog.run("PRAGMA user_version = 9999");
  catalog.close();
  const outcome = await init(dir);
  expect(outcome.code).toBe(1);
  expect(outcome.json.error.message).toContain("schema 9999");
});

test("a catalog of any older schema is upgraded and keeps its bucket", async () => {
  for (const version of migrations.keys()) {
    if (version === 0) continue;
    const dir = emptyDirectory();
    await init(dir);
    rmSync(join(dir, "data"), { recursive: true });
    mkdirSync(join(dir, "data"));
    const catalog = new Database(join(dir, "data/maand.db"), { create: true });
    for (const migration of migrations.slice(0, version)) runMigration(catalog, migration);
    catalog.run(`PRAGMA user_version = ${version}`);
    catalog.run("INSERT INTO bucket (one, bucket_id, update_seq) VALUES (1, 'old-bucket', 7)");
    catalog.close();
    const { stdout } = await maand(["init", "--yes"], { cwd: dir });
    expect(stdout).toContain(`updated data/maand.db (schema ${version} → ${migrations.length})`);
    const info = JSON.parse((await maand(["info", "--json"], { cwd: dir })).stdout);
    expect(info).toMatchObject({ bucket_id: "old-bucket", update_seq: 7 });
  }
});

test("inside a hook it is refused", async () => {
  const dir = emptyDirectory();
  const outcome = await maand(["init", "--yes"], { cwd: dir, env: { HOOK_API_TOKEN: "t" } });
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain("cannot run inside a hook");
  expect(readdirSync(dir)).toEqual([]);
});

test("while another maand writes, init gives up with 3", async () => {
  const dir = emptyDirectory();
  await init(dir);
  const holder = new Database(join(dir, "data/lock.db"), { create: true });
  holder.run("PRAGMA journal_mode = DELETE");
  holder.run("BEGIN EXCLUSIVE");
  expect((await init(dir)).code).toBe(3);
  const waiting = startMaand(["init", "--yes", "--lock-wait", "30"], { cwd: dir });
  await Bun.sleep(200);
  holder.close();
  expect((await waiting.wait()).code).toBe(0);
});

test("the text names what was made, the next steps and the sudoers lines", async () => {
  const dir = emptyDirectory();
  const { stdout, stderr, code } = await maand(["init"], { cwd: dir });
  expect(code).toBe(0);
  expect(stderr).toBe("");
  expect(stdout).toContain("made    secrets/ca.key\n");
  expect(stdout).toContain("next:\n  1. ");
  expect(stdout).toContain("  agent ALL=(root) NOPASSWD: /usr/bin/bash,");
  expect(stdout).not.toContain("\x1b");
});
