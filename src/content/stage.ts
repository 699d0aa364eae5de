// The staging tree: what is about to be sent to one worker, laid out under `tmp/workers/<ip>/`.

import {
  chmodSync,
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { writePieces } from "../bucket/private-files.ts";
import { openRegular, readToEnd } from "../bucket/regular-file.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import { assertNever } from "../model/result.ts";
import type { CatalogState } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import type { Session } from "../session/session.ts";
import type { ReadableKv } from "./environment.ts";
import { contentRendererFor } from "./renderer.ts";

/**
 * Lays out the files of every non-removed allocation of a job for its hooks to read, whether or not anything of them is
 * due; templates that cannot be rendered yet are left out.
 * @param kv what templates read: the KV with what hooks of this run have written
 */
export async function stageForHooks(
  session: Session,
  state: CatalogState,
  kv: ReadableKv,
  name: string,
): Promise<void> {
  const job = state.jobs.find((candidate) => candidate.name === name);
  if (job === undefined) return;
  const contents = contentRendererFor(session, state, kv);
  for (const row of state.allocations) {
    if (row.job !== name || row.removed) continue;
    const { files, pieces } = await contents.forHooks(job, row);
    stageJob(workerStaging(session.paths.staging, row.workerIp), name, files, pieces);
  }
}

/** Staging directory of one worker. */
export function workerStaging(stagingRoot: string, workerIp: string): string {
  return join(stagingRoot, "workers", workerIp);
}

/**
 * Makes `<staging>/jobs/<job>` exactly the given tree. Only what differs is written, so that rsync's quick check
 * finds the rest unchanged.
 * @throws MaandError("local") when the disk refuses.
 */
export function stageJob(
  staging: string,
  job: string,
  files: readonly TreeFile[],
  pieces: (file: TreeFile) => Iterable<Uint8Array>,
): void {
  const root = join(staging, "jobs", job);
  try {
    makeStaging(staging);
    makeDirectory(join(staging, "jobs"));
    makeDirectory(root);
    const wanted = new Map(files.map((file) => [file.path, file]));
    for (const file of files) addParents(wanted, file.path);
    removeUnwanted(root, "", wanted);
    // Parents sort before their children.
    for (const path of [...wanted.keys()].sort()) stageEntry(join(root, path), wanted.get(path)!, pieces);
  } catch (error) {
    throw stagingError(root, error);
  }
}

/** What is staged may hold secrets: nobody but the owner gets past the directories above it. */
function makeStaging(staging: string): void {
  mkdirSync(staging, { recursive: true, mode: 0o700 });
}

/** A directory with the mode that it shall have on the worker, whatever the operator's umask is. */
function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  setMode(path, 0o755);
}

/** Directories that only exist because a file lies in them. */
function addParents(wanted: Map<string, TreeFile>, path: string): void {
  for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
    const parent = path.slice(0, cut);
    if (wanted.has(parent)) return;
    wanted.set(parent, { path: parent, kind: "dir", mode: 0o755, ref: "" });
  }
}

function removeUnwanted(root: string, below: string, wanted: ReadonlyMap<string, TreeFile>): void {
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    const kind = entry.isDirectory() ? "dir" : entry.isSymbolicLink() ? "link" : "file";
    if (wanted.get(path)?.kind !== kind) rmSync(join(root, path), { recursive: true, force: true });
    else if (kind === "dir") removeUnwanted(root, path, wanted);
  }
}

function stageEntry(path: string, file: TreeFile, pieces: (file: TreeFile) => Iterable<Uint8Array>): void {
  switch (file.kind) {
    case "dir":
      mkdirSync(path, { recursive: true });
      // The owner must be able to stage into it, whatever mode it has on the worker.
      setMode(path, file.mode | 0o700);
      return;
    case "link": {
      const existing = lstatSync(path, { throwIfNoEntry: false });
      if (existing !== undefined && readlinkSync(path) === file.ref) return;
      rmSync(path, { force: true });
      symlinkSync(file.ref, path);
      return;
    }
    case "file":
      writeIfDifferent(path, () => pieces(file), file.mode);
      return;
    default:
      assertNever(file.kind, "kind of file");
  }
}

function writeIfDifferent(path: string, pieces: () => Iterable<Uint8Array>, mode: number): void {
  const existing = lstatSync(path, { throwIfNoEntry: false });
  if (existing?.isFile() === true && holds(path, pieces())) {
    setMode(path, mode);
    return;
  }
  rmSync(path, { force: true });
  writePieces(path, pieces(), 0o600);
  setMode(path, mode);
}

/** Whether the file has just this content. */
function holds(path: string, pieces: Iterable<Uint8Array>): boolean {
  const file = openRegular(path, "refuse");
  try {
    let left = fstatSync(file).size;
    for (const bytes of pieces) {
      left -= bytes.length;
      if (left < 0 || !readToEnd(file, bytes.length, bytes.length).equals(bytes)) return false;
    }
    return left === 0;
  } finally {
    closeSync(file);
  }
}

function setMode(path: string, mode: number): void {
  if ((lstatSync(path).mode & 0o777) !== mode) chmodSync(path, mode);
}

function stagingError(path: string, error: unknown): MaandError {
  return new MaandError("local", "cannot stage files", {
    where: { file: path },
    why: reasonOf(error),
    hint: "check free space and permissions of the bucket's tmp/",
    cause: error,
  });
}
