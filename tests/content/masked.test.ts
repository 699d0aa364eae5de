// Masked twins: made for what is promoted and for what --diff shows, never for a plan, and no secret shows in them.

import { expect, test } from "bun:test";
import { runBuild } from "../../src/build/run.ts";
import { beginAttempts, promote } from "../../src/catalog/deployments.ts";
import { readCatalog } from "../../src/catalog/read.ts";
import { type ContentRenderer, contentRendererFor } from "../../src/content/renderer.ts";
import { createTemplateRenders, renderCounts } from "../../src/content/renders.ts";
import { diffPlan } from "../../src/deploy/preview/diff.ts";
import { prepareDeploy } from "../../src/deploy/run/run.ts";
import { purgeCatalog } from "../../src/gc/catalog.ts";
import { Secret } from "../../src/model/secret.ts";
import { type Room, useRooms } from "../support/builders/hook-room.ts";

const makeRoom = useRooms();

const options = { force: false, syncOnly: false };
const secrets = "secrets/job/api";
const encoded = (text: string) => Buffer.from(text).toString("base64");

const files = {
  "app.conf.tpl": `colour=red\npassword={{ getSecret "password" }}\ntoken={{ getSecret "password" | b64enc | upper }}\n`,
  "user.conf.tpl": 'user={{ get "vars/job/api" "user" }}\n',
  // Nothing can be made of it without the secret itself.
  "pin.conf.tpl": '{{ add (int (getSecret "pin")) 1 }}\n',
  "script.conf.eta": "<%= it.getSecret('password').split('').reverse().join('') %>\n",
};

async function secretRoom(): Promise<Room> {
  const room = await makeRoom({ api: { files } });
  put(room, secrets, "password", "hunter2");
  put(room, secrets, "pin", "4711");
  put(room, "vars/job/api", "user", "bob");
  return room;
}

const put = (room: Room, namespace: string, key: string, value: string) =>
  room.session.kv.apply([{ namespace, key, value }], 1);

/** Renders for use and masked ones that the work took. */
async function counting<T>(
  work: () => Promise<T>,
): Promise<[result: T, counts: { content: number; masked: number }]> {
  const before = renderCounts();
  const result = await work();
  const after = renderCounts();
  return [result, { content: after.content - before.content, masked: after.masked - before.masked }];
}

/** What a deploy does to the catalog, without workers: the attempt is noted before the bytes are kept. */
async function promoteAll(room: Room): Promise<void> {
  const { catalog } = room.session;
  const { state } = readCatalog(catalog);
  const contents: ContentRenderer = contentRendererFor(room.session, state, room.session.kv);
  const job = state.jobs.find(({ name }) => name === "api")!;
  for (const row of state.allocations) {
    beginAttempts(catalog, [{ allocId: row.allocId, content: await contents.desired(job, row) }]);
    const { promoted, keep } = await contents.capture(job, row, "0.0.0");
    await keep();
    promote(catalog, [{ allocId: row.allocId, version: job.version, content: promoted, state: "running" }]);
  }
}

async function diffs(room: Room): Promise<Map<string, string>> {
  const { facts, plan } = await prepareDeploy(room.session, options);
  const all = await diffPlan(room.session, facts, plan);
  return new Map(all.map(({ path, text }) => [path, text]));
}

test("a plan makes no twin; what is promoted gets one each, once", async () => {
  const room = await secretRoom();
  const [, planned] = await counting(() => prepareDeploy(room.session, options));
  expect(planned).toEqual({ content: 12, masked: 0 });
  const [, promoted] = await counting(() => promoteAll(room));
  // The same for every worker: the first one's twins serve all, but for the one that cannot be made.
  expect(promoted).toEqual({ content: 12, masked: 2 + 3 });
  const [, again] = await counting(() => diffs(room));
  expect(again).toEqual({ content: 12, masked: 0 });
});

