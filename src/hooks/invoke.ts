// Runs one hook for one allocation: token, environment, runtime, deadline, output, error, and nothing left behind.

import { join, relative } from "node:path";
import type { Phase } from "../events/event.ts";
import type { Writer } from "../kv/overlay.ts";
import type { HookDeclaration, HookEvent } from "../model/manifest.ts";
import { assertNever, type Result } from "../model/result.ts";
import type { Session } from "../session/session.ts";
import { countOf } from "../support/plural.ts";
import { afterRunning } from "../support/running-clock.ts";
import type { Semaphores } from "./api/semaphores.ts";
import type { HookInvocation, Tokens } from "./api/tokens.ts";
import type { EnvironmentInput } from "./environment.ts";
import { hookEnvironment } from "./environment.ts";
import type { Ended } from "./failure.ts";
import { judgeInvocation } from "./failure.ts";
import { hooksSource } from "./layout.ts";
import { createHookOutput } from "./output.ts";
import type { OutputName } from "./runtime/messages.ts";
import { markOfRun } from "./runtime/orphans.ts";
import type { RuntimeEnd, RuntimeRequest } from "./runtime/run.ts";
import { noPython, pythonFor, runtimeOf } from "./runtimes.ts";

/** Everything that invocations of one run share. */
export interface InvocationContext {
  session: Session;
  tokens: Tokens;
  semaphores: Semaphores;
  /** The command line that runs this maand again. */
  self: readonly string[];
  memoryLimitMb: number;
  /** Begins to catch what threads write past their own streams; returns how to end that for one invocation. */
  captureThread(onBytes: (stream: OutputName, bytes: Uint8Array) => void): () => void;
}

export interface InvocationRequest {
  hook: HookDeclaration;
  environment: Omit<EnvironmentInput, "api" | "hook" | "event" | "bucketRoot" | "bucketId" | "inherited">;
  event: HookEvent;
  demands: readonly string[];
  /** In whose name it writes to the KV. */
  writer: Writer;
  /** Where the hook's files lie for this allocation. */
  laidOutIn: string;
  /** Secrets among those files. */
  secrets: readonly string[];
  api: { host: string; port: number };
  timeoutSeconds: number;
}

const phases: Record<HookEvent, Phase> = {
  post_build: "post_build",
  pre_deploy: "hook",
  job_control: "job_control",
  after_allocation_started: "hook",
  after_allocation_stopped: "hook",
  health_check: "health",
  post_deploy: "hook",
  cli: "hook",
};

let lastId = 0;

