// How many renders a whole deploy to real workers takes: counted by the renderer itself, in this process.

import { expect, test } from "bun:test";
import { bucketPaths } from "../../src/bucket/locate.ts";
import { beginRun } from "../../src/catalog/history.ts";
import { renderCounts } from "../../src/content/renders.ts";
import { hasFailed } from "../../src/deploy/run/outcome.ts";
import { prepareDeploy, runDeploy } from "../../src/deploy/run/run.ts";
import { createEventStream } from "../../src/events/event.ts";
import { closeSession, openSession } from "../../src/session/open.ts";
import type { Session } from "../../src/session/session.ts";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { jobDirectory } from "../support/deployed.ts";
import { useFileBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(3);
const bucket = useFileBucket(fleet);

const options = { force: false, syncOnly: false };

/** Renders per allocation that the work took: for use, and with secrets masked. */
async function countingRenders(work: (session: Session) => Promise<void>): Promise<[number, number]> {
  const session = openSession({
    paths: bucketPaths(bucket.dir),
    events: createEventStream(),
    identity: { runId: crypto.randomUUID(), command: "test" },
    shutdown: { graceful: new AbortController().signal, forced: new AbortController().signal },
    readonly: false,
  });
  const before = renderCounts();
  try {
    await work(session);
  } finally {
    await closeSession(session);
  }
  const after = renderCounts();
  const each = (total: number) => total / fleet.ips.length;
  return [each(after.content - before.content), each(after.masked - before.masked)];
}

const deploying = () =>
  countingRenders(async (session) => {
    const { runId, command } = session.identity;
    beginRun(session.catalog, { runId, command, arguments: [], operator: "", updateSeq: 0, startedAt: 0 });
    const outcome = await runDeploy(session, options);
    expect(hasFailed(outcome)).toBe(false);
  });
const planning = () => countingRenders(async (session) => void (await prepareDeploy(session, options)));

/** A hook that leaves a new password at every `pre_deploy`, and a note that no template reads at everything else. */
const hook = `import * as maand from "maand";
export default async function () {
  if (maand.allocationIndex() !== 0) return;
  if (maand.hookEvent() === "pre_deploy") await maand.putJobSecret("password", "hush " + process.env.NEW_VERSION);
  else await maand.putJobVariable("note", maand.hookEvent() + Math.random());
}
`;

const events = ["pre_deploy", "after_allocation_started", "health_check", "post_deploy"];

function writeApi(version: string, template: string): void {
  writeJob(bucket, "api", {
    version,
    manifest: { hooks: { hook_all: { executed_on: events } }, max_concurrent_upgrades: 2 },
    files: { "_hooks/hook_all.ts": hook, "app.conf.tpl": template },
  });
}

const onWorkers = async (): Promise<string[]> => {
  const path = `${await jobDirectory(bucket, "api")}/app.conf`;
  return Promise.all(fleet.ips.map(async (_, i) => (await fleet.exec(i, `cat ${path}`)).stdout));
};

test("a template is rendered for the plan, and again only after a hook has changed what it reads", async () => {
  const template = 'password {{ getOptional "secrets/job/api" "password" }} on {{ .WorkerIP }}\n';
  writeApi("1.0.0", template);
  await build(bucket);
  expect(await planning()).toEqual([1, 0]);
  expect(await deploying()).toEqual([2, 1]);
  expect(await onWorkers()).toEqual(fleet.ips.map((ip) => `password hush 1.0.0 on ${ip}\n`));
  expect(await planning()).toEqual([1, 0]);
  expect(await deploying()).toEqual([1, 0]);

  writeApi("1.1.0", template);
  await build(bucket);
  expect(await deploying()).toEqual([2, 1]);
  expect(await onWorkers()).toEqual(fleet.ips.map((ip) => `password hush 1.1.0 on ${ip}\n`));
}, 60_000);

test("one that reads CurrentVersion is rendered once more for what is sent", async () => {
  writeApi(
    "1.2.0",
    '{{ .WorkerIP }} from {{ .CurrentVersion }}, {{ getOptional "secrets/job/api" "password" }}\n',
  );
  await build(bucket);
  expect(await deploying()).toEqual([3, 1]);
  expect(await onWorkers()).toEqual(fleet.ips.map((ip) => `${ip} from 1.1.0, hush 1.2.0\n`));
  expect(await deploying()).toEqual([1, 0]);
}, 60_000);

test("one that waits for its hook's key is rendered once when the key is there", async () => {
  writeJob(bucket, "late", {
    manifest: { hooks: { hook_key: { executed_on: ["pre_deploy", "post_deploy"] } } },
    files: {
      "_hooks/hook_key.ts": `import * as maand from "maand";
export default async function () {
  if (maand.hookEvent() === "pre_deploy") await maand.putJobVariable("late", "here");
}
`,
      "late.conf.tpl": '{{ get "vars/job/late" "late" }}\n',
    },
  });
  await build(bucket);
  const [renders, masked] = await deploying();
  // The other job's plan takes one. Here: it fails in the plan and for pre_deploy, then there is one that serves all.
  expect([renders, masked]).toEqual([1 + 3, 0]);
}, 60_000);
