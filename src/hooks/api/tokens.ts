// Tokens of the runtime API: one per invocation, good until the invocation ends, compared in constant time.

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Writer } from "../../kv/overlay.ts";
import type { HookEvent } from "../../model/manifest.ts";

/** Whom a token stands for. */
export interface HookInvocation {
  /** Unique in this process. */
  id: string;
  job: string;
  allocId: string;
  workerIp: string;
  event: HookEvent;
  hook: string;
  /** Jobs that the hooks of the invocation's job demand. */
  demands: readonly string[];
  /** In whose name it writes to the KV. */
  writer: Writer;
  currentVersion: string;
  newVersion: string;
  /** Aborted when the invocation ends. */
  signal: AbortSignal;
  /** Hears every secret that the hook reads or writes, so that its output can be kept free of them. */
  onSecret(text: string): void;
}

export interface Tokens {
  mint(invocation: HookInvocation): string;
  /** The invocation that a token was minted for; undefined for a wrong one and for one whose invocation has ended. */
  find(token: string): HookInvocation | undefined;
  revoke(token: string): void;
}

/** 256 bits: nobody guesses it. */
const secretBytes = 32;

export function createTokens(): Tokens {
  const live = new Map<string, { digest: Buffer; invocation: HookInvocation }>();
  const digestOf = (secret: string): Buffer => createHash("sha256").update(secret, "utf8").digest();
  // The part before the dot is no secret: it only finds the entry whose secret part is then compared.
  const split = (token: string): [string, string] => {
    const dot = token.indexOf(".");
    return dot < 0 ? ["", token] : [token.slice(0, dot), token.slice(dot + 1)];
  };
  return {
    mint(invocation) {
      const secret = randomBytes(secretBytes).toString("base64url");
      live.set(invocation.id, { digest: digestOf(secret), invocation });
      return `${invocation.id}.${secret}`;
    },
    find(token) {
      const [id, secret] = split(token);
      const entry = live.get(id);
      return entry !== undefined && timingSafeEqual(entry.digest, digestOf(secret))
        ? entry.invocation
        : undefined;
    },
    revoke(token) {
      live.delete(split(token)[0]);
    },
  };
}
