// The runtime API: which route with which body gives which answer. HTTP itself is in server.ts.

import type { z } from "zod";
import { jobNamespace, jobSecretsNamespace, jobVarsNamespace } from "../../kv/namespaces.ts";
import type { KvOverlay } from "../../kv/overlay.ts";
import { mayRead } from "../../kv/read-rules.ts";
import { MaandError } from "../../model/error.ts";
import { failed, passed, type Verdict } from "../../model/result.ts";
import { Secret } from "../../model/secret.ts";
import { eventRules } from "../plan.ts";
import {
  acquireBody,
  bodyError,
  keyBody,
  keysBody,
  makeBody,
  noBody,
  runBody,
  runnerBody,
  semaphoreBody,
  valueBody,
} from "./bodies.ts";
import type { Semaphores } from "./semaphores.ts";
import { semaphoreScope } from "./semaphores.ts";
import type { HookInvocation } from "./tokens.ts";
import type { WorkerAccess } from "./worker-access.ts";

/** A hook elsewhere whose demand names a job and hook. */
export interface HookDemandRow {
  job: string;
  hook: string;
  demand_config: Record<string, unknown>;
}

/** What the routes work on. */
export interface ApiServices {
  kv: KvOverlay;
  semaphores: Semaphores;
  workers: WorkerAccess;
  /** Hooks of other jobs that demand this hook of this job, by job and hook. */
  demandsOn(job: string, hook: string): HookDemandRow[];
}

/** A request whose token has been checked and whose body has been parsed. */
export interface ApiRequest {
  invocation: HookInvocation;
  /** Body and query together; the body's fields count first. */
  fields: Record<string, unknown>;
  /** Aborted when the caller goes away or its hook ends. */
  signal: AbortSignal;
}

export interface Answer {
  status: number;
  body: unknown;
}

type Handler = (request: ApiRequest, services: ApiServices) => Answer | Promise<Answer>;

/** An answer that says no. */
export function refuse(status: number, error: string): Answer {
  return { status, body: { error } };
}

const done = (body: unknown): Answer => ({ status: 200, body });

/** A handler whose fields have the shape of a schema. */
function accepts<S extends z.ZodType>(
  schema: S,
  handle: (fields: z.output<S>, request: ApiRequest, services: ApiServices) => Answer | Promise<Answer>,
): Handler {
  return (request, services) => {
    const parsed = schema.safeParse(request.fields, { reportInput: true });
    if (!parsed.success) return refuse(400, bodyError(parsed.error));
    return handle(parsed.data, request, services);
  };
}

const getKey = accepts(keyBody, ({ namespace, key }, { invocation }, { kv }) => {
  if (!mayRead(readerOf(invocation), namespace)) return forbidden(invocation, namespace);
  const value = kv.get(namespace, key);
  if (value === undefined) return refuse(404, `key "${key}" does not exist in namespace "${namespace}"`);
  const text = value instanceof Secret ? value.reveal() : value;
  if (value instanceof Secret) invocation.onSecret(text);
  return done({ namespace, key, value: text });
});

const putKey = accepts(valueBody, ({ namespace, key, value }, { invocation }, { kv }) => {
  const may = mayWriteKey(invocation, namespace, key);
  if (!may.pass) return refuse(400, may.reason);
  kv.write(invocation.writer, [{ namespace, key, value }]);
  return done({ namespace, key, value });
});

const deleteKey = accepts(keyBody, ({ namespace, key }, { invocation }, services) => {
  const may = mayWriteKey(invocation, namespace);
  return may.pass ? removeKey(services, invocation, namespace, key) : refuse(400, may.reason);
});

const putSecret = accepts(valueBody, ({ namespace, key, value }, { invocation }, { kv }) => {
  const may = mayWriteSecret(invocation, namespace);
  if (!may.pass) return refuse(400, may.reason);
  invocation.onSecret(value);
  kv.write(invocation.writer, [{ namespace, key, value }]);
  return done({ namespace, key });
});

const deleteSecret = accepts(keyBody, ({ namespace, key }, { invocation }, services) => {
  const may = mayWriteSecret(invocation, namespace);
  return may.pass ? removeKey(services, invocation, namespace, key) : refuse(400, may.reason);
});

const listKeys = accepts(keysBody, ({ namespace }, { invocation }, { kv }) => {
  const { job } = invocation;
  const namespaces =
    namespace === undefined ? [jobVarsNamespace(job), jobSecretsNamespace(job)] : [namespace];
  const barred = namespaces.find((name) => !mayRead(readerOf(invocation), name));
  if (barred !== undefined) return forbidden(invocation, barred);
  return done({ namespaces: Object.fromEntries(namespaces.map((name) => [name, kv.keys(name)])) });
});

const demands = accepts(noBody, (_, { invocation }, { demandsOn }) =>
  done(demandsOn(invocation.job, invocation.hook).map((row) => ({ ...row, command: row.hook }))),
);

const acquire = accepts(acquireBody, async ({ name, capacity, timeout_seconds }, request, { semaphores }) => {
  const { invocation, signal } = request;
  const outcome = await semaphores.acquire(scopeOf(invocation, name), userOf(invocation), {
    capacity,
    timeoutSeconds: timeout_seconds,
    signal,
  });
  if (outcome === "acquired")
    return done({ name, allocation_id: invocation.allocId, capacity, acquired: true });
  if (outcome === "timeout")
    return refuse(408, `semaphore "${name}" was not free within ${timeout_seconds} s`);
  if (outcome === "ended") return refuse(409, `the wait for semaphore "${name}" was given up`);
  return refuse(409, `semaphore "${name}" is in use with capacity ${outcome.otherCapacity}, not ${capacity}`);
});

