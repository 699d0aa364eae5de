// Probes and the gate against real sockets: what passes, what fails with which words, and how often it is asked.

import { afterAll, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { createServer as createTlsServer } from "node:https";
import { createServer, type Server } from "node:net";
import { type Check, noWait, runGate } from "../../src/health/gate.ts";
import { type ProbeTarget, probeName, runProbe } from "../../src/health/probe.ts";
import type { Probe } from "../../src/model/manifest.ts";
import { failed, passed, type Verdict } from "../../src/model/result.ts";

const servers: { close(): void }[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

function listen(server: Server): Promise<number> {
  servers.push(server);
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
}

async function httpPort(answer: (path: string) => Response | Promise<Response>): Promise<number> {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => answer(new URL(request.url).pathname),
  });
  servers.push({ close: () => void server.stop(true) });
  return server.port!;
}

const target = (port: number | undefined, changes: Partial<ProbeTarget> = {}): ProbeTarget => ({
  workerIp: "127.0.0.1",
  portNumber: (name) => (name === "main" ? port : undefined),
  caCert: "",
  jobDirectory: "/opt/worker/b-1/jobs/api",
  useSudo: false,
  connect: () => Promise.reject(new Error("no ssh here")),
  timeoutSeconds: 2,
  ...changes,
});

const reasonIn = (verdict: Verdict) => (verdict.pass ? undefined : verdict.reason);

const http = {
  type: "http",
  port: "main",
  path: "/",
  expectStatus: 200,
  scheme: "http",
  insecure: false,
} as const;
const tcp = { type: "tcp", port: "main" } as const;

test("tcp: open, closed, and a name that is no port", async () => {
  const server = createServer();
  const port = await listen(server);
  expect(await runProbe(tcp, target(port))).toEqual(passed);
  await new Promise((resolve) => server.close(resolve));
  expect(reasonIn(await runProbe(tcp, target(port)))).toContain(`127.0.0.1:${port}`);
  expect(reasonIn(await runProbe({ type: "tcp", port: "other" }, target(port)))).toContain('no port "other"');
});

test("http: the status decides, the path is asked for, redirects are not followed", async () => {
  const port = await httpPort((path) =>
    path === "/healthz"
      ? new Response("fine")
      : new Response(null, { status: 302, headers: { location: "/healthz" } }),
  );
  expect(await runProbe({ ...http, path: "/healthz" }, target(port))).toEqual(passed);
  expect(reasonIn(await runProbe(http, target(port)))).toContain("answered 302, expected 200");
  expect(await runProbe({ ...http, expectStatus: 302 }, target(port))).toEqual(passed);
});

test("http: a server that accepts and says nothing fails in time", async () => {
  const port = await listen(createServer(() => undefined));
  expect(reasonIn(await runProbe(http, target(port, { timeoutSeconds: 0.2 })))).toContain("within 0.2 s");
});

test("http: a proxy in the environment is not asked", async () => {
  const port = await httpPort(() => new Response("direct"));
  const before = { ...process.env };
  try {
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"])
      process.env[name] = "http://127.0.0.1:1";
    expect(await runProbe(http, target(port))).toEqual(passed);
  } finally {
    for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});

test("https: the bucket's CA is trusted, another one is not, insecure asks for neither", async () => {
  const mine = await authority();
  const other = await authority();
  const server = createTlsServer({ key: mine.key, cert: mine.cert }, (_, response) => response.end("fine"));
  const port = await listen(server as unknown as Server);
  const https = { ...http, scheme: "https" } as const;
  expect(await runProbe(https, target(port, { caCert: mine.cert }))).toEqual(passed);
  expect((await runProbe(https, target(port, { caCert: other.cert }))).pass).toBe(false);
  expect(await runProbe({ ...https, insecure: true }, target(port, { caCert: other.cert }))).toEqual(passed);
});

/** A self-signed certificate for 127.0.0.1. */
async function authority(): Promise<{ key: string; cert: string }> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
    "sign",
    "verify",
  ]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=${generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }).x}`,
      keys,
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }]),
      ],
    },
    crypto,
  );
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    cert: cert.toString("pem"),
  };
}

test("ssh: what stands in the way of the connection is the failure", async () => {
  expect(await runProbe({ type: "ssh", command: "true" }, target(undefined))).toEqual(failed("no ssh here"));
});

test("names of checks", () => {
  expect(probeName(tcp)).toBe("tcp main");
  expect(probeName({ ...http, path: "/x" })).toBe("http main/x");
  expect(probeName({ type: "ssh", command: "pg_isready" })).toBe("ssh pg_isready");
  expect(probeName({ type: "file", path: "data/ready", contains: "yes" })).toBe("file data/ready");
});

function scripted(name: string, ...answers: (string | undefined)[]): Check & { asked: number } {
  const check = {
    job: "api",
    workerIp: "10.0.0.1",
    name,
    asked: 0,
    run: async () => {
      const answer = answers[Math.min(check.asked++, answers.length - 1)];
      return answer === undefined ? passed : failed(answer);
    },
  };
  return check;
}

test("the gate asks again only what has not passed, up to its attempts", async () => {
  const well = scripted("well", undefined);
  const late = scripted("late", "not yet", "not yet", undefined);
  const sick = scripted("sick", "down");
  const results = await runGate([well, late, sick], () => ({ attempts: 4, intervalSeconds: 0.01 }));
  expect(results.map((r) => [r.check, r.pass, r.attempts, reasonIn(r)])).toEqual([
    ["well", true, 1, undefined],
    ["late", true, 3, undefined],
    ["sick", false, 4, "down"],
  ]);
  expect([well.asked, late.asked, sick.asked]).toEqual([1, 3, 4]);
});

test("a probe of a type that nobody handles fails the gate, and the reason names it", async () => {
  const probe = { type: "carrier-pigeon" } as unknown as Probe;
  const check = { job: "api", workerIp: "127.0.0.1", name: probeName(probe) };
  const [result] = await runGate([{ ...check, run: () => runProbe(probe, target(1)) }], () => noWait);
  expect(result).toMatchObject({ check: "carrier-pigeon", pass: false });
  expect(reasonIn(result!)).toBe('maand does not know the probe type "carrier-pigeon"');
});

test("an answer that is no verdict never passes the gate", async () => {
  const check = { job: "api", workerIp: "127.0.0.1", name: "mute" };
  const mute = { ...check, run: async () => undefined as unknown as Verdict };
  await expect(runGate([mute], () => noWait)).rejects.toThrow();
});

test("without waiting everything is asked once", async () => {
  const late = scripted("late", "not yet", undefined);
  expect((await runGate([late], () => noWait))[0]!.pass).toBe(false);
  expect(late.asked).toBe(1);
});

test("an interruption ends the waiting; what has not passed has failed", async () => {
  const stop = new AbortController();
  const sick = scripted("sick", "down");
  const gate = runGate([sick], () => ({ attempts: 1000, intervalSeconds: 600 }), stop.signal);
  stop.abort();
  expect(await gate).toEqual([
    { job: "api", workerIp: "10.0.0.1", check: "sick", attempts: 1, pass: false, reason: "down" },
  ]);
});

test("an observer hears of the beginning and the end of each check", async () => {
  const heard: string[] = [];
  await runGate(
    [scripted("late", "no", undefined)],
    () => ({ attempts: 2, intervalSeconds: 0 }),
    undefined,
    (check, result) => heard.push(`${check.name} ${result?.pass ?? "begins"}`),
  );
  expect(heard).toEqual(["late begins", "late true"]);
});
