// The host key check of one connection: judged when it is shown, recorded once we are signed in.

import { MaandError } from "../../model/error.ts";
import { assertNever, type Result } from "../../model/result.ts";
import type { Endpoint, SshSettings } from "../connect/settings.ts";
import type { HostCertificate } from "./certificate.ts";
import { decideHostKey } from "./host-keys.ts";
import { type KnownHostEntry, keyFingerprint, keyTypeOf } from "./known-hosts.ts";
import { pinHostKey } from "./pins.ts";

/** What is known about the host before it shows its key, and whom to ask and tell. */
export interface HostKeyQuestion {
  endpoint: Endpoint;
  /** Name for messages. */
  worker: string;
  settings: SshSettings;
  /** The lines of known_hosts that name the host. */
  entries: readonly KnownHostEntry[];
  /** Asks for a certificate by which one of the authorities vouches for this key. Never throws. */
  certify(authorities: readonly KnownHostEntry[], key: Buffer): Promise<Result<HostCertificate>>;
  /** A key that is not on record and whose owner an earlier try of this run has met: the next one must show the same. */
  metBefore?: Buffer | undefined;
  /** Told when the owner of a key that is not on record has proved to hold it. */
  onMet?(key: Buffer): void;
  /** Told after a new key was recorded. */
  onPinned?(key: Buffer): void;
}

/** Judges the host key of one connection, once; key exchanges later on must show the same key again. */
export function createHostVerifier(question: HostKeyQuestion) {
  const { endpoint, worker, settings, entries } = question;
  let judged: Result<Buffer> | undefined;
  let pin = false;
  const verify = (key: Buffer, answer: (ok: boolean) => void): void => {
    if (judged?.ok === true) {
      answer(judged.value.equals(key));
      return;
    }
    const shown = Buffer.from(key);
    const decision = decideHostKey(entries, endpoint, shown, settings, worker);
    const conclude = (result: Result<Buffer>) => {
      judged = result;
      answer(result.ok);
    };
    switch (decision.action) {
      case "accept":
        conclude({ ok: true, value: shown });
        return;
      case "pin": {
        const { metBefore } = question;
        if (metBefore !== undefined && !metBefore.equals(shown)) {
          conclude({ ok: false, error: twoHosts(worker, metBefore, shown) });
          return;
        }
        pin = true;
        conclude({ ok: true, value: shown });
        return;
      }
      case "ask-certificate":
        void question
          .certify(decision.authorities, shown)
          .then((certified) => conclude(certified.ok ? { ok: true, value: shown } : certified));
        return;
      case "refuse":
        conclude({ ok: false, error: decision.error });
        return;
      default:
        assertNever(decision, "decision on a host key");
    }
  };
  return {
    /** In the form that ssh2 wants: the answer may come later. */
    verify,
    /** Why the key was refused; undefined when it was not. */
    refusal: (): MaandError | undefined => (judged?.ok === false ? judged.error : undefined),
    /** The other side has proved that it holds the key. */
    exchanged: () => {
      if (pin && judged?.ok === true) question.onMet?.(judged.value);
    },
    /** Puts a new key on disk; rejects with "local" when it cannot be written, "unreachable" when there is another one. */
    async record(): Promise<void> {
      if (!pin || judged?.ok !== true) return;
      pin = false;
      const key = judged.value;
      if (await pinHostKey(settings.knownHostsPath, endpoint, key, worker)) question.onPinned?.(key);
    },
  };
}

function twoHosts(worker: string, before: Buffer, now: Buffer): MaandError {
  const name = (key: Buffer) => `${keyTypeOf(key)} ${keyFingerprint(key)}`;
  return new MaandError("unreachable", "two hosts answer at the address of the worker", {
    where: { worker },
    why: `the first try was shown ${name(before)} and was cut off, the next one was shown ${name(now)}; neither was recorded`,
    hint: "find out who answers at its address (a load balancer, two machines with one address, someone in between)",
  });
}
