// Job directories in the workspace of a bucket: bare ones that only have to be there, and ones that record what was
// done to them on real workers.

import type { Fleet } from "../fleet.ts";
import type { Bucket } from "../maand.ts";

/** What every job needs, and no more. */
export const bareMakefile = "start stop restart reload status:\n\t@true\n";

/** Writes a job with just this manifest and a Makefile that does nothing; `files` are relative to the job and may replace it. */
export function writeBareJob(
  bucket: Pick<Bucket, "write">,
  name: string,
  manifest: object,
  files: Record<string, string | object> = {},
): void {
  const all = { Makefile: bareMakefile, ...files, "manifest.json": manifest };
  for (const [path, content] of Object.entries(all)) bucket.write(`workspace/jobs/${name}/${path}`, content);
}

/** Every target notes itself with the versions it was given; `data/calls` survives syncs. */
const recordingMakefile = `start stop restart reload status:
	@mkdir -p data
	@sleep $(or $(shell cat data/pause 2>/dev/null),0)
	@if [ -e data/broken ]; then echo "this is broken on purpose"; exit 7; fi
	@echo "$@ $(CURRENT_VERSION) $(NEW_VERSION)" >> data/calls
	@echo "$@ of $(JOB) on $(ALLOCATION_IP)"
`;

export interface JobOptions {
  version?: string;
  manifest?: Record<string, unknown>;
  /** Further files of the job. */
  files?: Record<string, string>;
}

/** Writes (or overwrites) a recording job, which every worker has unless the manifest says otherwise. */
export function writeJob(bucket: Bucket, name: string, options: JobOptions = {}): void {
  const manifest = { version: options.version ?? "1.0.0", selectors: ["worker"], ...options.manifest };
  writeBareJob(bucket, name, manifest, { Makefile: recordingMakefile, ...options.files });
}

/** 3 s instead of 10 until a worker that does not answer counts as unreachable. */
export function noticeQuickly(bucket: Bucket): void {
  const conf = bucket.read("maand.conf");
  bucket.write("maand.conf", conf.replace(/^connect_timeout = .*$/m, "connect_timeout = 3"));
}

/** A gate that a test closes on one worker by `makeSick`. */
export const sickGate = {
  health_check: {
    checks: [{ type: "ssh", command: "test ! -e /tmp/sick" }],
    wait: { attempts: 2, interval_seconds: 0.1 },
  },
};

export const makeSick = (fleet: Fleet, i: number) => fleet.exec(i, "touch /tmp/sick");
export const makeWell = (fleet: Fleet, i: number) => fleet.exec(i, "rm -f /tmp/sick");
