// A real stateful service: redis with one primary and two replicas, rolled to a new config while a client writes.

import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { build } from "../support/built-bucket.ts";
import { randomFrom, seedFrom } from "../support/chance.ts";
import { buildAndDeploy } from "../support/deployed.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(3);
const bucket = useFileBucket(fleet);

// Every acknowledged write is on the disk of the primary (appendfsync always) and on a replica (min-replicas-to-write).
const config = `port {{ get "maand/job/redis" "port_redis" }}
bind {{ .WorkerIP }} 127.0.0.1
protected-mode no
daemonize yes
dir data
pidfile data/redis.pid
logfile ../logs/redis.log
appendonly yes
appendfsync always
save ""
{{- $primary := get "maand/job/redis" "worker_0" }}
{{- if ne .WorkerIP $primary }}
replicaof {{ $primary }} {{ get "maand/job/redis" "port_redis" }}
{{- end }}
maxmemory {{ get "vars/bucket/job/redis" "maxmemory" }}
`;

const makefile = `PORT = $(shell awk '/^port /{print $$2}' redis.conf)
start:
	@mkdir -p data logs
	@redis-server redis.conf
	@echo "$@ $(NEW_VERSION)" >> data/calls
stop:
	@redis-cli -p $(PORT) shutdown 2>/dev/null || true
	@for i in $$(seq 100); do [ -e data/redis.pid ] || break; sleep 0.05; done
restart: stop start
`;

const check = `#!/bin/sh
# Answers, and as a replica follows its primary.
port=$(awk '/^port /{print $2}' "\${0%/*}/redis.conf")
info=$(redis-cli -p "$port" info replication) || exit 1
case $info in
  *role:master*) ;;
  *master_link_status:up*) ;;
  *) echo "replica is not in sync"; exit 1 ;;
esac
`;

function writeRedis(bucketId: string, version: string, maxmemory: string): void {
  bucket.write("workspace/jobs/redis/manifest.json", {
    version,
    selectors: ["worker"],
    max_concurrent_upgrades: 1,
    resources: { ports: { redis: {} } },
    health_check: {
      checks: [
        { type: "tcp", port: "redis" },
        { type: "ssh", command: `sh /opt/worker/${bucketId}/jobs/redis/check.sh` },
      ],
      wait: { attempts: 60, interval_seconds: 0.5 },
    },
  });
  bucket.write("workspace/jobs/redis/redis.conf.tpl", config);
  bucket.write("workspace/jobs/redis/Makefile", makefile);
  bucket.write("workspace/jobs/redis/check.sh", check, 0o755);
  bucket.write("workspace/jobs/redis/vars.conf", `maxmemory = "${maxmemory}"\n`);
}

/** Asks redis one thing over a connection that may be down: its reply line, or undefined. */
class Client {
  private socket: Socket | undefined;
  constructor(
    private readonly host: string,
    private readonly port: number,
  ) {}

