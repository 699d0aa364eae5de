// The deploy planner against a model of the fleet: what it plans, once applied, is the desired state.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Deployment } from "../../src/catalog/deployments.ts";
import type { Action, AllocationFacts } from "../../src/deploy/plan/action.ts";
import {
  type DeployPlan,
  dueWorkers,
  type JobFacts,
  planDeploy,
  rolloutActions,
} from "../../src/deploy/plan/plan.ts";
import type { RestartPolicy } from "../../src/model/manifest.ts";
import type { JobRow, RuntimeState } from "../../src/model/state.ts";
import { hasFiles, mayRun } from "../../src/model/state.ts";
import { treeHash } from "../../src/model/tree.ts";
import { allocationRow, jobRow, runtimeStates } from "../support/builders/catalog.ts";

const noOptions = { force: false, syncOnly: false };

function content(seed: string): {
  hash: string;
  files: { path: string; kind: "file"; mode: number; ref: string }[];
} {
  const files = [{ path: "Makefile", kind: "file" as const, mode: 0o644, ref: seed }];
  return { hash: treeHash(files), files };
}

interface Generated {
  removed: boolean;
  disabled: boolean;
  state: RuntimeState;
  promoted: string | undefined;
  version: string | undefined;
  attempt: string | undefined;
  begun: Deployment["begun"];
}

const allocations: fc.Arbitrary<Generated> = fc
  .record({
    removed: fc.boolean(),
    disabled: fc.boolean(),
    state: fc.constantFrom(...runtimeStates),
    promoted: fc.option(fc.constantFrom("old", "new"), { nil: undefined }),
    version: fc.constantFrom("1.0.0", "2.0.0"),
    attempt: fc.option(fc.constantFrom("old", "new", "other"), { nil: undefined }),
    begun: fc.constantFrom<Deployment["begun"]>(undefined, "first_start", "start"),
  })
  // Something is promoted exactly when a version is known; a running one has been promoted.
  .map((a) => {
    const promoted =
      a.state === "running" ? (a.promoted ?? "old") : a.state === "cleaned" ? undefined : a.promoted;
    return { ...a, promoted, version: promoted === undefined ? undefined : a.version };
  });

