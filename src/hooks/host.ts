// The hooks of one run: what build, deploy, health_check, job control and `maand hooks` call. Everything else is behind it.

import type { KvOverlay, Writer } from "../kv/overlay.ts";
import { overlayKv } from "../kv/overlay.ts";
import { batchWidth } from "../lifecycle/batches.ts";
import type { RolloutOrder } from "../lifecycle/order.ts";
import { ignoredOrderWarning, inRolloutOrder, rolloutOrder, storedOrder } from "../lifecycle/order.ts";
import { MaandError, notStarted } from "../model/error.ts";
import type { HookDeclaration, HookEvent } from "../model/manifest.ts";
import type { AllocationRow, CatalogState, DeploymentRow, JobFileRow, JobRow } from "../model/state.ts";
import { demandsOf } from "../model/state.ts";
import { noVersion } from "../model/version.ts";
import type { Session } from "../session/session.ts";
import { createLimiter } from "../support/parallel.ts";
import { createSemaphores } from "./api/semaphores.ts";
import { createTokens } from "./api/tokens.ts";
import type { HookCall, HookResult, HookRun, HookTarget } from "./call.ts";
import type { Engine } from "./engine.ts";
import { combineFailures } from "./failure.ts";
import { invokeHook } from "./invoke.ts";
import { hooksSource, layOutHooks } from "./layout.ts";
import { batchKind, eventRules, type HookBatch, hookBatches, hooksFor } from "./plan.ts";
import { noPython, pythonFor, runtimeOf } from "./runtimes.ts";

export interface HookHostOptions {
  state: CatalogState;
  /** What is promoted, by allocation id, when the run begins. */
  deployments: ReadonlyMap<string, DeploymentRow>;
  /** Hooks see `ROLLBACK=1`. */
  rollback?: boolean;
  /** Hears of every request to the runtime API, without values. */
  onRequest?(who: { job: string; workerIp: string; hook: string }, line: string): void;
  /** The command line that runs this maand again. */
  self?: readonly string[];
  /** Where the files of `_hooks/` come from, when not from the catalog: `maand hooks --watch` reads the workspace. */
  scripts?: HookScripts;
}

export interface HookScripts {
  /** Files of the job, those of `_hooks/` among them. */
  files(job: string): readonly JobFileRow[];
  pieces(sha256: string): Iterable<Uint8Array>;
}

export interface HookHost {
  /** The KV with what hooks have written and not yet made durable: what renders of this run must read. */
  kv: KvOverlay;
  hasHooks(job: string, event: HookEvent): boolean;
  /**
   * Says what is missing on this host for the hooks of these jobs and events, before anything runs.
   * @throws MaandError("local")
   */
  requireRuntimes(jobs: readonly string[], events: readonly HookEvent[]): void;
  /**
   * Runs the hooks of one event of one job. What hooks do wrong is in the result, and so is whether what they wrote to
   * the KV was kept.
   */
  run(call: HookCall): Promise<HookRun>;
  /** Ends the runtime API and whatever hooks have left running. Writes that were not kept are lost. */
  close(): Promise<void>;
}

