// A small process beside a maand that runs hooks: should maand be killed, it ends what the hooks have left.

import guardScript from "./guard.sh" with { type: "text" };
import { expectChild } from "./orphans.ts";

export interface Guard {
  /** Ends it; whoever calls this has ended what hooks left. */
  stop(): void;
}

/**
 * Starts the guard of a run. It learns of our end by the pipe that closes with us, however that comes, and is in a
 * session of its own, so that neither the terminal nor a signal to our group takes it with us.
 * @param mark see `markOfRun`
 */
export function startGuard(mark: string): Guard {
  const child = Bun.spawn(["/bin/sh", "-c", guardScript, "maand-guard", mark], {
    cwd: "/",
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  expectChild(child.pid);
  // It must not keep maand alive.
  child.unref();
  return { stop: () => child.kill("SIGKILL") };
}
