// Opening a session: conf, catalog, KV and an idle connection pool.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { MaandConf } from "../bucket/conf.ts";
import { parseConf } from "../bucket/conf.ts";
import type { BucketPaths } from "../bucket/locate.ts";
import { readRegular } from "../bucket/regular-file.ts";
import { openBlobs } from "../catalog/blobs.ts";
import { readBucketId } from "../catalog/bucket.ts";
import { openCatalog } from "../catalog/open.ts";
import type { EventStream, RunIdentity } from "../events/event.ts";
import { cipherFromFile } from "../kv/cipher.ts";
import { openKv } from "../kv/store.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import { createPool } from "../ssh/connect/pool.ts";
import type { SshSettings } from "../ssh/connect/settings.ts";
import { countOf } from "../support/plural.ts";
import { confPath } from "../workspace/paths.ts";
import type { Session, Shutdown } from "./session.ts";

export interface SessionOptions {
  paths: BucketPaths;
  events: EventStream;
  identity: RunIdentity;
  shutdown: Shutdown;
  /** For commands that only look: the catalog cannot be written through it. */
  readonly: boolean;
}

/**
 * Opens a bucket for a command.
 * @throws MaandError("workspace") for a faulty maand.conf, MaandError("catalog") for a missing or damaged catalog.
 */
export function openSession(options: SessionOptions): Session {
  const conf = readConf(options.paths);
  const catalog = openCatalog(options.paths.catalog, { readonly: options.readonly });
  const bucketId = readBucketId(catalog);
  if (bucketId === undefined) {
    catalog.close();
    throw new MaandError("catalog", "the catalog holds no bucket", {
      where: { file: options.paths.catalog },
      hint: 'run "maand init" in this bucket',
    });
  }
  const cipher = cipherFromFile(join(options.paths.secrets, "kv.key"));
  return {
    paths: options.paths,
    conf,
    bucketId,
    catalog,
    kv: openKv(catalog, cipher),
    blobs: openBlobs(catalog, cipher),
    pool: createPool(sshSettings(options.paths, conf), options.events, options.shutdown.forced),
    events: options.events,
    identity: options.identity,
    shutdown: options.shutdown,
    now: () => Date.now(),
  };
}

/** Ends every connection and closes the catalog. */
export async function closeSession(session: Session): Promise<void> {
  await session.pool.closeAll();
  session.catalog.close();
}

/** @throws MaandError("workspace") with everything that is wrong in the file. */
function readConf(paths: BucketPaths): MaandConf {
  let text: string;
  try {
    text = readRegular(paths.conf).toString("utf8");
  } catch (error) {
    throw new MaandError("local", "cannot read maand.conf", {
      where: { file: paths.conf },
      why: reasonOf(error),
      hint: 'run "maand init" in this bucket (it keeps what is there)',
      cause: error,
    });
  }
  const conf = parseConf(text, confPath);
  if (conf.ok) return conf.value;
  const { diagnostics } = conf;
  const problems = countOf(diagnostics.length, "problem");
  throw new MaandError("workspace", `${confPath} has ${problems}`, { diagnostics });
}

/** Signs of life that a connection may miss, and one more: together they take `connect_timeout`. */
const keepaliveShare = 4;

function sshSettings(paths: BucketPaths, conf: MaandConf): SshSettings {
  // `~/` is the home directory, as a shell would have it; anything else is a path from the bucket.
  const configPath = resolve(
    paths.root,
    conf.sshConfig.replace(/^~(?=\/)/, () => homedir()),
  );
  return {
    user: conf.sshUser,
    keyPath: join(paths.secrets, conf.sshKey),
    port: conf.sshPort,
    knownHostsPath: join(paths.secrets, "known_hosts"),
    hostKeyChecking: conf.hostKeyChecking,
    ...(conf.sshConfig === "" ? {} : { sshConfigPath: configPath }),
    connectTimeoutSeconds: conf.connectTimeoutSeconds,
    commandTimeoutSeconds: conf.commandTimeoutSeconds,
    useSudo: conf.useSudo,
    maxParallel: conf.maxParallelWorkers,
    // A worker that has gone silent in the middle is noticed about as fast as one that never answers.
    keepaliveSeconds: Math.max(1, conf.connectTimeoutSeconds / keepaliveShare),
  };
}
