// The runtime API as hooks meet it, over real HTTP: every route, every refusal with its status, limits.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import fc from "fast-check";
import { createSemaphores } from "../../src/hooks/api/semaphores.ts";
import type { ApiServer } from "../../src/hooks/api/server.ts";
import { startApi } from "../../src/hooks/api/server.ts";
import type { HookInvocation, Tokens } from "../../src/hooks/api/tokens.ts";
import { createTokens } from "../../src/hooks/api/tokens.ts";
import { workerAccess } from "../../src/hooks/api/worker-access.ts";
import { demandsOn } from "../../src/hooks/choose.ts";
import type { KvOverlay } from "../../src/kv/overlay.ts";
import { overlayKv } from "../../src/kv/overlay.ts";
import type { HookEvent } from "../../src/model/manifest.ts";
import { Secret } from "../../src/model/secret.ts";
import type { Room } from "../support/builders/hook-room.ts";
import { hooks, useRooms } from "../support/builders/hook-room.ts";

const makeRoom = useRooms();

let room: Room;
let api: ApiServer;
let tokens: Tokens;
let kv: KvOverlay;
const semaphores = createSemaphores();
const faults: unknown[] = [];
const asked: string[] = [];
const secrets: string[] = [];

beforeAll(async () => {
  room = await makeRoom({
    db: { manifest: { hooks: hooks({ hook_user: ["cli"] }) }, files: { "_hooks/hook_user.py": "" } },
    api: {
      manifest: {
        hooks: hooks({
          hook_a: {
            executed_on: ["cli"],
            demands: { job: "db", hook: "hook_user", config: { user: "api", min_version: "1" } },
          },
        }),
      },
      files: { "_hooks/hook_a.ts": "" },
    },
    other: { files: {} },
  });
  kv = overlayKv(room.session.kv);
  kv.write("test", [
    { namespace: "vars/job/db", key: "host", value: "10.0.0.9" },
    { namespace: "secrets/job/db", key: "password", value: "hush-hush" },
    { namespace: "vars/job/other", key: "x", value: "1" },
  ]);
  tokens = createTokens();
  api = await startApi({
    tokens,
    services: {
      kv,
      semaphores,
      workers: workerAccess(room.session, room.state, new Map()),
      demandsOn: (job, hook) => demandsOn(room.state, job, hook),
    },
    onRequest: (_, line) => asked.push(line),
    onFault: (error) => faults.push(error),
  });
});

afterAll(async () => {
  await api.close();
  await room.close();
});

let ids = 0;

/** A token for an invocation of job api. */
function mint(change: Partial<HookInvocation> = {}): string {
  ids += 1;
  return tokens.mint({
    id: `test-${ids}`,
    job: "api",
    allocId: "alloc-api-1",
    workerIp: "10.99.0.1",
    event: "cli",
    hook: "hook_a",
    demands: ["db"],
    writer: "alloc-api-1",
    currentVersion: "0.0.0",
    newVersion: "1.2.3",
    signal: new AbortController().signal,
    onSecret: (text) => secrets.push(text),
    ...change,
  });
}

interface Asked {
  token?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

async function ask(method: string, path: string, { token = mint(), body, headers = {} }: Asked = {}) {
  const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    json: JSON.parse(text) as Record<string, unknown>,
    headers: response.headers,
  };
}

/** A request as bytes: fetch refuses to send a body with GET. */
function rawRequest(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(api.port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk.toString();
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer")));
  });
}

