// Real TLS over loopback: server and client both show leaves, and both check them against the bucket's CA.

import { beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer } from "node:tls";
import { type Authority, createAuthority } from "../../src/certs/authority.ts";
import { issueLeaf, type Leaf, type LeafContent } from "../../src/certs/leaf.ts";
import { reasonOf } from "../../src/model/error.ts";
import { content } from "../support/builders/certs.ts";

let authority: Authority;
let foreign: Authority;
beforeAll(async () => {
  authority = await createAuthority("bucket", Date.now());
  foreign = await createAuthority("foreign", Date.now());
});

interface Peers {
  server: Leaf;
  client: Leaf;
  /** The CA that the client trusts. */
  trusted: Authority;
  servername: string;
}

/** The common name that the server saw of its client, or why the handshake failed. */
async function shakeHands({ server, client, trusted, servername }: Peers): Promise<string> {
  const listener = createServer({
    cert: server.certPem,
    key: server.keyPem.reveal(),
    ca: authority.certPem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  listener.on("tlsClientError", () => {});
  listener.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    socket.end(`hello ${socket.getPeerCertificate().subject.CN}`);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const socket = connect({
    host: "127.0.0.1",
    port: (listener.address() as AddressInfo).port,
    servername,
    ca: trusted.certPem,
    cert: client.certPem,
    key: client.keyPem.reveal(),
  });
  try {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      text += part;
    });
    await once(socket, "close");
    return text;
  } catch (thrown) {
    return `refused: ${reasonOf(thrown)}`;
  } finally {
    socket.destroy();
    listener.close();
  }
}

const leafOf = (change: Partial<LeafContent>, signer = authority) =>
  issueLeaf(content(change), signer, Date.now());

describe("mutual TLS", () => {
  test.each([
    ["rsa-2048", false],
    ["rsa-2048", true],
    ["ecdsa-p256", false],
    ["ecdsa-p256", true],
  ] as const)("%s, pkcs8 %p", async (key, pkcs8) => {
    const server = await leafOf({ key, pkcs8 });
    const client = await leafOf({ key, pkcs8, subject: { common_name: "caller" } });
    expect(await shakeHands({ server, client, trusted: authority, servername: "localhost" })).toBe(
      "hello caller",
    );
  });

  test("a client that trusts another CA refuses the server", async () => {
    const [server, client] = [await leafOf({}), await leafOf({})];
    const outcome = await shakeHands({ server, client, trusted: foreign, servername: "localhost" });
    expect(outcome).toStartWith("refused: ");
  });

  test("a name that the certificate lacks is refused", async () => {
    const [server, client] = [await leafOf({}), await leafOf({})];
    const outcome = await shakeHands({ server, client, trusted: authority, servername: "elsewhere" });
    expect(outcome).toStartWith("refused: ");
  });

  test("a server refuses a client of another CA", async () => {
    const [server, client] = [await leafOf({}), await leafOf({}, foreign)];
    const outcome = await shakeHands({ server, client, trusted: authority, servername: "localhost" });
    expect(outcome).not.toContain("hello");
  });
});
