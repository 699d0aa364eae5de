// Makes leaf certificates: a key pair, and a certificate for it signed by the bucket's CA.

import { MaandError, reasonOf } from "../model/error.ts";
import type { Secret } from "../model/secret.ts";
import { mapLimited } from "../support/parallel.ts";
import type { Authority } from "./authority.ts";
import { generateKeys } from "./keys.ts";
import { leafBegin, leafEnd, type Validity } from "./lifetime.ts";
import type { LeafRequest } from "./plan.ts";
import { openSigner, type Signer } from "./signer.ts";
import { subjectParts } from "./subject.ts";
import { distinguishedName, serialNumber } from "./x509.ts";

export interface Leaf {
  /** PEM that ends with a newline. */
  certPem: string;
  keyPem: Secret;
  /** Milliseconds since 1970, whole seconds: exactly what the certificate says. */
  notBefore: number;
  notAfter: number;
}

/** What `issueLeaf` reads of a request. */
export type LeafContent = Pick<
  LeafRequest,
  "job" | "cert" | "workers" | "subject" | "names" | "key" | "pkcs8" | "ttlDays"
>;

/** Makes one leaf. `now` in ms since 1970. Throws a MaandError ("local") that names the certificate. */
export async function issueLeaf(request: LeafContent, authority: Authority, now: number): Promise<Leaf> {
  return await issueWith(await openSigner(authority, now), request, now);
}

/**
 * Makes all leaves, at most `parallel` at once, and gives them in the order of the requests. After a failure or an
 * abort no further one is begun; the error (a MaandError, "local" or "interrupted") comes when the running ones ended.
 */
export async function issueAll(
  requests: readonly LeafContent[],
  authority: Authority,
  now: number,
  parallel: number,
  signal?: AbortSignal,
): Promise<Leaf[]> {
  if (requests.length === 0) return [];
  const signer = await openSigner(authority, now);
  let begun = 0;
  return mapLimited(requests, parallel, (request) => {
    if (signal?.aborted === true)
      throw new MaandError("interrupted", "interrupted while making certificates", {
        why: `${begun} of ${requests.length} were made; none is kept`,
        hint: "run the command again",
      });
    begun += 1;
    return issueWith(signer, request, now);
  });
}

async function issueWith(signer: Signer, request: LeafContent, now: number): Promise<Leaf> {
  try {
    const keys = await generateKeys(request.key, request.pkcs8);
    const notAfter = leafEnd(now, request.ttlDays, signer.certificate.notAfter.getTime());
    const notBefore = leafBegin(now, signer.certificate.notBefore.getTime());
    const certPem = await sign(signer, request, keys.publicKey, { notBefore, notAfter });
    return { certPem, keyPem: keys.privateKey, notBefore, notAfter };
  } catch (thrown) {
    const worker = request.workers.length === 1 ? request.workers[0] : undefined;
    throw new MaandError("local", `cannot make certificate "${request.cert}"`, {
      where: worker === undefined ? { job: request.job } : { job: request.job, worker },
      why: reasonOf(thrown),
      hint: `check the entry "${request.cert}" under "certs" in the job's manifest.json`,
      cause: thrown,
    });
  }
}

async function sign(
  { x509, certificate: authority, key, algorithm, keyId }: Signer,
  request: LeafContent,
  spki: Uint8Array<ArrayBuffer>,
  life: Validity,
): Promise<string> {
  const publicKey = new x509.PublicKey(spki);
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  // Key encipherment is the RSA key exchange of TLS 1.2 and older; an EC key cannot do it.
  const usage = request.key === "ecdsa-p256" ? digitalSignature : digitalSignature | keyEncipherment;
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: distinguishedName(x509, subjectParts(request.subject)),
    issuer: authority.subjectName,
    notBefore: new Date(life.notBefore),
    notAfter: new Date(life.notAfter),
    publicKey,
    signingKey: key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(usage, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(request.names),
      new x509.AuthorityKeyIdentifierExtension(keyId),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${leaf.toString("pem")}\n`;
}
