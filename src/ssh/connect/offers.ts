// The algorithms that a server offers, and which of them are missing on either side: for the message when two do not fit.

import { afterGreeting, firstPacket, readWire } from "../host-keys/wire.ts";

/** What maand speaks, by the names that sshd_config has for the same lists. */
export interface Spoken {
  kex: readonly string[];
  serverHostKey: readonly string[];
  cipher: readonly string[];
  hmac: readonly string[];
}

/** The lists of a server's KEXINIT (RFC 4253, 7.1) in their order. */
type Offers = Record<(typeof lists)[number]["name"], string[]>;

const lists = [
  { name: "KexAlgorithms", of: "kex" },
  { name: "HostKeyAlgorithms", of: "serverHostKey" },
  { name: "Ciphers", of: "cipher" },
  { name: "MACs", of: "hmac" },
] as const;

/** KEXINIT, and the 16 random bytes after its number. */
const kexInit = 20;
const cookieBytes = 16;

/** Extensions of the protocol that stand among the key exchange methods. */
const noMethod = /^(?:ext-info-[cs]|kex-strict-[cs]-v00@openssh\.com)$/;

/**
 * In words, for each list of which the two have nothing in common, what the server offers and what maand speaks;
 * undefined when `heard`, the server's first bytes, does not hold its offer or everything fits.
 */
export function misfit(heard: Buffer, spoken: Spoken): string | undefined {
  const offers = offersIn(heard);
  if (offers === undefined) return undefined;
  const sealing = (name: string) => name.includes("-gcm@") && spoken.cipher.includes(name);
  const texts = lists.flatMap(({ name, of }) => {
    const offered = offers[name];
    // Such a cipher guards the data by itself.
    if (name === "MACs" && offers.Ciphers.some(sealing)) return [];
    if (offered.some((algorithm) => spoken[of].includes(algorithm))) return [];
    return [`of ${name} it offers ${listed(offered)}, maand speaks ${listed(spoken[of])}`];
  });
  return texts.length === 0 ? undefined : texts.join("; ");
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(",");
}

function offersIn(heard: Buffer): Offers | undefined {
  try {
    const packet = firstPacket(afterGreeting(heard) ?? Buffer.alloc(0));
    if (packet === undefined || packet.body[0] !== kexInit) return undefined;
    const reader = readWire(packet.body.subarray(1 + cookieBytes));
    const next = () =>
      reader
        .string()
        .toString("latin1")
        .replace(/[^\x21-\x7e]/g, "?")
        .split(",")
        .filter((name) => name !== "" && !noMethod.test(name));
    const [kex, hostKeys, ciphers] = [next(), next(), next()];
    next(); // The other direction; no sshd_config can make it differ.
    return { KexAlgorithms: kex, HostKeyAlgorithms: hostKeys, Ciphers: ciphers, MACs: next() };
  } catch {
    return undefined;
  }
}
