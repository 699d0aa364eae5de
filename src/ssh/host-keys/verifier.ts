// The host key check of one connection: judged when it is shown, recorded once it is proved.

import type { MaandError } from "../../model/error.ts";
import type { Endpoint, SshSettings } from "../connect/settings.ts";
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
  /** Asks whether one of the authorities vouches for this key; undefined is yes, else the reason to refuse. */
  certify(authorities: readonly KnownHostEntry[], key: Buffer): Promise<MaandError | undefined>;
  /** Told after a new key was recorded. */
  onPinned?(key: Buffer): void;
}

/** Judges the host key of one connection, once; key exchanges later on must show the same key again. */
export function createHostVerifier(question: HostKeyQuestion) {
  const { endpoint, worker, settings, entries } = question;
  let accepted: Buffer | undefined;
  let pin = false;
  let refusal: MaandError | undefined;
  let recorded: Promise<void> = Promise.resolve();
  const verify = (key: Buffer, answer: (ok: boolean) => void): void => {
    if (accepted !== undefined) {
      answer(accepted.equals(key));
      return;
    }
    const shown = Buffer.from(key);
    const decision = decideHostKey(entries, endpoint, shown, settings, worker);
    const conclude = (error: MaandError | undefined) => {
      refusal = error;
      if (error === undefined) accepted = shown;
      answer(error === undefined);
    };
    if (decision.action === "ask-certificate") {
      void question.certify(decision.authorities, shown).then(conclude);
      return;
    }
    pin = decision.action === "pin";
    conclude(decision.action === "refuse" ? decision.error : undefined);
  };
  return {
    /** In the form that ssh2 wants: the answer may come later. */
    verify,
    /** Why the key was refused; undefined when it was not. */
    refusal: () => refusal,
    /** Settles when a new key is on disk; rejects with "local" when it cannot be written. */
    recorded: () => recorded,
    /** The other side has proved that it holds the key: only now is it worth recording. */
    exchanged: () => {
      if (!pin || accepted === undefined) return;
      pin = false;
      const key = accepted;
      recorded = pinHostKey(settings.knownHostsPath, endpoint, key).then(() => question.onPinned?.(key));
      // Looked at when the sign-in is through; until then it must not count as unhandled.
      recorded.catch(() => undefined);
    },
  };
}
