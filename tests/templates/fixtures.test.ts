// Whole configuration files as real workspaces have them.

import { test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "../../src/model/secret.ts";
import type { TemplateData } from "../../src/templates/environment.ts";
import { renderTemplate } from "../../src/templates/render.ts";
import { type Namespaces, testEnvironment } from "../support/builders/template-environment.ts";
import { golden } from "../support/golden.ts";

const fixture = (name: string) => join(import.meta.dir, "fixtures", name);

async function check(name: string, suffix: string, namespaces: Namespaces, data: Partial<TemplateData>) {
  const file = { path: `jobs/x/${name}${suffix}`, text: readFileSync(fixture(name + suffix), "utf8") };
  golden(fixture(`${name}.expected`), await renderTemplate(file, testEnvironment(namespaces, data)));
}

test("patroni: computed memory sizes, peers and secrets", async () => {
  const namespaces: Namespaces = {
    "maand/job/postgres": { memory: "4096", port_rest: "8008" },
    "maand/job/etcd": { port_client: "2379" },
    "maand/worker": {
      postgres_workers: "10.0.0.1,10.0.0.2,10.0.0.3",
      etcd_workers: "10.0.0.4,10.0.0.5,10.0.0.6",
    },
    "vars/bucket/job/postgres": { cluster: "main", extra: "log_statement: ddl\nwal_level: replica" },
    "secrets/job/postgres": { superuser: new Secret('s3cr"et'), replication: new Secret("repl") },
  };
  const data = { Job: "postgres", AllocationIndex: 2, WorkerIP: "10.0.0.3" };
  await check("patroni.yml", ".tpl", namespaces, data);
});

test("docker compose: a quorum list by index", async () => {
  const namespaces: Namespaces = {
    "maand/job/zookeeper": { port_client: "2181" },
    "vars/bucket/job/zookeeper": { limits: '{"memory": 1536}' },
  };
  await check("docker-compose.yml", ".tpl", namespaces, {
    Job: "zookeeper",
    NewVersion: "3.9.2",
    JobPath: "/opt/worker/b/jobs/zookeeper",
    Peers: ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
    Tags: { zone: "eu-1", rack: "r7" },
  });
});

test("nginx: upstreams from the label lists of maand/worker", async () => {
  const namespaces: Namespaces = {
    "maand/worker": {
      api_workers_length: "2",
      api_0: "10.0.0.1",
      api_1: "10.0.0.2",
      web_workers_length: "1",
      web_0: "10.0.0.9",
    },
    "maand/job/proxy": { port_http: "8080" },
    "maand/job/api": { port_http: "9000" },
    "maand/job/web": { port_http: "9100" },
  };
  await check("nginx.conf", ".tpl", namespaces, { Job: "proxy", Zone: " EU-1 " });
});

test("xml: arithmetic on shards and replicas", async () => {
  const namespaces: Namespaces = {
    "maand/job/clickhouse": { memory: "8192", port_tcp: "9000" },
    "vars/bucket/job/clickhouse": { title: "R&D <metrics>" },
  };
  await check("cluster.xml", ".tpl", namespaces, {
    Job: "clickhouse",
    WorkerIP: "10.0.0.4",
    AllocationIndex: 3,
    Peers: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"],
  });
});

test("an Eta file with the same context", async () => {
  const namespaces: Namespaces = {
    "maand/worker": { api_0: "10.0.0.1", api_1: "10.0.0.2", api_workers: "10.0.0.1,10.0.0.2" },
    "maand/job/api": { port_http: "9000" },
    "secrets/job/api": { token: new Secret("s3cret") },
  };
  await check("app.env", ".eta", namespaces, {});
});
