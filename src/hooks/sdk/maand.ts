// The "maand" module of TypeScript and JavaScript hooks: context, KV, demands, semaphores, workers. Twin of maand.py.

/** What the runtime API answered. */
export interface ApiResponse {
  readonly status: number;
  /** 200 to 299. */
  readonly ok: boolean;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
  /** Throws HookApiError unless `ok`; returns the response, so that calls can be chained. */
  raiseForStatus(): ApiResponse;
}

/** How a command on a worker ended. */
export interface CommandResult {
  readonly returncode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Throws CommandError unless `returncode` is 0; returns the result, so that calls can be chained. */
  raiseForStatus(): CommandResult;
}

/** The runtime API refused a request. */
export class HookApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
  ) {
    super(message);
    this.name = "HookApiError";
  }
}

/** A command on a worker ended with another status than 0. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly result: CommandResult,
  ) {
    super(message);
    this.name = "CommandError";
  }
}

export interface CommandOptions {
  /** Seconds; `command_timeout` of maand.conf when absent. */
  timeoutSeconds?: number;
}

export interface SshOptions extends CommandOptions {
  /** Run it through `sudo -n`. */
  sudo?: boolean;
  /** Sent to the command's standard input. */
  input?: string;
}

export interface SemaphoreOptions {
  /** How many may hold it at once: 1 to 64, default 1. */
  capacity?: number;
  /** How long to wait for it: at most 3600, default 600. */
  timeoutSeconds?: number;
}

// --- context -----------------------------------------------------------------------------------------------------

/** A variable of the hook's environment. */
export function env(name: string): string | undefined;
export function env<T>(name: string, defaultValue: T): string | T;
export function env(name: string, defaultValue?: unknown): unknown {
  return process.env[name] ?? defaultValue;
}

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new HookApiError(`${name} is not set: this script was not started by maand`, 0);
  return value;
}

export const allocationId = (): string => need("ALLOCATION_ID");
export const allocationIp = (): string => need("ALLOCATION_IP");
export const allocationIndex = (): number => Number(need("ALLOCATION_INDEX"));
export const jobName = (): string => need("JOB");
export const hookName = (): string => need("HOOK");
export const hookEvent = (): string => need("EVENT");
export const isAllocationDisabled = (): boolean => need("DISABLED") === "1";
/** Worker addresses of this batch. */
export const batchAllocations = (): string[] => listOf(need("BATCH_ALLOCATIONS"));
/** Counts from 0. */
export const batchIndex = (): number => Number(need("BATCH_INDEX"));
export const batchCount = (): number => Number(need("BATCH_COUNT"));
export const findBucketRoot = (): string => need("BUCKET_ROOT");

export const commandName = hookName;
export const commandEvent = hookEvent;
export const getAllocationId = allocationId;
export const getAllocationIp = allocationIp;
export const getAllocationIndex = allocationIndex;
export const getEvent = hookEvent;
export const getCommand = hookName;
export const getJob = jobName;

/** The job of this hook; keys are spelled as in Python. */
export function job(): { job: string; allocation_id: string; current_version: string; new_version: string } {
  return {
    job: jobName(),
    allocation_id: allocationId(),
    current_version: need("CURRENT_VERSION"),
    new_version: need("NEW_VERSION"),
  };
}

/** The worker of this hook's allocation. */
export async function worker(): Promise<{ worker_ip: string; worker_id: string; labels: string[] }> {
  const namespace = `maand/worker/${allocationIp()}`;
  const [id, labels] = await Promise.all([
    getKvValue(namespace, "worker_id"),
    getKvValue(namespace, "labels"),
  ]);
  return { worker_ip: allocationIp(), worker_id: id, labels: listOf(labels) };
}

function listOf(text: string): string[] {
  return text.split(",").flatMap((item) => (item.trim() === "" ? [] : [item.trim()]));
}

// --- requests ----------------------------------------------------------------------------------------------------

