// A maand on a pseudo-terminal that a test answers, as an operator at the keyboard would.

import { maandPath } from "./maand.ts";

export interface Keyboard {
  /** Waits until the screen has shown `text` since the last wait; rejects after 20 seconds or at the end. */
  see(text: string): Promise<void>;
  /** Types characters; `\r` is Enter, `\x03` is Ctrl-C. */
  type(keys: string): void;
  /** Everything written so far, with its escapes. */
  screen(): string;
  /** The exit code. */
  end(): Promise<number>;
  /** Closes the terminal under it, as a window or an ssh session that goes away. */
  hangUp(): Promise<void>;
}

/** Starts maand in `cwd` as the only program of a terminal of 120 columns. */
export function atTerminal(args: readonly string[], cwd: string, env: Record<string, string>): Keyboard {
  const words = [maandPath(), ...args].map((word) => `'${word}'`).join(" ");
  const child = Bun.spawn(["script", "-qec", `stty cols 120 rows 40; exec ${words}`, "/dev/null"], {
    cwd,
    env: { PATH: process.env.PATH, TERM: "xterm", ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
    timeout: 60_000,
  });
  let shown = "";
  let seen = 0;
  let ended = false;
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) shown += decoder.decode(piece, { stream: true });
    ended = true;
  })();
  return {
    async see(text) {
      for (let tries = 0; tries < 400; tries++) {
        const at = shown.indexOf(text, seen);
        if (at >= 0) {
          seen = at + text.length;
          return;
        }
        if (ended) break;
        await Bun.sleep(50);
      }
      throw new Error(`the screen never showed ${JSON.stringify(text)}:\n${shown}`);
    },
    type(keys) {
      child.stdin.write(keys);
      child.stdin.flush();
    },
    screen: () => shown,
    async hangUp() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async end() {
      child.stdin.end();
      await reading;
      return child.exited;
    },
  };
}
