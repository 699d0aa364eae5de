// The workspace as it was at one moment: read again while something changes it, and refused when it does not come to rest.

import { MaandError } from "../model/error.ts";
import { pause } from "../support/pause.ts";
import { countOf } from "../support/plural.ts";
import { createMoment } from "./moment.ts";
import { readWorkspace } from "./read.ts";
import type { WorkspaceSource } from "./source.ts";

/** Seconds before the second and the third reading: a save is over by then, and most of a `git checkout`. */
const pausesSeconds = [0.2, 1];

/**
 * Milliseconds without a change that are asked for before the second look: a checkout that waits for the disk or the
 * processor stands still in the middle, and what lies there then is half of one state and half of another.
 */
const quietMs = 150;

/** Paths that a message names; the others are counted. */
const shownPaths = 5;

/**
 * Reads the workspace of the bucket at `root`, at most three times.
 * @param interrupted ends the pauses between readings
 * @throws MaandError("local") with the paths that changed when the last reading was of no one moment either
 */
export async function readStillWorkspace(
  root: string,
  jobConfigSelector: string,
  interrupted: AbortSignal,
): Promise<WorkspaceSource> {
  for (let reading = 0; ; reading++) {
    const moment = createMoment();
    const source = readWorkspace(root, jobConfigSelector, moment);
    const left = Math.min(moment.newest() + quietMs - Date.now(), quietMs);
    if (left > 0) await pause(left / 1000, interrupted);
    const changed = moment.changes();
    if (changed.length === 0) return source;
    const seconds = pausesSeconds[reading];
    if (seconds === undefined || interrupted.aborted) throw neverStill(changed, reading + 1);
    await pause(seconds, interrupted);
  }
}

function neverStill(changed: readonly string[], readings: number): MaandError {
  const more = changed.length - shownPaths;
  const paths = [...changed.slice(0, shownPaths), ...(more > 0 ? [`${more} more`] : [])].join(", ");
  return new MaandError("local", "the workspace changed while it was read", {
    where: { file: "workspace" },
    why: `${paths} changed in the last of ${countOf(readings, "reading")}; half of one state and half of another must not be built`,
    hint: "run the command again when it is quiet: a git checkout, a sync or an editor is still writing there",
  });
}
