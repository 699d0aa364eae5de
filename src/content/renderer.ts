// What lies under `jobs/<job>/` of each allocation: files as they are, rendered templates, certificates.
//
// The desired content is what the plan compares and what is promoted: templates see the new version as the current one
// too, so that a deploy does not change it by happening. What is sent has the true versions. Where no template reads
// CurrentVersion the two are one, and renders are used again for the whole run (renders.ts).

import type { BlobStore } from "../catalog/blobs.ts";
import { MaandError } from "../model/error.ts";
import { outputPath } from "../model/job-paths.ts";
import type { AllocationRow, CatalogState, JobRow } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import { maskedName, sortTree, treeHash } from "../model/tree.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import type { ReadableKv } from "./environment.ts";
import { type JobParts, readCertificates, splitFiles } from "./job-files.ts";
import type { Rendered } from "./renders.ts";
import { createTemplateRenders } from "./renders.ts";

/** The content hash of an allocation and the files it is made of, sorted by path. */
export interface Content {
  hash: string;
  files: readonly TreeFile[];
}

/** A tree to stage, and how to get the bytes of its files. */
export interface StagedContent {
  files: readonly TreeFile[];
  /** The bytes of a file in order; it can be asked for again. */
  pieces(file: TreeFile): Iterable<Uint8Array>;
}

/** One content, as it is sent and as it is promoted. */
export interface CapturedContent {
  promoted: Content;
  staged: StagedContent;
  /**
   * Keeps the bytes of the promoted form in the catalog, encrypted: `rollback` and `--diff` read them. A file that a
   * secret went into gets its masked twin here, unless its template cannot work with a masked secret.
   */
  keep(): Promise<void>;
}

export interface ContentRenderer {
  /**
   * The content that the plan compares. Bytes are not held: a fleet's worth would not fit in memory.
   * @throws MaandError("render") when a template fails
   */
  desired(job: JobRow, allocation: AllocationRow): Promise<Content>;
  /**
   * What is about to be sent, from the KV as it is now; and the desired content of the very same moment, which is what
   * has to be promoted.
   * @param currentVersion what templates of what is sent see as CurrentVersion
   * @throws MaandError("render") when a template fails
   */
  capture(job: JobRow, allocation: AllocationRow, currentVersion: string): Promise<CapturedContent>;
  /** What is staged before anything is decided: templates that cannot be rendered yet are left out. */
  forHooks(job: JobRow, allocation: AllocationRow): Promise<StagedContent>;
  /**
   * How to read these files of the desired content by `ref`, or by `shown` where they have that; undefined for bytes
   * that are not there, such as the twin of a file whose template cannot work with a masked secret, or that are too many.
   */
  readDesired(
    job: JobRow,
    allocation: AllocationRow,
    paths: readonly string[],
  ): Promise<(name: string) => Uint8Array | undefined>;
}

/** A content with the bytes of what is not in the catalog as a file: rendered text and certificates, by SHA-256. */
interface MadeContent extends Content {
  made: ReadonlyMap<string, Uint8Array>;
  /** Whether a template of it asked for CurrentVersion. */
  readsVersion: boolean;
}

/** Bits that a rendered file loses when a secret went into it: nobody but owner and group may read it. */
const othersBits = 0o007;

const renderers = new WeakMap<ReadableKv, { state: CatalogState; renderer: ContentRenderer }>();

/**
 * The renderer over the session's catalog, whose templates read `kv`. Whoever asks for the same rows and the same KV in a
 * run is given the same one, with all that it has rendered.
 */
export function contentRendererFor(session: Session, state: CatalogState, kv: ReadableKv): ContentRenderer {
  const known = renderers.get(kv);
  if (known?.state === state) return known.renderer;
  const renderer = createContentRenderer(session, state, kv);
  renderers.set(kv, { state, renderer });
  return renderer;
}