test("neither side of a diff shows a secret or what was made of one, and --diff renders what differs alone", async () => {
  const room = await secretRoom();
  await promoteAll(room);
  put(room, secrets, "password", "correct horse");
  put(room, secrets, "pin", "4712");
  put(room, "vars/job/api", "user", "eve");
  const [onlySecrets, counts] = await counting(() => diffs(room));
  expect(counts.masked).toBe(9);
  expect(onlySecrets.get("app.conf")).toBe("(differs in secrets only)\n");
  expect(onlySecrets.get("script.conf")).toBe("(differs in secrets only)\n");
  expect(onlySecrets.get("pin.conf")).toBe("(not shown: it is a key, secret, binary or large)\n");
  expect(onlySecrets.get("user.conf")).toContain("-user=bob\n+user=eve\n");

  room.write("workspace/jobs/api/app.conf.tpl", files["app.conf.tpl"].replace("red", "blue"));
  await runBuild(room.session, { purgeSecretsKv: false });
  const changed = await diffs(room);
  expect(changed.get("app.conf")).toContain("-colour=red\n+colour=blue\n password=***\n token=KIOQ\n");
  const shown = [...onlySecrets.values(), ...changed.values()].join("");
  for (const secret of ["hunter2", "correct horse", "4711", "4712", "4713"]) {
    for (const form of [secret, encoded(secret).toUpperCase(), [...secret].reverse().join("")])
      expect(shown).not.toContain(form);
  }
});

test("a file with a secret in it that has no twin yet is not shown as it is", async () => {
  const room = await secretRoom();
  const { catalog } = room.session;
  const { state } = readCatalog(catalog);
  const contents = contentRendererFor(room.session, state, room.session.kv);
  const [job, row] = [state.jobs[0]!, state.allocations[0]!];
  const content = await contents.desired(job, row);
  // As a run that ended in between leaves it, and the bytes are there.
  promote(catalog, [{ allocId: row.allocId, version: job.version, content, state: "running" }]);
  const bytes = Buffer.from("password=hunter2");
  for (const { ref } of content.files.filter((file) => file.kind === "file"))
    if (!room.session.blobs.has(ref)) room.session.blobs.put(ref, bytes, true);
  put(room, secrets, "password", "correct horse");
  const shown = await diffs(room);
  expect(shown.get("app.conf")).not.toContain("hunter2");
});

/** Renders of `app.conf.tpl` from a KV in which every key has the value of the moment. */
async function rendersOver(answer: () => string | Secret) {
  const { session } = await secretRoom();
  const { state } = readCatalog(session.catalog);
  const renders = createTemplateRenders({
    state,
    kv: { get: answer, keys: () => [] },
    remoteDirectory: "/opt/worker/b",
    readBlob: (sha256) => session.blobs.read(sha256),
  });
  const template = state.files.get("api")!.find((file) => file.path === "app.conf.tpl")!;
  if (template.kind !== "file") throw new Error("app.conf.tpl is no file");
  const request = {
    job: state.jobs[0]!,
    allocation: state.allocations[0]!,
    template,
    currentVersion: "1.0.0",
  };
  return { renders, request };
}

test("text that has become a secret of the same letters is no longer text", async () => {
  let value: string | Secret = "letters";
  const { renders, request } = await rendersOver(() => value);
  expect((await renders.identify(request)).secret).toBe(false);
  value = new Secret("letters");
  expect((await renders.identify(request)).secret).toBe(true);
});

test("a twin is made without opening a secret", async () => {
  const closed = new Secret(() => {
    throw new Error("a secret was opened");
  });
  const { renders, request } = await rendersOver(() => closed);
  expect(Buffer.from(await renders.renderMasked(request)).toString("utf8")).toContain("password=***\n");
  await expect(renders.render(request)).rejects.toThrow("a secret was opened");
});

test("gc keeps the twins of what is promoted", async () => {
  const room = await secretRoom();
  await promoteAll(room);
  const state = readCatalog(room.session.catalog).state;
  const contents = contentRendererFor(room.session, state, room.session.kv);
  const { files: tree } = await contents.desired(state.jobs[0]!, state.allocations[0]!);
  const names = tree.flatMap(({ path, shown }) => (shown && path !== "pin.conf" ? [shown] : []));
  expect(names).toHaveLength(2);
  const { catalog, kv } = room.session;
  purgeCatalog(catalog, kv, { purged: [], workspaceJobs: new Set(["api"]), tombstonesUntil: 0, now: 0 });
  expect(names.map((name) => room.session.blobs.has(name))).toEqual([true, true]);
});
