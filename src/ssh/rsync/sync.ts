// Brings a staged tree to a worker: the one kind of rsync that a deploy needs.

import { MaandError } from "../../model/error.ts";
import type { Connection } from "../connect/connection.ts";
import type { OutputStream } from "../exec/exec.ts";
import type { ShellText } from "../exec/quote.ts";
import { type RsyncResult, remotePrefix, runRsync } from "./rsync.ts";

export interface SyncOptions {
  /** The staging directory of one worker. */
  cwd: string;
  /** What to send, as `./path` below `cwd`; a directory is sent with all that it holds. */
  sources: string[];
  /** The absolute directory on the worker that stands for `cwd`; it is made when it is missing. */
  destination: string;
  /** What is done around the receiving rsync; see `RsyncOptions`. */
  receive?: (server: readonly string[]) => ShellText;
  /** Patterns of rsync, anchored at `cwd` with a leading `/`: neither sent nor deleted. */
  protect: string[];
  useSudo: boolean;
  timeoutSeconds: number;
  onLine?: (stream: OutputStream, line: string) => void;
  signal?: AbortSignal;
  /** Gives a live connection for the second try when the first was lost; without it that is an error at once. */
  reconnect?: () => Promise<Connection>;
  /** Command line of this maand; the default is right everywhere but in tests. */
  self?: string[];
}

/**
 * Makes each source on the worker equal to the staged one: content, modes, times, links, empty directories; what is
 * not staged is deleted inside the named directories and nowhere else. New files belong to root with `useSudo`, else
 * to the ssh user. rsync writes each file beside its place with mode 0600 and renames it once it has its final mode,
 * so no file is ever half there or readable for more than it should be. Tried a second time when it breaks mid-way.
 * Throws "remote" when the worker's files are not known to be complete, and what `runRsync` throws.
 */
export async function syncTree(connection: Connection, options: SyncOptions): Promise<void> {
  const args = syncArguments(options);
  const attempt = (on: Connection) =>
    runRsync(on, {
      cwd: options.cwd,
      args,
      timeoutSeconds: options.timeoutSeconds,
      remoteSudo: options.useSudo,
      makeDirectory: options.destination,
      ...(options.receive === undefined ? {} : { receive: options.receive }),
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.self === undefined ? {} : { self: options.self }),
    });
  let result: RsyncResult | undefined;
  try {
    result = await attempt(connection);
    if (result.exitCode === 0) return;
    if (hopelessExits.has(result.exitCode)) throw syncFailed(connection.host, result);
  } catch (error) {
    const lost = connection.lost !== undefined && options.signal?.aborted !== true;
    if (!lost || options.reconnect === undefined) throw error;
  }
  const live =
    connection.lost === undefined || options.reconnect === undefined ? connection : await options.reconnect();
  const second = await attempt(live);
  if (second.exitCode !== 0) throw syncFailed(connection.host, second);
}

/** The arguments of the one rsync; pure. Throws "usage" for a source or destination that could leave its root. */
export function syncArguments(options: Pick<SyncOptions, "sources" | "destination" | "protect">): string[] {
  for (const source of options.sources) {
    const inside =
      source.startsWith("./") &&
      !source
        .split("/")
        .slice(1)
        .some((part) => part === ".." || part === "");
    if (!inside) throw badPath(source, "a path to send must be ./ and a path below the staging directory");
  }
  const { destination } = options;
  if (!destination.startsWith("/") || destination.split("/").includes("..")) {
    throw badPath(destination, "the directory on a worker must be absolute and without ..");
  }
  return [
    // -s: paths travel inside the protocol and meet no shell.
    "-s",
    "--recursive",
    "--links",
    "--perms",
    "--times",
    "--relative",
    // The directories above the sources are made when missing and otherwise left as they are.
    "--no-implied-dirs",
    "--delete",
    // Size and second of the mtime would miss a file that was rendered twice within a second to the same length.
    "--checksum",
    ...options.protect.map((pattern) => `--exclude=${pattern}`),
    "--",
    ...options.sources,
    `${remotePrefix}${destination}/`,
  ];
}

/**
 * Exit codes where trying again cannot help: 1 to 6 and 25 are about options, versions and limits, 126 and 127 about a
 * missing program. All else (10 to 30, 35, 255, 128 + signal) is a transfer that broke off or was incomplete.
 */
const hopelessExits = new Set([1, 2, 3, 4, 5, 6, 25, 126, 127]);

/** What an exit code means to the operator; rsync's own lines say the rest. */
const meanings: Record<number, string> = {
  1: "rsync does not know an option",
  2: "the two rsyncs do not understand each other",
  3: "files could not be selected",
  5: "the protocol could not be started",
  10: "a socket failed",
  11: "a file could not be read or written; is the disk full?",
  12: "the transfer broke off",
  20: "rsync was killed",
  22: "memory ran out",
  23: "some files could not be transferred",
  24: "some files vanished while they were sent",
  127: "rsync (or sudo) is not installed on the worker",
  255: "the remote side could not be started",
};

const hints: Record<number, string> = {
  1: "install rsync 3.1 or newer, on this host too (macOS brings another one: brew install rsync)",
  127: "install rsync on the worker, and sudo when use_sudo is true",
};

function syncFailed(worker: string, result: RsyncResult): MaandError {
  const meaning = meanings[result.exitCode];
  const lines = result.stderr.trim().split("\n").slice(-20).join("\n");
  return new MaandError("remote", "the files could not be synced to the worker", {
    where: { worker },
    why: `rsync ended with exit code ${result.exitCode}${meaning === undefined ? "" : ` (${meaning})`}${lines === "" ? "" : `:\n${lines}`}`,
    hint:
      hints[result.exitCode] ??
      "fix the cause on the worker and run the command again; nothing was started on the partial files",
  });
}

function badPath(path: string, why: string): MaandError {
  return new MaandError("usage", "a sync was asked for with an unusable path", {
    why: `${why}, not ${JSON.stringify(path)}`,
    hint: "correct the name that this path was made from",
  });
}
