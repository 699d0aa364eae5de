// Inside the worker thread of one hook: output goes to the maand around it, what belongs to the process is fenced off.

import { isMainThread, workerData } from "node:worker_threads";
import { describeThrown, runHookScript } from "./load.ts";
import type { OutputName, ThreadData, ThreadMessage } from "./messages.ts";
import { maxOutputBytes, unreadLimit } from "./messages.ts";

const { file, port, unread, unsent } = workerData as ThreadData;
const send = (message: ThreadMessage): void => port.postMessage(message);

/** Longest sleep between two looks at what is unread, in milliseconds; a lost wake-up must not hang the hook. */
const lookAgainMs = 100;

let sent = 0;

/**
 * Output is sent at once and waits for its reader when much is under way: a thread's own streams keep everything in
 * memory until the thread comes to rest, which a hook that prints without end never does.
 */
function sendOutput(stream: OutputName): void {
  const counter = new Int32Array(unread);
  const beyond = new BigInt64Array(unsent);
  const write = (chunk: unknown, encoding?: unknown, callback?: unknown): boolean => {
    const text = typeof chunk === "string";
    const bytes = text
      ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
      : new Uint8Array(chunk as Uint8Array);
    // What nobody would be shown is not worth a copy: a hook that prints without end must not fill the memory.
    if (sent > maxOutputBytes) Atomics.add(beyond, 0, BigInt(bytes.length));
    else {
      sent += bytes.length;
      Atomics.add(counter, 0, bytes.length);
      send({ kind: "output", stream, bytes });
    }
    for (let waiting = Atomics.load(counter, 0); waiting > unreadLimit; waiting = Atomics.load(counter, 0)) {
      Atomics.wait(counter, 0, waiting, lookAgainMs);
    }
    const done = typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") queueMicrotask(() => done());
    return true;
  };
  process[stream].write = write as typeof process.stdout.write;
}

/** The runtime refuses chdir, umask and the like in threads by itself; signals to the own process it does not. */
function fenceProcess(): void {
  const kill = process.kill.bind(process);
  process.kill = (pid, signal) => {
    const own = pid === process.pid || pid === 0 || pid === -1 || pid === -process.pid;
    if (own && signal !== 0) {
      throw new Error(
        'this hook runs inside maand and would end it: set "isolation": "process" for it in the manifest',
      );
    }
    return kill(pid, signal);
  };
}

type Spawn = (commandOrOptions: unknown, options?: object) => unknown;

/**
 * `Bun.spawn` gives children the environment of the whole process unless told otherwise: that of the operator, and
 * without the token by which maand knows what belongs to a hook. `node:child_process` and `Bun.$` get it right.
 * It also leaves them in the process group of maand, where Ctrl-C in the operator's terminal would end them while maand
 * lets the hook finish: they get groups of their own. `node:child_process` is made of `Bun.spawn`; `Bun.$` is not and
 * cannot be told, so what it starts hears Ctrl-C.
 */
function handDownEnvironment(): void {
  const own = (options: object | undefined): object => {
    const given = (options as { env?: object } | undefined)?.env;
    return { ...options, detached: true, env: given ?? process.env };
  };
  const wrap =
    (spawn: Spawn): Spawn =>
    (command, options) =>
      Array.isArray(command) ? spawn(command, own(options)) : spawn(own(command as object));
  Object.assign(Bun, { spawn: wrap(Bun.spawn as Spawn), spawnSync: wrap(Bun.spawnSync as Spawn) });
}

if (!isMainThread) {
  sendOutput("stdout");
  sendOutput("stderr");
  fenceProcess();
  handDownEnvironment();
  try {
    await runHookScript(file);
    send({ kind: "returned" });
  } catch (error) {
    send({ kind: "failed", text: describeThrown(error) });
    process.exit(1);
  }
}
