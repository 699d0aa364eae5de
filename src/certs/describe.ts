// Reads what maand needs to know from a certificate, with the built-in parser: cheap enough for every command.

import { X509Certificate } from "node:crypto";

export interface CertificateFacts {
  /** The last common name of the subject; "" when it has none. */
  commonName: string;
  /** Milliseconds since 1970. */
  notBefore: number;
  notAfter: number;
  /** SHA-256 over the DER form, lower-case hex without separators. */
  fingerprint: string;
}

/** Facts of the first certificate in a PEM text; undefined when there is none or it is damaged. */
export function describeCertificate(certPem: string): CertificateFacts | undefined {
  const certificate = parseCertificate(certPem);
  return certificate === undefined ? undefined : certificateFacts(certificate);
}

/** The parsed first certificate of a PEM text; undefined when there is none or it is damaged. */
export function parseCertificate(certPem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(certPem);
  } catch {
    return undefined;
  }
}

/** The facts of a certificate that is already parsed. */
function certificateFacts(certificate: X509Certificate): CertificateFacts {
  return {
    commonName: commonNameOf(certificate),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}

function commonNameOf(certificate: X509Certificate): string {
  // With several names of one kind the parser gives a list, whatever its type declaration says.
  const name: unknown = certificate.toLegacyObject().subject?.CN;
  const last: unknown = Array.isArray(name) ? name.at(-1) : name;
  return typeof last === "string" ? last : "";
}