describe("reading", () => {
  const table: [string, string, number, unknown][] = [
    ["maand/bucket", "jobs", 200, "api,db,other"],
    ["maand/worker/10.99.0.2", "worker_ip", 200, "10.99.0.2"],
    ["maand/job/api", "version", 200, "1.2.3"],
    ["maand/job/api/worker/10.99.0.2", "version", 200, "1.2.3"],
    ["maand/job/db", "name", 200, "db"],
    ["vars/job/db", "host", 200, "10.0.0.9"],
    ["secrets/job/db", "password", 200, "hush-hush"],
    ["vars/job/api", "nothing", 404, undefined],
    ["vars/job/other", "x", 400, undefined],
    ["secrets/job/other", "x", 400, undefined],
    ["maand/job/other", "name", 400, undefined],
    ["maand/prometheus", "x", 400, undefined],
    ["vars/bucket/job/../x", "y", 400, undefined],
    ["nonsense", "y", 400, undefined],
  ];
  test.each(table)("%s %s answers %d", async (namespace, key, status, value) => {
    const query = new URLSearchParams({ namespace, key });
    const answer = await ask("GET", `/kv?${query}`);
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.json).toEqual({ namespace, key, value });
    else expect(answer.json).toEqual({ error: expect.any(String) });
  });

  test("with a body instead of a query", async () => {
    const body = JSON.stringify({ namespace: "maand/job/api", key: "name" });
    const answer = await rawRequest(
      `GET /kv HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${mint()}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer).toStartWith("HTTP/1.1 200");
    expect(answer).toEndWith('{"namespace":"maand/job/api","key":"name","value":"api"}');
  });

  test("keys of the job by default, of another namespace when asked, names only", async () => {
    const token = mint();
    await ask("PUT", "/kv", { token, body: { namespace: "vars/job/api", key: "k1", value: "v" } });
    await ask("PUT", "/kv/secret", {
      token,
      body: { namespace: "secrets/job/api", key: "s1", value: "veiled" },
    });
    expect((await ask("GET", "/kv/keys", { token })).json).toEqual({
      namespaces: { "vars/job/api": ["k1"], "secrets/job/api": ["s1"] },
    });
    expect((await ask("GET", "/kv/keys?namespace=secrets/job/db", { token })).json).toEqual({
      namespaces: { "secrets/job/db": ["password"] },
    });
    expect((await ask("GET", "/kv/keys?namespace=vars/job/other", { token })).status).toBe(400);
  });

  test("demands name the hooks that depend on this one", async () => {
    const answer = await ask("GET", "/demands", {
      token: mint({ job: "db", hook: "hook_user", demands: [] }),
    });
    expect(answer.json as unknown).toEqual([
      { job: "api", hook: "hook_a", command: "hook_a", demand_config: { user: "api", min_version: "1" } },
    ]);
    expect((await ask("GET", "/demands")).json as unknown).toEqual([]);
  });
});

describe("writing", () => {
  const table: [string, string, Record<string, unknown>, HookEvent, number][] = [
    ["PUT", "/kv", { namespace: "vars/job/api", key: "a", value: "1" }, "post_deploy", 200],
    ["DELETE", "/kv", { namespace: "vars/job/api", key: "a" }, "post_deploy", 200],
    ["DELETE", "/kv", { namespace: "vars/job/api", key: "a" }, "post_deploy", 404],
    ["PUT", "/kv", { namespace: "vars/job/db", key: "a", value: "1" }, "cli", 400],
    ["PUT", "/kv", { namespace: "secrets/job/api", key: "a", value: "1" }, "cli", 400],
    ["PUT", "/kv", { namespace: "maand/job/api", key: "version", value: "9" }, "cli", 400],
    ["PUT", "/kv", { namespace: "vars/bucket", key: "x", value: "9" }, "cli", 400],
    ["PUT", "/kv/secret", { namespace: "secrets/job/api", key: "p", value: "veiled" }, "pre_deploy", 200],
    ["DELETE", "/kv/secret", { namespace: "secrets/job/api", key: "p" }, "pre_deploy", 200],
    ["PUT", "/kv/secret", { namespace: "secrets/job/db", key: "p", value: "x" }, "pre_deploy", 400],
    ["PUT", "/kv/secret", { namespace: "vars/job/api", key: "p", value: "x" }, "pre_deploy", 400],
    [
      "PUT",
      "/kv",
      { namespace: "maand/job/api", key: "rollout_order", value: "10.99.0.3" },
      "pre_deploy",
      200,
    ],
    ["PUT", "/kv", { namespace: "maand/job/api", key: "rollout_order", value: "10.99.0.2" }, "cli", 200],
    ["PUT", "/kv", { namespace: "maand/job/api", key: "rollout_order", value: "x" }, "post_deploy", 400],
    ["PUT", "/kv", { namespace: "maand/job/db", key: "rollout_order", value: "x" }, "cli", 400],
    ["DELETE", "/kv", { namespace: "maand/job/api", key: "rollout_order" }, "cli", 400],
    ["PUT", "/kv", { namespace: "vars/job/api", key: "a", value: "1" }, "health_check", 400],
    ["DELETE", "/kv", { namespace: "vars/job/api", key: "a" }, "health_check", 400],
    ["PUT", "/kv/secret", { namespace: "secrets/job/api", key: "a", value: "1" }, "health_check", 400],
    ["DELETE", "/kv/secret", { namespace: "secrets/job/api", key: "a" }, "health_check", 400],
    ["PUT", "/kv", { namespace: "vars/job/api", key: "", value: "1" }, "cli", 400],
    ["PUT", "/kv", { namespace: "vars/job/api", key: "a\nb", value: "1" }, "cli", 400],
    ["PUT", "/kv", { namespace: "vars/job/api", key: "k".repeat(254), value: "1" }, "cli", 400],
    ["PUT", "/kv", { namespace: "vars/job/api", key: "a", value: 1 }, "cli", 400],
    ["PUT", "/kv", { namespace: "vars/job/api", key: "a" }, "cli", 400],
    ["PUT", "/kv", { key: "a", value: "1" }, "cli", 400],
  ];
  test.each(table)("%s %s %j in %s answers %d", async (method, path, body, event, status) => {
    const answer = await ask(method, path, { token: mint({ event }), body });
    expect(answer.status).toBe(status);
    if (status >= 400) expect(answer.json).toEqual({ error: expect.any(String) });
  });

  test("is seen by other hooks at once, and in the catalog at the checkpoint", async () => {
    await ask("PUT", "/kv", { body: { namespace: "vars/job/api", key: "seen", value: "now" } });
    expect((await ask("GET", "/kv?namespace=vars/job/api&key=seen")).json.value).toBe("now");
    expect(room.session.kv.get("vars/job/api", "seen")).toBeUndefined();
    kv.store(["alloc-api-1"], 2).committed();
    expect(room.session.kv.get("vars/job/api", "seen")).toBe("now");
  });

  test("a secret is encrypted at rest, and whoever reads or writes it is told to keep it out of the output", async () => {
    await ask("PUT", "/kv/secret", {
      body: { namespace: "secrets/job/api", key: "pw", value: "not-for-print" },
    });
    kv.store(["alloc-api-1"], 2).committed();
    expect(room.session.kv.get("secrets/job/api", "pw")).toBeInstanceOf(Secret);
    expect((await ask("GET", "/kv?namespace=secrets/job/api&key=pw")).json.value).toBe("not-for-print");
    expect(secrets.filter((text) => text === "not-for-print")).toHaveLength(2);
    expect(asked.join("\n")).not.toContain("not-for-print");
  });
});

describe("who asks", () => {
  test("no token, a wrong one, and that of a hook that has ended are refused", async () => {
    const token = mint();
    const path = "/kv?namespace=maand/bucket&key=jobs";
    expect((await ask("GET", path, { token })).status).toBe(200);
    for (const wrong of [
      "",
      "x",
      `${token}x`,
      token.slice(0, -1),
      token.split(".")[0]!,
      `.${token.split(".")[1]!}`,
    ]) {
      expect((await ask("GET", path, { headers: { authorization: `Bearer ${wrong}` } })).status).toBe(401);
    }
    expect((await ask("GET", path, { headers: { authorization: token } })).status).toBe(401);
    tokens.revoke(token);
    expect((await ask("GET", path, { token })).status).toBe(401);
  });

  test.each([
    ["x-allocation-id", "alloc-api-1", 200],
    ["x-allocation-id", "alloc-api-2", 403],
    ["event", "cli", 200],
    ["event", "pre_deploy", 403],
    ["command", "hook_a", 200],
    ["command", "hook_b", 403],
  ])("header %s: %s answers %d", async (name, value, status) => {
    const answer = await ask("GET", "/kv?namespace=maand/bucket&key=jobs", { headers: { [name]: value } });
    expect(answer.status).toBe(status);
  });

  test("only this host can ask", () => {
    // Another address of the loopback: it would answer if the API listened on all addresses.
    return expect(
      new Promise((resolve, reject) => {
        const socket = connect(api.port, "127.0.0.2", () => resolve("connected"));
        socket.on("error", reject);
      }),
    ).rejects.toThrow();
  });
});

describe("how it is asked", () => {
  test("unknown paths and methods", async () => {
    expect((await ask("GET", "/nothing")).status).toBe(404);
    expect((await ask("GET", "/kv/")).status).toBe(404);
    expect((await ask("GET", "/constructor")).status).toBe(404);
    const odd = `GET //[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${mint()}\r\n\r\n`;
    expect(await rawRequest(odd)).toStartWith("HTTP/1.1 40");
    const wrong = await ask("PATCH", "/kv", { body: {} });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET, PUT, DELETE");
    expect((await ask("GET", "/semaphore/acquire")).status).toBe(405);
  });

  test("bodies that are no JSON objects", async () => {
    for (const body of ["{", "[]", "1", "null", '"x"', "\u0000"]) {
      expect((await ask("PUT", "/kv", { body })).status).toBe(400);
    }
    const text = { body: "a=b", headers: { "content-type": "text/plain" } };
    expect((await ask("PUT", "/kv", text)).status).toBe(415);
    const charset = { "content-type": "application/json; charset=utf-8" };
    const good = { namespace: "vars/job/api", key: "charset", value: "1" };
    expect((await ask("PUT", "/kv", { body: good, headers: charset })).status).toBe(200);
  });

  test("8 MiB are taken, more is not", async () => {
    const body = (size: number) => {
      const empty = JSON.stringify({ namespace: "vars/job/api", key: "big", value: "" });
      return JSON.stringify({
        namespace: "vars/job/api",
        key: "big",
        value: "x".repeat(size - empty.length),
      });
    };
    expect((await ask("PUT", "/kv", { body: body(8 * 1024 * 1024) })).status).toBe(200);
    expect((await ask("PUT", "/kv", { body: body(8 * 1024 * 1024 + 1) })).status).toBe(413);
    expect((await ask("PUT", "/kv", { body: body(40 * 1024 * 1024) })).status).toBe(413);
  });

  test("a field that there is not is told, not ignored", async () => {
    const answer = await ask("POST", "/semaphore/acquire", { body: { name: "s", timeout: 5 } });
    expect(answer.status).toBe(400);
    expect(answer.json.error).toContain("timeout");
  });

  test("whatever is sent, the answer is one of the documented statuses and nothing breaks", async () => {
    const token = mint();
    const json = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom("{}", '{"namespace":{}}', '{"__proto__":1}'),
    );
    const path = fc.constantFrom(
      "/kv",
      "/kv/secret",
      "/kv/keys",
      "/demands",
      "/semaphore/status",
      "/semaphore/release",
      "//",
      "/kv?namespace[]=1",
    );
    await fc.assert(
      fc.asyncProperty(path, fc.constantFrom("PUT", "POST", "DELETE"), json, async (to, method, body) => {
        const { status } = await ask(method, to, { token, body });
        expect([200, 400, 404, 405, 409]).toContain(status);
      }),
      { numRuns: 300 },
    );
    expect(faults).toEqual([]);
  });
});

