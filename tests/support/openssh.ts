// The host's own OpenSSH client against a worker of the fleet: the judge of whether a fault is real.

import type { Fleet } from "./fleet.ts";
import { type Outcome, runProcess } from "./process.ts";

/** Runs `command` as `agent` on worker `i`. The client gives up connecting after 3 seconds; 255 is its own failure. */
export function ssh(fleet: Fleet, i: number, command: string, host = fleet.ips[i]!): Promise<Outcome> {
  return runProcess([...sshArgv(fleet), `agent@${host}`, command], { timeoutSeconds: 30 });
}

/** The client with its options, without a destination. */
export function sshArgv(fleet: Fleet): string[] {
  const options = [
    "BatchMode=yes",
    "ConnectTimeout=3",
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${fleet.knownHostsPath}`,
    "IdentitiesOnly=yes",
  ];
  return ["ssh", "-F", "/dev/null", "-i", fleet.keyPath, ...options.flatMap((option) => ["-o", option])];
}
