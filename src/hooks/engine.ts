// What hooks need to run at all: the runtime API, the working directory, the caught descriptors. Started with the first hook.

import type { KvOverlay } from "../kv/overlay.ts";
import type { CatalogState, DeploymentRow } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { createLineSplitter } from "../ssh/exec/capture.ts";
import { countOf } from "../support/plural.ts";
import { selfCommand } from "../support/self.ts";
import type { Semaphores } from "./api/semaphores.ts";
import type { ApiServer } from "./api/server.ts";
import { startApi } from "./api/server.ts";
import type { Tokens } from "./api/tokens.ts";
import { workerAccess } from "./api/worker-access.ts";
import { demandsOn } from "./choose.ts";
import type { InvocationContext } from "./invoke.ts";
import type { Guard } from "./runtime/guard.ts";
import { startGuard } from "./runtime/guard.ts";
import { hookMemoryLimitMb } from "./runtime/memory.ts";
import type { OutputName } from "./runtime/messages.ts";
import { endProcessesWith, markOfRun } from "./runtime/orphans.ts";
import { captureStdio } from "./runtime/stdio-capture.ts";
import type { SharedCapture } from "./shared-capture.ts";
import { shareCapture } from "./shared-capture.ts";

export interface Engine {
  api: ApiServer;
  context: InvocationContext;
  capture: SharedCapture;
  guard: Guard;
  /** The working directory before. */
  before: string;
}

export interface EngineOptions {
  state: CatalogState;
  deployments: ReadonlyMap<string, DeploymentRow>;
  onRequest?(who: { job: string; workerIp: string; hook: string }, line: string): void;
  self?: readonly string[];
}

/** What the API and the invocations share. */
export interface EngineParts {
  kv: KvOverlay;
  tokens: Tokens;
  semaphores: Semaphores;
}

export async function startEngine(
  session: Session,
  options: EngineOptions,
  parts: EngineParts,
): Promise<Engine> {
  const { state, deployments, onRequest } = options;
  const { kv, tokens, semaphores } = parts;
  const before = process.cwd();
  // Hooks in threads share the working directory of this process; all paths of maand are absolute.
  process.chdir(session.paths.root);
  const api = await startApi({
    tokens,
    services: {
      kv,
      semaphores,
      workers: workerAccess(session, state, deployments),
      demandsOn: (job, hook) => demandsOn(state, job, hook),
    },
    ...(onRequest === undefined ? {} : { onRequest }),
    onFault(error) {
      const scope = { worker: "-", phase: "hook" as const };
      session.events.emit({ type: "error", scope, text: `runtime API: ${String(error)}` });
    },
  });
  const capture = shareCapture(captureStdio, unclearOutput(session));
  const context: InvocationContext = {
    session,
    tokens,
    semaphores,
    self: options.self ?? selfCommand(),
    memoryLimitMb: hookMemoryLimitMb(process.env),
    captureThread: capture.join,
  };
  const guard = startGuard(markOfRun(session.identity.runId));
  return { api, capture, guard, before, context };
}

/** Ends the API and everything that hooks have left running. */
export async function closeEngine(session: Session, engine: Engine): Promise<void> {
  engine.capture.lift();
  await engine.api.close();
  try {
    process.chdir(engine.before);
  } catch {
    // It is gone; the bucket is as good a place to be.
  }
  // Daemons that have left their hook's process group still carry the address of this run's API.
  const left = endProcessesWith(`HOOK_API_PORT=${engine.api.port}`);
  engine.guard.stop();
  if (left === 0) return;
  const text = `hooks left ${countOf(left, "process")} running; ended, nothing may outlive its hook`;
  session.events.emit({ type: "warning", scope: { worker: "-", phase: "hook" }, text });
}

/** Output whose author nobody can tell: several hooks were running and one wrote past its own streams. */
function unclearOutput(session: Session): (stream: OutputName, bytes: Uint8Array) => void {
  const id = session.events.nextId();
  const scope = { worker: "-", phase: "hook" as const };
  const linesOf = (stream: OutputName) =>
    createLineSplitter((line) => session.events.emit({ type: "output", scope, id, stream, line }));
  const lines = { stdout: linesOf("stdout"), stderr: linesOf("stderr") };
  return (stream, bytes) => lines[stream].push(bytes);
}
