// Children of a test: started with closed input, read to their end, bounded in time, never left behind.

/** How a child ended. Exactly one of `code` and `signal` is not null. */
export interface Outcome {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface ProcessOptions {
  cwd?: string;
  /** Added to the environment of the test; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** What the child reads; without it its input is empty. */
  stdin?: string;
  /** After so many seconds the child is killed and `wait` rejects. Default 120. */
  timeoutSeconds?: number;
}

/** A child that runs. */
export interface Live {
  pid: number;
  /** Sends a signal, SIGTERM when none is named; does nothing once the child has ended. */
  kill(signal?: NodeJS.Signals): void;
  /** The end of the child and all its output. Rejects on a timeout, or when something it left keeps its output open. */
  wait(): Promise<Outcome>;
  stdoutText(): string;
  stderrText(): string;
  /** Resolves with everything written so far as soon as that matches; rejects when the child ends or time is up (default 30 s). */
  waitForStdout(pattern: RegExp | string, timeoutSeconds?: number): Promise<string>;
  waitForStderr(pattern: RegExp | string, timeoutSeconds?: number): Promise<string>;
}

/** Seconds that output may stay open after its process has ended. */
const drainSeconds = 5;
const live = new Set<Bun.Subprocess>();

process.on("exit", () => {
  for (const child of live) child.kill("SIGKILL");
});

/** Starts `argv`; see `ProcessOptions`. Throws when the program does not exist. */
export function startProcess(argv: readonly string[], options: ProcessOptions = {}): Live {
  const env = Object.fromEntries(
    Object.entries({ ...process.env, ...options.env }).filter(([, v]) => v !== undefined),
  );
  const child = Bun.spawn([...argv], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env,
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  live.add(child);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const seconds = options.timeoutSeconds ?? 120;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, seconds * 1000);
  const describe = (what: string) =>
    new Error(`${argv.join(" ")} ${what}\n--- stdout\n${stdout.text()}\n--- stderr\n${stderr.text()}`);

  const ended = (async (): Promise<Outcome> => {
    await child.exited;
    clearTimeout(timer);
    live.delete(child);
    const drained = await within(Promise.all([stdout.done, stderr.done]), drainSeconds);
    if (timedOut) throw describe(`was killed: it had not ended after ${seconds} seconds`);
    if (!drained) throw describe("has ended, but something it started still holds its output open");
    const signal = child.signalCode === null ? null : String(child.signalCode);
    return {
      code: signal === null ? child.exitCode : null,
      signal,
      stdout: stdout.text(),
      stderr: stderr.text(),
    };
  })();
  // Whoever starts a child may never wait for it; that must not fail the test a second time.
  ended.catch(() => {});

  return {
    pid: child.pid,
    kill: (signal = "SIGTERM") => child.kill(signal),
    wait: () => ended,
    stdoutText: stdout.text,
    stderrText: stderr.text,
    waitForStdout: (pattern, limit = 30) => waitFor(stdout, "stdout", pattern, limit, describe),
    waitForStderr: (pattern, limit = 30) => waitFor(stderr, "stderr", pattern, limit, describe),
  };
}

/** Runs `argv` to its end. */
export function runProcess(argv: readonly string[], options: ProcessOptions = {}): Promise<Outcome> {
  return startProcess(argv, options).wait();
}

interface Collected {
  text(): string;
  /** Resolves when the stream has ended. */
  done: Promise<void>;
  /** Calls back after each piece and at the end, until the returned function is called. */
  watch(listener: () => void): () => void;
  ended(): boolean;
}

function collect(stream: ReadableStream<Uint8Array>): Collected {
  let text = "";
  let ended = false;
  const listeners = new Set<() => void>();
  const decoder = new TextDecoder();
  const tell = () => {
    for (const listener of [...listeners]) listener();
  };
  const done = (async () => {
    for await (const piece of stream) {
      text += decoder.decode(piece, { stream: true });
      tell();
    }
    text += decoder.decode();
    ended = true;
    tell();
  })();
  return {
    text: () => text,
    done,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ended: () => ended,
  };
}

function waitFor(
  output: Collected,
  name: string,
  pattern: RegExp | string,
  seconds: number,
  describe: (what: string) => Error,
): Promise<string> {
  const matches = (text: string) =>
    typeof pattern === "string" ? text.includes(pattern) : pattern.test(text);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      unwatch();
      act();
    };
    const check = () => {
      if (matches(output.text())) settle(() => resolve(output.text()));
      else if (output.ended())
        settle(() => reject(describe(`ended and its ${name} never matched ${pattern}`)));
    };
    const timer = setTimeout(() => {
      settle(() => reject(describe(`did not write ${pattern} to ${name} within ${seconds} seconds`)));
    }, seconds * 1000);
    const unwatch = output.watch(check);
    check();
  });
}

/** Whether the promise settles within so many seconds. */
async function within(promise: Promise<unknown>, seconds: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), seconds * 1000);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
