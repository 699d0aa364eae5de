// Everything the deploy plan depends on, read from the catalog; content is rendered here.

import { readDeployments, readPostDeploy, readTree } from "../catalog/deployments.ts";
import { readState } from "../catalog/state.ts";
import { demandsOf } from "../content/store.ts";
import { jobNamespace } from "../kv/namespaces.ts";
import { MaandError } from "../model/error.ts";
import type { AllocationRow, CatalogState, DeploymentRow, JobRow } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import type { Session } from "../session/session.ts";
import type { AllocationFacts } from "./action.ts";
import type { ContentBook } from "./content-book.ts";
import { openContentBook } from "./content-book.ts";
import type { JobFacts } from "./plan.ts";

export interface DeployFacts {
  state: CatalogState;
  jobs: JobFacts[];
  byId: ReadonlyMap<string, AllocationFacts>;
  contents: ContentBook;
}

/** Reads and renders. Only the named jobs are rendered; a template that fails becomes its job's `renderFault`. */
export async function loadFacts(session: Session, only?: readonly string[]): Promise<DeployFacts> {
  const { catalog } = session;
  const state = readState(catalog);
  const deployments = readDeployments(catalog);
  const postDeploy = readPostDeploy(catalog);
  const contents = openContentBook(session, state);
  const trees = new Map<string, TreeFile[] | undefined>();
  const treeOf = (hash: string | undefined): TreeFile[] | undefined => {
    if (hash === undefined) return undefined;
    if (!trees.has(hash)) trees.set(hash, readTree(catalog, hash));
    return trees.get(hash);
  };
  const byJob = Map.groupBy(state.allocations, (allocation) => allocation.job);
  const byId = new Map<string, AllocationFacts>();
  const jobs: JobFacts[] = [];
  for (const job of state.jobs) {
    if (only !== undefined && !only.includes(job.name)) continue;
    const facts: JobFacts = {
      job,
      allocations: [],
      demands: demandsOf(job),
      postDeployDue: postDeploy.get(job.name) === "failed",
    };
    const order = session.kv.get(jobNamespace(job.name), "rollout_order");
    if (typeof order === "string" && order !== "") facts.rolloutOrder = order.split(",");
    for (const row of byJob.get(job.name) ?? []) {
      const deployment = deployments.get(row.allocId) ?? newDeployment(row);
      const allocation = await allocationFacts(job, row, deployment, contents, facts, treeOf);
      facts.allocations.push(allocation);
      byId.set(row.allocId, allocation);
    }
    jobs.push(facts);
  }
  return { state, jobs, byId, contents };
}

function newDeployment(row: AllocationRow): DeploymentRow {
  return { allocId: row.allocId, state: "absent" };
}

async function allocationFacts(
  job: JobRow,
  row: AllocationRow,
  deployment: DeploymentRow,
  contents: ContentBook,
  ofJob: JobFacts,
  treeOf: (hash: string | undefined) => TreeFile[] | undefined,
): Promise<AllocationFacts> {
  const facts: AllocationFacts = { row, deployment, job };
  if (!row.removed) {
    try {
      facts.content = await contents.planned(job, row);
    } catch (error) {
      if (!(error instanceof MaandError)) throw error;
      ofJob.renderFault ??= error;
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
