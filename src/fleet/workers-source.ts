// workers.json as collect reads and writes it: its rows as they were written, or none when the file is empty.

import { realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../bucket/private-files.ts";
import { readRegular } from "../bucket/regular-file.ts";
import type { Candidate } from "../lifecycle/select.ts";
import type { Checked } from "../model/diagnostic.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import { countOf } from "../support/plural.ts";
import { parseJson } from "../workspace/json.ts";
import { workersPath } from "../workspace/paths.ts";
import type { WorkspaceWorker } from "../workspace/types.ts";
import { checkWorkers } from "../workspace/workers.ts";
import { formatWorkers, type WorkerEntry } from "../workspace/workers-file.ts";

export interface WorkersFile {
  /** In the order of the file, every field as it was written. */
  rows: WorkerEntry[];
  /** The same workers with canonical labels. */
  candidates: Candidate[];
}

/**
 * The workers of the file; undefined when it is missing or holds nothing but white space, as after `>` in a shell.
 * @throws MaandError("workspace") with everything that is wrong in a file that is not valid: nothing of it can then be kept safely.
 */
export function readWorkersFile(root: string): WorkersFile | undefined {
  const path = join(root, workersPath);
  let content: string;
  try {
    content = readRegular(path).toString("utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new MaandError("local", `${workersPath} cannot be read`, {
      where: { file: path },
      why: reasonOf(thrown),
      hint: "make it readable for the user who runs maand",
      cause: thrown,
    });
  }
  if (content.replace(/^\uFEFF/, "").trim() === "") return undefined;
  const document = parseJson(workersPath, content);
  const workers: Checked<WorkspaceWorker[]> =
    document.value === undefined ? { ok: false, diagnostics: [] } : checkWorkers(document);
  const diagnostics = [...document.diagnostics, ...workers.diagnostics];
  if (!workers.ok || diagnostics.length > 0) {
    const problems = countOf(diagnostics.length, "problem");
    throw new MaandError("workspace", `${workersPath} has ${problems}`, { diagnostics });
  }
  const candidates = workers.value.sort((a, b) => a.index - b.index);
  return { rows: document.value as WorkerEntry[], candidates };
}

/**
 * Puts the rows in place of the file, whole or not at all; its mode stays, and a link stays a link.
 * @throws MaandError("local") when the system refuses.
 */
export function writeWorkersFile(root: string, rows: readonly WorkerEntry[]): void {
  const path = join(root, workersPath);
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    const target = found === undefined ? path : realpathSync(path);
    writeFileAtomically(target, formatWorkers(rows), found === undefined ? 0o644 : found.mode & 0o777);
  } catch (thrown) {
    throw new MaandError("local", `${workersPath} cannot be written`, {
      where: { file: path },
      why: reasonOf(thrown),
      hint: "check the permissions of workspace/ and free space; the file is as it was",
      cause: thrown,
    });
  }
}
