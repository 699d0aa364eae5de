// maand recover: reads what lies on the workers and brings a catalog that may be old to where a deploy can go on from.

import { noteDeploy, noteSyncMarks } from "../catalog/deployments.ts";
import { type CatalogRead, readCatalog } from "../catalog/read.ts";
import { adoptWorkerId } from "../catalog/state.ts";
import { type CapturedContent, contentRendererFor } from "../content/renderer.ts";
import { failureText } from "../health/failure.ts";
import { workError } from "../lifecycle/errors.ts";
import type { AllocationRecord, StateChange } from "../lifecycle/record.ts";
import { recordAllocations } from "../lifecycle/record.ts";
import { reachWorker } from "../lifecycle/worker.ts";
import { MaandError, notStarted } from "../model/error.ts";
import type { RuntimeState } from "../model/state.ts";
import { readIdentity } from "../model/worker-identity.ts";
import type { Session } from "../session/session.ts";
import { expectedIdentity, remoteDirectory } from "../session/session.ts";
import { mapLimited } from "../support/parallel.ts";
import { inventoryCommand } from "../worker/commands.ts";
import type { FoundFile, Inventory, RecoveredAllocation, RecoverPlan } from "./plan.ts";
import { planRecover } from "./plan.ts";

export interface RecoverOutcome {
  plan: RecoverPlan;
  /** The number that this catalog had. */
  before: number;
  unreached: { workerIp: string; error: MaandError }[];
}

/** Bytes of one worker's answer: some hundred for each file there. */
const maxInventory = 64 * 1024 * 1024;

/**
 * Recovers. Nothing on any worker is changed; the catalog is, in one transaction.
 * @throws MaandError("remote") when no worker answers, MaandError("interrupted") after Ctrl-C; both change nothing
 */
export async function recover(session: Session): Promise<RecoverOutcome> {
  const read = readCatalog(session.catalog);
  const { state, deployments } = read;
  const unreached: RecoverOutcome["unreached"] = [];
  const answers = new Map<string, Inventory>();
  session.pool.dial(state.workers.map(({ host }) => host));
  await mapLimited(state.workers, session.conf.maxParallelWorkers, async ({ host }) => {
    try {
      answers.set(host, await takeInventory(session, host));
    } catch (thrown) {
      unreached.push({ workerIp: host, error: workError(session, thrown, { worker: host }) });
    }
  });
  if (session.shutdown.graceful.aborted) throw notStarted("interrupted: the catalog is as it was");
  // In the order of the workers, not of their answers.
  const inventories = new Map(
    state.workers.flatMap(({ host }) => {
      const inventory = answers.get(host);
      return inventory === undefined ? [] : [[host, inventory] as const];
    }),
  );
  if (inventories.size === 0) throw nobodyAnswered(unreached);
  const contents = await desiredContents(session, read);
  const before = expectedIdentity(session, state, "").updateSeq;
  const plan = planRecover({
    state,
    deployments,
    updateSeq: before,
    inventories,
    desired: (allocId) => contents.get(allocId)?.promoted.files,
  });
  for (const { row, status } of plan.allocations)
    if (status === "kept") await contents.get(row.allocId)!.keep();
  writePlan(session, read, plan, contents);
  return { plan, before, unreached };
}

async function takeInventory(session: Session, workerIp: string): Promise<Inventory> {
  const connection = await reachWorker(session, workerIp);
  const command = inventoryCommand(remoteDirectory(session), session.conf.useSudo);
  const result = await connection.exec(command, {
    signal: session.shutdown.forced,
    maxCapture: maxInventory,
    label: "reading what lies on the worker",
  });
  const answer = result.stdout.split("\n").find((line) => line.startsWith('{"worker_json": '));
  if (result.exitCode !== 0 || answer === undefined) {
    throw new MaandError("remote", "what lies on the worker could not be read", {
      where: { worker: workerIp },
      why: failureText(result.stderr) || `exit status ${result.exitCode}`,
      hint: "see that python3 is there and that sudo -n works for the ssh user, then run maand recover again",
    });
  }
  const told = JSON.parse(answer) as {
    worker_json: string | null;
    jobs: Record<string, { mark: string | null; files: FoundFile[] }>;
  };
  return {
    found: readIdentity(told.worker_json ?? undefined),
    jobs: new Map(
      Object.entries(told.jobs).map(([job, { mark, files }]) => [
        job,
        { files, ...(mark === null ? {} : { mark: mark.trim() }) },
      ]),
    ),
  };
}

/** What would be deployed, by allocation id, without what cannot be rendered. */
async function desiredContents(
  session: Session,
  { state }: CatalogRead,
): Promise<Map<string, CapturedContent>> {
  const renderer = contentRendererFor(session, state, session.kv);
  const jobs = new Map(state.jobs.map((job) => [job.name, job]));
  const contents = new Map<string, CapturedContent>();
  for (const row of state.allocations) {
    const job = jobs.get(row.job);
    if (row.removed || job === undefined) continue;
    try {
      contents.set(row.allocId, await renderer.capture(job, row, job.version));
    } catch (thrown) {
      if (!(thrown instanceof MaandError)) throw thrown;
    }
  }
  return contents;
}

function writePlan(
  session: Session,
  { state, deployments }: CatalogRead,
  plan: RecoverPlan,
  contents: ReadonlyMap<string, CapturedContent>,
): void {
  const { catalog, identity } = session;
  const versions = new Map(state.jobs.map((job) => [job.name, job.version]));
  const changeOf = ({ row, status }: RecoveredAllocation): StateChange => {
    if (status === "unknown") return { kind: "state", state: "unknown" };
    const known = deployments.get(row.allocId);
    return {
      kind: "promote",
      version: versions.get(row.job)!,
      content: contents.get(row.allocId)!.promoted,
      state: keptState(known?.state),
    };
  };
  const records = plan.allocations.map(
    (recovered): AllocationRecord => ({
      allocId: recovered.row.allocId,
      job: recovered.row.job,
      workerIp: recovered.row.workerIp,
      phase: "reconcile",
      action: "recover",
      status: "done",
      change: changeOf(recovered),
      silent: true,
    }),
  );
  catalog.transaction(() => {
    for (const worker of plan.workers)
      if (worker.kind === "adopted") adoptWorkerId(catalog, worker.workerIp, worker.workerId);
    recordAllocations(session, records);
    noteSyncMarks(
      catalog,
      plan.allocations.map(({ row, mark }) => ({ allocId: row.allocId, mark })),
    );
    noteDeploy(catalog, { updateSeq: plan.updateSeq, runId: identity.runId });
  })();
}

/** What was stopped stays so; of everything else that is whole it is believed that it runs, as after any deploy. */
function keptState(before: RuntimeState | undefined): RuntimeState {
  return before === "stopped" || before === "drained" ? before : "running";
}

function nobodyAnswered(unreached: RecoverOutcome["unreached"]): MaandError {
  return new MaandError("remote", "no worker could be asked: the catalog is as it was", {
    why:
      unreached.map(({ workerIp, error }) => `${workerIp}: ${failureText(error)}`).join("\n") ||
      "the catalog has no worker",
    hint: "recover reads from workers: bring them up, or run maand build where workspace/workers.json lists others",
  });
}