async function request(
  method: string,
  path: string,
  fields: Record<string, unknown> = {},
): Promise<ApiResponse> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  const reads = method === "GET";
  const query = reads
    ? new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()
    : "";
  const url = `http://${need("HOOK_API_HOST")}:${need("HOOK_API_PORT")}${path}${query === "" ? "" : `?${query}`}`;
  const init: BunFetchRequestInit = {
    method,
    headers: { authorization: `Bearer ${need("HOOK_API_TOKEN")}`, "content-type": "application/json" },
    // Waiting for a semaphore may take an hour; the API answers within the time that was asked for.
    timeout: false,
    // The API is on this host, whatever proxy is set for the rest of the world.
    proxy: "",
  };
  if (!reads) init.body = JSON.stringify(Object.fromEntries(given));
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (cause) {
    throw new HookApiError(`the runtime API of maand does not answer: ${String(cause)}`, 0);
  }
  return responseOf(answer.status, await answer.text(), `${method} ${path}`);
}

function responseOf(status: number, text: string, what: string): ApiResponse {
  const response: ApiResponse = {
    status,
    ok: status >= 200 && status < 300,
    text,
    json: <T>() => JSON.parse(text) as T,
    raiseForStatus() {
      if (response.ok) return response;
      let reason = text;
      try {
        reason = (JSON.parse(text) as { error?: string }).error ?? text;
      } catch {
        // Not from our API: shown as it is.
      }
      throw new HookApiError(`${what}: ${status} ${reason}`, status);
    },
  };
  return response;
}

// --- KV ----------------------------------------------------------------------------------------------------------

const varsOf = (name: string): string => `vars/job/${name}`;
const secretsOf = (name: string): string => `secrets/job/${name}`;
const kvPath = (namespace: string): string => (namespace.startsWith("secrets/") ? "/kv/secret" : "/kv");

export function getStoreValue(namespace: string, key: string): Promise<ApiResponse> {
  return request("GET", "/kv", { namespace, key });
}

/** The value; throws HookApiError when there is none or it may not be read. */
export async function getKvValue(namespace: string, key: string): Promise<string> {
  return (await getStoreValue(namespace, key)).raiseForStatus().json<{ value: string }>().value;
}

/** The value, or `defaultValue` when the key does not exist. */
export async function kvGet<T = undefined>(
  namespace: string,
  key: string,
  defaultValue?: T,
): Promise<string | T> {
  const response = await getStoreValue(namespace, key);
  if (response.status === 404) return defaultValue as T;
  return response.raiseForStatus().json<{ value: string }>().value;
}

/** Writes a key; one of `secrets/job/<job>` is stored encrypted. */
export function kvPut(namespace: string, key: string, value: unknown): Promise<ApiResponse> {
  return request("PUT", kvPath(namespace), { namespace, key, value: String(value) });
}

export function kvPutSecret(namespace: string, key: string, value: unknown): Promise<ApiResponse> {
  return request("PUT", "/kv/secret", { namespace, key, value: String(value) });
}

function kvDelete(namespace: string, key: string): Promise<ApiResponse> {
  return request("DELETE", kvPath(namespace), { namespace, key });
}

export const kv = { get: kvGet, put: kvPut, delete: kvDelete };

export const putJobVariable = (key: string, value: unknown): Promise<ApiResponse> =>
  kvPut(varsOf(jobName()), key, value);
export const deleteJobVariable = (key: string): Promise<ApiResponse> => kvDelete(varsOf(jobName()), key);
/** The secret; throws HookApiError when there is none. */
export const getJobSecret = (key: string): Promise<string> => getKvValue(secretsOf(jobName()), key);
export const putJobSecret = (key: string, value: unknown): Promise<ApiResponse> =>
  kvPutSecret(secretsOf(jobName()), key, value);
export const deleteJobSecret = (key: string): Promise<ApiResponse> => kvDelete(secretsOf(jobName()), key);

/** Names of keys by namespace: those of the job's variables and secrets when none is named. */
export function listJobKeys(namespace?: string): Promise<ApiResponse> {
  return request("GET", "/kv/keys", { namespace });
}

/** Worker addresses in the order in which a rollout of this job goes. */
export async function getRolloutOrder(): Promise<string[]> {
  return listOf(await kvGet(`maand/job/${jobName()}`, "rollout_order", ""));
}

/** In `pre_deploy` and `cli` hooks: sets that order until the next build that changes the catalog. */
export function putRolloutOrder(workers: readonly string[] | string): Promise<ApiResponse> {
  const value = typeof workers === "string" ? workers : workers.join(",");
  return request("PUT", "/kv", { namespace: `maand/job/${jobName()}`, key: "rollout_order", value });
}
export const putDeployOrder = putRolloutOrder;

// --- demands -----------------------------------------------------------------------------------------------------

