// A CA made ready to sign leaves.

import type { X509Certificate } from "@peculiar/x509";
import { MaandError, reasonOf } from "../model/error.ts";
import { type Authority, requireLiveAuthority } from "./authority.ts";
import { loadX509, type SigningKey, signingKey, type X509 } from "./x509.ts";

/** All that signing leaves needs from a CA, worked out once. */
export interface Signer extends SigningKey {
  x509: X509;
  certificate: X509Certificate;
  /** Key identifier of the CA as lower-case hex: from its own extension, else from its public key. */
  keyId: string;
}

/** Throws a MaandError ("local") when the CA cannot be used or has ended at `now` (ms since 1970). */
export async function openSigner(authority: Authority, now: number): Promise<Signer> {
  requireLiveAuthority(authority.certPem, now);
  const x509 = await loadX509();
  try {
    const certificate = new x509.X509Certificate(authority.certPem);
    const own = certificate.getExtension(x509.SubjectKeyIdentifierExtension);
    const { keyId } = own ?? (await x509.SubjectKeyIdentifierExtension.create(certificate.publicKey));
    return { x509, certificate, keyId, ...(await signingKey(authority.keyPem.reveal())) };
  } catch (thrown) {
    if (thrown instanceof MaandError) throw thrown;
    throw new MaandError("local", "the bucket's CA cannot be used", {
      where: { file: "secrets/ca.crt" },
      why: reasonOf(thrown),
      hint: "restore secrets/ca.crt and secrets/ca.key from a backup",
      cause: thrown,
    });
  }
}
