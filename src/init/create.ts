// Makes a bucket, or what is missing of one: every step is whole or undone, so that init can be killed and run again.

import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MaandConf } from "../bucket/conf.ts";
import { defaultConf, parseConf } from "../bucket/conf.ts";
import type { BucketPaths } from "../bucket/locate.ts";
import { readRegular } from "../bucket/regular-file.ts";
import { ensureBucketId, holdsEncrypted, readBucketId, readSchemaVersion } from "../catalog/bucket.ts";
import { type Catalog, openCatalog } from "../catalog/open.ts";
import { migrations } from "../catalog/schema.ts";
import { createKey } from "../kv/cipher.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import { confPath, workersPath } from "../workspace/paths.ts";
import { schemaNames } from "../workspace/schema.ts";
import { authorityNotes, placeAuthority } from "./authority.ts";
import { editorSettingsPath, schemaPath } from "./editor.ts";
import type { InitStep } from "./place.ts";
import { makeDirectories, placeFile, removeUnfinished, tightenSecrets, withIgnores } from "./place.ts";
import { isEmptyList, placeConf, placeWorkspace } from "./workspace.ts";

/** What the operator told init; everything is checked before it gets here, except against what lies in the bucket. */
export interface InitRequest {
  sshUser?: string;
  useSudo?: boolean;
  /** The file to copy to `secrets/`. */
  sshKeyPath?: string;
  workers: readonly string[];
}

export interface InitReport {
  bucketId: string;
  /** In the order in which they were done. */
  steps: InitStep[];
  /** What the operator should know, each one sentence. */
  notes: string[];
  /** Settings as they hold now; undefined when maand.conf is not valid. */
  conf?: MaandConf;
  hasWorkers: boolean;
  hasSshKey: boolean;
}

/**
 * Brings the bucket at `paths` into being, or up to date; the caller holds its lock. Nothing that is there is lost.
 * @throws MaandError("local") for files that cannot be written or contradict each other, MaandError("catalog") for a
 *   catalog that cannot be used and for a lost KV key.
 */
export async function initBucket(paths: BucketPaths, request: InitRequest, now: number): Promise<InitReport> {
  const { root, secrets } = paths;
  const notes: string[] = [];
  const sshKeyPath = `secrets/${confOf(paths)?.sshKey ?? defaultConf().sshKey}`;
  const sshKey = request.sshKeyPath === undefined ? undefined : readSshKey(request.sshKeyPath);
  if (sshKey !== undefined) refuseOtherKey(join(root, sshKeyPath), sshKey);
  const steps = makeDirectories(root);
  removeUnfinished(root, writtenPaths(sshKeyPath));
  // Before the first secret: nobody must be able to commit one in between.
  steps.push(placeFile(root, { path: ".gitignore", content: withIgnores }));
  const { bucketId, isNew } = await placeCatalog(paths, steps);
  const authority = await placeAuthority(secrets, bucketId, now, steps);
  notes.push(...authorityNotes(authority, bucketId, isNew));
  const empty = (existing: string | undefined) => (existing === undefined ? "" : undefined);
  steps.push(placeFile(root, { path: "secrets/known_hosts", mode: 0o600, content: empty }));
  if (sshKey !== undefined) {
    const content = (existing: string | undefined) => (existing === undefined ? sshKey : undefined);
    steps.push(placeFile(root, { path: sshKeyPath, mode: 0o600, content }));
  }
  const tightened = tightenSecrets(secrets);
  if (tightened.length > 0)
    notes.push(`others could read ${tightened.join(", ")} in secrets/: now mode 0600`);

  steps.push(placeConf(root, request, notes), ...placeWorkspace(root, request.workers, notes));
  const conf = confOf(paths);
  if (conf === undefined) notes.push("maand.conf has errors, which the next command lists");
  return {
    bucketId,
    steps,
    notes,
    ...(conf === undefined ? {} : { conf }),
    hasWorkers: !isEmptyList(readRegular(join(root, workersPath)).toString("utf8")),
    hasSshKey: existsSync(join(root, sshKeyPath)),
  };
}

/** Everything that init writes through a temporary file. */
function writtenPaths(sshKeyPath: string): string[] {
  const secrets = ["secrets/kv.key", "secrets/known_hosts", sshKeyPath];
  const schemas = schemaNames.map(schemaPath);
  return [
    ".gitignore",
    confPath,
    workersPath,
    "workspace/bucket.conf",
    editorSettingsPath,
    ...secrets,
    ...schemas,
  ];
}

/** The settings of a maand.conf that is there and valid. */
function confOf(paths: BucketPaths): MaandConf | undefined {
  try {
    const conf = parseConf(readRegular(paths.conf).toString("utf8"), confPath);
    return conf.ok ? conf.value : undefined;
  } catch {
    return undefined;
  }
}

function readSshKey(path: string): string {
  let text: string;
  try {
    text = readRegular(path).toString("utf8");
  } catch (error) {
    throw new MaandError("usage", "the key given with --ssh-key cannot be read", {
      where: { file: path },
      why: reasonOf(error),
      hint: "name the file of an SSH private key, such as ~/.ssh/id_ed25519",
      cause: error,
    });
  }
  if (/PRIVATE KEY-----|^PuTTY-User-Key-File-|^(?:ssh-|ecdsa-|sk-)\S+ /m.test(text)) return text;
  throw new MaandError("usage", "the file given with --ssh-key holds no SSH key", {
    where: { file: path },
    hint: "name the file of an SSH private key, such as ~/.ssh/id_ed25519",
  });
}

function refuseOtherKey(target: string, key: string): void {
  if (!existsSync(target) || readRegular(target).toString("utf8") === key) return;
  throw new MaandError("usage", "the bucket already has another SSH key", {
    where: { file: target },
    why: "a key is never overwritten",
    hint: "move it away first, or run maand init without --ssh-key",
  });
}

/** The catalog with its bucket row, and the key that its secrets are encrypted with. */
async function placeCatalog(
  paths: BucketPaths,
  steps: InitStep[],
): Promise<{ bucketId: string; isNew: boolean }> {
  const before = readSchemaVersion(paths.catalog);
  const catalog = openCatalog(paths.catalog, { create: true });
  try {
    const isNew = readBucketId(catalog) === undefined;
    steps.push(placeKvKey(paths, catalog));
    const bucketId = ensureBucketId(catalog, randomUUID());
    const upgraded = !isNew && before !== undefined && before < migrations.length;
    const done = isNew ? "made" : upgraded ? "updated" : "kept";
    const detail = upgraded ? { detail: `schema ${before} → ${migrations.length}` } : {};
    steps.push({ path: "data/maand.db", done, ...detail });
    return { bucketId, isNew };
  } finally {
    catalog.close();
  }
}

function placeKvKey(paths: BucketPaths, catalog: Catalog): InitStep {
  const path = "secrets/kv.key";
  if (!existsSync(join(paths.root, path)) && holdsEncrypted(catalog)) {
    throw new MaandError("catalog", "the key of the encrypted KV is missing", {
      where: { file: join(paths.root, path) },
      why: "the catalog holds secrets that only this key opens; a new key would lose them for good",
      hint: "restore secrets/kv.key from the backup that belongs to this data/maand.db",
    });
  }
  const content = (existing: string | undefined) => (existing === undefined ? createKey() : undefined);
  return placeFile(paths.root, { path, mode: 0o600, content });
}