/** Runs it to its end; what goes wrong is in the result, nothing is thrown for it. */
export async function invokeHook(
  context: InvocationContext,
  request: InvocationRequest,
): Promise<{ result: Result<void>; durationMs: number }> {
  const { session, tokens } = context;
  const { hook, event, environment: facts } = request;
  const { job, workerIp, allocId } = facts.allocation;
  const scope = { worker: workerIp, job, phase: phases[event], action: hook.name };
  const knownAs = relative(session.paths.root, hooksSource(session.paths.workspace, job));
  const id = session.events.nextId();
  const output = createHookOutput((stream, line) =>
    session.events.emit({ type: "output", scope, id, stream, line }),
  );
  for (const secret of request.secrets) output.hide(secret);

  const over = new AbortController();
  const invocation: HookInvocation = {
    id: `${markOfRun(session.identity.runId)}${++lastId}`,
    job,
    allocId,
    workerIp,
    event,
    hook: hook.name,
    demands: request.demands,
    writer: request.writer,
    currentVersion: facts.currentVersion,
    newVersion: facts.newVersion,
    signal: over.signal,
    onSecret: (text) => output.hide(text),
  };
  const token = tokens.mint(invocation);
  const environment = hookEnvironment({
    ...facts,
    event,
    hook: hook.name,
    bucketRoot: session.paths.root,
    bucketId: session.bucketId,
    api: { ...request.api, token },
    inherited: process.env,
  });

  const started = performance.now();
  session.events.emit({ type: "command_begin", scope, id, cmd: `_hooks/${hook.file} (${event})` });
  const deadline = startDeadline(request.timeoutSeconds, session.shutdown.forced);
  let end: RuntimeEnd = { status: undefined, returned: false, abandoned: false, leftBehind: 0 };
  try {
    end = await runIn(context, request, {
      file: join(request.laidOutIn, hook.file),
      environment,
      workingDirectory: session.paths.root,
      onOutput: output.push,
      onDropped: output.drop,
      kill: deadline.signal,
      onTooMuchMemory: () => deadline.end({ by: "memory", limitMb: context.memoryLimitMb }),
      memoryLimitMb: context.memoryLimitMb,
    });
  } finally {
    deadline.stop();
    tokens.revoke(token);
    over.abort();
    context.semaphores.endInvocation(invocation.id);
    output.close();
    // A process has printed it itself: whoever reads the log finds it in either case.
    if (end.thrown !== undefined) output.tell(end.thrown.replaceAll(request.laidOutIn, knownAs));
    const durationMs = Math.round(performance.now() - started);
    session.events.emit({ type: "command_end", scope, id, exit: end.status ?? -1, durationMs });
  }
  const left = end.leftBehind;
  if (left > 0) {
    const text = `hook ${hook.name} left ${countOf(left, "process")} running; ended, nothing may outlive its hook`;
    session.events.emit({ type: "warning", scope, text });
  }
  const result = judgeInvocation({
    event,
    hook: hook.name,
    job,
    workerIp,
    laidOutIn: request.laidOutIn,
    knownAs,
    end,
    ended: deadline.ended(),
    lastLines: output.lastLines(),
    masked: output.masked,
  });
  const durationMs = Math.round(performance.now() - started);
  return { result, durationMs };
}

async function runIn(
  context: InvocationContext,
  { hook, environment }: InvocationRequest,
  request: RuntimeRequest,
): Promise<RuntimeEnd> {
  const { paths } = context.session;
  const runtime = runtimeOf(hook);
  switch (runtime) {
    case "thread": {
      const { runThread } = await import("./runtime/run-thread.ts");
      const endCapture = context.captureThread(request.onOutput);
      try {
        return await runThread(request);
      } finally {
        endCapture();
      }
    }
    case "process": {
      const { runProcess } = await import("./runtime/run-process.ts");
      return runProcess([...context.self, "__hook", request.file], request);
    }
    case "python": {
      const { job } = environment.allocation;
      const python = pythonFor(hooksSource(paths.workspace, job), request.environment.PATH);
      if (python === undefined) throw noPython([{ job, hook }]);
      const { runProcess } = await import("./runtime/run-process.ts");
      // Unbuffered, so that lines come as they are printed; without bytecode files beside the scripts.
      return runProcess([python, "-u", "-B", request.file], request);
    }
    default:
      return assertNever(runtime, "runtime of a hook");
  }
}

interface HookDeadline {
  signal: AbortSignal;
  end(why: Ended): void;
  ended(): Ended | undefined;
  stop(): void;
}

/** The first of: the time is up, Ctrl-C for the second time, or another reason of the caller's. */
function startDeadline(seconds: number, forced: AbortSignal): HookDeadline {
  const controller = new AbortController();
  let why: Ended | undefined;
  const end = (reason: Ended): void => {
    why ??= reason;
    controller.abort();
  };
  const onAbort = (): void => end({ by: "interrupt" });
  const disarm = afterRunning(seconds * 1000, () => end({ by: "time", seconds }));
  forced.addEventListener("abort", onAbort, { once: true });
  if (forced.aborted) onAbort();
  return {
    signal: controller.signal,
    end,
    ended: () => why,
    stop() {
      disarm();
      forced.removeEventListener("abort", onAbort);
    },
  };
}
