// What a deploy would change in the files on a worker, as unified diffs with secrets masked (`--dry-run --diff`).

import { createTwoFilesPatch } from "diff";
import { readTree } from "../../catalog/deployments.ts";
import { readShown } from "../../content/renderer.ts";
import { changedPaths, type TreeFile } from "../../model/tree.ts";
import type { Session } from "../../session/session.ts";
import type { Action } from "../plan/action.ts";
import type { DeployFacts } from "../plan/load.ts";
import type { DeployPlan } from "../plan/plan.ts";
import { rolloutActions } from "../plan/plan.ts";

export interface FileDiff {
  job: string;
  workerIp: string;
  path: string;
  /** A unified diff, or one line in parentheses for what cannot be shown as text. Ends with a newline. */
  text: string;
}

/** Diffs of every file that the planned rollouts change; what differs on several workers is listed for each. */
export async function diffPlan(session: Session, facts: DeployFacts, plan: DeployPlan): Promise<FileDiff[]> {
  const diffs: FileDiff[] = [];
  for (const job of plan.waves.flatMap((wave) => wave.jobs)) {
    if (job.renderError !== undefined) continue;
    for (const action of rolloutActions(job)) {
      if (action.kind !== "skip") diffs.push(...(await diffAllocation(session, facts, action)));
    }
  }
  return diffs;
}

async function diffAllocation(session: Session, facts: DeployFacts, action: Action): Promise<FileDiff[]> {
  const { job, row, content } = facts.byId.get(action.allocId)!;
  if (content === undefined) return [];
  const promoted =
    action.currentHash === undefined ? [] : (readTree(session.catalog, action.currentHash) ?? []);
  const before = new Map(promoted.map((file) => [file.path, file]));
  const after = new Map(content.files.map((file) => [file.path, file]));
  const changed = changedPaths(promoted, content.files);
  const readNew = await facts.contents.readDesired(job, row, changed);
  const readOld = (ref: string) => readShown(session.blobs, ref);
  return changed.map((path) => ({
    job: action.job,
    workerIp: action.workerIp,
    path,
    text: diffFile(path, before.get(path), after.get(path), readOld, readNew),
  }));
}

type Reader = (ref: string) => Uint8Array | undefined;

function diffFile(
  path: string,
  before: TreeFile | undefined,
  after: TreeFile | undefined,
  readOld: Reader,
  readNew: Reader,
): string {
  const mode = modeLine(before, after);
  if ((before ?? after)!.kind !== "file" || (after ?? before)!.kind !== "file") {
    return `${mode}(${describe(before)} → ${describe(after)})\n`;
  }
  const [oldText, newText] = [textOf(before, readOld), textOf(after, readNew)];
  if (oldText === undefined || newText === undefined)
    return `${mode}(not shown: it is a key, secret, binary or large)\n`;
  if (oldText === newText) {
    const same = before?.ref === after?.ref;
    return same ? mode : `${mode}(differs in secrets only)\n`;
  }
  const patch = createTwoFilesPatch(
    before === undefined ? "/dev/null" : `a/${path}`,
    after === undefined ? "/dev/null" : `b/${path}`,
    oldText,
    newText,
    "",
    "",
    { context: 3 },
  );
  // The first line is a rule that unified diffs do not need.
  return mode + patch.slice(patch.indexOf("\n") + 1);
}

function modeLine(before: TreeFile | undefined, after: TreeFile | undefined): string {
  if (before === undefined || after === undefined || before.mode === after.mode) return "";
  return `mode ${before.mode.toString(8)} → ${after.mode.toString(8)}\n`;
}

function describe(file: TreeFile | undefined): string {
  if (file === undefined) return "nothing";
  return file.kind === "link" ? `link to ${file.ref}` : file.kind === "dir" ? "directory" : "file";
}

/** The text to show; undefined when there is none, "" for a file that is not there. */
function textOf(file: TreeFile | undefined, read: Reader): string | undefined {
  if (file === undefined) return "";
  const ref = file.shown ?? file.ref;
  const bytes = ref === "" ? undefined : read(ref);
  if (bytes === undefined || bytes.includes(0)) return undefined;
  return Buffer.from(bytes).toString("utf8");
}
