// A bucket of its own for the tests of hooks: made by init and build, hooks run by the real host, no worker needed.

import { afterAll } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bucketPaths } from "../../../src/bucket/locate.ts";
import { runBuild } from "../../../src/build/run.ts";
import { readDeployments } from "../../../src/catalog/deployments.ts";
import { readState } from "../../../src/catalog/state.ts";
import type { Event } from "../../../src/events/event.ts";
import { createEventStream } from "../../../src/events/event.ts";
import type { HookHost, HookHostOptions } from "../../../src/hooks/host.ts";
import { createHookHost } from "../../../src/hooks/host.ts";
import { initBucket } from "../../../src/init/create.ts";
import type { CatalogState } from "../../../src/model/state.ts";
import { closeSession, openSession } from "../../../src/session/open.ts";
import type { Session } from "../../../src/session/session.ts";
import { writeBareJob } from "./jobs.ts";

// A python3 that is a shell script of a version manager adds variables of its own to what it runs.
process.env.PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const workers = ["10.99.0.1", "10.99.0.2", "10.99.0.3"];

/** A job of the room: its manifest, and its files by path inside the job directory. */
export interface RoomJob {
  manifest?: Record<string, unknown>;
  files: Record<string, string>;
}

export interface RoomOptions {
  /** Lines of maand.conf. */
  conf?: string;
  workers?: Record<string, unknown>[];
  disabled?: Record<string, unknown>;
  host?: Partial<HookHostOptions>;
}

export interface Room {
  dir: string;
  session: Session;
  state: CatalogState;
  host: HookHost;
  events: Event[];
  graceful: AbortController;
  forced: AbortController;
  /** Writes a file of the bucket; an object is written as JSON. */
  write(path: string, content: string | object, mode?: number): void;
  /** Text of all output of hooks so far. */
  output(): string;
  warnings(): string[];
  /** A host of its own over the same bucket; the room closes it. */
  newHost(options?: Partial<HookHostOptions>): HookHost;
  close(): Promise<void>;
}

/** A manifest entry: hooks by name with the events that they run for. */
export function hooks(events: Record<string, string[] | Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(events).map(([name, value]) => [
      name,
      Array.isArray(value) ? { executed_on: value } : value,
    ]),
  );
}

export type MakeRoom = (jobs: Record<string, RoomJob>, options?: RoomOptions) => Promise<Room>;

/** Makes a bucket at each call, builds it, and opens a host. It goes when the test file is done, or with `close`. */
export function useRooms(): MakeRoom {
  const rooms: Room[] = [];
  afterAll(async () => {
    for (const room of rooms.splice(0)) await room.close();
  });
  return async (jobs, options) => {
    const room = await makeRoom(jobs, options);
    rooms.push(room);
    return room;
  };
}

async function makeRoom(jobs: Record<string, RoomJob>, options: RoomOptions = {}): Promise<Room> {
  const dir = mkdtempSync(join(tmpdir(), "maand-hooks-"));
  const write = (path: string, content: string | object, mode?: number): void => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    const text = typeof content === "string" ? content : JSON.stringify(content);
    writeFileSync(join(dir, path), text, mode === undefined ? {} : { mode });
  };
  const paths = bucketPaths(dir);
  await initBucket(paths, { workers: [] }, Date.now());
  if (options.conf !== undefined) write("maand.conf", options.conf);
  const rows = options.workers ?? workers.map((host) => ({ host, labels: Object.keys(jobs) }));
  write("workspace/workers.json", rows);
  if (options.disabled !== undefined) write("workspace/disabled.json", options.disabled);
  for (const [name, job] of Object.entries(jobs)) {
    writeBareJob({ write }, name, { version: "1.2.3", ...job.manifest }, job.files);
  }
  const events: Event[] = [];
  const stream = createEventStream();
  stream.subscribe((event) => events.push(event));
  const graceful = new AbortController();
  const forced = new AbortController();
  const session = openSession({
    paths,
    events: stream,
    identity: { runId: crypto.randomUUID(), command: "test" },
    shutdown: { graceful: graceful.signal, forced: forced.signal },
    readonly: false,
  });
  await runBuild(session, { purgeSecretsKv: false });
  const state = readState(session.catalog);
  const hosts: HookHost[] = [];
  const newHost = (more: Partial<HookHostOptions> = {}): HookHost => {
    const host = createHookHost(session, {
      state,
      deployments: readDeployments(session.catalog),
      self: [process.execPath, join(import.meta.dir, "../hook-entry.ts")],
      ...options.host,
      ...more,
    });
    hosts.push(host);
    return host;
  };
  let open = true;
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    for (const host of hosts) await host.close();
    await closeSession(session);
    rmSync(dir, { recursive: true, force: true });
  };
  return {
    dir,
    session,
    state,
    host: newHost(),
    events,
    graceful,
    forced,
    write,
    output: () => events.flatMap((event) => (event.type === "output" ? [event.line] : [])).join("\n"),
    warnings: () => events.flatMap((event) => (event.type === "warning" ? [event.text] : [])),
    newHost,
    close,
  };
}