const fleets: fc.Arbitrary<JobFacts[]> = fc
  .array(
    fc.record({
      policy: fc.constantFrom<RestartPolicy>("always", "reload", "never"),
      starts: fc.nat({ max: 3 }),
      upgrades: fc.integer({ min: 1, max: 3 }),
      allocations: fc.array(allocations, { minLength: 1, maxLength: 6 }),
      demandsPrevious: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map((jobs) => {
    const facts: JobFacts[] = [];
    for (const [i, generated] of jobs.entries()) {
      const name = `job${i}`;
      const upstream = generated.demandsPrevious ? facts.at(-1) : undefined;
      const deploymentSeq = upstream === undefined ? 0 : upstream.job.deploymentSeq + 1;
      const job = jobRow(
        name,
        { version: "2.0.0", deploymentSeq },
        {
          version: "2.0.0",
          restartPolicy: generated.policy,
          maxConcurrentStarts: generated.starts,
          maxConcurrentUpgrades: generated.upgrades,
        },
      );
      facts.push({
        job,
        allocations: generated.allocations.map((a, n) => allocationFacts(job, `10.0.0.${n + 1}`, n, a)),
        demands: upstream === undefined ? [] : [upstream.job.name],
        postDeployDue: false,
      });
    }
    return facts;
  });

function allocationFacts(job: JobRow, workerIp: string, index: number, a: Generated): AllocationFacts {
  const row = allocationRow(job.name, workerIp, { index, disabled: a.disabled, removed: a.removed });
  const promoted = a.promoted === undefined ? undefined : content(a.promoted);
  const deployment: Deployment = {
    allocId: row.allocId,
    state: a.state,
    ...(a.attempt === undefined ? {} : { attemptHash: content(a.attempt).hash }),
    ...(a.state !== "unknown" || a.begun === undefined ? {} : { begun: a.begun }),
    ...(promoted === undefined ? {} : { promotedHash: promoted.hash, promotedVersion: a.version! }),
  };
  return { row, deployment, job, ...(a.removed ? {} : { content: content("new") }) };
}

/** Carries a plan out in the model: every action succeeds. */
function apply(jobs: readonly JobFacts[], plan: DeployPlan): JobFacts[] {
  const actions = [
    ...plan.reconcile.flatMap((wave) => wave.jobs.flatMap((job) => job.batches.flat())),
    ...plan.waves.flatMap((wave) => wave.jobs.flatMap(rolloutActions)),
  ];
  const deployments = new Map<string, Deployment>(
    jobs.flatMap((job) =>
      job.allocations.map((a): [string, Deployment] => [a.row.allocId, { ...a.deployment }]),
    ),
  );
  for (const action of actions) {
    if (action.kind === "skip") continue;
    const deployment = deployments.get(action.allocId)!;
    deployment.state = action.leadsTo;
    delete deployment.begun;
    if (action.newHash !== undefined && action.kind !== "stop") {
      deployment.promotedHash = action.newHash;
      deployment.promotedVersion = action.newVersion;
      delete deployment.attemptHash;
    }
    if (action.kind === "remove") {
      delete deployment.promotedHash;
      delete deployment.promotedVersion;
    }
  }
  return jobs.map((job) => ({
    ...job,
    allocations: job.allocations.map((a) => ({ ...a, deployment: deployments.get(a.row.allocId)! })),
  }));
}

const touching = (plan: DeployPlan): Action[] => [
  ...plan.reconcile.flatMap((wave) => wave.jobs.flatMap((job) => job.batches.flat())),
  ...plan.waves
    .flatMap((wave) => wave.jobs.flatMap(rolloutActions))
    .filter((action) => action.kind !== "skip"),
];

test("plan, apply, plan again: nothing is left to do, and the model is as desired", () => {
  fc.assert(
    fc.property(fleets, (jobs) => {
      const after = apply(jobs, planDeploy(jobs, noOptions));
      expect(touching(planDeploy(after, noOptions))).toEqual([]);
      for (const { row, deployment, content: wanted } of after.flatMap((job) => job.allocations)) {
        if (row.removed) expect(hasFiles(deployment.state)).toBe(false);
        else if (row.disabled) expect(mayRun(deployment.state)).toBe(false);
        else expect(["running", "stopped"]).toContain(deployment.state);
        if (!row.removed && wanted !== undefined) expect(deployment.promotedHash).toBe(wanted.hash);
      }
    }),
  );
});

test("no batch is wider than the manifest allows", () => {
  fc.assert(
    fc.property(fleets, (jobs) => {
      const byName = new Map(jobs.map((job) => [job.job.name, job.job.manifest]));
      const plan = planDeploy(jobs, noOptions);
      for (const job of plan.waves.flatMap((wave) => wave.jobs)) {
        const { maxConcurrentStarts, maxConcurrentUpgrades } = byName.get(job.job)!;
        for (const batch of job.starts) {
          if (maxConcurrentStarts > 0) expect(batch.length).toBeLessThanOrEqual(maxConcurrentStarts);
        }
        for (const batch of job.upgrades) expect(batch.length).toBeLessThanOrEqual(maxConcurrentUpgrades);
      }
      for (const job of plan.reconcile.flatMap((wave) => wave.jobs)) {
        for (const batch of job.batches) {
          expect(batch.length).toBeLessThanOrEqual(byName.get(job.job)!.maxConcurrentUpgrades);
        }
      }
    }),
  );
});

test("a job never stands in an earlier wave than one it demands; reconcile goes the other way round", () => {
  fc.assert(
    fc.property(fleets, (jobs) => {
      const plan = planDeploy(jobs, noOptions);
      const waveOf = new Map(plan.waves.flatMap((wave, i) => wave.jobs.map((job) => [job.job, i] as const)));
      const stopOf = new Map(
        plan.reconcile.flatMap((wave, i) => wave.jobs.map((job) => [job.job, i] as const)),
      );
      for (const job of jobs) {
        for (const upstream of job.demands) {
          const [mine, theirs] = [waveOf.get(job.job.name), waveOf.get(upstream)];
          if (mine !== undefined && theirs !== undefined) expect(theirs).toBeLessThan(mine);
          const [myStop, theirStop] = [stopOf.get(job.job.name), stopOf.get(upstream)];
          if (myStop !== undefined && theirStop !== undefined) expect(myStop).toBeLessThan(theirStop);
        }
      }
    }),
  );
});

test("every allocation of the chosen jobs appears once in its wave, and others not at all", () => {
  fc.assert(
    fc.property(fleets, fc.subarray(["job0", "job1", "job2"]), (jobs, chosen) => {
      const plan = planDeploy(jobs, { ...noOptions, jobs: new Set(chosen) });
      const planned = plan.waves.flatMap((wave) => wave.jobs.flatMap(rolloutActions)).map((a) => a.allocId);
      const wanted = jobs
        .filter((job) => chosen.includes(job.job.name))
        .flatMap((job) => job.allocations.filter((a) => !a.row.removed).map((a) => a.row.allocId));
      expect(planned.toSorted()).toEqual(wanted.toSorted());
    }),
  );
});

test("--sync-only plans no restart and no reload; --force leaves nothing active alone", () => {
  fc.assert(
    fc.property(fleets, (jobs) => {
      const synced = planDeploy(jobs, { force: false, syncOnly: true });
      const upgrades = synced.waves.flatMap((wave) => wave.jobs.flatMap((job) => job.upgrades.flat()));
      expect(upgrades.every((action) => action.kind === "sync")).toBe(true);
      const forced = planDeploy(jobs, { force: true, syncOnly: false });
      const skipped = forced.waves.flatMap((wave) => wave.jobs.flatMap((job) => job.skips));
      expect(skipped).toEqual([]);
    }),
  );
});

test("whatever is unknown and active is restarted, or stopped and started, before it counts as running", () => {
  fc.assert(
    fc.property(fleets, (jobs) => {
      const plan = planDeploy(jobs, noOptions);
      const actions = new Map(
        plan.waves.flatMap((wave) => wave.jobs.flatMap(rolloutActions)).map((a) => [a.allocId, a]),
      );
      for (const { row, deployment } of jobs.flatMap((job) => job.allocations)) {
        const { kind, stopFirst } = actions.get(row.allocId) ?? { kind: "none", stopFirst: false };
        const isUnknown = !row.removed && !row.disabled && deployment.state === "unknown";
        if (!isUnknown) expect(stopFirst).toBe(false);
        else expect(kind === "restart" || (kind === "start" && stopFirst)).toBe(true);
      }
    }),
  );
});

test("workers are due exactly when something other than skip and promote is planned there", () => {
  fc.assert(
    fc.property(fleets, (jobs) => {
      const plan = planDeploy(jobs, noOptions);
      const wanted = new Set(
        touching(plan)
          .filter((a) => a.kind !== "promote")
          .map((a) => a.workerIp),
      );
      expect(dueWorkers(plan)).toEqual(wanted);
    }),
  );
});
