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

/** One content, as it is sent and as it is promoted. */
export interface CapturedContent {
  promoted: Content;
  staged: StagedContent;
  /** Keeps the bytes of the promoted form in the catalog, encrypted: `rollback` and `--diff` read them. */
  keep(): void;
}

export interface ContentRenderer {
  /**
   * The content that the plan compares: rendered as if the new version were already running, so that a deploy does
   * not change it by happening. Bytes are not held: a fleet's worth would not fit in memory.
   */
  planned(job: JobRow, allocation: AllocationRow): Promise<Content>;
  /**
   * Renders what is about to be sent, with the true versions, from the KV as it is now; and what the plan compares of
   * the very same content, which is what has to be promoted.
   */
  capture(job: JobRow, allocation: AllocationRow, currentVersion: string): Promise<CapturedContent>;
  /** What is staged before anything is decided: templates that cannot be rendered yet are left out. */
  forHooks(job: JobRow, allocation: AllocationRow): Promise<StagedContent>;
  /** How to read what `planned` is made of; undefined for bytes that are not there. */
  readPlanned(job: JobRow, allocation: AllocationRow): Promise<(sha256: string) => Uint8Array | undefined>;
}

/** The book over the session's catalog; templates read `kv`. */
export function createContentRenderer(
  session: Session,
  state: CatalogState,
  kv: Pick<KvStore, "get" | "keys">,
): ContentRenderer {
  const maker = createContentMaker({
    state,
    kv,
    readBlob: (sha256) => session.blobs.read(sha256),
    remoteDirectory: remoteDirectory(session),
  });
  const plannedContent = (job: JobRow, allocation: AllocationRow): Promise<MadeContent> =>
    maker.make(job, allocation, job.version);
  const stagedFrom = ({ files, made }: MadeContent): StagedContent => ({
    files,
    read: (file) => made.get(file.ref) ?? session.blobs.read(file.ref),
  });
  const keepBytes = (made: MadeContent["made"]): void => {
    const missing = [...made].filter(([sha256]) => !session.blobs.has(sha256));
    if (missing.length === 0) return;
    session.catalog.transaction(() => {
      for (const [sha256, bytes] of missing) session.blobs.put(sha256, bytes, true);
    })();
  };
  return {
    async planned(job, allocation) {
      const { hash, files } = await plannedContent(job, allocation);
      return { hash, files };
    },
    async capture(job, allocation, currentVersion) {
      const planned = await plannedContent(job, allocation);
      const sent =
        currentVersion === job.version ? planned : await maker.make(job, allocation, currentVersion);
      return {
        promoted: { hash: planned.hash, files: planned.files },
        staged: stagedFrom(sent),
        keep: () => keepBytes(planned.made),
      };
    },
    async forHooks(job, allocation) {
      return stagedFrom(await maker.make(job, allocation, job.version, { leaveOutBroken: true }));
    },
    async readPlanned(job, allocation) {
      const { made } = await plannedContent(job, allocation);
      return (sha256) =>
        made.get(sha256) ?? (session.blobs.has(sha256) ? session.blobs.read(sha256) : undefined);
    },
  };
}
