// maand init: what the operator wants, asked for or from flags; then the bucket, what was made, and what comes next.

import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { bucketPaths } from "../../bucket/locate.ts";
import { takeLock } from "../../bucket/lock.ts";
import type { Invocation, Outcome } from "../../cli/invocation.ts";
import { intendedBucket, refuseInsideHook } from "../../cli/runner.ts";
import { type InitRequest, initBucket } from "../../init/create.ts";
import { MaandError } from "../../model/error.ts";
import { passed } from "../../model/result.ts";
import { expandHome, judgeSshUser, judgeWorkers } from "./answers.ts";
import type { InitFlags } from "./command.ts";
import { initJson, initText } from "./report.ts";

export async function initCommand(invocation: Invocation, flags: InitFlags): Promise<Outcome> {
  const { environment, globals, workingDirectory } = invocation;
  refuseInsideHook("init", environment);
  const paths = intendedBucket(invocation);
  let request = requestOf(flags, workingDirectory);
  if (!flags.yes && canAsk(invocation)) {
    const { askForBucket } = await import("./wizard.ts");
    request = await askForBucket(paths, request);
  }
  const around = existsSync(paths.conf) ? undefined : bucketAround(paths.root);
  const lock = await takeLock({
    path: paths.lock,
    holder: { pid: process.pid, command: "init", started: new Date().toISOString() },
    waitSeconds: globals.lockWaitSeconds,
  });
  try {
    const report = await initBucket(paths, request, Date.now());
    if (around !== undefined)
      report.notes.push(
        `this bucket lies inside another one, ${around}; name it with --bucket if that was not meant`,
      );
    return { text: initText(report, paths.root), json: initJson(report, paths.root) };
  } finally {
    lock.release();
  }
}

/** A prompt without a terminal would hang; one with --json would spoil the document. */
function canAsk({ terminal }: Invocation): boolean {
  return process.stdin.isTTY === true && terminal.stderr.isTty && !terminal.json;
}

/**
 * The request that the flags make.
 * @throws MaandError("usage") for values that no bucket can have.
 */
function requestOf(flags: InitFlags, workingDirectory: string): InitRequest {
  const user = flags.sshUser === undefined ? passed : judgeSshUser(flags.sshUser);
  if (!user.pass)
    throw new MaandError("usage", `--ssh-user "${flags.sshUser}" is no user name`, { hint: user.hint });
  const workers = (flags.worker ?? []).map((host) => host.trim());
  const hosts = judgeWorkers(workers);
  if (!hosts.pass) throw new MaandError("usage", `--worker ${hosts.reason}`, { hint: hosts.hint });
  return {
    ...(flags.sshUser === undefined ? {} : { sshUser: flags.sshUser }),
    ...(flags.sshKey === undefined ? {} : { sshKeyPath: expandHome(flags.sshKey, workingDirectory) }),
    workers,
  };
}

/** The bucket that a new one would lie in: easily done by running init in a directory below the one meant. */
function bucketAround(root: string): string | undefined {
  for (let directory = dirname(root); ; directory = dirname(directory)) {
    const { conf, catalog } = bucketPaths(directory);
    if (existsSync(conf) || existsSync(catalog)) return directory;
    if (dirname(directory) === directory) return undefined;
  }
}
