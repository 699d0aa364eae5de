// A template of a job → its bytes for one allocation, made once for as long as what it read stays the same.
//
// Of each render its record of reads and its hash are kept for the run (environment.ts says why that is enough to use
// it again), its bytes while there is room. A render whose bytes are gone and wanted is done again; one that failed is
// not kept, since it may have failed for want of time.

import { createHash } from "node:crypto";
import type { AllocationRow, JobFileRow, JobRow } from "../model/state.ts";
import type { TemplateEnvironment } from "../templates/environment.ts";
import { decodeText, encodeText } from "../templates/go/text.ts";
import { renderTemplate } from "../templates/render.ts";
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
/** Bytes of rendered files that are held: thousands of the usual size, and a small part of what a deploy may use. */
const heldBytes = 16 * 1024 * 1024;

const counts = { content: 0, masked: 0 };

/** How many files were rendered so far in this process, for use and with secrets masked: tests show reuse with it. */
export function renderCounts(): { content: number; masked: number } {
  return { ...counts };
}

/** @param room bytes of rendered files held at most */
export function createTemplateRenders(source: RenderSource, room = heldBytes): TemplateRenders {
  const environmentFor = createEnvironments(source);
  const held = createHeld(room);
  const kept = new Map<string, (Rendered & { record: ReadRecord })[]>();

  const renderIn = async (
    environment: TemplateEnvironment,
    { job, template }: RenderRequest,
  ): Promise<Uint8Array> => {
    const text = decodeText(source.readBlob(template.sha256));
    return encodeText(await renderTemplate({ path: `jobs/${job.name}/${template.path}`, text }, environment));
  };

  const renderAnew = async (request: RenderRequest, place: string): Promise<RenderedBytes> => {
    counts.content++;
    const environment = environmentFor({ ...request, revealSecrets: true });
    const bytes = await renderIn(environment, request);
    const record = environment.record();
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const readsVersion = record.currentVersion !== undefined;
    const rendered = { sha256, secret: record.secret, readsVersion };
    // The same answers once more replace what they gave before.
    const others = (kept.get(place) ?? []).filter(
      (other) =>
        other.record.answers !== record.answers || other.record.currentVersion !== record.currentVersion,
    );
    for (const dropped of others.splice(keptPerFile - 1)) held.release(dropped.sha256);
    kept.set(place, [{ ...rendered, record }, ...others]);
    held.hold(sha256, bytes);
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
      const bytes = known && held.get(known.sha256);
      if (known === undefined || bytes === undefined) return renderAnew(request, place);
      return { ...known, bytes };
    },
    async renderMasked(request) {
      counts.masked++;
      // No secret is opened for it, not even for a record of what was read.
      return renderIn(environmentFor({ ...request, revealSecrets: false }), request);
    },
  };
}

interface Held {
  get(sha256: string): Uint8Array | undefined;
  hold(sha256: string, bytes: Uint8Array): void;
  release(sha256: string): void;
}

/**
 * Bytes by their SHA-256, up to a total of `room`. What comes when it is full is not held: a plan goes once through the
 * whole fleet and the rollout follows in the same order, so that making room for the last would drive out each one
 * just before it is wanted.
 */
function createHeld(room: number): Held {
  const held = new Map<string, Uint8Array>();
  let size = 0;
  return {
    get: (sha256) => held.get(sha256),
    hold(sha256, bytes) {
      if (held.has(sha256) || size + bytes.length > room) return;
      held.set(sha256, bytes);
      size += bytes.length;
    },
    release(sha256) {
      size -= held.get(sha256)?.length ?? 0;
      held.delete(sha256);
    },
  };
}

function placeOf({ allocation, template }: RenderRequest): string {
  return `${allocation.allocId}\0${template.path}`;
}
