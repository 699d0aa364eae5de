// The manifest of a test, as the catalog holds it.

import type { Manifest } from "../../../src/model/manifest.ts";

/** A manifest that leaves everything at its default but the version, and is on every worker. */
export function manifest(overrides: Partial<Manifest> = {}): Manifest {
  return {
    version: "1.0.0",
    versionDeclared: true,
    selectors: ["worker"],
    maxConcurrentStarts: 0,
    maxConcurrentUpgrades: 1,
    minAllocationsCount: 0,
    restartPolicy: "always",
    restartGlobs: [],
    ports: {},
    hooks: [],
    certs: [],
    ...overrides,
  };
}
