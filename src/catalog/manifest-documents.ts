// Schema 4: a job's manifest is kept as the document that its file could hold, no longer as the values that an older
// maand made of it, and the scripts of its hooks beside it.

import type { Database } from "bun:sqlite";

/** The values as schemas 1 to 3 hold them. They are what was written then, so this never changes. */
interface ManifestValues {
  version: string;
  versionDeclared: boolean;
  selectors: string[];
  maxConcurrentStarts: number;
  maxConcurrentUpgrades: number;
  minAllocationsCount: number;
  restartPolicy: string;
  restartGlobs: string[];
  memory?: object;
  cpu?: object;
  ports: Record<string, number | "pool">;
  hooks: { name: string; executedOn: string[]; demand?: object; isolation?: string; file: string }[];
  healthCheck?: {
    checks: { expectStatus?: number }[];
    timeoutSeconds: number;
    wait: { attempts: number; intervalSeconds: number };
  };
  lifecycleTimeout?: number;
  certs: { name: string }[];
}

export function documentsFromValues(catalog: Database): void {
  catalog.run("ALTER TABLE job ADD COLUMN scripts TEXT NOT NULL DEFAULT '{}'");
  const rows = catalog.query<{ name: string; manifest: string }, []>("SELECT name, manifest FROM job").all();
  const update = catalog.query("UPDATE job SET manifest = ?, scripts = ? WHERE name = ?");
  for (const { name, manifest } of rows) {
    const values = JSON.parse(manifest) as ManifestValues;
    const scripts = Object.fromEntries(values.hooks.map((hook) => [hook.name, hook.file]));
    update.run(JSON.stringify(documentOf(values)), JSON.stringify(scripts), name);
  }
}

/** Fields without a value are undefined and so not in the JSON. */
function documentOf(values: ManifestValues): object {
  return {
    version: values.versionDeclared ? values.version : undefined,
    selectors: values.selectors,
    max_concurrent_starts: values.maxConcurrentStarts,
    max_concurrent_upgrades: values.maxConcurrentUpgrades,
    min_allocations_count: values.minAllocationsCount,
    restart_policy: values.restartPolicy,
    restart_globs: values.restartGlobs,
    resources: { memory: values.memory, cpu: values.cpu, ports: portsOf(values.ports) },
    hooks: byName(values.hooks, ({ executedOn, demand, isolation }) => ({
      executed_on: executedOn,
      demands: demand,
      isolation,
    })),
    health_check: healthCheckOf(values.healthCheck),
    lifecycle_timeout: values.lifecycleTimeout,
    certs: byName(values.certs, ({ name: _, ...cert }) => cert),
  };
}

function portsOf(ports: ManifestValues["ports"]): object {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, port === "pool" ? {} : port]));
}

function healthCheckOf(health: ManifestValues["healthCheck"]): object | undefined {
  if (health === undefined) return undefined;
  return {
    checks: health.checks.map(({ expectStatus, ...check }) => ({ ...check, expect_status: expectStatus })),
    timeout_seconds: health.timeoutSeconds,
    wait: { attempts: health.wait.attempts, interval_seconds: health.wait.intervalSeconds },
  };
}

function byName<T extends { name: string }>(list: readonly T[], change: (thing: T) => object): object {
  return Object.fromEntries(list.map((thing) => [thing.name, change(thing)]));
}