function createContentRenderer(session: Session, state: CatalogState, kv: ReadableKv): ContentRenderer {
  const { blobs, catalog } = session;
  const renders = createTemplateRenders({
    state,
    kv,
    remoteDirectory: remoteDirectory(session),
    readBlob: (sha256) => blobs.read(sha256),
  });
  const parts = new Map<string, JobParts>();
  const partsOf = (job: string): JobParts => {
    let found = parts.get(job);
    if (found === undefined) {
      found = splitFiles(state.files.get(job) ?? []);
      parts.set(job, found);
    }
    return found;
  };

  const make = async (
    job: JobRow,
    allocation: AllocationRow,
    currentVersion: string,
    { leaveOutBroken = false, holdBytes = true } = {},
  ): Promise<MadeContent> => {
    const { fixed, templates, fixedHash } = partsOf(job.name);
    const certificates = readCertificates(kv, job, allocation);
    const made = new Map<string, Uint8Array>();
    let readsVersion = false;
    if (templates.length === 0 && certificates.length === 0)
      return { hash: fixedHash, files: fixed, made, readsVersion };
    const files = new Map(fixed.map((file) => [file.path, file]));
    for (const template of templates) {
      const request = { job, allocation, template, currentVersion };
      const render = (): Promise<Rendered & { bytes?: Uint8Array }> =>
        holdBytes ? renders.render(request) : renders.identify(request);
      const rendered = await (leaveOutBroken ? ifPossible(render) : render());
      if (rendered === undefined) continue;
      const { sha256: ref, secret, bytes } = rendered;
      if (bytes !== undefined) made.set(ref, bytes);
      readsVersion ||= rendered.readsVersion;
      const path = outputPath(template.path);
      const mode = secret ? template.mode & ~othersBits : template.mode;
      files.set(path, { path, kind: "file", mode, ref, ...(secret && { shown: maskedName(ref) }) });
    }
    for (const { file, bytes } of certificates) {
      if (holdBytes) made.set(file.ref, bytes);
      files.set(file.path, file);
    }
    const tree = sortTree([...files.values()]);
    return { hash: treeHash(tree), files: tree, made, readsVersion };
  };

  const desiredWithBytes = (job: JobRow, allocation: AllocationRow): Promise<MadeContent> =>
    make(job, allocation, job.version);

  /** The masked twins of those files that a secret went into, by name. */
  const makeTwins = async (
    job: JobRow,
    allocation: AllocationRow,
    files: readonly TreeFile[],
  ): Promise<Map<string, Uint8Array>> => {
    const twins = new Map<string, Uint8Array>();
    for (const { path, shown } of files) {
      const template = partsOf(job.name).templates.find((row) => outputPath(row.path) === path);
      if (shown === undefined || shown === "" || template === undefined) continue;
      const twin = await ifPossible(() =>
        renders.renderMasked({ job, allocation, template, currentVersion: job.version }),
      );
      if (twin !== undefined) twins.set(shown, twin);
    }
    return twins;
  };

  const stagedFrom = ({ files, made }: MadeContent): StagedContent => ({
    files,
    pieces(file) {
      const bytes = made.get(file.ref);
      return bytes === undefined ? blobs.pieces(file.ref) : [bytes];
    },
  });

  return {
    async desired(job, allocation) {
      const { hash, files } = await make(job, allocation, job.version, { holdBytes: false });
      return { hash, files };
    },
    async capture(job, allocation, currentVersion) {
      const desired = await desiredWithBytes(job, allocation);
      const isSame = currentVersion === job.version || !desired.readsVersion;
      const sent = isSame ? desired : await make(job, allocation, currentVersion);
      return {
        promoted: { hash: desired.hash, files: desired.files },
        staged: stagedFrom(sent),
        async keep() {
          const withoutTwin = desired.files.filter(({ shown }) => shown && !blobs.has(shown));
          const twins = await makeTwins(job, allocation, withoutTwin);
          const missing = [...desired.made, ...twins].filter(([name]) => !blobs.has(name));
          if (missing.length === 0) return;
          catalog.transaction(() => {
            for (const [name, bytes] of missing) blobs.put(name, bytes, true);
          })();
        },
      };
    },
    async forHooks(job, allocation) {
      return stagedFrom(await make(job, allocation, job.version, { leaveOutBroken: true }));
    },
    async readDesired(job, allocation, paths) {
      const { files, made } = await desiredWithBytes(job, allocation);
      const wanted = files.filter(({ path }) => paths.includes(path));
      const twins = await makeTwins(job, allocation, wanted);
      return (name) => twins.get(name) ?? made.get(name) ?? readShown(blobs, name);
    },
  };
}

/** Bytes of a file that is compared for people to read: what is larger is no text that anybody would read. */
const shownBytes = 4 * 1024 * 1024;

/** A content of the catalog that is to be shown; undefined where there is none, or it is larger than people read. */
export function readShown(blobs: BlobStore, name: string): Uint8Array | undefined {
  return blobs.has(name) && blobs.size(name) <= shownBytes ? blobs.read(name) : undefined;
}

/** Undefined where a template fails: for want of a key, or because it cannot work with a masked secret. */
async function ifPossible<T>(render: () => Promise<T>): Promise<T | undefined> {
  try {
    return await render();
  } catch (error) {
    if (!(error instanceof MaandError)) throw error;
    return undefined;
  }
}
