// The contents of one deploy: what the plan compares, what is staged, and what stays in the catalog once promoted.

import type { KvStore } from "../kv/store.ts";
import type { AllocationRow, CatalogState, JobRow } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import type { Content, MadeContent } from "./content.ts";
import { createContentMaker } from "./content.ts";

/** A tree to stage, and how to get the bytes of its files. */
export interface StagedContent {
  files: readonly TreeFile[];
  read(file: TreeFile): Uint8Array;
}

export interface ContentBook {
  /**
   * The content that the plan compares: rendered as if the new version were already running, so that a deploy does
   * not change it by happening (04, "The plan"). Bytes are not held: a fleet's worth would not fit in memory.
   */
  planned(job: JobRow, allocation: AllocationRow): Promise<Content>;
  /** The content that is sent, rendered with the true versions. */
  forSync(job: JobRow, allocation: AllocationRow, currentVersion: string): Promise<StagedContent>;
  /** As `forSync` before anything is decided: templates that cannot be rendered yet are left out. */
  forHooks(job: JobRow, allocation: AllocationRow): Promise<StagedContent>;
  /** How to read what `planned` is made of; undefined for bytes that are not there. */
  readPlanned(job: JobRow, allocation: AllocationRow): Promise<(sha256: string) => Uint8Array | undefined>;
  /** Keeps the bytes of a promoted content in the catalog, encrypted: `rollback` and `--diff` read them. */
  keep(job: JobRow, allocation: AllocationRow): Promise<void>;
}

/** The book over the session's catalog; templates read `kv`. */
export function openContentBook(
  session: Session,
  state: CatalogState,
  kv: Pick<KvStore, "get" | "keys">,
): ContentBook {
  const maker = createContentMaker({
    state,
    kv,
    readBlob: (sha256) => session.blobs.read(sha256),
    remoteDirectory: remoteDirectory(session),
  });
  const plannedContent = (job: JobRow, allocation: AllocationRow): Promise<MadeContent> =>
    maker.make(job, allocation, job.version);
  return {
    async planned(job, allocation) {
      const { hash, files } = await plannedContent(job, allocation);
      return { hash, files };
    },
    async forSync(job, allocation, currentVersion) {
      const { files, made } = await maker.make(job, allocation, currentVersion);
      return { files, read: (file) => made.get(file.ref) ?? session.blobs.read(file.ref) };
    },
    async forHooks(job, allocation) {
      const { files, made } = await maker.make(job, allocation, job.version, { leaveOutBroken: true });
      return { files, read: (file) => made.get(file.ref) ?? session.blobs.read(file.ref) };
    },
    async readPlanned(job, allocation) {
      const { made } = await plannedContent(job, allocation);
      return (sha256) =>
        made.get(sha256) ?? (session.blobs.has(sha256) ? session.blobs.read(sha256) : undefined);
    },
    async keep(job, allocation) {
      const { made } = await plannedContent(job, allocation);
      session.catalog.transaction(() => {
        for (const [sha256, bytes] of made)
          if (!session.blobs.has(sha256)) session.blobs.put(sha256, bytes, true);
      })();
    },
  };
}
