// maand hooks <hook> <job> --watch: runs the hook as it is in the workspace, again after every save, until Ctrl-C.

import { existsSync, watch } from "node:fs";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { formatError, toMaandError } from "../../cli/output/errors.ts";
import type { HookScripts } from "../../hooks/host.ts";
import { hooksSource } from "../../hooks/layout.ts";
import { MaandError } from "../../model/error.ts";
import { unindexedNames } from "../../model/job-paths.ts";
import type { Session } from "../../session/session.ts";
import { piecesOf } from "../../workspace/file-content.ts";
import { readWorkspace } from "../../workspace/read.ts";
import { hooksOutcome } from "./outcome.ts";
import type { CliHookRequest, HooksRun } from "./run-hook.ts";
import { runCliHook } from "./run-hook.ts";

/** Milliseconds without a change before the hook runs: editors write a file in several steps. */
const settleMs = 150;

/**
 * Watches the job's `_hooks/`; the manifest and everything else still come from the last build.
 * @throws MaandError("usage") without a job, or when there is no such hook
 */
export async function watchHook(invocation: BucketInvocation, request: CliHookRequest): Promise<Outcome> {
  const { session, terminal } = invocation;
  const { hook, job, verbose } = request;
  if (job === undefined) {
    throw new MaandError("usage", "--watch needs a job", { hint: `use maand hooks ${hook} <job> --watch` });
  }
  const directory = hooksSource(session.paths.workspace, job);
  const changes = existsSync(directory) ? watchDirectory(directory) : undefined;
  const { graceful } = session.shutdown;
  let last: HooksRun | undefined;
  try {
    do {
      try {
        last = await runCliHook(session, { hook, job, verbose, scripts: workspaceScripts(session, job) });
        if (!terminal.json) terminal.stdout.write(hooksOutcome(last, terminal.stdout).text ?? "");
      } catch (thrown) {
        const error = toMaandError(thrown);
        // What no save of a script can fix ends the watch.
        if (error.kind === "usage" || changes === undefined) throw error;
        terminal.stderr.write(formatError(error, terminal.stderr.paint));
      }
      const text = `waiting for a change in ${directory} (Ctrl-C ends)`;
      session.events.emit({ type: "step", scope: { worker: "-", job, phase: "hook" }, text });
    } while (await changes!.next(graceful));
  } finally {
    changes?.close();
  }
  // Each run has been shown as it came, and Ctrl-C is how a watch ends.
  const json = last === undefined ? {} : (hooksOutcome(last, terminal.stdout).json ?? {});
  return { json, ending: "interrupted" };
}

/** Scripts as they lie in the workspace now. */
function workspaceScripts(session: Session, name: string): HookScripts {
  const source = readWorkspace(session.paths.root, session.conf.jobConfigSelector);
  const files = source.jobs.find((job) => job.name === name)?.files ?? [];
  const contents = new Map(
    files.flatMap((file) => (file.kind === "file" ? [[file.sha256, file.content]] : [])),
  );
  return {
    files: () => files,
    pieces(sha256) {
      const content = contents.get(sha256);
      if (content === undefined) throw new Error(`the workspace has no content ${sha256}`);
      return piecesOf(content, sha256);
    },
  };
}

interface Changes {
  /** Waits for the next change and the quiet after it; false when the signal came first. */
  next(signal: AbortSignal): Promise<boolean>;
  close(): void;
}

function watchDirectory(directory: string): Changes {
  let changed = false;
  let wake: () => void = () => undefined;
  const watcher = watch(directory, { recursive: true }, (_, name) => {
    // The directories of tools, which no build reads either.
    if (name?.split("/").some((part) => unindexedNames.has(part))) return;
    changed = true;
    wake();
  });
  return {
    async next(signal) {
      const stop = (): void => wake();
      signal.addEventListener("abort", stop, { once: true });
      while (!changed && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (signal.aborted) resolve();
        });
      }
      while (changed && !signal.aborted) {
        changed = false;
        await Bun.sleep(settleMs);
      }
      signal.removeEventListener("abort", stop);
      return !signal.aborted;
    },
    close: () => watcher.close(),
  };
}
