// A fleet of real workers for one test file: brought up by scripts/fleet, broken and fixed through ./faults.ts.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Faults, faultsOf } from "./faults.ts";
import { type Outcome, runProcess } from "./process.ts";

const script = resolve(import.meta.dir, "../../scripts/fleet");
let started = 0;

export interface Fleet extends Faults {
  /** What `FLEET` must be for scripts/fleet to mean this one. */
  name: string;
  /** Where the fleet keeps its files; a worker's own log is `w<i>/log` below it. */
  dir: string;
  /** IPv4 addresses, worker 0 first. The workers' host names are w0, w1, ... */
  ips: string[];
  /** IPv6 addresses in the same order; empty where the host has no IPv6. */
  ips6: string[];
  /** Private key (ed25519, 0600) of the user `agent` on every worker. */
  keyPath: string;
  /** The workers' host keys as they were at the start, for all addresses. */
  knownHostsPath: string;
  /** Runs a shell command as root inside worker `i`, by `/bin/sh`, in `/`. At most 60 seconds. */
  exec(i: number, command: string): Promise<Outcome>;
  /** Takes the fleet down; a second call does nothing. */
  down(): Promise<void>;
}

/**
 * Brings up `count` workers (1 to 200). Throws with the reason when it cannot: such a test fails, it is not skipped.
 * A fleet whose test process ends without `down` is cleared by whoever brings up the next one.
 */
export async function startFleet(count: number): Promise<Fleet> {
  started += 1;
  const name = `t${process.pid}-${started}`;
  const env = { FLEET: name, FLEET_OWNER: String(process.pid) };
  const call = async (...args: string[]) => {
    const outcome = await runProcess([script, ...args], { env });
    if (outcome.code !== 0)
      throw new Error(`scripts/fleet ${args.join(" ")} failed: ${outcome.stderr || outcome.stdout}`);
    return outcome.stdout.trim();
  };
  await call("up", String(count));
  const dir = await call("dir");
  const slot = Number(readFileSync(join(dir, "slot"), "utf8"));
  const knownHostsPath = join(dir, "known_hosts");
  const addresses = readFileSync(knownHostsPath, "utf8")
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [line.split(" ")[0]!]));
  const ips = addresses.filter((address) => !address.includes(":"));
  const exec = (i: number, command: string) =>
    runProcess([script, "exec", String(i), "/bin/sh", "-c", command], { env, timeoutSeconds: 60 });
  let up = true;
  return {
    name,
    dir,
    ips,
    ips6: addresses.filter((address) => address.includes(":")),
    keyPath: join(dir, "key"),
    knownHostsPath,
    exec,
    async down() {
      if (!up) return;
      up = false;
      await call("down");
    },
    ...faultsOf({ exec, bridge: `mnd${slot}b`, link: (i) => `mnd${slot}v${i}`, ip: (i) => ips[i]! }),
  };
}
