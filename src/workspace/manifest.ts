// manifest.json → Manifest: defaults filled in, units converted, names canonical.

import type { Fault } from "../model/fault.ts";
import type {
  Bounds,
  CertDeclaration,
  HealthCheck,
  HookDeclaration,
  Manifest,
  Probe,
} from "../model/manifest.ts";
import { canonicalLabel } from "../model/names.ts";
import { parseCpu, parseMemory } from "../model/units.ts";
import { formatVersion, noVersion, parseVersion } from "../model/version.ts";
import { compareText } from "../support/order.ts";
import { checkAgainst } from "./issues.ts";
import type { JsonDocument } from "./json.ts";
import { checkManifestRules } from "./manifest-rules.ts";
import { type ManifestInput, manifestSchema, renamedManifestFields } from "./manifest-schema.ts";

/**
 * @param job name of the job directory: the default selector
 * @param scripts file name in `_hooks/` by hook name; a hook without one has its fault from the directory check
 */
export function checkManifest(
  document: JsonDocument,
  job: string,
  scripts: ReadonlyMap<string, string>,
): { manifest?: Manifest; faults: Fault[] } {
  const { value, faults } = checkAgainst(manifestSchema, document, renamedManifestFields);
  faults.push(...checkManifestRules(document));
  if (value === undefined || faults.length > 0) return { faults };
  return { manifest: toManifest(value, document, job, scripts), faults };
}

function toManifest(
  input: ManifestInput,
  document: JsonDocument,
  job: string,
  scripts: ReadonlyMap<string, string>,
): Manifest {
  const version = parseVersion(input.version);
  const selectors = input.selectors?.length ? input.selectors : [job];
  const memory = toBounds(input.resources.memory, parseMemory);
  const cpu = toBounds(input.resources.cpu, parseCpu);
  const ports = sorted(input.resources.ports).map(
    ([name, port]) => [name, typeof port === "number" ? port : "pool"] as const,
  );
  return {
    version: version === undefined ? noVersion : formatVersion(version),
    versionDeclared: document.source(["version"]) !== undefined,
    selectors: [...new Set(selectors.map(canonicalLabel))],
    maxConcurrentStarts: input.max_concurrent_starts,
    maxConcurrentUpgrades: input.max_concurrent_upgrades,
    minAllocationsCount: input.min_allocations_count,
    restartPolicy: input.restart_policy,
    restartGlobs: input.restart_globs,
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ports: Object.fromEntries(ports),
    hooks: sorted(input.hooks).map(([name, hook]) => toHook(name, hook, scripts.get(name) ?? "")),
    ...(input.health_check === undefined ? {} : { healthCheck: toHealthCheck(input.health_check) }),
    ...(input.lifecycle_timeout === undefined ? {} : { lifecycleTimeout: input.lifecycle_timeout }),
    certs: sorted(input.certs).map(([name, cert]) => toCert(name, cert)),
  };
}

/** `max` defaults to `min`; a lone `max` leaves the lower bound at 0. */
function toBounds(
  input: { min?: string | number | undefined; max?: string | number | undefined } | undefined,
  parse: (value: string | number) => number | undefined,
): Bounds | undefined {
  const min = input?.min === undefined ? undefined : parse(input.min);
  const max = input?.max === undefined ? min : parse(input.max);
  return max === undefined ? undefined : { min: min ?? 0, max };
}

function toHook(name: string, input: ManifestInput["hooks"][string], file: string): HookDeclaration {
  const { job, hook, config } = input.demands ?? {};
  return {
    name,
    executedOn: [...new Set(input.executed_on)],
    ...(job && hook ? { demand: { job, hook, config: config ?? {} } } : {}),
    ...(input.isolation === undefined ? {} : { isolation: input.isolation }),
    file,
  };
}

function toHealthCheck(input: NonNullable<ManifestInput["health_check"]>): HealthCheck {
  return {
    checks: input.checks.map((check): Probe => {
      if (check.type !== "http") return check;
      const { expect_status: expectStatus, ...rest } = check;
      return { ...rest, expectStatus };
    }),
    timeoutSeconds: input.timeout_seconds,
    wait: { attempts: input.wait.attempts, intervalSeconds: input.wait.interval_seconds },
  };
}

function toCert(name: string, input: ManifestInput["certs"][string]): CertDeclaration {
  const subject = Object.entries(input.subject).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...input, name, subject: Object.fromEntries(subject) };
}

function sorted<T>(record: Record<string, T>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => compareText(a, b));
}
