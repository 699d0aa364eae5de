// What deploy knows of each allocation: read as values, changed only by the transitions named here.

import type { DeploymentRow, RuntimeState } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import { decodeTree, encodeTree } from "../model/tree.ts";
import type { DeployMark } from "../model/worker-identity.ts";
import type { Catalog } from "./open.ts";

/**
 * What an unknown allocation was in the middle of; absent when a process may have been stopped or replaced (restart,
 * reload, stop, a target run by hand).
 */
export type Begun =
  | "first_start" // `start` of what has never run
  | "start"
  /** Only files: no process was touched, the state is that from before. */
  | "sync";

/** A deployment row with what its unfinished attempt was. */
export interface Deployment extends DeploymentRow {
  begun?: Exclude<Begun, "sync">;
  /** What a `deploy --force` was asked to do and has not come to yet. */
  forced?: Forced;
  /** Hash of what the last promoted sync put on the worker; absent where none since the catalog notes it. */
  syncedHash?: string;
}

/** Everything as if changed, or with `--sync-only` the files alone. */
export type Forced = "all" | "files";

interface DeploymentRecord {
  alloc_id: string;
  /** A `RuntimeState`; an unknown one may carry what was begun: `unknown:start`. */
  state: string;
  promoted_hash: string | null;
  promoted_version: string | null;
  previous_hash: string | null;
  previous_version: string | null;
  attempt_hash: string | null;
  synced_hash: string | null;
  failure: string | null;
  forced: Forced | null;
}

/** Every allocation that was ever acted on, by allocation id. */
export function readDeployments(catalog: Catalog): Map<string, Deployment> {
  const rows = catalog.query<DeploymentRecord, []>("SELECT * FROM deployment").all();
  return new Map(rows.map((row) => [row.alloc_id, toDeployment(row)]));
}

function toDeployment(row: DeploymentRecord): Deployment {
  const [state, begun] = row.state.split(":") as [RuntimeState, Deployment["begun"]];
  return {
    allocId: row.alloc_id,
    state,
    ...(begun === undefined ? {} : { begun }),
    ...(row.promoted_hash === null ? {} : { promotedHash: row.promoted_hash }),
    ...(row.promoted_version === null ? {} : { promotedVersion: row.promoted_version }),
    ...(row.previous_hash === null ? {} : { previousHash: row.previous_hash }),
    ...(row.previous_version === null ? {} : { previousVersion: row.previous_version }),
    ...(row.attempt_hash === null ? {} : { attemptHash: row.attempt_hash }),
    ...(row.synced_hash === null ? {} : { syncedHash: row.synced_hash }),
    ...(row.failure === null ? {} : { failure: row.failure }),
    ...(row.forced === null ? {} : { forced: row.forced }),
  };
}

/** The file list of a tree, undefined when it is not known. */
export function readTree(catalog: Catalog, hash: string): TreeFile[] | undefined {
  const row = catalog.query<{ files: string }, [string]>("SELECT files FROM tree WHERE hash = ?").get(hash);
  return row === null ? undefined : decodeTree(row.files);
}

/** Content that is about to be put on a worker or promoted. */
export interface AttemptedContent {
  hash: string;
  files: readonly TreeFile[];
}

function keepTree(catalog: Catalog, content: AttemptedContent): void {
  catalog.query("INSERT OR IGNORE INTO tree VALUES (?, ?)").run(content.hash, encodeTree(content.files));
}

/** What is about to be done to an allocation. */
export interface NewAttempt {
  allocId: string;
  /** What is about to be put on the worker; absent where no file is touched. */
  content?: AttemptedContent;
  begun?: Begun;
}

/**
 * Notes durably, before the first byte is sent, that an allocation is no longer known to be as promoted: a crash
 * from here on makes the next deploy act on it again.
 */
export function beginAttempts(catalog: Catalog, attempts: readonly NewAttempt[]): void {
  const put = catalog.query(
    `INSERT INTO deployment (alloc_id, state, attempt_hash) VALUES (?1, ?3, ?2)
     ON CONFLICT (alloc_id) DO UPDATE SET state = ?3, attempt_hash = coalesce(?2, attempt_hash), failure = NULL`,
  );
  const putFiles = catalog.query(
    "UPDATE deployment SET attempt_hash = coalesce(?2, attempt_hash), failure = NULL WHERE alloc_id = ?1",
  );
  catalog.transaction(() => {
    for (const { allocId, content, begun } of attempts) {
      if (content !== undefined) keepTree(catalog, content);
      const hash = content?.hash ?? null;
      if (begun === "sync") putFiles.run(allocId, hash);
      else put.run(allocId, hash, begun === undefined ? "unknown" : `unknown:${begun}`);
    }
  })();
}

/** Notes durably what `deploy --force` is about to do: it stays due until a promotion, whatever ends this run. */
export function noteForced(catalog: Catalog, allocIds: readonly string[], forced: Forced): void {
  const put = catalog.query("UPDATE deployment SET forced = ?2 WHERE alloc_id = ?1");
  catalog.transaction(() => {
    for (const allocId of allocIds) put.run(allocId, forced);
  })();
}

/** Notes why attempts failed; what is known of their allocations stays as `beginAttempts` left it. */
export function failAttempts(
  catalog: Catalog,
  failures: readonly { allocId: string; failure: string }[],
): void {
  const put = catalog.query("UPDATE deployment SET failure = ?2 WHERE alloc_id = ?1");
  catalog.transaction(() => {
    for (const { allocId, failure } of failures) put.run(allocId, failure);
  })();
}

