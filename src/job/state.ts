// What is known of an allocation before and after a manual action: never more than the action has shown.

import type { Effect } from "../lifecycle/stop.ts";
import { assertNever } from "../model/result.ts";
import type { DeploymentRow, RuntimeState } from "../model/state.ts";
import { mayRun } from "../model/state.ts";

/** What the health checks after the action said of the allocation. */
export type HealthVerdict =
  | "passed"
  | "failed"
  | "not_asked"
  /** The job has no checks: a target that succeeded is all there is to know. */
  | "no_checks";

export interface ActionResult {
  ok: boolean;
  health: HealthVerdict;
  /** Why it failed, or why its health check did. */
  failure?: string;
}

export interface KnownState {
  state: RuntimeState;
  failure?: string;
}

/**
 * Whether the files on the worker are those that the catalog calls promoted. They are not when the last deploy of the
 * allocation put other files there (or may have) and did not get as far as promoting them.
 */
export function hasPromotedFiles(deployment: DeploymentRow): boolean {
  const { promotedHash, attemptHash } = deployment;
  switch (deployment.state) {
    case "running":
    case "stopped":
      return promotedHash !== undefined;
    case "health_failed":
      // The lifecycle ran, so the attempt was there as a whole.
      return promotedHash !== undefined && (attemptHash === undefined || attemptHash === promotedHash);
    case "unknown":
      // An attempt may have been cut off anywhere; without one only a lifecycle target was begun.
      return promotedHash !== undefined && attemptHash === undefined;
    case "absent":
    case "drained":
    case "cleaned":
      return false;
    default:
      return assertNever(deployment.state, "state of an allocation");
  }
}

/**
 * Whether the action must be noted durably before it begins: from then on a crash leaves the process in a state that
 * nobody knows, and the next deploy has to act on it.
 */
export function makesUnknown(deployment: DeploymentRow, effect: Effect): boolean {
  switch (effect) {
    case "none":
      return false;
    case "stop":
    case "reload":
      return mayRun(deployment.state);
    case "start":
    case "restart":
      return true;
    default:
      return assertNever(effect, "effect of a target");
  }
}

/**
 * The state after an action.
 * @param before as it was before the action was noted
 */
export function stateAfter(
  before: DeploymentRow,
  effect: Effect,
  disabled: boolean,
  result: ActionResult,
): KnownState {
  const unchanged: KnownState = {
    state: before.state,
    ...(before.failure === undefined ? {} : { failure: before.failure }),
  };
  if (!makesUnknown(before, effect)) return unchanged;
  const failure = result.failure === undefined ? {} : { failure: result.failure };
  if (!result.ok) return { state: "unknown", ...failure };
  const promoted = hasPromotedFiles(before);
  if (effect === "stop") {
    // A disabled allocation that is down is what the next deploy would have made of it.
    if (disabled) return { state: "drained" };
    return promoted ? { state: "stopped" } : unchanged;
  }
  if (result.health === "failed") return promoted ? { state: "health_failed", ...failure } : unchanged;
  if (!promoted) return unchanged;
  const settled = before.state === "running" || before.state === "stopped";
  // What a gate has turned down is well again only once a gate has let it pass.
  return settled || result.health !== "not_asked" ? { state: "running" } : unchanged;
}
