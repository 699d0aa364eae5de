// Renders are used again exactly as long as a render made anew would say the same.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Content } from "../../src/content/renderer.ts";
import { contentRendererFor } from "../../src/content/renderer.ts";
import { createTemplateRenders, renderCounts, type TemplateRenders } from "../../src/content/renders.ts";
import { type KvOverlay, overlayKv } from "../../src/kv/overlay.ts";
import type { AllocationRow, JobRow } from "../../src/model/state.ts";
import { hooks, type Room, useRooms } from "../support/builders/hook-room.ts";

const makeRoom = useRooms();

const get = (namespace: string, key: string) => `{{ getOptional "${namespace}" "${key}" }}\n`;

/** One template per way of reading. */
const templates: Record<string, string> = {
  "one.tpl": get("vars/job/api", "one"),
  "pair.tpl": `${get("vars/job/api", "one")}{{ if eq (getOptional "vars/job/api" "one") "yes" }}${get("vars/job/api", "two")}{{ end }}`,
  "list.tpl": '{{ range keys "vars/job/api" }}{{ . }},{{ end }}',
  "secret.tpl": '{{ b64enc (getOptional "secrets/job/api" "key") }}',
  "other.tpl": `${get("vars/job/db", "one")}{{ keys "secrets/job/db" | join "," }}`,
  "peer.tpl": '{{ range .Peers }}{{ getOptional (printf "maand/job/api/worker/%s" .) "note" }};{{ end }}',
  "script.eta": '<% try { %><%= it.get("vars/job/api", "one") %><% } catch { %>none<% } %>',
  "plain.tpl": "{{ .Job }} {{ .NewVersion }}",
};

const jobs = {
  db: { manifest: { hooks: hooks({ hook_user: ["cli"] }) }, files: { "_hooks/hook_user.ts": "" } },
  api: {
    manifest: {
      hooks: hooks({
        hook_init: { executed_on: ["cli"], demands: { job: "db", hook: "hook_user", config: {} } },
      }),
    },
    files: { "_hooks/hook_init.ts": "", ...templates },
  },
};

let room: Room;
let job: JobRow;
let allocation: AllocationRow;
let kv: KvOverlay;
let renders: TemplateRenders;
beforeAll(async () => {
  room = await makeRoom(jobs);
  job = room.state.jobs.find(({ name }) => name === "api")!;
  allocation = room.state.allocations.find((row) => row.job === "api")!;
  kv = overlayKv(room.session.kv);
  renders = newRenders();
});
afterAll(() => room.close());

function newRenders(heldBytes?: number): TemplateRenders {
  const readBlob = (sha256: string) => room.session.blobs.read(sha256);
  return createTemplateRenders(
    { state: room.state, kv, remoteDirectory: "/opt/worker/b", readBlob },
    heldBytes,
  );
}

/** The text of a template of the job, and how many renders it took. */
async function render(path: string, currentVersion = job.version, by = renders): Promise<[string, number]> {
  const template = room.state.files.get("api")!.find((file) => file.path === path)!;
  if (template.kind !== "file") throw new Error(`${path} is no file`);
  const before = renderCounts().content;
  const { bytes } = await by.render({ job, allocation, template, currentVersion });
  return [Buffer.from(bytes).toString("utf8"), renderCounts().content - before];
}

const put = (namespace: string, key: string, value?: string) =>
  kv.write(writerOf(namespace), [{ namespace, key, ...(value === undefined ? {} : { value }) }]);
/** One writer for each job. */
const writerOf = (namespace: string) => namespace.split("/")[2]!;

test("nothing changed, nothing rendered", async () => {
  for (const path of Object.keys(templates)) {
    const [text, first] = await render(path);
    expect([path, first]).toEqual([path, 1]);
    expect(await render(path)).toEqual([text, 0]);
  }
});

