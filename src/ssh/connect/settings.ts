// What maand.conf says about SSH, and what the way to one worker consists of: types only.

/** The SSH part of maand.conf with paths made absolute. */
export interface SshSettings {
  /** `ssh_user`. */
  user: string;
  /** Absolute path of `secrets/<ssh_key>`. */
  keyPath: string;
  /** `ssh_port`. */
  port: number;
  /** Absolute path of `secrets/known_hosts`: pins are read from and added to it. */
  knownHostsPath: string;
  /** `host_key_checking`. */
  hostKeyChecking: "strict" | "accept-new" | "off";
  /** Absolute path of the OpenSSH config named by `ssh_config`; absent when that is "". */
  sshConfigPath?: string;
  /** `connect_timeout`: seconds from the first packet to an authenticated connection, retries included. */
  connectTimeoutSeconds: number;
  /** `command_timeout`: seconds for one remote command or sync that names no deadline of its own. */
  commandTimeoutSeconds: number;
  /** `use_sudo`. */
  useSudo: boolean;
  /** `max_parallel_workers`. */
  maxParallel: number;
  /** Seconds between two signs of life that are asked for on an idle connection; 5 when absent. */
  keepaliveSeconds?: number;
}

/** One SSH server on the way: the worker itself or a jump host. */
export interface Endpoint {
  host: string;
  port: number;
  user: string;
  /** Private keys, or public keys whose other half an agent holds; tried in this order. */
  keyPaths: string[];
  /** known_hosts files that are read besides `knownHostsPath`. */
  knownHostsPaths: string[];
  /** Name to look up in known_hosts in place of `host` (`HostKeyAlias`). */
  hostKeyAlias?: string;
}

/** The way to one worker. */
export interface SshTarget {
  /** The worker's `host` of workers.json: the name it has in messages. */
  worker: string;
  endpoint: Endpoint;
  /** Hosts to pass through, the first one first. */
  jumps: Endpoint[];
}
