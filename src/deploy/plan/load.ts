// Everything the deploy plan depends on, read from the catalog; the desired content of every allocation is worked out here.

import type { Deployment, PostDeployStatus } from "../../catalog/deployments.ts";
import { readDeployments, readPostDeploy, readTree } from "../../catalog/deployments.ts";
import type { CatalogRead } from "../../catalog/read.ts";
import type { ContentRenderer } from "../../content/renderer.ts";
import { contentRendererFor } from "../../content/renderer.ts";
import type { KvStore } from "../../kv/store.ts";
import { storedOrder } from "../../lifecycle/order.ts";
import { MaandError } from "../../model/error.ts";
import type { AllocationRow, CatalogState, JobRow } from "../../model/state.ts";
import { demandsOf, deploymentOf } from "../../model/state.ts";
import type { TreeFile } from "../../model/tree.ts";
import type { Session } from "../../session/session.ts";
import type { AllocationFacts } from "./action.ts";
import type { JobFacts } from "./plan.ts";

export interface DeployFacts {
  state: CatalogState;
  jobs: JobFacts[];
  /** By allocation id. `reload` replaces entries. */
  byId: ReadonlyMap<string, AllocationFacts>;
  contents: ContentRenderer;
  /** Reads one job again, and renders what reads anything that has changed: its `pre_deploy` hooks may have changed what its templates say. */
  reload(job: string): Promise<JobFacts>;
}

/**
 * Renders and compares. Only the named jobs are rendered; a template that fails becomes its job's `renderError`.
 * @param kv what templates read: the catalog's KV, or that with the pending writes of hooks
 */
export async function loadFacts(
  session: Session,
  { state, deployments }: CatalogRead,
  kv: Pick<KvStore, "get" | "keys">,
  only?: readonly string[],
): Promise<DeployFacts> {
  const contents = contentRendererFor(session, state, kv);
  const postDeploy = readPostDeploy(session.catalog);
  const byJob = Map.groupBy(state.allocations, (allocation) => allocation.job);
  const byId = new Map<string, AllocationFacts>();
  const treeOf = treeReader(session);

  const load = async (job: JobRow, known: ReadonlyMap<string, Deployment>): Promise<JobFacts> => {
    const facts: JobFacts = {
      job,
      allocations: [],
      demands: demandsOf(job),
      postDeployDue: isPostDeployDue(postDeploy.get(job.name)),
    };
    const order = storedOrder(kv, job.name);
    if (order !== undefined) facts.storedOrder = order;
    for (const row of byJob.get(job.name) ?? []) {
      const deployment = deploymentOf(known, row);
      const allocation = await allocationFacts(job, row, deployment, contents, facts, treeOf);
      facts.allocations.push(allocation);
      byId.set(row.allocId, allocation);
    }
    return facts;
  };

  const jobs: JobFacts[] = [];
  for (const job of state.jobs) {
    if (only === undefined || only.includes(job.name)) jobs.push(await load(job, deployments));
  }
  return {
    state,
    jobs,
    byId,
    contents,
    reload(name) {
      const job = state.jobs.find((candidate) => candidate.name === name);
      if (job === undefined) throw new Error(`job ${name} is not in the catalog`);
      return load(job, readDeployments(session.catalog));
    },
  };
}

function isPostDeployDue(postDeploy: PostDeployStatus | undefined): boolean {
  return postDeploy === "failed" || postDeploy === "pending";
}

type TreeOf = (hash: string | undefined) => TreeFile[] | undefined;

/** Trees are shared by many allocations: each is read once. */
function treeReader(session: Session): TreeOf {
  const trees = new Map<string, TreeFile[] | undefined>();
  return (hash) => {
    if (hash === undefined) return undefined;
    if (!trees.has(hash)) trees.set(hash, readTree(session.catalog, hash));
    return trees.get(hash);
  };
}

async function allocationFacts(
  job: JobRow,
  row: AllocationRow,
  deployment: Deployment,
  contents: ContentRenderer,
  ofJob: JobFacts,
  treeOf: TreeOf,
): Promise<AllocationFacts> {
  const facts: AllocationFacts = { row, deployment, job };
  if (!row.removed) {
    try {
      facts.content = await contents.desired(job, row);
    } catch (error) {
      if (!(error instanceof MaandError)) throw error;
      ofJob.renderError ??= error;
    }
  }
  // File lists matter only where a reload has to be told from a restart.
  if (job.manifest.restartPolicy === "reload" && facts.content?.hash !== deployment.promotedHash) {
    const promotedFiles = treeOf(deployment.promotedHash);
    if (promotedFiles !== undefined) facts.promotedFiles = promotedFiles;
  }
  if (job.manifest.restartPolicy === "reload" && deployment.attemptHash !== undefined) {
    const attemptFiles = treeOf(deployment.attemptHash);
    if (attemptFiles !== undefined) facts.attemptFiles = attemptFiles;
  }
  return facts;
}
