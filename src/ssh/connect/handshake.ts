// The SSH handshake on an open stream: key exchange, host key, authentication; and why it failed.

import type { Duplex } from "node:stream";
import type { Algorithms, AnyAuthMethod, Client as SshClient } from "ssh2";
import ssh2 from "ssh2";
import { MaandError, reasonOf } from "../../model/error.ts";
import { afterRunning } from "../../support/running-clock.ts";
import { preferredAlgorithms } from "../host-keys/host-keys.ts";
import { createHostVerifier, type HostKeyQuestion } from "../host-keys/verifier.ts";
import type { Deadline } from "./deadline.ts";
import { endpointText, timedOut } from "./dial.ts";
import { misfit } from "./offers.ts";
import type { Endpoint } from "./settings.ts";
import { type ConnectStep, interruptedOn } from "./step.ts";

/** All that a handshake needs to know about the other side and about us. */
export interface Introduction extends HostKeyQuestion {
  identities: readonly AnyAuthMethod[];
  deadline: Deadline;
  /** Told when the keys are exchanged: what costs CPU is over, and waiting begins. */
  onExchanged(): void;
}

// curve25519 costs a tenth of the post-quantum exchange that OpenSSH prefers; no SHA-1 anywhere.
const algorithms = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
  ],
  // What can be done with the runtime's own cryptography; those that need no MAC first.
  cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  compress: ["none"],
} satisfies Algorithms;

const hostKeyAlgorithms = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256",
] as const;

/**
 * Signs in over `stream`. The client that comes back is authenticated and has an `error` listener for good.
 * Never throws; on failure the stream is destroyed.
 */
export function shakeHands(stream: Duplex, introduction: Introduction): Promise<ConnectStep<SshClient>> {
  const { endpoint, worker, settings, deadline } = introduction;
  return new Promise((done) => {
    const client = new ssh2.Client();
    let awaited = "the SSH greeting";
    let settled = false;
    const finish = (outcome: ConnectStep<SshClient>) => {
      if (settled) return;
      settled = true;
      disarm();
      deadline.signal?.removeEventListener("abort", abort);
      stream.removeListener("data", listen);
      if (!outcome.ok) {
        client.destroy();
        stream.destroy();
      }
      done(outcome);
    };
    const fail = (error: MaandError, again = false) => finish({ ok: false, error, again });
    const abort = () => fail(interruptedOn(worker));
    const disarm = afterRunning(deadline.leftMs(), () =>
      finish(timedOut(endpoint, worker, settings, awaited)),
    );
    deadline.signal?.addEventListener("abort", abort, { once: true });

    let ended = false;
    stream.once("end", () => {
      ended = true;
    });
    let heard: Buffer = Buffer.alloc(0);
    const listen = (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length > maxHeardBytes) stream.removeListener("data", listen);
    };

    const host = createHostVerifier(introduction);
    client.on("handshake", () => {
      stream.removeListener("data", listen);
      awaited = "the authentication";
      host.exchanged();
      introduction.onExchanged();
    });
    client.on("ready", () => {
      // Not before: whoever cuts us off between the keys and the sign-in must leave nothing on record.
      host.record().then(
        () => finish({ ok: true, value: client }),
        (error: MaandError) => fail(error),
      );
    });
    client.on("error", (cause: Error & { level?: string; code?: unknown }) => {
      const refusal = host.refusal();
      if (refusal !== undefined) return fail(refusal);
      if (cause.level === "client-authentication") return fail(keyRefused(introduction));
      if (cause.level === "agent") return; // The next way to sign in is tried.
      if (cause.code === tooManyTries && offered > 0) return fail(triesUsedUp(introduction, offered));
      const dropped = ended || cause.level === "client-socket" || cause.code === tooManyConnections;
      if (dropped) return fail(droppedBy(endpoint, worker, heard, awaited, cause), true);
      fail(notAgreed(endpoint, worker, heard, cause));
    });
    client.on("close", () => fail(droppedBy(endpoint, worker, heard, awaited), true));

    const remaining = [...introduction.identities];
    let offered = 0;
    const nextIdentity = (): AnyAuthMethod | false => {
      const identity = remaining.shift() ?? false;
      if (identity !== false) offered++;
      if (typeof identity === "object" && identity.type === "agent")
        awaited = "the answer of the ssh-agent (SSH_AUTH_SOCK) for the authentication";
      return identity;
    };
    try {
      client.connect({
        sock: stream,
        username: endpoint.user,
        readyTimeout: 0,
        algorithms: {
          ...algorithms,
          serverHostKey: preferredAlgorithms(introduction.entries, hostKeyAlgorithms),
        },
        // ssh2 sends the signs of life; whether the other side is dead is judged in keepalive.ts.
        keepaliveInterval: (settings.keepaliveSeconds ?? defaultKeepaliveSeconds) * 1000,
        keepaliveCountMax: Number.MAX_SAFE_INTEGER,
        hostVerifier: host.verify,
        // `false` ends the attempt; the type of the library leaves it out.
        authHandler: (_left, _partial, next) => next(nextIdentity() as AnyAuthMethod),
      });
      stream.on("data", listen);
      if (deadline.signal?.aborted === true) abort();
    } catch (cause) {
      fail(notAgreed(endpoint, worker, heard, cause as Error));
    }
  });
}

