// One probe of one allocation: tcp, http(s), or a command or a file over SSH.

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { reasonOf } from "../model/error.ts";
import type { Probe } from "../model/manifest.ts";
import { assertNever, failed, passed, type Verdict } from "../model/result.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { ExecResult } from "../ssh/exec/exec.ts";
import { bash, type ShellText, sh, sudo } from "../ssh/exec/quote.ts";
import { afterRunning } from "../support/running-clock.ts";
import { timedOutStatus } from "../worker/commands.ts";
import { failureText } from "./failure.ts";
import { type FileProbe, fileProbeCommand, readFileProbe } from "./file-probe.ts";

/** What a probe needs to know about its allocation. */
export interface ProbeTarget {
  workerIp: string;
  /** Number of a port of the job; undefined when the catalog has none of that name. */
  portNumber(name: string): number | undefined;
  /** PEM of the bucket's CA, trusted for https. */
  caCert: string;
  /** The job's directory on the worker. */
  jobDirectory: string;
  /** Whether what belongs to the job is reached there through sudo. */
  useSudo: boolean;
  /** The connection to the worker; opened only for probes that run there. */
  connect(): Promise<Connection>;
  timeoutSeconds: number;
}

/** All that a type of probe must say: its name in results, from where it asks, and how. */
type Method = { name: string } & (
  | { from: "here"; ask(target: ProbeTarget): Promise<Verdict> }
  | { from: "worker"; ask(target: ProbeTarget, connection: Connection): Promise<Verdict> }
);

function methodOf(probe: Probe): Method {
  switch (probe.type) {
    case "tcp":
      return { name: `tcp ${probe.port}`, from: "here", ask: (target) => probeTcp(probe, target) };
    case "http":
      return {
        name: `${probe.scheme} ${probe.port}${probe.path}`,
        from: "here",
        ask: (target) => probeHttp(probe, target),
      };
    case "ssh":
      return {
        name: `ssh ${probe.command}`,
        from: "worker",
        ask: (target, connection) => probeSsh(probe, target, connection),
      };
    case "file":
      return {
        name: `file ${probe.path}`,
        from: "worker",
        ask: (target, connection) => probeFile(probe, target, connection),
      };
    default:
      return unknownMethod(probe);
  }
}

/** A type that a catalog of another version may hold: it has a name like any other, and asking fails. */
function unknownMethod(probe: never): Method {
  const { type } = probe as { type: unknown };
  return { name: String(type), from: "here", ask: async () => assertNever(type as never, "probe type") };
}

/** How a probe is named in results: `tcp port`, `http port/path`, `ssh command`, `file path`. */
export function probeName(probe: Probe): string {
  return methodOf(probe).name;
}

/** Runs a probe once. Never throws and never outlives its timeout. */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<Verdict> {
  try {
    const method = methodOf(probe);
    switch (method.from) {
      case "here":
        return await method.ask(target);
      case "worker":
        return await method.ask(target, await target.connect());
      default:
        return assertNever(method, "kind of probe");
    }
  } catch (error) {
    return failed(failureText(error));
  }
}

function numberOf(name: string, target: ProbeTarget): number {
  const number = target.portNumber(name);
  if (number === undefined)
    throw new Error(`the job has no port "${name}" in the catalog; run "maand build"`);
  return number;
}

async function probeTcp(probe: Extract<Probe, { type: "tcp" }>, target: ProbeTarget): Promise<Verdict> {
  const { workerIp: host, timeoutSeconds } = target;
  const port = numberOf(probe.port, target);
  return await new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (verdict: Verdict): void => {
      disarm();
      socket.destroy();
      resolve(verdict);
    };
    const disarm = afterRunning(timeoutSeconds * 1000, () =>
      finish(failed(`no connection to ${host}:${port} within ${timeoutSeconds} s`)),
    );
    socket.once("connect", () => finish(passed));
    socket.once("error", (error) => finish(failed(`${host}:${port}: ${reasonOf(error)}`)));
  });
}

async function probeHttp(probe: Extract<Probe, { type: "http" }>, target: ProbeTarget): Promise<Verdict> {
  const port = numberOf(probe.port, target);
  const host = target.workerIp.includes(":") ? `[${target.workerIp}]` : target.workerIp;
  const url = `${probe.scheme}://${host}:${port}${probe.path}`;
  return await new Promise((resolve) => {
    const options = {
      host: target.workerIp,
      port,
      path: probe.path,
      method: "GET",
      // A probe asks the process that is there now, never one remembered from an earlier connection.
      agent: false as const,
      headers: { host: `${host}:${port}`, "user-agent": "maand-health-check", connection: "close" },
    };
    const request =
      probe.scheme === "https"
        ? httpsRequest({ ...options, ca: target.caCert, rejectUnauthorized: !probe.insecure })
        : httpRequest(options);
    const finish = (verdict: Verdict): void => {
      disarm();
      request.destroy();
      resolve(verdict);
    };
    const disarm = afterRunning(target.timeoutSeconds * 1000, () =>
      finish(failed(`no answer from ${url} within ${target.timeoutSeconds} s`)),
    );
    request.once("response", (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      finish(
        status === probe.expectStatus
          ? passed
          : failed(`${url} answered ${status}, expected ${probe.expectStatus}`),
      );
    });
    request.once("error", (error) => finish(failed(`${url}: ${reasonOf(error)}`)));
    request.end();
  });
}

async function probeSsh(
  probe: Extract<Probe, { type: "ssh" }>,
  target: ProbeTarget,
  connection: Connection,
): Promise<Verdict> {
  const result = await execThere(sh`bash -c ${probe.command}`, target, connection, false);
  if (result.exitCode === 0) return passed;
  const said = `${result.stderr}\n${result.stdout}`.trim().split("\n").at(-1) ?? "";
  return failed(`exit status ${result.exitCode}${said === "" ? "" : `: ${said}`}`);
}

async function probeFile(probe: FileProbe, target: ProbeTarget, connection: Connection): Promise<Verdict> {
  const command = fileProbeCommand(probe, target.jobDirectory);
  return readFileProbe(probe, await execThere(command, target, connection, target.useSudo));
}

/** Runs one simple command on the worker. Throws when it does not end within the probe's timeout, in whole seconds there. */
async function execThere(
  command: ShellText,
  target: ProbeTarget,
  connection: Connection,
  useSudo: boolean,
): Promise<ExecResult> {
  const seconds = Math.max(1, Math.ceil(target.timeoutSeconds));
  // `timeout` ends the command on the worker too; the host's own deadline only guards the connection. sudo is asked for
  // bash, because that is what the lines for sudoers allow (commands/init/report.ts).
  const bounded = bash(sh`exec timeout -k 2 ${seconds} ${command}`);
  const result = await connection.exec(sudo(useSudo, bounded), { timeoutSeconds: seconds + 5 });
  if (result.exitCode === timedOutStatus) throw new Error(`did not end within ${seconds} s`);
  return result;
}
