// Runs a script in a worker thread of this process.

import { fileURLToPath } from "node:url";
import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { describeThrown } from "./load.ts";
import { watchThread } from "./memory.ts";
import type { ThreadData, ThreadMessage } from "./messages.ts";
import { endProcessesWith, hasChildren, markOf } from "./orphans.ts";
import type { RuntimeEnd, RuntimeRequest } from "./run.ts";

/** Milliseconds that a thread is given to end once it was told to. */
const endMs = 3000;

/** The entry of the thread: a file of its own inside the executable, next to this one in the sources. */
function entryPath(): string {
  if (Bun.isStandaloneExecutable) return "/$bunfs/root/hooks/runtime/thread-entry.js";
  return fileURLToPath(new URL("./thread-entry.ts", import.meta.url));
}

/** A script can reach the port: a message that is none of ours fails the hook and nothing else. */
function notOurs(_message: never): string {
  return "the hook wrote to the channel by which the host hears of its end";
}

/** Runs the script to its end; never throws for what the script does. */
export async function runThread(request: RuntimeRequest): Promise<RuntimeEnd> {
  const { port1: port, port2 } = new MessageChannel();
  const data: ThreadData = {
    file: request.file,
    port: port2,
    unread: new SharedArrayBuffer(4),
    unsent: new SharedArrayBuffer(8),
  };
  const unread = new Int32Array(data.unread);
  const end: RuntimeEnd = { status: undefined, returned: false, abandoned: false, leftBehind: 0 };

  const take = (message: ThreadMessage): void => {
    switch (message.kind) {
      case "output":
        Atomics.sub(unread, 0, message.bytes.length);
        Atomics.notify(unread, 0);
        request.onOutput(message.stream, message.bytes);
        return;
      case "returned":
        end.returned = true;
        return;
      case "failed":
        end.thrown = message.text;
        return;
      default:
        end.thrown ??= notOurs(message);
    }
  };
  port.on("message", take);

  const worker = new Worker(entryPath(), {
    env: request.environment,
    workerData: data,
    transferList: [port2],
    stdout: true,
    stderr: true,
  });
  // What does not go through the thread's own `write`: messages of the runtime.
  worker.stdout.on("data", (bytes: Uint8Array) => request.onOutput("stdout", bytes));
  worker.stderr.on("data", (bytes: Uint8Array) => request.onOutput("stderr", bytes));
  worker.on("error", (thrown: unknown) => {
    end.thrown ??= describeThrown(thrown);
  });
  const stopWatching = watchThread(worker, request.memoryLimitMb, request.onTooMuchMemory);
  const exited = new Promise<number>((resolve) => worker.on("exit", resolve));

  let abandon: ReturnType<typeof setTimeout> | undefined;
  const abandoned = new Promise<undefined>((resolve) => {
    const kill = (): void => {
      abandon = setTimeout(() => resolve(undefined), endMs);
      void worker.terminate();
      // A thread that waits for a child of its own cannot be ended while that child lives.
      endProcessesWith(markOf(request.environment));
    };
    if (request.kill.aborted) kill();
    else request.kill.addEventListener("abort", kill, { once: true });
  });
  const status = await Promise.race([exited, abandoned]);
  clearTimeout(abandon);
  stopWatching();
  // What it sent in its last moment has come with the exit, not before it.
  for (let left = receiveMessageOnPort(port); left !== undefined; left = receiveMessageOnPort(port)) {
    take(left.message as ThreadMessage);
  }
  port.close();
  request.onDropped(Number(Atomics.load(new BigInt64Array(data.unsent), 0)));
  if (status === undefined) {
    end.abandoned = true;
    worker.unref();
  } else end.status = status;
  if (hasChildren() && !request.kill.aborted) end.leftBehind = endProcessesWith(markOf(request.environment));
  return end;
}