/** Seconds between two signs of life on an idle connection, unless the settings say otherwise. */
export const defaultKeepaliveSeconds = 5;

/** A greeting and a list of algorithms fit several times. */
const maxHeardBytes = 16 * 1024;

/** SSH_DISCONNECT_TOO_MANY_CONNECTIONS (RFC 4253, 11.1). */
const tooManyConnections = 12;

/** SSH_DISCONNECT_PROTOCOL_ERROR: what sshd sends beyond its MaxAuthTries. */
const tooManyTries = 2;

function keyRefused(introduction: Introduction): MaandError {
  const { endpoint, worker, identities } = introduction;
  const keys =
    endpoint.keyPaths.length === 1 ? `the key ${endpoint.keyPaths[0]}` : `all ${identities.length} keys`;
  return new MaandError("unreachable", `the worker refused ${keys} for user ${endpoint.user}`, {
    where: { worker },
    why: `sshd at ${endpointText(endpoint)} does not let this user in with it`,
    hint: `add the public key to authorized_keys of ${endpoint.user} on the worker, or correct ssh_user and ssh_key in maand.conf`,
  });
}

/** Keys after MaxAuthTries are never looked at: the right one may be among them. */
function triesUsedUp({ endpoint, worker, identities }: Introduction, offered: number): MaandError {
  const keys = endpoint.keyPaths.join(", ");
  return new MaandError("unreachable", "the worker let us try no further key", {
    where: { worker },
    why: `sshd at ${endpointText(endpoint)} ended the connection after ${offered} of ${identities.length} keys (its MaxAuthTries); they are offered in this order: ${keys}`,
    hint: "name fewer keys (IdentityFile) for this host in the file of ssh_config and put the right one first, or raise MaxAuthTries in sshd_config of the worker",
  });
}

function droppedBy(
  endpoint: Endpoint,
  worker: string,
  heard: Buffer,
  awaited: string,
  cause?: Error,
): MaandError {
  // sshd over its MaxStartups, or with a ban on us, says so in one line before its greeting.
  const line = heard
    .toString("latin1", 0, 200)
    .split(/\r?\n/)[0]!
    .replace(/[^\x20-\x7e]/g, "?");
  const said = line === "" || line.startsWith("SSH-") ? "" : ` and said "${line}"`;
  return new MaandError("unreachable", "the worker dropped the connection before we were signed in", {
    where: { worker },
    why: `${endpointText(endpoint)} closed it${said} while we waited for ${awaited}${cause === undefined ? "" : ` (${cause.message})`}`,
    hint: "look at the log of sshd on the worker: MaxStartups, PerSourcePenalties and fail2ban do this",
    ...(cause === undefined ? {} : { cause }),
  });
}

function notAgreed(endpoint: Endpoint, worker: string, heard: Buffer, cause: Error): MaandError {
  const unfit = misfit(heard, { ...algorithms, serverHostKey: hostKeyAlgorithms });
  return new MaandError("unreachable", "the SSH handshake with the worker failed", {
    where: { worker },
    why: `${endpointText(endpoint)}: ${unfit ?? reasonOf(cause)}`,
    hint:
      unfit === undefined
        ? "see that an SSH server of OpenSSH 7 or newer answers at that port"
        : "allow one of those that maand speaks in sshd_config of the worker (or in its crypto policy)",
    cause,
  });
}
