// Request bodies of the runtime API: their shapes and limits, and what is said about a wrong one.

import { z } from "zod";
import { maxSeconds } from "../../bucket/conf.ts";
import { isKeyName } from "../../model/names.ts";

/** Longest time that a hook may wait for a semaphore, in seconds. */
const longestWaitSeconds = 3600;

const namespace = z.string().min(1).max(400);
const key = z.string().refine(isKeyName, "use printable text of 1 to 253 characters");
const semaphoreName = z.string().min(1).max(253);
const workerIp = z.string().min(1).optional();
const timeoutSeconds = z.number().positive().max(maxSeconds).optional();
const makeTarget = z
  .string()
  .regex(/^[A-Za-z0-9_.%/+@][A-Za-z0-9_.%/+@-]{0,252}$/, "use the name of a make target");
const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "use letters, digits and _");

export const keyBody = z.strictObject({ namespace, key });
export const valueBody = z.strictObject({ namespace, key, value: z.string() });
export const keysBody = z.strictObject({ namespace: namespace.optional() });
export const noBody = z.strictObject({});
export const acquireBody = z.strictObject({
  name: semaphoreName,
  capacity: z.int().min(1).max(64).default(1),
  timeout_seconds: z.number().min(0).max(longestWaitSeconds).default(600),
});
export const semaphoreBody = z.strictObject({ name: semaphoreName });

/** The routes behind `run_ssh`, `run_runner_target` and `run_make_target`; absent `worker_ip` is the hook's own. */
export const runBody = z.strictObject({
  worker_ip: workerIp,
  command: z.string().min(1),
  timeout_seconds: timeoutSeconds,
  sudo: z.boolean().default(false),
  input: z.string().optional(),
});
export const runnerBody = z.strictObject({
  worker_ip: workerIp,
  target: makeTarget,
  jobs: z.array(z.string().min(1)).min(1).optional(),
  timeout_seconds: timeoutSeconds,
});
export const makeBody = z.strictObject({
  worker_ip: workerIp,
  target: makeTarget,
  variables: z.record(variableName, z.string()).default({}),
  timeout_seconds: timeoutSeconds,
});

/** The first thing that is wrong with a body, such as `capacity: Too big: expected number to be <=64`. */
export function bodyError(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return "the body is not valid";
  const path = issue.path.join(".");
  const missing = issue.code === "invalid_type" && issue.input === undefined && path !== "";
  if (missing) return `field "${path}" is missing`;
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