test("a write counts where it was read, and so does taking it back", async () => {
  const [nothing] = await render("one.tpl");
  await render("pair.tpl");
  put("vars/job/api", "one", "first");
  expect(await render("one.tpl")).toEqual(["first\n", 1]);
  expect((await render("pair.tpl"))[1]).toBe(1);
  // "two" is not read as long as "one" is not "yes".
  put("vars/job/api", "two", "second");
  expect([(await render("one.tpl"))[1], (await render("pair.tpl"))[1]]).toEqual([0, 0]);
  put("vars/job/api", "one", "first");
  expect(await render("one.tpl")).toEqual(["first\n", 0]);
  kv.discard(["api"]);
  expect(await render("one.tpl")).toEqual([nothing, 0]);
  put("vars/job/api", "one", "yes");
  expect(await render("pair.tpl")).toEqual(["yes\n\n", 1]);
  put("vars/job/api", "two", "second");
  expect(await render("pair.tpl")).toEqual(["yes\nsecond\n", 1]);
  kv.store(["api"], 1).committed();
  expect(await render("pair.tpl")).toEqual(["yes\nsecond\n", 0]);
  put("vars/job/api", "one");
  expect((await render("one.tpl"))[0]).toBe("\n");
  kv.store(["api"], 1).committed();
  expect((await render("one.tpl"))[1]).toBe(0);
});

test("listings, other jobs, other allocations and the store below count too", async () => {
  await render("list.tpl");
  put("vars/job/api", "new", "1");
  const [listed, again] = await render("list.tpl");
  expect([listed.includes("new,"), again]).toEqual([true, 1]);
  put("vars/job/api", "new", "2");
  expect((await render("list.tpl"))[1]).toBe(0);
  await render("other.tpl");
  put("vars/job/db", "two", "not read");
  expect((await render("other.tpl"))[1]).toBe(0);
  put("secrets/job/db", "password", "hush");
  expect(await render("other.tpl")).toEqual(["\npassword", 1]);
  await render("peer.tpl");
  const peer = room.state.allocations.filter((row) => row.job === "api")[1]!;
  put(`maand/job/api/worker/${peer.workerIp}`, "note", "here");
  expect(await render("peer.tpl")).toEqual(["here;;", 1]);
  kv.discard(["api"]);
  await render("one.tpl");
  room.session.kv.apply([{ namespace: "vars/job/api", key: "one", value: "from below" }], 1);
  expect((await render("one.tpl"))[0]).toBe("from below\n");
});

test("whatever is written, kept and dropped: a kept render is what a new one would be", async () => {
  const namespaces = ["vars/job/api", "vars/job/db", "secrets/job/api", "secrets/job/db"] as const;
  const write = fc.record({
    namespace: fc.constantFrom(...namespaces),
    key: fc.constantFrom("one", "two", "key"),
    value: fc.option(fc.constantFrom("yes", "no", ""), { nil: undefined }),
  });
  const step = fc.oneof(
    { weight: 4, arbitrary: write.map((change) => () => put(change.namespace, change.key, change.value)) },
    { weight: 1, arbitrary: fc.constantFrom("api", "db").map((name) => () => kv.discard([name])) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("api", "db").map((name) => () => kv.store([name], 2).committed()),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
      for (const take of steps) {
        take();
        for (const path of Object.keys(templates)) {
          const [kept] = await render(path);
          const [anew] = await render(path, job.version, newRenders());
          expect([path, kept]).toEqual([path, anew]);
        }
      }
    }),
    { numRuns: 25 },
  );
});

test("bytes that had no room are rendered again, what they are is not", async () => {
  const [plain] = await render("plain.tpl");
  const small = newRenders(plain.length);
  const both = async () => [
    (await render("list.tpl", job.version, small))[1],
    (await render("plain.tpl", job.version, small))[1],
  ];
  put("vars/job/api", "a key whose name is longer than what there is room for", "1");
  expect([await both(), await both()]).toEqual([
    [1, 1],
    [1, 0],
  ]);
  const template = room.state.files.get("api")!.find((file) => file.path === "list.tpl")!;
  if (template.kind !== "file") throw new Error("list.tpl is no file");
  const before = renderCounts().content;
  await small.identify({ job, allocation, template, currentVersion: job.version });
  expect(renderCounts().content).toBe(before);
  kv.discard(["api"]);
});

test("room that an outdated render took is free again", async () => {
  const texts = ["aaaa", "bbbb", "cccc", "dddd"];
  // Room for two: those that are kept of one file.
  const small = newRenders(10);
  for (const text of texts) {
    put("vars/job/api", "one", text);
    expect([
      await render("one.tpl", job.version, small),
      await render("one.tpl", job.version, small),
    ]).toEqual([
      [`${text}\n`, 1],
      [`${text}\n`, 0],
    ]);
  }
  kv.discard(["api"]);
});

