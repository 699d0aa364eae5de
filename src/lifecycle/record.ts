// What has become of allocations: their state in the catalog, a line of history and an event, in one call.

import type { AttemptedContent } from "../catalog/deployments.ts";
import { failAttempts, forgetPromotions, promote, setStates } from "../catalog/deployments.ts";
import { recordAllocation } from "../catalog/history.ts";
import type { AllocationStatus, Phase } from "../events/event.ts";
import type { KvOverlay, Writer } from "../kv/overlay.ts";
import type { MaandError } from "../model/error.ts";
import type { RuntimeState } from "../model/state.ts";
import type { Session } from "../session/session.ts";

/** What the catalog knows of an allocation afterwards. */
export type StateChange =
  /** What was put there is now what runs there; without a state the one it has stays (a disabled allocation). */
  | { kind: "promote"; version: string; content: AttemptedContent; state?: RuntimeState; syncedHash?: string }
  /** Nothing was promoted, and this is known of the process. */
  | { kind: "state"; state: RuntimeState; failure?: string }
  /** The attempt failed: nothing more is known than when it was begun. */
  | { kind: "fail"; failure: string }
  /** Its files are gone from the worker: should it come back, it deploys as new. */
  | { kind: "forget" };

export interface AllocationRecord {
  allocId: string;
  job: string;
  workerIp: string;
  phase: Phase;
  /** What was done, such as `restart`. */
  action: string;
  status: AllocationStatus;
  currentVersion?: string;
  newVersion?: string;
  error?: MaandError;
  /** Why, as the event tells it; the error's message when absent. */
  reason?: string;
  change?: StateChange;
  /** No event: nothing was done and somebody else tells why, such as a job that is blocked as a whole. */
  silent?: boolean;
  /** What hooks wrote to the KV for it and is pending: it lives and dies with what is recorded here. */
  writes?: "keep" | "drop";
}

/**
 * Writes down what has become of allocations, durably and in one transaction, and then tells the event stream.
 * @param also what belongs to the same moment, such as the purge of their rows
 * @param kv where hooks have written for them; what is kept of it is committed in the same transaction
 */
export function recordAllocations(
  session: Session,
  records: readonly AllocationRecord[],
  kv?: Pick<KvOverlay, "store" | "discard">,
  also: () => void = () => undefined,
): void {
  const { catalog, events, identity } = session;
  const at = session.now();
  const writersTo = (what: "keep" | "drop"): Writer[] =>
    records.flatMap(({ allocId, writes }) => (writes === what ? [allocId] : []));
  let committed = (): void => undefined;
  catalog.transaction(() => {
    also();
    if (kv !== undefined) committed = kv.store(writersTo("keep"), at).committed;
    applyChanges(session, records);
    for (const { job, workerIp, action, status, currentVersion, newVersion, error } of records) {
      recordAllocation(catalog, {
        runId: identity.runId,
        job,
        workerIp,
        action,
        status,
        ...(currentVersion === undefined ? {} : { currentVersion }),
        ...(newVersion === undefined ? {} : { newVersion }),
        ...(error === undefined ? {} : { reason: error.message }),
        at,
      });
    }
  })();
  committed();
  kv?.discard(writersTo("drop"));
  for (const { job, workerIp, phase, action, status, error, reason = error?.message, silent } of records) {
    if (silent === true) continue;
    const scope = { worker: workerIp, job, phase, action };
    events.emit({ type: "allocation", scope, status, ...(reason === undefined ? {} : { reason }) });
  }
}

function applyChanges({ catalog }: Session, records: readonly AllocationRecord[]): void {
  const of = <K extends StateChange["kind"]>(kind: K) =>
    records.flatMap(({ allocId, change }) =>
      change?.kind === kind ? [{ allocId, ...(change as Extract<StateChange, { kind: K }>) }] : [],
    );
  promote(catalog, of("promote"));
  setStates(catalog, of("state"));
  failAttempts(catalog, of("fail"));
  forgetPromotions(
    catalog,
    of("forget").map(({ allocId }) => allocId),
  );
}