/** Nothing is started before the first hook runs: a run without hooks pays nothing for this. */
export function createHookHost(session: Session, options: HookHostOptions): HookHost {
  const { state } = options;
  const scripts = options.scripts ?? {
    files: (job) => state.files.get(job) ?? [],
    pieces: (sha256) => session.blobs.pieces(sha256),
  };
  const kv = overlayKv(session.kv);
  const jobs = new Map(state.jobs.map((job) => [job.name, job]));
  const allocations = Map.groupBy(state.allocations, (allocation) => allocation.job);
  const tokens = createTokens();
  const semaphores = createSemaphores();
  const limited = createLimiter(session.conf.maxParallelWorkers);
  const layouts = new Map<string, { path: string; secrets: string[] }>();
  const warnedOrders = new Set<string>();
  let runs = 0;
  let engine: Promise<Engine> | undefined;

  // Loaded with the first hook: the API and its schemas cost a command without hooks nothing.
  const startedEngine = (): Promise<Engine> => {
    engine ??= import("./engine.ts").then(({ startEngine }) =>
      startEngine(session, options, { kv, tokens, semaphores }),
    );
    return engine;
  };
  const jobNamed = (name: string): JobRow => {
    const job = jobs.get(name);
    if (job === undefined) throw new Error(`job ${name} is not in the catalog`);
    return job;
  };
  const layoutOf = (job: string, workerIp: string): { path: string; secrets: string[] } => {
    const place = `${job}@${workerIp}`;
    const known = layouts.get(place);
    if (known !== undefined) return known;
    const secrets: string[] = [];
    const path = layOutHooks(
      {
        stagingRoot: session.paths.staging,
        workspace: session.paths.workspace,
        job,
        workerIp,
        files: scripts.files(job),
        pieces: scripts.pieces,
        kv,
      },
      (text) => secrets.push(text),
    );
    const layout = { path, secrets };
    layouts.set(place, layout);
    return layout;
  };

  const runOne = async (
    plan: Plan,
    hook: HookDeclaration,
    target: HookTarget,
    batch: Batch,
  ): Promise<HookResult> => {
    const { allocation } = target;
    const who = {
      hook: hook.name,
      job: allocation.job,
      workerIp: allocation.workerIp,
      allocId: allocation.allocId,
    };
    const current =
      target.currentVersion ?? options.deployments.get(allocation.allocId)?.promotedVersion ?? noVersion;
    try {
      const { context, api } = await startedEngine();
      const layout = layoutOf(allocation.job, allocation.workerIp);
      const { result, durationMs } = await invokeHook(context, {
        hook,
        event: plan.call.event,
        demands: plan.demands,
        writer: plan.writer ?? allocation.allocId,
        laidOutIn: layout.path,
        secrets: layout.secrets,
        api: { host: "127.0.0.1", port: api.port },
        timeoutSeconds: plan.timeoutSeconds,
        environment: {
          allocation,
          currentVersion: current,
          newVersion: target.newVersion ?? plan.job.version,
          batch: {
            index: batch.index,
            count: batch.count,
            workers: batch.members.map((t) => t.allocation.workerIp),
          },
          phase: plan.call.phase ?? "",
          order: plan.order,
          rollback: options.rollback ?? false,
          ...(plan.call.control === undefined ? {} : { control: plan.call.control }),
        },
      });
      return {
        ...who,
        durationMs,
        ...(result.ok ? { status: "done" } : { status: "failed", error: result.error }),
      };
    } catch (error) {
      if (!(error instanceof MaandError)) throw error;
      return { ...who, status: "failed", durationMs: 0, error };
    }
  };

  const planFor = (call: HookCall): Plan => {
    const job = jobNamed(call.job);
    const all = allocations.get(call.job) ?? [];
    const order = rolloutOrder(storedOrder(kv, call.job), all);
    const text = ignoredOrderWarning(call.job, order);
    if (text !== undefined && !warnedOrders.has(text)) {
      warnedOrders.add(text);
      session.events.emit({ type: "warning", scope: { worker: "-", phase: "hook" }, text });
    }
    return {
      call,
      job,
      ...(call.writesWithBatch === true ? {} : { writer: `run ${++runs}` }),
      order,
      hooks: hooksFor(job, call.event).filter((hook) => call.hook === undefined || hook.name === call.hook),
      targets: inRolloutOrder(
        call.targets ?? liveTargets(all),
        order,
        (target) => target.allocation.workerIp,
      ),
      demands: demandsOf(job),
      timeoutSeconds: call.timeoutSeconds ?? timeoutOf(job, call.event, session.conf.commandTimeoutSeconds),
    };
  };

  /** A run settles what its own hooks wrote and nothing else: others of the job may be under way beside it. */
  const settleWrites = ({ call, writer }: Plan, complete: boolean): HookRun["writes"] => {
    if (writer === undefined || !eventRules[call.event].mayWriteKv) return "pending";
    if (!complete) {
      kv.discard([writer]);
      return "dropped";
    }
    kv.store([writer], session.now()).committed();
    return "kept";
  };

  const run = async (call: HookCall): Promise<HookRun> => {
    const plan = planFor(call);
    const width = batchWidth(plan.job.manifest, batchKind(call.phase ?? ""));
    const results: HookResult[] = [];
    const graceful = call.finishing === true ? session.shutdown.forced : session.shutdown.graceful;
    let interrupted = false;
    for (const hook of plan.hooks) {
      for (const batch of hookBatches(plan.targets, width, call.batch)) {
        const failed = results.some((result) => result.status === "failed");
        interrupted ||= graceful.aborted;
        if (interrupted || (failed && eventRules[call.event].stopsAtFailure)) {
          results.push(...batch.members.map((target) => skipped(hook, target)));
        } else {
          results.push(
            ...(await Promise.all(batch.members.map((t) => limited(() => runOne(plan, hook, t, batch))))),
          );
        }
      }
    }
    interrupted ||= results.some((result) => result.error?.kind === "interrupted");
    const failure = combineFailures(results.flatMap((result) => result.error ?? []));
    const isDone = !interrupted && results.every((result) => result.status === "done");
    const base = { results, interrupted, writes: settleWrites(plan, isDone) };
    if (isDone) return { ...base, ok: true };
    return { ...base, ok: false, error: failure ?? didNotRun(call) };
  };
  return {
    kv,
    run,
    hasHooks: (job, event) => hooksFor(jobNamed(job), event).length > 0,
    requireRuntimes(names, events) {
      const missing = names.flatMap((name) =>
        jobNamed(name)
          .manifest.hooks.filter((hook) => hook.executedOn.some((event) => events.includes(event)))
          .filter((hook) => runtimeOf(hook) === "python")
          .filter(() => pythonFor(hooksSource(session.paths.workspace, name), process.env.PATH) === undefined)
          .map((hook) => ({ job: name, hook })),
      );
      if (missing.length > 0) throw noPython(missing);
    },
    async close() {
      const started = await engine?.catch(() => undefined);
      if (started === undefined) return;
      const { closeEngine } = await import("./engine.ts");
      await closeEngine(session, started);
      engine = undefined;
    },
  };
}