const release = accepts(semaphoreBody, ({ name }, { invocation }, { semaphores }) => {
  if (semaphores.release(scopeOf(invocation, name), userOf(invocation))) {
    return done({ name, allocation_id: invocation.allocId, released: true });
  }
  return refuse(409, `semaphore "${name}" is not held by this hook`);
});

const status = accepts(semaphoreBody, ({ name }, { invocation }, { semaphores }) =>
  done({ name, ...semaphores.status(scopeOf(invocation, name)) }),
);

const runOnWorker = accepts(runBody, (fields, { invocation, signal }, { workers }) =>
  onWorker(workers, fields.worker_ip ?? invocation.workerIp, (workerIp) =>
    workers.run(workerIp, {
      command: fields.command,
      sudo: fields.sudo,
      timeoutSeconds: fields.timeout_seconds,
      input: fields.input,
      signal,
    }),
  ),
);

const runRunner = accepts(runnerBody, (fields, { invocation, signal }, { workers }) =>
  onWorker(workers, fields.worker_ip ?? invocation.workerIp, (workerIp) =>
    workers.runner(workerIp, invocation, {
      target: fields.target,
      jobs: fields.jobs ?? [invocation.job],
      timeoutSeconds: fields.timeout_seconds,
      signal,
    }),
  ),
);

const runMake = accepts(makeBody, (fields, { invocation, signal }, { workers }) =>
  onWorker(workers, fields.worker_ip ?? invocation.workerIp, (workerIp) =>
    workers.make(workerIp, invocation, {
      target: fields.target,
      variables: fields.variables,
      timeoutSeconds: fields.timeout_seconds,
      signal,
    }),
  ),
);

const sshSettings = accepts(noBody, (_, __, { workers }) => done(workers.settings()));

/** Path to method to handler. The `/worker` routes serve the helper modules and are no part of the public API. */
export const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  "/kv": { GET: getKey, PUT: putKey, DELETE: deleteKey },
  "/kv/secret": { PUT: putSecret, DELETE: deleteSecret },
  "/kv/keys": { GET: listKeys },
  "/demands": { GET: demands },
  "/semaphore/acquire": { POST: acquire },
  "/semaphore/release": { POST: release },
  "/semaphore/status": { GET: status },
  "/worker/run": { POST: runOnWorker },
  "/worker/runner": { POST: runRunner },
  "/worker/make": { POST: runMake },
  "/worker/ssh": { GET: sshSettings },
};

function readerOf(invocation: HookInvocation): { job: string; demands: readonly string[] } {
  return { job: invocation.job, demands: invocation.demands };
}

function userOf(invocation: HookInvocation): { invocation: string; allocId: string } {
  return { invocation: invocation.id, allocId: invocation.allocId };
}

function scopeOf(invocation: HookInvocation, name: string): string {
  return semaphoreScope(invocation.job, invocation.event, name);
}

function forbidden(invocation: HookInvocation, namespace: string): Answer {
  return refuse(400, `namespace "${namespace}" is not allowed for hooks of job "${invocation.job}"`);
}

/** Whether a plain key may be written; without `key`, whether one may be deleted. */
function mayWriteKey({ job, event }: HookInvocation, namespace: string, key?: string): Verdict {
  if (!eventRules[event].mayWriteKv) return readOnly(event);
  if (namespace === jobVarsNamespace(job)) return passed;
  if (namespace === jobNamespace(job) && key === "rollout_order") {
    if (eventRules[event].maySetRolloutOrder) return passed;
    return failed(`rollout_order can be set in pre_deploy and cli hooks, not in ${event}`);
  }
  const hint = namespace === jobSecretsNamespace(job) ? "; secrets are written through /kv/secret" : "";
  return failed(`namespace "${namespace}" cannot be written by hooks of job "${job}"${hint}`);
}

function mayWriteSecret({ job, event }: HookInvocation, namespace: string): Verdict {
  if (!eventRules[event].mayWriteKv) return readOnly(event);
  if (namespace === jobSecretsNamespace(job)) return passed;
  return failed(`secrets of job "${job}" go to namespace "${jobSecretsNamespace(job)}", not "${namespace}"`);
}

function readOnly(event: string): Verdict {
  return failed(`the KV is read-only in ${event} hooks`);
}

function removeKey({ kv }: ApiServices, { writer }: HookInvocation, namespace: string, key: string): Answer {
  if (kv.write(writer, [{ namespace, key }]) > 0) return done({ namespace, key, deleted: true });
  return refuse(404, `key "${key}" does not exist in namespace "${namespace}"`);
}

async function onWorker(
  workers: WorkerAccess,
  workerIp: string,
  run: (workerIp: string) => Promise<{ returncode: number; stdout: string; stderr: string }>,
): Promise<Answer> {
  if (!workers.knows(workerIp)) return refuse(400, `"${workerIp}" is no worker of this bucket`);
  try {
    return done({ worker_ip: workerIp, ...(await run(workerIp)) });
  } catch (error) {
    if (!(error instanceof MaandError)) throw error;
    const parts = [error.message, error.why, error.hint].filter((part) => part !== undefined);
    return refuse(502, `${workerIp}: ${parts.join("; ")}`);
  }
}
