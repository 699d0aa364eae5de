// The directory of one test run: everything that tests write lies below it, and goes with it, fleets included.

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { endMarked } from "./marks.ts";

const prefix = "maand-test-";
// Short, because the path of a Unix socket has at most 107 bytes and tests put sockets below it.
const parent = "/tmp";

export interface Scratch {
  dir: string;
  /** What the processes of the run add to their environment. */
  env: Record<string, string>;
  /** Takes down the run's fleets and deletes everything. */
  remove(): void;
}

/** Makes the directory of this process, and first removes those of runs that were killed. */
export function makeScratch(fleetScript: string): Scratch {
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    if (/^\d+$/.test(pid) && !existsSync(`/proc/${pid}`)) removeScratch(join(parent, name), fleetScript);
  }
  const dir = join(parent, `${prefix}${process.pid}`);
  removeScratch(dir, fleetScript);
  mkdirSync(join(dir, "tmp"), { recursive: true, mode: 0o755 });
  const env = { TMPDIR: join(dir, "tmp"), MAAND_FLEET_ROOT: join(dir, "fleet") };
  return { dir, env, remove: () => removeScratch(dir, fleetScript) };
}

function removeScratch(dir: string, fleetScript: string): void {
  // The marks of a run's tasks are paths below its directory.
  endMarked((mark) => mark.startsWith(`${dir}/`));
  const fleets = join(dir, "fleet");
  for (const name of existsSync(fleets) ? readdirSync(fleets) : []) {
    const env = { ...process.env, MAAND_FLEET_ROOT: fleets, FLEET: name.replace(/\.gone$/, "") };
    const down = Bun.spawnSync([fleetScript, "down"], {
      env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    if (down.exitCode !== 0) console.error(`fleet ${name} could not be taken down: ${down.stderr}`);
  }
  rmSync(dir, { recursive: true, force: true });
}
