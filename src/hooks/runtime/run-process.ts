// Runs a hook in a process of its own: Python, or a script in a re-executed maand.

import { watchProcess } from "./memory.ts";
import { endGroup, endProcessesWith, markOf } from "./orphans.ts";
import type { RuntimeEnd, RuntimeRequest } from "./run.ts";

/** Milliseconds that output may still come after the process has ended, from something it has left behind. */
const drainMs = 300;

/** Runs `command` to its end as the leader of its own process group; never throws for what it does. */
export async function runProcess(command: readonly string[], request: RuntimeRequest): Promise<RuntimeEnd> {
  const child = Bun.spawn([...command], {
    cwd: request.workingDirectory,
    env: request.environment,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // Ctrl-C in the operator's terminal is for maand, which decides what becomes of the hook.
    detached: true,
  });
  const stopWatching = watchProcess(child.pid, request.memoryLimitMb, request.onTooMuchMemory);
  const kill = (): void => {
    endGroup(child.pid);
    endProcessesWith(markOf(request.environment));
  };
  request.kill.addEventListener("abort", kill, { once: true });
  if (request.kill.aborted) kill();
  const outputs = [
    pump(child.stdout, (bytes) => request.onOutput("stdout", bytes)),
    pump(child.stderr, (bytes) => request.onOutput("stderr", bytes)),
  ];
  await child.exited;
  request.kill.removeEventListener("abort", kill);
  stopWatching();
  const leftBehind = endOrphans(child.pid, request);
  await Promise.race([Promise.all(outputs.map((output) => output.done)), Bun.sleep(drainMs)]);
  for (const output of outputs) output.stop();
  const signal = child.signalCode;
  return {
    status: signal === null ? (child.exitCode ?? undefined) : undefined,
    ...(signal === null ? {} : { signal: String(signal) }),
    returned: false,
    abandoned: false,
    leftBehind,
  };
}

/** Ends what is left of the hook's group; how many there were. What was ended on purpose leaves nothing to tell of. */
function endOrphans(leader: number, request: RuntimeRequest): number {
  // The token also finds those that have left the group, but looking for it costs more.
  const found = isGroupAlive(leader) ? Math.max(1, endProcessesWith(markOf(request.environment))) : 0;
  endGroup(leader);
  return request.kill.aborted ? 0 : found;
}

function isGroupAlive(leader: number): boolean {
  try {
    process.kill(-leader, 0);
    return true;
  } catch {
    return false;
  }
}

/** Hands on a stream piece by piece, at the reader's pace, until it ends or is told to stop. */
function pump(
  stream: ReadableStream<Uint8Array>,
  onBytes: (bytes: Uint8Array) => void,
): { done: Promise<void>; stop(): void } {
  const reader = stream.getReader();
  let stopped = false;
  const done = (async () => {
    for (;;) {
      const { done: ended, value } = await reader.read();
      if (ended || stopped) return;
      onBytes(value);
    }
  })().catch(() => undefined);
  return {
    done,
    stop() {
      stopped = true;
      reader.cancel().catch(() => undefined);
    },
  };
}
