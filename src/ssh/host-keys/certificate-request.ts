// Asks an SSH server for its host certificate: the start of a key exchange, cut off once the certificate is there.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import type { Deadline } from "../connect/deadline.ts";
import { afterGreeting, firstPacket, readWire, wireString } from "./wire.ts";

/** Message numbers of RFC 4253 and RFC 5656. */
const message = { disconnect: 1, kexinit: 20, ecdhInit: 30, ecdhReply: 31 };

/** A greeting, a list of algorithms and a certificate fit many times over. */
const maxBytes = 256 * 1024;

/**
 * The certificate that the server shows for a key of this type (such as "ssh-ed25519"), in wire format; undefined when
 * it has none or does not answer in time. Nobody has proved to hold its key: that is for the real handshake. The
 * stream is destroyed.
 */
export async function requestCertificate(
  stream: Duplex,
  keyType: string,
  deadline: Deadline,
): Promise<Buffer | undefined> {
  const wanted = certificateAlgorithms(keyType);
  const answer = new Promise<Buffer | undefined>((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    let greeted = false;
    const take = () => {
      if (!greeted) {
        const rest = afterGreeting(received);
        if (rest === undefined) return;
        greeted = true;
        received = rest;
        stream.write(packet(kexInit(wanted)));
      }
      for (;;) {
        const payload = firstPacket(received);
        if (payload === undefined) return;
        received = received.subarray(payload.size);
        const type = payload.body[0];
        if (type === message.kexinit) {
          if (!offers(payload.body, wanted)) return resolve(undefined);
          stream.write(
            packet(Buffer.concat([Buffer.from([message.ecdhInit]), wireString(freshPublicKey())])),
          );
        } else if (type === message.ecdhReply) {
          return resolve(Buffer.from(readWire(payload.body.subarray(1)).string()));
        } else if (type === message.disconnect) return resolve(undefined);
      }
    };
    stream.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length > maxBytes) return resolve(undefined);
      try {
        take();
      } catch {
        // Not SSH as we know it: no certificate.
        resolve(undefined);
      }
    });
    for (const event of ["end", "close", "error"]) stream.once(event, () => resolve(undefined));
    stream.write("SSH-2.0-maand\r\n");
  });
  const certificate = await deadline.race(answer).catch(() => undefined);
  stream.on("error", () => undefined);
  stream.destroy();
  return certificate;
}

function certificateAlgorithms(keyType: string): string[] {
  const names = keyType === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256"] : [keyType];
  return names.map((name) => `${name}-cert-v01@openssh.com`);
}

function kexInit(hostKeyAlgorithms: string[]): Buffer {
  const ciphers =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr,chacha20-poly1305@openssh.com";
  const macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
  const lists = [
    "curve25519-sha256,curve25519-sha256@libssh.org",
    hostKeyAlgorithms.join(","),
    ...[ciphers, ciphers, macs, macs, "none", "none", "", ""],
  ];
  return Buffer.concat([
    Buffer.from([message.kexinit]),
    randomBytes(16),
    ...lists.map(wireString),
    Buffer.alloc(5), // no guessed packet follows; reserved
  ]);
}

/** Whether the server's KEXINIT names one of the host key algorithms. */
function offers(body: Buffer, wanted: string[]): boolean {
  const reader = readWire(body.subarray(1 + 16));
  reader.string(); // key exchange methods
  const offered = reader.string().toString("latin1").split(",");
  return wanted.some((name) => offered.includes(name));
}

function freshPublicKey(): Buffer {
  const { x } = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });
  return Buffer.from(x as string, "base64url");
}

/** An unencrypted packet (RFC 4253, section 6): padded with at least 4 bytes to a multiple of 8. */
function packet(payload: Buffer): Buffer {
  const padding = 8 - ((5 + payload.length) % 8) + (8 - ((5 + payload.length) % 8) < 4 ? 8 : 0);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + padding, 0);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}