describe("semaphores", () => {
  const capacity = 1;
  test("acquire, status, release", async () => {
    const [a, b] = [mint({ allocId: "alloc-a" }), mint({ allocId: "alloc-b" })];
    const first = await ask("POST", "/semaphore/acquire", { token: a, body: { name: "m" } });
    expect(first).toMatchObject({
      status: 200,
      json: { name: "m", allocation_id: "alloc-a", capacity, acquired: true },
    });
    const late = await ask("POST", "/semaphore/acquire", {
      token: b,
      body: { name: "m", timeout_seconds: 0.05 },
    });
    expect(late.status).toBe(408);
    const waiting = ask("POST", "/semaphore/acquire", { token: b, body: { name: "m", timeout_seconds: 30 } });
    expect((await ask("POST", "/semaphore/release", { token: b, body: { name: "m" } })).status).toBe(409);
    expect((await ask("GET", "/semaphore/status?name=m", { token: b })).json).toMatchObject({
      name: "m",
      capacity,
      holders: ["alloc-a"],
      available: 0,
    });
    expect((await ask("POST", "/semaphore/release", { token: a, body: { name: "m" } })).status).toBe(200);
    expect((await waiting).status).toBe(200);
  });

  test.each([0, 65, 1.5, "1"])("capacity %p is refused", async (wrong) => {
    expect((await ask("POST", "/semaphore/acquire", { body: { name: "c", capacity: wrong } })).status).toBe(
      400,
    );
  });
  test.each([-1, 3601, "5"])("timeout %p is refused", async (wrong) => {
    const body = { name: "c", timeout_seconds: wrong };
    expect((await ask("POST", "/semaphore/acquire", { body })).status).toBe(400);
  });

  test("who goes away while waiting waits no longer", async () => {
    const [a, b] = [mint(), mint()];
    await ask("POST", "/semaphore/acquire", { token: a, body: { name: "gone" } });
    const leaving = new AbortController();
    const request = fetch(`http://127.0.0.1:${api.port}/semaphore/acquire`, {
      method: "POST",
      headers: { authorization: `Bearer ${b}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "gone" }),
      signal: leaving.signal,
    });
    const waiting = async () => (await ask("GET", "/semaphore/status?name=gone", { token: a })).json.waiting;
    for (let i = 0; i < 200 && (await waiting()) !== 1; i++) await Bun.sleep(10);
    expect(await waiting()).toBe(1);
    leaving.abort();
    await expect(request).rejects.toThrow();
    for (let i = 0; i < 200 && (await waiting()) !== 0; i++) await Bun.sleep(10);
    expect(await waiting()).toBe(0);
  });
});

describe("workers", () => {
  test("a worker that is none of the bucket's, and targets that are none", async () => {
    const run = (body: unknown) => ask("POST", "/worker/run", { body });
    expect((await run({ worker_ip: "192.0.2.1", command: "true" })).status).toBe(400);
    expect((await run({ command: "" })).status).toBe(400);
    for (const target of ["-f/etc/passwd", "a b", "X=1", ""]) {
      expect((await ask("POST", "/worker/make", { body: { target } })).status).toBe(400);
    }
    const variables = { "A B": "1" };
    expect((await ask("POST", "/worker/make", { body: { target: "x", variables } })).status).toBe(400);
  });
});
