// Time as this process has lived it: what it spent stopped (Ctrl-Z) or asleep with its host is not counted.

/** Milliseconds between two looks at the clock, and how much later than that a look may come before time was lost. */
const lookEveryMs = 1000;
const slackMs = 2000;

let lookedAt: number | undefined;
let lostMs = 0;

function look(): number {
  const now = performance.now();
  if (lookedAt === undefined) {
    // It must not keep the process alive, and one look a second costs nothing.
    setInterval(look, lookEveryMs).unref();
  } else if (now - lookedAt > lookEveryMs + slackMs) lostMs += now - lookedAt - lookEveryMs;
  lookedAt = now;
  return now;
}

/** Milliseconds on a clock that stands still while this process is stopped, right to a few seconds. */
export function runningNow(): number {
  return look() - lostMs;
}

/**
 * Calls back after that many milliseconds of `runningNow`; returns how to call it off. With a plain timer all deadlines
 * of a process that was stopped for a while would be over in the moment in which it goes on.
 */
export function afterRunning(ms: number, act: () => void): () => void {
  const due = runningNow() + ms;
  let timer: ReturnType<typeof setTimeout>;
  const arm = (): void => {
    timer = setTimeout(
      () => {
        // A timer may come a fraction of a millisecond early.
        if (runningNow() >= due - 1) act();
        else arm();
      },
      Math.max(0, due - runningNow()),
    );
  };
  arm();
  return () => clearTimeout(timer);
}
