// Which state of an allocation leads to which action: the whole decision table (maand help deploy), as one pure function.

import type { Begun, Deployment, Forced } from "../../catalog/deployments.ts";
import { matchGlobs } from "../../model/glob.ts";
import { assertNever } from "../../model/result.ts";
import type { AllocationRow, JobRow, RuntimeState } from "../../model/state.ts";
import { hasFiles, mayRun } from "../../model/state.ts";
import type { TreeFile } from "../../model/tree.ts";
import { changedPaths } from "../../model/tree.ts";
import { noVersion } from "../../model/version.ts";

export type ActionKind = "start" | "restart" | "reload" | "sync" | "promote" | "skip" | "stop" | "remove";

type Target = "start" | "restart" | "reload" | "stop";

/** What each kind of action does: whether it touches its worker, and the Makefile target that it runs there. */
const kinds: Record<ActionKind, { due: boolean; target: Target | undefined }> = {
  start: { due: true, target: "start" },
  restart: { due: true, target: "restart" },
  reload: { due: true, target: "reload" },
  sync: { due: true, target: undefined },
  promote: { due: false, target: undefined },
  skip: { due: false, target: undefined },
  stop: { due: true, target: "stop" },
  remove: { due: true, target: undefined },
};

/** What is to happen to one allocation, with everything that the run and the dry-run need to know about it. */
export interface Action {
  kind: ActionKind;
  allocId: string;
  job: string;
  workerIp: string;
  /** Last promoted version, `0.0.0` before the first promotion. */
  currentVersion: string;
  newVersion: string;
  /** Hash of what is promoted; undefined before the first promotion. */
  currentHash?: string;
  /** Hash of what the catalog says now; undefined for stop and remove. */
  newHash?: string;
  /** A stop comes before it: an earlier attempt may have left a process running, in whatever version. */
  stopFirst: boolean;
  /** Paths that matched `restart_globs` and so made a reload a restart. */
  matched: string[];
  /** Why this action, in a few words. */
  reason: string;
  /** The state that the allocation is in once the action has succeeded. */
  leadsTo: RuntimeState;
}

/** Everything about one allocation that its action depends on. */
export interface AllocationFacts {
  row: AllocationRow;
  deployment: Deployment;
  /** The job as the catalog has it now. */
  job: JobRow;
  /** What the allocation's tree would be now; absent when it is removed or cannot be rendered. */
  content?: { hash: string; files: readonly TreeFile[] };
  /** The tree that is promoted, when its file list is known. */
  promotedFiles?: readonly TreeFile[];
  /** The tree of an attempt that was begun and not promoted. */
  attemptFiles?: readonly TreeFile[];
}

export interface ActionOptions {
  force: boolean;
  syncOnly: boolean;
}

/** The actions of one allocation: at most one while reconciling and one in its wave. */
export interface AllocationActions {
  reconcile?: Action;
  rollout?: Action;
}

/** Decides what happens to one allocation. Rows of the table from top to bottom. */
export function decideActions(facts: AllocationFacts, options: ActionOptions): AllocationActions {
  const { row, deployment } = facts;
  if (row.removed)
    return hasFiles(deployment.state) ? { reconcile: makeAction(facts, "remove", "removed", "cleaned") } : {};
  if (row.disabled) return disabledActions(facts, options);
  return { rollout: activeAction(facts, options) };
}

function disabledActions(facts: AllocationFacts, options: ActionOptions): AllocationActions {
  const running = mayRun(facts.deployment.state);
  const state = running ? "drained" : facts.deployment.state;
  // The files on the worker stay as they are: once a hand-stopped allocation is no longer what is promoted, only a
  // start, which syncs, may bring it back.
  const promoted = state === "stopped" ? "drained" : state;
  const rollout =
    isChanged(facts) || forcedBy(facts, options) !== undefined
      ? makeAction(facts, "promote", "disabled: kept current, not started", promoted)
      : makeAction(facts, "skip", "disabled", state);
  return running ? { reconcile: makeAction(facts, "stop", "disabled", "drained"), rollout } : { rollout };
}

function activeAction(facts: AllocationFacts, options: ActionOptions): Action {
  const { deployment } = facts;
  switch (deployment.state) {
    case "absent":
    case "cleaned":
      return makeAction(facts, "start", "first start", "running");
    case "drained":
      return makeAction(facts, "start", "enabled again", "running");
    case "unknown":
      return unknownAction(facts, options);
    case "health_failed":
      if (options.syncOnly)
        return makeAction(facts, "sync", "health check failed, --sync-only", "health_failed");
      return makeAction(facts, "restart", "health check failed", "running");
    case "stopped":
      if (isChanged(facts)) return upgrade(facts, options, changeReason(facts));
      return upgradeForced(facts, options) ?? makeAction(facts, "skip", "stopped by hand", "stopped");
    case "running":
      if (isChanged(facts)) return upgrade(facts, options, changeReason(facts));
      return upgradeForced(facts, options) ?? makeAction(facts, "skip", "up to date", "running");
    default:
      return assertNever(deployment.state, "state of an allocation");
  }
}

/** What makes an unchanged allocation due: `--force`, of this deploy or of one that did not come to it. */
function forcedBy({ deployment }: AllocationFacts, { force, syncOnly }: ActionOptions): Forced | undefined {
  if (!force) return deployment.forced;
  return syncOnly ? "files" : "all";
}