describe("CurrentVersion", () => {
  /** Of each file: whether it looks at CurrentVersion. */
  const looks: Record<string, [text: string, boolean]> = {
    "none.tpl": ["{{ .NewVersion }} {{ .Labels }} {{ .Peers }} {{ $.Job }}", false],
    "field.tpl": ["{{ .CurrentVersion }}", true],
    "root.tpl": ["{{ with .Job }}{{ $.CurrentVersion }}{{ end }}", true],
    "branch.tpl": ['{{ if eq .Job "web" }}{{ .CurrentVersion }}{{ end }}', false],
    "block.tpl": ['{{ define "v" }}{{ .CurrentVersion }}{{ end }}{{ template "v" . }}', true],
    "all.tpl": ["{{ . }}", true],
    "json.tpl": ["{{ toJson . }}", true],
    "print.tpl": ['{{ printf "%v" $ }}', true],
    "it-none.eta": ["<%= it.NewVersion %> <%= it.Labels %> <%= Object.keys(it).length %>", false],
    "it-field.eta": ["<%= it.CurrentVersion %>", true],
    "apart.eta": ["<% const { CurrentVersion: v } = it %><%= v %>", true],
    "values.eta": ["<%= Object.values(it).filter((v) => typeof v !== 'function').join() %>", true],
    "spread.eta": ["<%= ({ ...it }).CurrentVersion %>", true],
    "loop.eta": [
      "<% for (const name in it) if (typeof it[name] === 'string') { %><%= it[name] %> <% } %>",
      true,
    ],
    "descriptor.eta": [
      "<% const d = Object.getOwnPropertyDescriptor(it, 'CurrentVersion') %><%= d.value ?? d.get() %>",
      true,
    ],
  };
  let own: Room;
  beforeAll(async () => {
    const files = Object.fromEntries(Object.entries(looks).map(([path, [text]]) => [path, text]));
    own = await makeRoom({ web: { files } }, { workers: [{ host: "10.99.0.1", labels: ["web"] }] });
  });

  test.each(Object.entries(looks))("%s", async (path, [text, isRead]) => {
    // The branch that does not look is the one that is not taken.
    const name = text.includes('"web"') ? "api" : "web";
    const web = { ...own.state.jobs[0]!, name };
    const [row] = own.state.allocations;
    const template = own.state.files.get("web")!.find((file) => file.path === path)!;
    if (template.kind !== "file") throw new Error(`${path} is no file`);
    const { state, session } = own;
    const readBlob = (sha256: string) => session.blobs.read(sha256);
    const source = { state, kv: session.kv, remoteDirectory: "/opt/worker/b", readBlob };
    const once = createTemplateRenders(source);
    const before = renderCounts().content;
    for (const currentVersion of ["7.7.7", "8.8.8", "7.7.7", "8.8.8"]) {
      const request = { job: web, allocation: row!, template, currentVersion };
      const { bytes, readsVersion } = await once.render(request);
      const shown = Buffer.from(bytes).toString("utf8");
      expect(readsVersion).toBe(isRead);
      expect(shown.includes(currentVersion)).toBe(isRead);
      expect(shown).toBe(
        Buffer.from((await createTemplateRenders(source).render(request)).bytes).toString("utf8"),
      );
    }
    // Four are those that were compared with.
    expect(renderCounts().content - before - 4).toBe(isRead ? 2 : 1);
  });
});

test("a renderer is shared by all who read the same KV and rows, and by nobody else", async () => {
  const { session, state } = room;
  const shared = contentRendererFor(session, state, kv);
  expect(contentRendererFor(session, state, kv)).toBe(shared);
  expect(contentRendererFor(session, { ...state }, kv)).not.toBe(shared);
  expect(contentRendererFor(session, state, overlayKv(session.kv))).not.toBe(shared);
});

test("the desired content and its hash follow from the catalog and the KV alone", async () => {
  const anew = (): Promise<Content> =>
    contentRendererFor(room.session, { ...room.state }, kv).desired(job, allocation);
  const shared = contentRendererFor(room.session, room.state, kv);
  for (const value of ["1", "2", "1", undefined]) {
    put("vars/job/api", "one", value);
    expect(await shared.desired(job, allocation)).toEqual(await anew());
  }
});
