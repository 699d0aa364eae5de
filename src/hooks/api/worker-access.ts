// What the helper modules do on workers, over the connections that this maand holds.

import { allocationIdOf } from "../../model/ids.ts";
import type { CatalogState, DeploymentRow } from "../../model/state.ts";
import { noVersion } from "../../model/version.ts";
import { liveConnection } from "../../session/connect.ts";
import type { Session } from "../../session/session.ts";
import { expectedIdentity, remoteDirectory } from "../../session/session.ts";
import type { ExecOptions } from "../../ssh/connect/connection.ts";
import type { ShellText } from "../../ssh/exec/quote.ts";
import { sh, sudo, withEnv } from "../../ssh/exec/quote.ts";
import { graceSeconds, targetCommand } from "../../worker/commands.ts";
import type { HookInvocation } from "./tokens.ts";

/** How a command on a worker ended: its exit status and the last 4 MiB of each output. */
export interface WorkerResult {
  returncode: number;
  stdout: string;
  stderr: string;
}

interface Bounded {
  /** Seconds; `command_timeout` when absent. */
  timeoutSeconds: number | undefined;
  signal: AbortSignal;
}

/** Commands on workers. All of them throw MaandError ("unreachable", "remote", "interrupted") when there is no result. */
export interface WorkerAccess {
  /** Whether the address belongs to the bucket: a worker of the catalog, or one that an allocation is still on. */
  knows(workerIp: string): boolean;
  /** Runs text under `bash` as the ssh user, or through sudo when asked to. */
  run(
    workerIp: string,
    request: Bounded & { command: string; sudo: boolean; input: string | undefined },
  ): Promise<WorkerResult>;
  /** Runs a target of jobs through the worker's `runner.py`. */
  runner(
    workerIp: string,
    by: HookInvocation,
    request: Bounded & { target: string; jobs: string[] },
  ): Promise<WorkerResult>;
  /** Runs `make` in the directory of the hook's own job, with variables on its command line. */
  make(
    workerIp: string,
    by: HookInvocation,
    request: Bounded & { target: string; variables: Record<string, string> },
  ): Promise<WorkerResult>;
  /** How to reach workers by other means. */
  settings(): { user: string; key_path: string; use_sudo: boolean };
}

/** Access to the workers of a session's bucket. Nothing is connected before it is used. */
export function workerAccess(
  session: Session,
  state: CatalogState,
  deployments: ReadonlyMap<string, DeploymentRow>,
): WorkerAccess {
  const { conf, paths } = session;
  const known = new Set([
    ...state.workers.map((worker) => worker.host),
    ...state.allocations.map((allocation) => allocation.workerIp),
  ]);
  const secondsOf = ({ timeoutSeconds }: Bounded): number => timeoutSeconds ?? conf.commandTimeoutSeconds;
  const execute = async (
    workerIp: string,
    command: ShellText,
    label: string,
    request: Bounded & { input?: string | undefined },
  ): Promise<WorkerResult> => {
    // One that was lost on the way is made again; one that could never be made is not tried at every call.
    const connection = await liveConnection(session, workerIp);
    const options: ExecOptions = { timeoutSeconds: secondsOf(request), signal: request.signal, label };
    if (request.input !== undefined) options.stdin = request.input;
    const { exitCode, stdout, stderr } = await connection.exec(command, options);
    return { returncode: exitCode, stdout, stderr };
  };
  /** The versions that a job's Makefile is told: those of the hook for its own job, else what the catalog says. */
  const versionsOf = (
    job: string,
    workerIp: string,
    by: HookInvocation,
  ): { currentVersion: string; newVersion: string } => {
    if (job === by.job) return { currentVersion: by.currentVersion, newVersion: by.newVersion };
    const newVersion = state.jobs.find(({ name }) => name === job)?.version ?? noVersion;
    const currentVersion = deployments.get(allocationIdOf(job, workerIp))?.promotedVersion ?? noVersion;
    return { currentVersion, newVersion };
  };

  return {
    knows: (workerIp) => known.has(workerIp),
    run(workerIp, request) {
      const command = sudo(request.sudo, sh`bash -c ${request.command}`);
      return execute(workerIp, command, "a command of a hook", request);
    },
    async runner(workerIp, by, request) {
      const all: WorkerResult = { returncode: 0, stdout: "", stderr: "" };
      // One after the other, as the runner itself does; each job's Makefile is told its own name and versions.
      for (const job of request.jobs) {
        const command = targetCommand({
          directory: remoteDirectory(session),
          identity: expectedIdentity(session, state, workerIp),
          useSudo: conf.useSudo,
          job,
          workerIp,
          target: request.target,
          ...versionsOf(job, workerIp, by),
          timeoutSeconds: secondsOf(request),
        });
        const one = await execute(workerIp, command, `target ${request.target} of ${job}`, {
          ...request,
          timeoutSeconds: secondsOf(request) + graceSeconds,
        });
        all.returncode ||= one.returncode;
        all.stdout += one.stdout;
        all.stderr += one.stderr;
      }
      return all;
    },
    make(workerIp, by, request) {
      const words = Object.entries(request.variables).map(([name, value]) => `${name}=${value}`);
      const make = sh`make -s -C ${`${remoteDirectory(session)}/jobs/${by.job}`} ${request.target} ${words}`;
      const environment = {
        CURRENT_VERSION: by.currentVersion,
        NEW_VERSION: by.newVersion,
        JOB: by.job,
        ALLOCATION_IP: workerIp,
        BUCKET_ID: session.bucketId,
      };
      return execute(
        workerIp,
        sudo(conf.useSudo, withEnv(environment, make)),
        `make ${request.target}`,
        request,
      );
    },
    settings: () => ({
      user: conf.sshUser,
      key_path: `${paths.secrets}/${conf.sshKey}`,
      use_sudo: conf.useSudo,
    }),
  };
}