interface Plan {
  call: HookCall;
  job: JobRow;
  /** In whose name its hooks write to the KV; absent where each writes for its own allocation. */
  writer?: Writer;
  order: RolloutOrder;
  hooks: HookDeclaration[];
  targets: HookTarget[];
  /** Jobs that hooks of the job demand. */
  demands: string[];
  timeoutSeconds: number;
}

type Batch = HookBatch<HookTarget>;

function liveTargets(allocations: readonly AllocationRow[]): HookTarget[] {
  return allocations.filter((allocation) => !allocation.removed).map((allocation) => ({ allocation }));
}

function didNotRun({ event, job }: HookCall): MaandError {
  return notStarted(`interrupted before all ${event} hooks of the job ran`, { job });
}

function skipped(hook: HookDeclaration, { allocation }: HookTarget): HookResult {
  const { job, workerIp, allocId } = allocation;
  return { hook: hook.name, job, workerIp, allocId, status: "skipped", durationMs: 0 };
}

/** Seconds for one invocation: `command_timeout`, or `timeout_seconds` of the job's health check for its hooks. */
function timeoutOf(job: JobRow, event: HookEvent, commandTimeoutSeconds: number): number {
  const gate = event === "health_check" ? job.manifest.healthCheck?.timeoutSeconds : undefined;
  return gate ?? commandTimeoutSeconds;
}