/** Hooks elsewhere whose demand names this job and hook. */
export interface Demand {
  job: string;
  hook: string;
  /** The same as `hook`. */
  command: string;
  demand_config: Record<string, unknown>;
}

export function listHookDemands(): Promise<ApiResponse> {
  return request("GET", "/demands");
}
export const listCommandDemands = listHookDemands;
export const getDemands = listHookDemands;

export async function demands(): Promise<Demand[]> {
  return (await listHookDemands()).raiseForStatus().json<Demand[]>();
}

// --- semaphores --------------------------------------------------------------------------------------------------

/** Waits for a place; the response is 408 when there was none in time. Released with the hook at the latest. */
export function acquireSemaphore(name: string, options: SemaphoreOptions = {}): Promise<ApiResponse> {
  const { capacity, timeoutSeconds } = options;
  return request("POST", "/semaphore/acquire", { name, capacity, timeout_seconds: timeoutSeconds });
}

export function releaseSemaphore(name: string): Promise<ApiResponse> {
  return request("POST", "/semaphore/release", { name });
}

export function semaphoreStatus(name: string): Promise<ApiResponse> {
  return request("GET", "/semaphore/status", { name });
}

/** Runs `work` while holding the semaphore; throws HookApiError when there is no place in time. */
export async function withSemaphore<T>(
  name: string,
  options: SemaphoreOptions,
  work: () => T | Promise<T>,
): Promise<T> {
  (await acquireSemaphore(name, options)).raiseForStatus();
  try {
    return await work();
  } finally {
    await releaseSemaphore(name);
  }
}

// --- workers -----------------------------------------------------------------------------------------------------

async function onWorker(path: string, fields: Record<string, unknown>, what: string): Promise<CommandResult> {
  const answer = (await request("POST", path, fields)).raiseForStatus();
  const { worker_ip, returncode, stdout, stderr } = answer.json<{
    worker_ip: string;
    returncode: number;
    stdout: string;
    stderr: string;
  }>();
  const result: CommandResult = {
    returncode,
    stdout,
    stderr,
    raiseForStatus() {
      if (returncode === 0) return result;
      const said = (stderr.trim() === "" ? stdout : stderr).trim();
      throw new CommandError(`${what} on ${worker_ip} ended with status ${returncode}: ${said}`, result);
    },
  };
  return result;
}

/** Runs a shell command on a worker, over the connection that maand holds. */
export function runSsh(workerIp: string, command: string, options: SshOptions = {}): Promise<CommandResult> {
  const { timeoutSeconds, sudo, input } = options;
  const fields = { worker_ip: workerIp, command, timeout_seconds: timeoutSeconds, sudo, input };
  return onWorker("/worker/run", fields, "the command");
}

/** Runs a Makefile target of jobs (this one when none is named) through `runner.py`; the worker is the hook's own when absent. */
export function runRunnerTarget(
  target: string,
  workerIp?: string | null,
  jobs?: readonly string[] | string | null,
  options: CommandOptions = {},
): Promise<CommandResult> {
  const names = typeof jobs === "string" ? listOf(jobs) : (jobs ?? undefined);
  const fields = {
    target,
    worker_ip: workerIp ?? undefined,
    jobs: names,
    timeout_seconds: options.timeoutSeconds,
  };
  return onWorker("/worker/runner", fields, `target ${target}`);
}

/** Runs `make <target> NAME=value...` in this job's directory; the worker is the hook's own when absent. */
export function runMakeTarget(
  target: string,
  workerIp?: string | null,
  variables?: Readonly<Record<string, unknown>> | null,
  options: CommandOptions = {},
): Promise<CommandResult> {
  const texts = Object.fromEntries(
    Object.entries(variables ?? {}).map(([name, value]) => [name, String(value)]),
  );
  const fields = {
    target,
    worker_ip: workerIp ?? undefined,
    variables: texts,
    timeout_seconds: options.timeoutSeconds,
  };
  return onWorker("/worker/make", fields, `make ${target}`);
}

/** User, path of the private key, and whether lifecycle commands go through sudo. */
export async function loadSsh(): Promise<[user: string, keyPath: string, useSudo: boolean]> {
  const answer = (await request("GET", "/worker/ssh")).raiseForStatus();
  const { user, key_path, use_sudo } = answer.json<{ user: string; key_path: string; use_sudo: boolean }>();
  return [user, key_path, use_sudo];
}
