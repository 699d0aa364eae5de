// A KV for tests: namespaces as plain objects, with the read rules that a test wants.

import { MaandError } from "../../../src/model/error.ts";
import type { Secret } from "../../../src/model/secret.ts";
import type { TemplateData, TemplateEnvironment, TemplateStore } from "../../../src/templates/environment.ts";

export type Namespaces = Record<string, Record<string, string | Secret>>;

/** A store of these namespaces; `forbidden` ones are refused, every other is empty when it is not given. */
export function testStore(namespaces: Namespaces, forbidden: readonly string[] = []): TemplateStore {
  const open = (namespace: string) => {
    if (forbidden.includes(namespace)) {
      throw new MaandError("render", `job api may not read namespace "${namespace}"`, {
        hint: "name the job in a demand of the manifest",
      });
    }
    return namespaces[namespace] ?? {};
  };
  return {
    get: (namespace, key) => open(namespace)[key],
    keys: (namespace) => Object.keys(open(namespace)),
    exists: (job) => `maand/job/${job}` in namespaces,
    ambiguous: (key) => (key === "shared" ? ["api", "web"] : []),
  };
}

/** An environment of job `api` on 10.0.0.2, unless `data` says otherwise. */
export function testEnvironment(
  namespaces: Namespaces,
  data: Partial<TemplateData> = {},
  more: Partial<TemplateEnvironment> = {},
): TemplateEnvironment {
  return {
    data: {
      AllocationID: "0a1b",
      Job: "api",
      CurrentVersion: "1.0.0",
      NewVersion: "1.1.0",
      WorkerIP: "10.0.0.2",
      WorkerID: "w2",
      Labels: ["api", "worker"],
      BucketPath: "/opt/worker/b",
      JobPath: "/opt/worker/b/jobs/api",
      AllocationIndex: 1,
      Hostname: "",
      Zone: "EU-1",
      Tags: { zone: "eu-1" },
      Peers: ["10.0.0.1"],
      ...data,
    },
    store: testStore(namespaces),
    revealSecrets: true,
    ...more,
  };
}
