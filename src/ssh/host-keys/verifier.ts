// The host key check of one connection: judged when it is shown, recorded once it is proved.

import type { MaandError } from "../../model/error.ts";
import { assertNever, type Result } from "../../model/result.ts";
import type { Endpoint, SshSettings } from "../connect/settings.ts";
import type { HostCertificate } from "./certificate.ts";
import { decideHostKey } from "./host-keys.ts";
import type { KnownHostEntry } from "./known-hosts.ts";
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
  /** Told after a new key was recorded. */
  onPinned?(key: Buffer): void;
}

/** Judges the host key of one connection, once; key exchanges later on must show the same key again. */
export function createHostVerifier(question: HostKeyQuestion) {
  const { endpoint, worker, settings, entries } = question;
  let judged: Result<Buffer> | undefined;
  let pin = false;
  let recorded: Promise<void> = Promise.resolve();
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
      case "pin":
        pin = true;
        conclude({ ok: true, value: shown });
        return;
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
    /** Settles when a new key is on disk; rejects with "local" when it cannot be written. */
    recorded: () => recorded,
    /** The other side has proved that it holds the key: only now is it worth recording. */
    exchanged: () => {
      if (!pin || judged?.ok !== true) return;
      pin = false;
      const key = judged.value;
      recorded = pinHostKey(settings.knownHostsPath, endpoint, key).then(() => question.onPinned?.(key));
      // Looked at when the sign-in is through; until then it must not count as unhandled.
      recorded.catch(() => undefined);
    },
  };
}
