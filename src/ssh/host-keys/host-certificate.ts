// Whether an authority of known_hosts (@cert-authority) vouches for the host key that a worker has shown.

import { MaandError } from "../../model/error.ts";
import type { Result } from "../../model/result.ts";
import type { Deadline } from "../connect/deadline.ts";
import type { Endpoint } from "../connect/settings.ts";
import type { OpenStream } from "../connect/step.ts";
import { type HostCertificate, judgeCertificate, parseHostCertificate } from "./certificate.ts";
import { requestCertificate } from "./certificate-request.ts";
import { recordName } from "./host-keys.ts";
import { type KnownHostEntry, keyFingerprint, keyTypeOf } from "./known-hosts.ts";

/** The question; `entries` are all that name the host, `authorities` those of them that may certify it. */
export interface CertificateQuestion {
  endpoint: Endpoint;
  worker: string;
  entries: readonly KnownHostEntry[];
  authorities: readonly KnownHostEntry[];
  /** The plain key of the handshake that waits for the answer. */
  key: Buffer;
  openStream: OpenStream;
  deadline: Deadline;
}

/**
 * ssh2 knows no certificates, so the worker is asked for its certificate on a second connection. What is accepted is
 * sound all the same: a certificate is public and signed, and that the peer holds the certified key is proved by
 * the handshake that waits. Where an authority is on record, a key without its word is refused even with
 * `accept-new`. The value is the certificate that vouches; the error is "unreachable". Never throws.
 */
export async function certifyHostKey(question: CertificateQuestion): Promise<Result<HostCertificate>> {
  const { endpoint, worker, entries, authorities, key, openStream, deadline } = question;
  const opened = await openStream(deadline);
  if (!opened.ok) return opened;
  const blob = await requestCertificate(opened.value, keyTypeOf(key) ?? "", deadline);
  const certificate = blob === undefined ? undefined : parseHostCertificate(blob);
  if (certificate === undefined)
    return { ok: false, error: notCertified(worker, authorities, key, "it has no certificate for this key") };
  const revoked = entries.filter((e) => e.marker === "revoked");
  const isAuthority = (signer: Buffer) =>
    authorities.some((a) => a.key.equals(signer)) && !revoked.some((r) => r.key.equals(signer));
  const now = BigInt(Math.floor(Date.now() / 1000));
  const verdict = judgeCertificate(certificate, recordName(endpoint).host, key, isAuthority, now);
  if (verdict.pass) return { ok: true, value: certificate };
  return { ok: false, error: notCertified(worker, authorities, key, verdict.reason) };
}

function notCertified(
  worker: string,
  authorities: readonly KnownHostEntry[],
  key: Buffer,
  objection: string,
): MaandError {
  const first = authorities[0]!;
  return new MaandError("unreachable", "the host key of the worker is not certified", {
    where: { file: first.file, line: first.line, worker },
    why: `an authority is on record there, but ${objection} (the worker showed ${keyTypeOf(key)} ${keyFingerprint(key)})`,
    hint: "have the host key signed by that authority (ssh-keygen -s CA -h -n HOST), or narrow the hosts of that line",
  });
}
