// A TCP connection to one address, with a deadline and errors that say what to look at.

import { connect, isIP, type Socket } from "node:net";
import { MaandError, reasonOf } from "../../model/error.ts";
import { afterRunning } from "../../support/running-clock.ts";
import type { Deadline } from "./deadline.ts";
import { addressesOf } from "./resolve.ts";
import type { Endpoint, SshSettings } from "./settings.ts";
import { type ConnectStep, type FailedStep, givenUp, interruptedOn } from "./step.ts";

/** A connected socket to the endpoint, or why there is none. Never throws. */
export async function dial(
  endpoint: Endpoint,
  worker: string,
  settings: SshSettings,
  deadline: Deadline,
): Promise<ConnectStep<Socket>> {
  let addresses: string[];
  try {
    addresses = isIP(endpoint.host) === 0 ? await addressesOf(endpoint.host, deadline) : [endpoint.host];
  } catch (cause) {
    if (deadline.passed()) return timedOut(endpoint, worker, settings, "the name to be resolved");
    const error = new MaandError("unreachable", "the name of the worker cannot be resolved", {
      where: { worker },
      why: `${endpoint.host}: ${reasonOf(cause)}`,
      hint: "correct `host` in workers.json or the name service of this host",
      cause,
    });
    return givenUp(error);
  }
  let last: FailedStep = timedOut(endpoint, worker, settings, "the TCP connection");
  for (const [index, address] of addresses.entries()) {
    if (deadline.passed()) break;
    // Each address gets an equal share of what is left, so that a dead IPv6 route leaves time for IPv4.
    const share = deadline.leftMs() / (addresses.length - index);
    const outcome = await attempt(address, endpoint, worker, settings, share, deadline.signal);
    if (outcome.ok) return outcome;
    last = outcome;
  }
  return last;
}

/** The failure "no answer in time"; `awaited` ends the sentence "was waiting for ...". */
export function timedOut(
  endpoint: Endpoint,
  worker: string,
  settings: SshSettings,
  awaited: string,
): FailedStep {
  const error = new MaandError("unreachable", "the worker did not answer in time", {
    where: { worker },
    why: `${settings.connectTimeoutSeconds} s (connect_timeout) went by while waiting for ${awaited} of ${endpointText(endpoint)}`,
    hint: "see that the worker is up and reachable from here, or raise connect_timeout in maand.conf",
  });
  return givenUp(error);
}

/** `user@host:port`, brackets around an IPv6 address. */
export function endpointText(endpoint: Endpoint): string {
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.user}@${host}:${endpoint.port}`;
}

function attempt(
  address: string,
  endpoint: Endpoint,
  worker: string,
  settings: SshSettings,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<ConnectStep<Socket>> {
  return new Promise((done) => {
    const begin = performance.now();
    const socket = connect({ host: address, port: endpoint.port, noDelay: true });
    const finish = (outcome: ConnectStep<Socket>) => {
      disarm();
      signal?.removeEventListener("abort", abort);
      socket.removeListener("connect", connected);
      if (!outcome.ok) socket.destroy();
      done(outcome);
    };
    const connected = () => finish({ ok: true, value: socket });
    const abort = () => finish(givenUp(interruptedOn(worker)));
    const disarm = afterRunning(ms, () => finish(timedOut(endpoint, worker, settings, "the TCP connection")));
    socket.once("connect", connected);
    // Stays for the life of the socket: an error without a listener would end the process.
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      const error = refusedBy(endpoint, worker, cause, performance.now() - begin);
      finish({ ok: false, error, again: cause.code === "ECONNRESET" });
    });
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
  });
}

/**
 * The runtime reports "no route to host" as a refused connection. A refusal is the answer of a host and takes one round
 * trip; that nobody has such an address is found out by asking for it three times, a second apart.
 */
const noAnswerMs = 900;

function refusedBy(
  endpoint: Endpoint,
  worker: string,
  cause: NodeJS.ErrnoException,
  afterMs: number,
): MaandError {
  const where = { worker };
  const at = endpointText(endpoint);
  if (cause.code !== "ECONNREFUSED" || afterMs >= noAnswerMs) {
    const off = cause.code === "ECONNREFUSED";
    return new MaandError("unreachable", "the worker cannot be reached", {
      where,
      why: off
        ? `${at}: no host answered there for ${(afterMs / 1000).toFixed(1)} s; it is off, or its address is another one`
        : `${at}: ${cause.message}`,
      hint: "see that the worker is up and that the network between here and there works",
      cause,
    });
  }
  return new MaandError("unreachable", "the worker refused the connection", {
    where,
    why: `nothing listens at ${at}`,
    hint: "start sshd on the worker, or correct ssh_port in maand.conf",
    cause,
  });
}