  async ask(...words: string[]): Promise<string | undefined> {
    try {
      this.socket ??= await new Promise<Socket>((resolve, reject) => {
        const socket = connect(this.port, this.host, () => resolve(socket));
        socket.once("error", reject);
      });
      const socket = this.socket;
      return await new Promise<string>((resolve, reject) => {
        let text = "";
        const timer = setTimeout(() => reject(new Error("no reply")), 2000);
        const done = (act: () => void) => {
          clearTimeout(timer);
          socket.removeAllListeners();
          act();
        };
        socket.on("data", (data) => {
          text += data.toString();
          const bulk = /^\$(-?\d+)\r\n/.exec(text);
          const complete =
            bulk === null
              ? text.endsWith("\r\n")
              : Number(bulk[1]) < 0 || text.length >= bulk[0].length + Number(bulk[1]) + 2;
          if (complete) done(() => resolve(text));
        });
        socket.once("error", (error) => done(() => reject(error)));
        socket.once("close", () => done(() => reject(new Error("closed"))));
        socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`);
      });
    } catch {
      this.close();
      return undefined;
    }
  }

  close(): void {
    this.socket?.on("error", () => undefined);
    this.socket?.destroy();
    this.socket = undefined;
  }
}

interface Writing {
  /** Ends the writing: what was acknowledged, and how many writes were not. */
  stop(): Promise<{ acknowledged: number[]; failures: number }>;
}

/** Writes one key after the other to the primary, as fast as it takes them. */
function keepWriting(prefix: string, port: number): Writing {
  const acknowledged: number[] = [];
  let failures = 0;
  let stopped = false;
  const writer = (async () => {
    const client = new Client(fleet.ips[0]!, port);
    for (let i = 0; !stopped && i < 1_000_000; i++) {
      const reply = await client.ask("SET", `${prefix}:${i}`, String(i));
      if (reply === "+OK\r\n") {
        acknowledged.push(i);
        await Bun.sleep(2);
      } else {
        failures++;
        await Bun.sleep(10);
      }
    }
    client.close();
  })();
  return {
    async stop() {
      stopped = true;
      await writer;
      return { acknowledged, failures };
    },
  };
}

/** Every server has this limit, and every write that was acknowledged. */
async function expectEverywhere(
  prefix: string,
  port: number,
  megabytes: number,
  written: readonly number[],
): Promise<void> {
  for (const ip of fleet.ips) {
    const client = new Client(ip, port);
    expect(await client.ask("CONFIG", "GET", "maxmemory")).toContain(String(megabytes * 1024 * 1024));
    const missing: number[] = [];
    for (const i of written) {
      const reply = await client.ask("GET", `${prefix}:${i}`);
      if (reply !== `$${String(i).length}\r\n${i}\r\n`) missing.push(i);
    }
    client.close();
    expect({ ip, missing }).toEqual({ ip, missing: [] });
  }
}

const portOfRedis = async () =>
  Number((await bucket.maand("cat", "kv", "get", "maand/job/redis", "port_redis")).stdout);

test("no acknowledged write is lost in a rolling upgrade of primary and replicas", async () => {
  const { json } = await bucket.maandJson<{ bucket_id: string }>("info");
  writeRedis(json.bucket_id, "1.0.0", "64mb");
  await buildAndDeploy(bucket);
  const port = await portOfRedis();
  const writing = keepWriting("k", port);
  writeRedis(json.bucket_id, "2.0.0", "96mb");
  await build(bucket);
  const rolled = await bucket.maand("deploy");
  const { acknowledged, failures } = await writing.stop();
  expect(`${rolled.code} ${rolled.stdout}${rolled.stderr}`).toStartWith("0 ");
  expect(acknowledged.length).toBeGreaterThan(100);
  // The primary was down for a moment: the client met it, so the upgrade was a real one.
  expect(failures).toBeGreaterThan(0);
  await expectEverywhere("k", port, 96, acknowledged);
}, 120_000);

/** Looks again and again which servers run; those of a worker that had more than one for two looks in a row. */
function watchServers(): { stop(): Promise<string[]> } {
  const crowds: string[] = [];
  let stopped = false;
  const look = async (i: number): Promise<string[]> =>
    (await fleet.exec(i, "pgrep -f '^redis-server [0-9]' || true")).stdout.split("\n").filter(Boolean);
  const watching = Promise.all(
    fleet.ips.map(async (ip, i) => {
      let last: string[] = [];
      while (!stopped) {
        const pids = await look(i);
        const both = pids.filter((pid) => last.includes(pid));
        if (both.length > 1) crowds.push(`${ip}: ${both.join(" ")}`);
        last = pids;
        await Bun.sleep(100);
      }
      if (last.length !== 1) crowds.push(`${ip}: ${last.length} servers at the end`);
    }),
  );
  return {
    async stop() {
      stopped = true;
      await watching;
      return crowds;
    },
  };
}

test("upgrades that are killed at random moments lose no acknowledged write and leave one server each", async () => {
  const random = randomFrom(seedFrom("CRASH_SEED"));
  const { json } = await bucket.maandJson<{ bucket_id: string }>("info");
  writeRedis(json.bucket_id, "3.0.0", "64mb");
  await buildAndDeploy(bucket);
  const port = await portOfRedis();
  const writing = keepWriting("q", port);
  const servers = watchServers();
  for (let round = 1; round <= 6; round++) {
    writeRedis(json.bucket_id, `3.${round}.0`, `${64 + round}mb`);
    await build(bucket);
    const run = bucket.start(["deploy", "--quiet"]);
    await Bun.sleep(random() * 5000);
    run.kill("SIGKILL");
    await run.wait();
    writeRedis(json.bucket_id, `4.${round}.0`, `${96 + round}mb`);
    await buildAndDeploy(bucket);
  }
  const { acknowledged } = await writing.stop();
  expect(await servers.stop()).toEqual([]);
  expect(acknowledged.length).toBeGreaterThan(100);
  await expectEverywhere("q", port, 102, acknowledged);
}, 240_000);
