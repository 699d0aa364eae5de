// From nothing to a signed-in client: open a stream, shake hands, and try again when sshd was only too busy.

import type { Duplex } from "node:stream";
import type { Client as SshClient } from "ssh2";
import type { MaandError } from "../../model/error.ts";
import type { Slots } from "../../support/parallel.ts";
import { certifyHostKey } from "../host-keys/host-certificate.ts";
import { readKnownHosts } from "../host-keys/host-keys.ts";
import { type Deadline, deadlineIn } from "./deadline.ts";
import { hasGreeted } from "./greeting.ts";
import { shakeHands } from "./handshake.ts";
import { loadIdentities } from "./identities.ts";
import type { Endpoint, SshSettings } from "./settings.ts";
import { type ConnectStep, interruptedOn, type OpenStream } from "./step.ts";

/** An authenticated client and the stream below it. */
export interface SignedIn {
  client: SshClient;
  stream: Duplex;
}

/** Whom to sign in at and what to tell on the way. */
export interface SignInRequest {
  endpoint: Endpoint;
  /** Name for messages. */
  worker: string;
  settings: SshSettings;
  openStream: OpenStream;
  signal?: AbortSignal;
  /** How many key exchanges may go on at once; no limit when absent. */
  exchanges?: Slots;
  /** Told after a new host key was recorded. */
  onPinned?(key: Buffer): void;
}

/** Attempts within connect_timeout when sshd drops us before we are signed in (MaxStartups). */
const maxAttempts = 12;

/**
 * Signs in within `connectTimeoutSeconds`, retries included. Throws "unreachable" for everything on the way, "local"
 * for files of ours, "interrupted" when the signal is aborted.
 */
export async function signIn(request: SignInRequest): Promise<SignedIn> {
  const { endpoint, worker, settings, openStream, signal, onPinned } = request;
  const deadline = deadlineIn(settings.connectTimeoutSeconds, signal);
  const [entries, identities] = await Promise.all([
    readKnownHosts(endpoint, settings),
    loadIdentities(endpoint.keyPaths, endpoint.user, worker, deadline, settings.connectTimeoutSeconds),
  ]);
  let metBefore: Buffer | undefined;
  let refusal: MaandError | undefined;
  for (let attempt = 1; ; attempt++) {
    const outcome = await once();
    if (outcome.ok) return outcome.value;
    // A try that the deadline cuts short says less than the refusal before it.
    const error = deadline.passed() && signal?.aborted !== true ? (refusal ?? outcome.error) : outcome.error;
    if (!outcome.again || attempt === maxAttempts) throw error;
    refusal = outcome.error;
    // 50 ms, doubled up to 1 s, ± 50 %: many workers behind one sshd must not come back at the same moment.
    await deadline.pause(Math.min(1000, 50 * 2 ** (attempt - 1)) * (0.5 + Math.random()));
    if (signal?.aborted === true) throw interruptedOn(worker);
    if (deadline.passed()) throw outcome.error;
  }

  async function once(): Promise<ConnectStep<SignedIn>> {
    const opened = await openStream(deadline);
    if (!opened.ok) return opened;
    const stream = opened.value;
    const leave = await enterExchange(stream, request, deadline);
    const outcome = await shakeHands(stream, {
      endpoint,
      worker,
      settings,
      entries,
      identities,
      deadline,
      certify: (authorities, key) =>
        certifyHostKey({ endpoint, worker, entries, authorities, key, openStream, deadline }),
      ...(onPinned === undefined ? {} : { onPinned }),
      metBefore,
      onMet: (key) => {
        metBefore ??= key;
      },
      onExchanged: leave,
    });
    leave();
    return outcome.ok ? { ok: true, value: { client: outcome.value, stream } } : outcome;
  }
}

/** A key exchange keeps a CPU busy for some 10 ms; who takes longer is waiting and needs no place for it. */
const exchangeMs = 1000;

/**
 * Waits for a place among the key exchanges; the way to leave it comes back. Only who has greeted takes one, and the wait
 * for it is ours: neither takes anything from connect_timeout of this worker or of another.
 */
async function enterExchange(
  stream: Duplex,
  { exchanges, signal }: SignInRequest,
  deadline: Deadline,
): Promise<() => void> {
  if (exchanges === undefined || !(await hasGreeted(stream, deadline))) return () => undefined;
  // Aborted while it waited: the handshake says so.
  const place = await deadline.unclocked(exchanges.enter({ signal })).catch(() => undefined);
  const timer = setTimeout(() => place?.leave(), exchangeMs);
  return () => {
    clearTimeout(timer);
    place?.leave();
  };
}
