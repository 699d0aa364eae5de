// Functions that read the KV: get, getOptional, getJob, getJobWorker, port, getSecret, keys.

import { Secret } from "../../model/secret.ts";
import { suggestName } from "../../support/nearest.ts";
import type { TemplateEnvironment } from "../environment.ts";
import { CallFault } from "../go/fault.ts";
import { compareBytes } from "../go/order.ts";
import type { FunctionTable, TemplateFunction } from "../go/value.ts";
import { stringList, type Value } from "../go/value.ts";

/** The functions that read keys, for one environment. */
export function storeFunctions(environment: TemplateEnvironment): FunctionTable {
  const { Job: job, WorkerIP: ip } = environment.data;
  const table = new Map<string, TemplateFunction>([
    ["get", ofTwo((namespace, key) => read(environment, namespace, key))],
    ["getOptional", ofTwo((namespace, key) => readOptional(environment, namespace, key))],
    ["getJob", ofOne((key) => read(environment, `maand/job/${job}`, key))],
    [
      "getSecret",
      {
        parameters: ["string", "string"],
        least: 1,
        call: ([first, second]) =>
          second === undefined
            ? read(environment, `secrets/job/${job}`, first as string)
            : read(environment, first as string, second as string),
      },
    ],
    [
      "port",
      {
        parameters: ["string", "string"],
        least: 1,
        call: ([name, other]) => port(environment, name as string, (other as string | undefined) ?? job),
      },
    ],
    ["keys", ofOne((namespace) => stringList([...environment.store.keys(namespace)].sort(compareBytes)))],
  ]);
  if (ip !== undefined) {
    table.set(
      "getJobWorker",
      ofOne((key) => read(environment, `maand/job/${job}/worker/${ip}`, key)),
    );
  }
  return table;
}

function ofOne(body: (text: string) => Value): TemplateFunction {
  return { parameters: ["string"], call: ([text]) => body(text as string) };
}

function ofTwo(body: (first: string, second: string) => Value): TemplateFunction {
  return { parameters: ["string", "string"], call: ([a, b]) => body(a as string, b as string) };
}

function read(environment: TemplateEnvironment, namespace: string, key: string): Value {
  const value = environment.store.get(namespace, key);
  if (value === undefined) throw missing(environment, namespace, key);
  return cover(environment, value);
}

function cover(environment: TemplateEnvironment, value: string | Secret): string | Secret {
  return value instanceof Secret && !environment.revealSecrets ? "***" : value;
}

function missing(environment: TemplateEnvironment, namespace: string, key: string): CallFault {
  const jobs = namespace === "maand/bucket" ? (environment.store.ambiguous?.(key) ?? []) : [];
  if (jobs.length > 0) {
    return new CallFault(
      `key ${JSON.stringify(key)} of namespace "maand/bucket" means no single port: ${jobs.join(", ")} all use that name`,
      {
        hint: `name the job too: {{ port ${JSON.stringify(key)} ${JSON.stringify(jobs[0])} }}`,
        quotesArguments: true,
      },
    );
  }
  const known = [...environment.store.keys(namespace)].sort(compareBytes);
  return new CallFault(
    `key ${JSON.stringify(key)} does not exist in namespace ${JSON.stringify(namespace)}`,
    {
      quotesArguments: true,
      hint:
        known.length === 0
          ? "the namespace has no keys; set the key, or use getOptional if it may be missing"
          : `${suggestName(key, known)}; use getOptional if it may be missing`,
    },
  );
}

// A job that is not in the bucket has no keys; whether it may be read is then no question.
function readOptional(environment: TemplateEnvironment, namespace: string, key: string): Value {
  const job = jobOf(namespace);
  const isOther = job !== undefined && job !== environment.data.Job;
  if (isOther && !environment.store.exists(job)) return "";
  const value = environment.store.get(namespace, key);
  return value === undefined ? "" : cover(environment, value);
}

/** The job whose namespace this is, if it is one of a job. */
function jobOf(namespace: string): string | undefined {
  return /^(?:maand\/job|vars\/bucket\/job|vars\/job|secrets\/job)\/([^/]+)(?:\/|$)/.exec(namespace)?.[1];
}

// A number, so that templates can calculate with it; it prints as the key's text does.
function port(environment: TemplateEnvironment, name: string, job: string): Value {
  const namespace = `maand/job/${job}`;
  const value = environment.store.get(namespace, `port_${name}`);
  if (typeof value === "string" && /^\d{1,5}$/.test(value)) return BigInt(value);
  const ports = environment.store
    .keys(namespace)
    .filter((key) => key.startsWith("port_"))
    .map((key) => key.slice("port_".length))
    .sort(compareBytes);
  throw new CallFault(`job ${JSON.stringify(job)} has no port named ${JSON.stringify(name)}`, {
    quotesArguments: true,
    hint: ports.length === 0 ? "declare it under resources.ports of its manifest" : suggestName(name, ports),
  });
}
