// One probe of one allocation: tcp, http(s), or a command over SSH.

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { reasonOf } from "../model/error.ts";
import type { Probe } from "../model/manifest.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import { bash, sh } from "../ssh/exec/quote.ts";
import { failureText } from "./failure.ts";

/** What a probe needs to know about its allocation. */
export interface ProbeTarget {
  workerIp: string;
  /** Number of a port of the job; undefined when the catalog has none of that name. */
  portNumber(name: string): number | undefined;
  /** PEM of the bucket's CA, trusted for https. */
  caCert: string;
  /** The connection to the worker; used by ssh probes only. */
  connect(): Promise<Connection>;
  timeoutSeconds: number;
}

/** How a probe is named in results: `tcp port http`, `http :port/path`, `ssh command`. */
export function probeName(probe: Probe): string {
  switch (probe.type) {
    case "tcp":
      return `tcp ${probe.port}`;
    case "http":
      return `${probe.scheme} ${probe.port}${probe.path}`;
    case "ssh":
      return `ssh ${probe.command}`;
  }
}

/** Runs a probe once. Returns why it failed, undefined when it passed; never throws and never outlives its timeout. */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<string | undefined> {
  try {
    switch (probe.type) {
      case "tcp":
        return await probeTcp(target.workerIp, numberOf(probe.port, target), target.timeoutSeconds);
      case "http":
        return await probeHttp(probe, target);
      case "ssh":
        return await probeSsh(probe.command, target);
    }
  } catch (error) {
    return failureText(error);
  }
}

function numberOf(name: string, target: ProbeTarget): number {
  const number = target.portNumber(name);
  if (number === undefined)
    throw new Error(`the job has no port "${name}" in the catalog; run "maand build"`);
  return number;
}

function probeTcp(host: string, port: number, timeoutSeconds: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (failure?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(failure);
    };
    const timer = setTimeout(
      () => finish(`no connection to ${host}:${port} within ${timeoutSeconds} s`),
      timeoutSeconds * 1000,
    );
    socket.once("connect", () => finish());
    socket.once("error", (error) => finish(`${host}:${port}: ${reasonOf(error)}`));
  });
}

function probeHttp(
  probe: Extract<Probe, { type: "http" }>,
  target: ProbeTarget,
): Promise<string | undefined> {
  const port = numberOf(probe.port, target);
  const host = target.workerIp.includes(":") ? `[${target.workerIp}]` : target.workerIp;
  const url = `${probe.scheme}://${host}:${port}${probe.path}`;
  return new Promise((resolve) => {
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
    const finish = (failure?: string): void => {
      clearTimeout(timer);
      request.destroy();
      resolve(failure);
    };
    const timer = setTimeout(
      () => finish(`no answer from ${url} within ${target.timeoutSeconds} s`),
      target.timeoutSeconds * 1000,
    );
    request.once("response", (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      finish(
        status === probe.expectStatus
          ? undefined
          : `${url} answered ${status}, expected ${probe.expectStatus}`,
      );
    });
    request.once("error", (error) => finish(`${url}: ${reasonOf(error)}`));
    request.end();
  });
}

async function probeSsh(command: string, target: ProbeTarget): Promise<string | undefined> {
  const connection = await target.connect();
  const seconds = Math.max(1, Math.ceil(target.timeoutSeconds));
  // `timeout` ends the command on the worker too; the host's own deadline only guards the connection.
  const script = sh`exec timeout -k 2 ${seconds} bash -c ${command}`;
  const result = await connection.exec(bash(script), { timeoutSeconds: seconds + 5 });
  if (result.exitCode === 0) return undefined;
  if (result.exitCode === 124) return `did not end within ${seconds} s`;
  const said = `${result.stderr}\n${result.stdout}`.trim().split("\n").at(-1) ?? "";
  return `exit status ${result.exitCode}${said === "" ? "" : `: ${said}`}`;
}
