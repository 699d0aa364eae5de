// The way to one worker: straight from maand.conf, or through the operator's OpenSSH config.

import { MaandError } from "../../model/error.ts";
import type { Endpoint, SshSettings, SshTarget } from "./settings.ts";
import { type HostSpec, resolveFromConfig } from "./ssh-config.ts";

/** More hops than anyone needs: what lies beyond is a configuration that goes in circles. */
const maxJumps = 4;

/**
 * Where and as whom to reach a worker. With `ssh_config` set, what that file says for the host comes before maand.conf.
 * Throws "local" when `ssh` cannot be run or the file cannot be read, "usage" for what maand does not do
 * (ProxyCommand, more than `maxJumps` jump hosts), "interrupted" when the signal is aborted.
 */
export async function resolveTarget(
  worker: string,
  settings: SshSettings,
  signal?: AbortSignal,
): Promise<SshTarget> {
  if (settings.sshConfigPath === undefined) {
    const endpoint: Endpoint = {
      host: worker,
      port: settings.port,
      user: settings.user,
      keyPaths: [settings.keyPath],
      knownHostsPaths: [],
    };
    return { worker, endpoint, jumps: [] };
  }
  const config = settings.sshConfigPath;
  const walk = async (spec: HostSpec, depth: number): Promise<Omit<SshTarget, "worker">> => {
    const found = await resolveFromConfig(config, settings, spec, worker, signal);
    const jumps: Endpoint[] = [];
    for (const [index, jump] of found.jumps.entries()) {
      if (depth >= maxJumps || jumps.length >= maxJumps) throw tooManyJumps(worker, config);
      // As in OpenSSH, only the first jump host may have a jump host of its own.
      const way =
        index === 0
          ? await walk(jump, depth + 1)
          : { ...(await resolveFromConfig(config, settings, jump, worker, signal)), jumps: [] };
      jumps.push(...way.jumps, way.endpoint);
    }
    if (jumps.length > maxJumps) throw tooManyJumps(worker, config);
    return { endpoint: found.endpoint, jumps };
  };
  return { worker, ...(await walk({ host: worker }, 0)) };
}

function tooManyJumps(worker: string, file: string): MaandError {
  return new MaandError("usage", "the way to the worker has too many jump hosts", {
    where: { file, worker },
    why: `ProxyJump leads through more than ${maxJumps} hosts, or in a circle`,
    hint: "shorten the chain of ProxyJump for this host",
  });
}