function upgradeForced(facts: AllocationFacts, options: ActionOptions): Action | undefined {
  const forced = forcedBy(facts, options);
  if (forced === undefined) return undefined;
  const reason = options.force ? "--force" : "--force of an earlier deploy, not done yet";
  return upgrade(facts, { ...options, syncOnly: options.syncOnly || forced === "files" }, reason);
}

/**
 * What was begun and not promoted is unknown: it may run or not, in the old version or the new one. It is brought to a
 * known state first, whatever the policy: by a restart, or where nothing has ever run to its end by a stop and a start.
 */
function unknownAction(facts: AllocationFacts, options: ActionOptions): Action {
  const { begun, promotedHash } = facts.deployment;
  if (promotedHash === undefined || begun === "first_start") {
    const reason = "start was not completed: what may run is stopped first";
    return { ...makeAction(facts, "start", reason, "running"), stopFirst: true };
  }
  const reason = begun === "start" ? "start was not completed" : "last attempt was not completed";
  if (options.syncOnly) return upgrade(facts, options, reason);
  return { ...makeAction(facts, "restart", reason, "running"), matched: matchedByPolicy(facts) };
}

/** `restart`, `reload` or `sync` by the job's policy; `--sync-only` turns all of them into a sync. */
function upgrade(facts: AllocationFacts, options: ActionOptions, reason: string): Action {
  const { deployment, job } = facts;
  if (options.syncOnly) return makeAction(facts, "sync", `${reason}, --sync-only`, deployment.state);
  const { restartPolicy } = job.manifest;
  switch (restartPolicy) {
    case "always":
      return makeAction(facts, "restart", reason, "running");
    case "never":
      return makeAction(facts, "sync", reason, deployment.state === "stopped" ? "stopped" : "running");
    case "reload": {
      const matched = matchedByPolicy(facts);
      if (matched.length > 0) return { ...makeAction(facts, "restart", reason, "running"), matched };
      return makeAction(facts, "reload", reason, "running");
    }
    default:
      return assertNever(restartPolicy, "restart policy");
  }
}

/**
 * Changed paths that match `restart_globs`. What an unfinished attempt may have put in place counts as changed too:
 * the process may be running with it.
 */
function matchedByPolicy(facts: AllocationFacts): string[] {
  const { content, promotedFiles, attemptFiles, job } = facts;
  const { restartPolicy, restartGlobs } = job.manifest;
  if (content === undefined || restartPolicy !== "reload" || restartGlobs.length === 0) return [];
  const changed = new Set<string>();
  const directories = new Set<string>();
  for (const files of [promotedFiles, attemptFiles, content.files])
    for (const { path, kind } of files ?? []) if (kind === "dir") directories.add(path);
  for (const before of [promotedFiles, attemptFiles]) {
    if (before !== undefined) for (const path of changedPaths(before, content.files)) changed.add(path);
  }
  const matches = matchGlobs(restartGlobs);
  return [...changed].filter((path) => matches(path, directories.has(path))).sort();
}

/**
 * Content or version differs from what was promoted; never promoted counts as changed, and so does an attempt that may
 * have left other files on the worker.
 */
function isChanged(facts: AllocationFacts): boolean {
  const { deployment, content, job } = facts;
  return (
    deployment.promotedHash !== content?.hash ||
    deployment.promotedVersion !== job.version ||
    hasOtherFiles(deployment)
  );
}

function hasOtherFiles({ promotedHash, attemptHash }: Deployment): boolean {
  return attemptHash !== undefined && attemptHash !== promotedHash;
}

function changeReason({ deployment, content, job }: AllocationFacts): string {
  const sameContent = deployment.promotedHash === content?.hash;
  const sameVersion = deployment.promotedVersion === job.version;
  if (sameContent && sameVersion) return "last sync was not completed";
  if (sameContent) return "version changed";
  return sameVersion ? "content changed" : "content and version changed";
}

/** What has never run has no version, even when its content was kept current while it was disabled. */
function hasNeverRun({ state, begun }: Deployment): boolean {
  return state === "absent" || state === "cleaned" || begun === "first_start";
}

function makeAction(facts: AllocationFacts, kind: ActionKind, reason: string, leadsTo: RuntimeState): Action {
  const { row, deployment, content, job } = facts;
  return {
    kind,
    allocId: row.allocId,
    job: row.job,
    workerIp: row.workerIp,
    currentVersion: hasNeverRun(deployment) ? noVersion : (deployment.promotedVersion ?? noVersion),
    newVersion: job.version,
    ...(deployment.promotedHash === undefined ? {} : { currentHash: deployment.promotedHash }),
    ...(content === undefined ? {} : { newHash: content.hash }),
    stopFirst: false,
    matched: [],
    reason,
    leadsTo,
  };
}

/** Whether an action touches its worker. */
export function isDue(action: Action): boolean {
  return kinds[action.kind].due;
}

/** Makefile target that an action runs, if any. */
export function targetOf(kind: ActionKind): Target | undefined {
  return kinds[kind].target;
}

/** What is noted of an allocation while the action is under way. */
export function begunBy(action: Action, deployment: Deployment): Begun | undefined {
  const { kind } = action;
  switch (kind) {
    case "start":
      return hasNeverRun(deployment) ? "first_start" : "start";
    case "sync":
      return "sync";
    case "restart":
    case "reload":
    case "promote":
    case "skip":
    case "stop":
    case "remove":
      return undefined;
    default:
      return assertNever(kind, "kind of action");
  }
}
