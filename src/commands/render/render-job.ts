// What the templates of a job become for one worker, before any deploy.

import { readDeployments } from "../../catalog/deployments.ts";
import { readState } from "../../catalog/state.ts";
import { splitFiles } from "../../content/job-files.ts";
import { createTemplateRenders } from "../../content/renders.ts";
import { findJob } from "../../lifecycle/select.ts";
import { MaandError } from "../../model/error.ts";
import { outputPath } from "../../model/job-paths.ts";
import { noVersion } from "../../model/version.ts";
import type { Session } from "../../session/session.ts";
import { remoteDirectory } from "../../session/session.ts";
import { suggestName } from "../../support/nearest.ts";

export interface JobRenderRequest {
  job: string;
  /** Path of a template or of its result; all templates when absent. */
  path?: string;
  /** Worker to render for; the job's first allocation when absent. */
  worker?: string;
  reveal: boolean;
}

export interface RenderedFile {
  /** Path of the result, relative to the job's directory. */
  path: string;
  workerIp: string;
  bytes: Uint8Array;
}

/**
 * Renders from the catalog, as the next deploy would.
 * @throws MaandError("usage") for names that are not there, MaandError("render") when a template fails
 */
export async function renderJob(session: Session, request: JobRenderRequest): Promise<RenderedFile[]> {
  const state = readState(session.catalog);
  const job = findJob(state, request.job);
  const allocations = state.allocations.filter((a) => a.job === job.name && !a.removed);
  const allocation =
    request.worker === undefined ? allocations[0] : allocations.find((a) => a.workerIp === request.worker);
  if (allocation === undefined) {
    const workers = allocations.map((a) => a.workerIp);
    const what =
      request.worker === undefined
        ? `job "${job.name}" is allocated to no worker`
        : `job "${job.name}" has no allocation on worker ${request.worker}`;
    const hint =
      request.worker === undefined || workers.length === 0
        ? `give a worker the labels ${job.manifest.selectors.join(", ")} and run "maand build"`
        : suggestName(request.worker, workers);
    throw new MaandError("usage", what, { hint });
  }
  const { templates } = splitFiles(state.files.get(job.name) ?? []);
  const chosen = templates.filter(
    ({ path }) => request.path === undefined || path === request.path || outputPath(path) === request.path,
  );
  if (request.path !== undefined && chosen.length === 0) {
    throw new MaandError("usage", `job "${job.name}" has no template "${request.path}"`, {
      hint: suggestName(
        request.path,
        templates.map(({ path }) => path),
      ),
    });
  }
  const renders = createTemplateRenders({
    state,
    kv: session.kv,
    remoteDirectory: remoteDirectory(session),
    readBlob: (sha256) => session.blobs.read(sha256),
  });
  const currentVersion =
    readDeployments(session.catalog).get(allocation.allocId)?.promotedVersion ?? noVersion;
  const rendered: RenderedFile[] = [];
  for (const template of chosen) {
    const file = { job, allocation, template, currentVersion };
    const bytes = request.reveal ? (await renders.render(file)).bytes : await renders.renderMasked(file);
    rendered.push({ path: outputPath(template.path), workerIp: allocation.workerIp, bytes });
  }
  return rendered;
}