export interface Promotion {
  allocId: string;
  version: string;
  content: AttemptedContent;
  /** The state it is in now; undefined keeps the one it has (a disabled allocation whose content is kept current). */
  state?: RuntimeState;
  /** Hash of what a complete sync has left on the worker; undefined where no file was sent. */
  syncedHash?: string;
}

/** Promotes one batch, in one transaction that is durable when this returns. */
export function promote(catalog: Catalog, promotions: readonly Promotion[]): void {
  const put = catalog.query(
    `INSERT INTO deployment (alloc_id, state, promoted_hash, promoted_version, synced_hash)
     VALUES (?1, coalesce(?2, 'absent'), ?3, ?4, ?5)
     ON CONFLICT (alloc_id) DO UPDATE SET
       previous_hash = CASE WHEN promoted_hash IS ?3 AND promoted_version IS ?4 THEN previous_hash ELSE promoted_hash END,
       previous_version = CASE WHEN promoted_hash IS ?3 AND promoted_version IS ?4 THEN previous_version ELSE promoted_version END,
       promoted_hash = ?3, promoted_version = ?4, state = coalesce(?2, state), synced_hash = coalesce(?5, synced_hash),
       attempt_hash = NULL, failure = NULL, forced = NULL`,
  );
  catalog.transaction(() => {
    for (const { allocId, version, content, state, syncedHash } of promotions) {
      keepTree(catalog, content);
      put.run(allocId, state ?? null, content.hash, version, syncedHash ?? null);
    }
  })();
}

/** Notes what the last complete sync has left on workers, as it was read there; undefined where nothing was. */
export function noteSyncMarks(
  catalog: Catalog,
  marks: readonly { allocId: string; mark: string | undefined }[],
): void {
  const put = catalog.query("UPDATE deployment SET synced_hash = ?2 WHERE alloc_id = ?1");
  for (const { allocId, mark } of marks) put.run(allocId, mark ?? null);
}

/** Moves allocations to a state that needs no promotion: a failed gate, a stop, after which no `--force` is due. */
export function setStates(
  catalog: Catalog,
  changes: readonly { allocId: string; state: RuntimeState; failure?: string }[],
): void {
  const put = catalog.query(
    `INSERT INTO deployment (alloc_id, state, failure) VALUES (?1, ?2, ?3)
     ON CONFLICT (alloc_id) DO UPDATE SET state = ?2, failure = ?3,
       forced = CASE WHEN ?2 IN ('stopped', 'drained') THEN NULL ELSE forced END`,
  );
  catalog.transaction(() => {
    for (const { allocId, state, failure } of changes) put.run(allocId, state, failure ?? null);
  })();
}

/** Forgets what was promoted of allocations that were removed: one that comes back deploys as new. */
export function forgetPromotions(catalog: Catalog, allocIds: readonly string[]): void {
  const put = catalog.query(
    `UPDATE deployment SET state = 'cleaned', promoted_hash = NULL, promoted_version = NULL, previous_hash = NULL,
       previous_version = NULL, attempt_hash = NULL, synced_hash = NULL, failure = NULL, forced = NULL WHERE alloc_id = ?`,
  );
  catalog.transaction(() => {
    for (const allocId of allocIds) put.run(allocId);
  })();
}

/** The deploys so far; `update_seq` of `worker.json`. */
export function readUpdateSeq(catalog: Catalog): number {
  return (catalog.query("SELECT update_seq FROM bucket").get() as { update_seq: number }).update_seq;
}

/** The last deploy that this catalog counted: what it has written to workers. */
export function readLastDeploy(catalog: Catalog): DeployMark {
  const row = catalog
    .query<{ update_seq: number; run_id: string | null }, []>("SELECT update_seq, run_id FROM bucket")
    .get()!;
  return { updateSeq: row.update_seq, ...(row.run_id === null ? {} : { runId: row.run_id }) };
}

/** Counts a new deploy, committed at once. */
export function countDeploy(catalog: Catalog, runId: string): Required<DeployMark> {
  return noteDeploy(catalog, { updateSeq: readUpdateSeq(catalog) + 1, runId });
}

/** Makes this the last deploy, whatever was. */
export function noteDeploy(catalog: Catalog, mark: Required<DeployMark>): Required<DeployMark> {
  catalog.query("UPDATE bucket SET update_seq = ?, run_id = ?").run(mark.updateSeq, mark.runId);
  return mark;
}

export type PostDeployStatus =
  | "pending" // a rollout was begun and its `post_deploy` has not run yet
  | "ok"
  | "failed";

/** How each job's last `post_deploy` ended. */
export function readPostDeploy(catalog: Catalog): Map<string, PostDeployStatus> {
  const rows = catalog
    .query<{ job: string; post_deploy_status: PostDeployStatus }, []>(
      "SELECT job, post_deploy_status FROM job_rollout",
    )
    .all();
  return new Map(rows.map((row) => [row.job, row.post_deploy_status]));
}

/** Records how a job's `post_deploy` ended. */
export function setPostDeploy(catalog: Catalog, job: string, status: PostDeployStatus): void {
  catalog
    .query("INSERT INTO job_rollout VALUES (?1, ?2) ON CONFLICT (job) DO UPDATE SET post_deploy_status = ?2")
    .run(job, status);
}
