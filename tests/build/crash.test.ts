// kill -9 at any moment of a build: the catalog is the old one or the new one, never between, and build goes on.

import { expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { openCatalog } from "../../src/catalog/open.ts";
import { cipherFromFile } from "../../src/kv/cipher.ts";
import { openKv } from "../../src/kv/store.ts";
import { Secret } from "../../src/model/secret.ts";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { catalogContent, integrityOf } from "../support/catalog-content.ts";
import { randomFrom, seedFrom } from "../support/chance.ts";
import { useFileBucket } from "../support/use.ts";

const kills = 64;
/** Rounds that end before their kill do not count; this many at most. */
const rounds = 4 * kills;

const bucket = useFileBucket();

/** A workspace that differs from that of every other round in each kind of thing that build writes. */
function writeRound(round: number): void {
  const hosts = Array.from({ length: 6 }, (_, i) => `10.0.${round % 3}.${i + 1}`);
  bucket.write(
    "workspace/workers.json",
    hosts.map((host) => ({ host, labels: [`l${round % 2}`], tags: { round: String(round) } })),
  );
  bucket.write("workspace/bucket.conf", `port_range = "30000,30099"\nround = ${round}\n`);
  bucket.remove("workspace/jobs");
  for (let j = 0; j < 5; j++)
    writeBareJob(
      bucket,
      `job${(round + j) % 7}`,
      {
        version: `1.${round}`,
        selectors: ["worker"],
        resources: { ports: { [`p${round % 4}`]: {}, fixed: 20_000 + ((round + j) % 5) } },
        certs: { tls: { subject: { common_name: `r${round}` }, key: "ecdsa-p256", one: j === 0 } },
      },
      { content: `${round} `.repeat(60_000), "vars.conf": `round = ${round}\n` },
    );
}

/** Every pair of a live allocation is whole, and its key is that of its certificate. */
function checkPairs(): number {
  const catalog = openCatalog(bucket.path("data/maand.db"));
  try {
    const kv = openKv(catalog, cipherFromFile(bucket.path("secrets/kv.key")));
    const namespaces = kv.namespaces().filter((name) => /^maand\/job\/[^/]+\/worker\//.test(name));
    for (const namespace of namespaces) {
      const crt = kv.get(namespace, "certs/tls.crt");
      const key = kv.get(namespace, "certs/tls.key");
      if (typeof crt !== "string" || !(key instanceof Secret))
        throw new Error(`${namespace} has no whole pair`);
      expect(new X509Certificate(crt).checkPrivateKey(createPrivateKey(key.reveal()))).toBe(true);
    }
    return namespaces.length;
  } finally {
    catalog.close();
  }
}

function journalSize(): number {
  return statSync(bucket.path("data/maand.db-wal"), { throwIfNoEntry: false })?.size ?? 0;
}

test(
  `${kills} kills: the old catalog or the new one, and the next build converges`,
  async () => {
    const random = randomFrom(seedFrom("CRASH_SEED"));
    writeRound(0);
    const begun = performance.now();
    await build(bucket);
    const typical = performance.now() - begun;
    let killed = 0;
    const seen = { old: 0, new: 0 };
    for (let round = 1; round <= rounds && killed < kills; round++) {
      writeRound(round);
      const before = catalogContent(bucket);
      const child = bucket.start(["build"]);
      let isOver = false;
      const ended = child.wait().finally(() => {
        isOver = true;
      });
      if (round % 2 === 0) await Bun.sleep(random() * typical);
      else {
        // Right into the commit: once the journal grows, a moment later.
        const size = journalSize();
        while (!isOver && journalSize() === size) await Bun.sleep(1);
        await Bun.sleep(random() * 8);
      }
      child.kill("SIGKILL");
      if ((await ended).signal === "SIGKILL") killed += 1;
      expect(integrityOf(bucket)).toBe("ok");
      const after = catalogContent(bucket);
      const isOld = after === before;
      seen[isOld ? "old" : "new"] += 1;
      // A catalog that lacked anything of the new one would be changed by this build.
      expect({ round, changed: (await build(bucket)).changed }).toEqual({ round, changed: isOld });
      if (!isOld) expect(catalogContent(bucket)).toBe(after);
      expect(checkPairs()).toBe(30);
    }
    console.log(`crash.test.ts: ${killed} kills, old ${seen.old}, new ${seen.new}`);
    expect(killed).toBe(kills);
    expect(seen.old).toBeGreaterThan(0);
  },
  { timeout: 300_000 },
);
