// A template of a job → its bytes for one allocation, made once for as long as what it read stays the same.
//
// Of each render its record of reads and its hash are kept for the run (environment.ts says why that is enough to use
// it again), its bytes while there is room. A render whose bytes are gone and wanted is done again; one that failed is
// not kept, since it may have failed for want of time.

import { createHash } from "node:crypto";
import type { AllocationRow, JobFileRow, JobRow } from "../model/state.ts";
import { decodeText, encodeText } from "../templates/go/text.ts";
import { renderTemplate } from "../templates/render.ts";
import { createByteCache } from "./byte-cache.ts";
import type { EnvironmentSource, ReadRecord } from "./environment.ts";
import { createEnvironments, stillHolds } from "./environment.ts";

export type TemplateRow = Extract<JobFileRow, { kind: "file" }>;

export interface RenderSource extends EnvironmentSource {
  /** Bytes of a job file by its SHA-256. */
  readBlob(sha256: string): Uint8Array;
}

export interface RenderRequest {
  job: JobRow;
  allocation: AllocationRow;
  template: TemplateRow;
  /** What the template sees as CurrentVersion. */
  currentVersion: string;
}

export interface Rendered {
  sha256: string;
  /** Whether a secret went in. */
  secret: boolean;
  /** Whether the template asked for CurrentVersion. */
  readsVersion: boolean;
}

export interface RenderedBytes extends Rendered {
  bytes: Uint8Array;
}

/** All of these throw MaandError("render") when the template fails. */
export interface TemplateRenders {
  /** What the file is, for comparing: a render of any size costs no memory. */
  identify(request: RenderRequest): Promise<Rendered>;
  render(request: RenderRequest): Promise<RenderedBytes>;
  /** The file with `***` for every secret from the start. Made anew each time. */
  renderMasked(request: RenderRequest): Promise<Uint8Array>;
}

/** Renders kept of one file of one allocation: with two versions, and before and after a hook that was undone. */
const keptPerFile = 2;
/** Bytes of rendered files that are held. */
const heldBytes = 32 * 1024 * 1024;

const counts = { content: 0, masked: 0 };

/** How many files were rendered so far in this process, for use and with secrets masked: tests show reuse with it. */
export function renderCounts(): { content: number; masked: number } {
  return { ...counts };
}

/** @param room bytes of rendered files held at most */
export function createTemplateRenders(source: RenderSource, room = heldBytes): TemplateRenders {
  const environmentFor = createEnvironments(source);
  const bytesHeld = createByteCache(room);
  const kept = new Map<string, (Rendered & { record: ReadRecord })[]>();

  const renderWith = async (
    { template, ...render }: RenderRequest,
    revealSecrets: boolean,
  ): Promise<{ bytes: Uint8Array; record: ReadRecord }> => {
    const environment = environmentFor({ ...render, revealSecrets });
    const text = decodeText(source.readBlob(template.sha256));
    const path = `jobs/${render.job.name}/${template.path}`;
    const bytes = encodeText(await renderTemplate({ path, text }, environment));
    return { bytes, record: environment.record() };
  };

  const renderAnew = async (request: RenderRequest, place: string): Promise<RenderedBytes> => {
    counts.content++;
    const { bytes, record } = await renderWith(request, true);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const readsVersion = record.currentVersion !== undefined;
    const rendered = { sha256, secret: record.secret, readsVersion };
    // The same answers once more replace what they gave before.
    const others = (kept.get(place) ?? []).filter(
      (other) =>
        other.record.answers !== record.answers || other.record.currentVersion !== record.currentVersion,
    );
    kept.set(place, [{ ...rendered, record }, ...others].slice(0, keptPerFile));
    bytesHeld.put(sha256, bytes);
    return { ...rendered, bytes };
  };

  const find = (request: RenderRequest, place: string): Rendered | undefined =>
    kept.get(place)?.find(({ record }) => stillHolds(record, source.kv, request.currentVersion));

  return {
    async identify(request) {
      const place = placeOf(request);
      const { sha256, secret, readsVersion } = find(request, place) ?? (await renderAnew(request, place));
      return { sha256, secret, readsVersion };
    },
    async render(request) {
      const place = placeOf(request);
      const known = find(request, place);
      const bytes = known && bytesHeld.get(known.sha256);
      if (known === undefined || bytes === undefined) return renderAnew(request, place);
      return { ...known, bytes };
    },
    async renderMasked(request) {
      counts.masked++;
      return (await renderWith(request, false)).bytes;
    },
  };
}

function placeOf({ allocation, template }: RenderRequest): string {
  return `${allocation.allocId}\0${template.path}`;
}
