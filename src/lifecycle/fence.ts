// The fence: what workers say of themselves held against the catalog, before anything is done to any of them. Pure.

import { MaandError } from "../model/error.ts";
import { failed, type HintedVerdict, passed } from "../model/result.ts";
import type { CatalogState } from "../model/state.ts";
import type { DeployMark, FoundIdentity, WorkerIdentity } from "../model/worker-identity.ts";

/** What a worker answered to this run's check. */
export interface FenceAnswer {
  workerIp: string;
  /** Number of its check in this run. */
  number: number;
  found: FoundIdentity;
  /** Numbers of the checks of this run whose mark it has: more than its own means that they met one machine. */
  marks: readonly number[];
  expected: WorkerIdentity;
}

type Names = Pick<CatalogState, "workers" | "allocations">;

/** How a worker is called in messages: by its id, and by the address that the catalog knows it under. */
function nameOf(workerId: string, { workers, allocations }: Names): string {
  const present = workers.find((worker) => worker.workerId === workerId);
  if (present !== undefined) {
    const { host, hostname } = present;
    return `worker ${workerId} (${host}${hostname === undefined ? "" : `, ${hostname}`})`;
  }
  const left = allocations.find((allocation) => allocation.workerId === workerId);
  if (left !== undefined) return `worker ${workerId} (${left.workerIp}, which has left the workspace)`;
  return `worker ${workerId}, which this catalog does not know`;
}

/** Whether the id is that of a worker whose address left the workspace and whose rows still wait for gc. */
function isDeparted(workerId: string, { workers, allocations }: Names): boolean {
  return (
    !workers.some((worker) => worker.workerId === workerId) &&
    allocations.some((allocation) => allocation.workerId === workerId)
  );
}

/** Whether the worker was deployed to by another copy of the catalog since this one last was. */
export function isOlderCatalog(ours: DeployMark, found: DeployMark): boolean {
  if (found.updateSeq !== ours.updateSeq) return found.updateSeq > ours.updateSeq;
  return found.runId !== ours.runId;
}

const markText = ({ updateSeq, runId }: DeployMark): string =>
  `deploy ${updateSeq}${runId === undefined ? "" : ` (run ${runId})`}`;

const recoverHint =
  "find out which copy of the bucket is the true one; to go on with this one, run maand recover, then maand deploy";

function olderReason(ours: DeployMark, found: DeployMark): string {
  return `its worker.json is of ${markText(found)}, this catalog knows of ${markText(ours)}: another copy of the bucket has deployed since`;
}

function otherMachine(found: WorkerIdentity, expected: WorkerIdentity, names: Names): HintedVerdict {
  const reason = `its worker.json is of ${nameOf(found.workerId, names)}; at this address the catalog has ${nameOf(expected.workerId, names)}`;
  const moved =
    "if the machine has a new address, run maand gc, which forgets the old one and deletes nothing";
  const mixed = "see which machine answers at which address and correct workspace/workers.json";
  const meant =
    "if the machine is a copy that shall be a worker of its own, delete its worker.json (and data/ that is not its own)";
  return failed(reason, `${isDeparted(found.workerId, names) ? moved : mixed}; ${meant}`);
}

/** Whether a worker is as the last deploy left it: for what is done by hand. */
export function judgeKnown(found: FoundIdentity, expected: WorkerIdentity, names: Names): HintedVerdict {
  const deploy = "run maand deploy";
  if (found.kind === "none")
    return failed("no worker.json is there: nothing was deployed to this worker", deploy);
  if (found.kind === "unreadable") return failed(`its worker.json ${found.why}`, deploy);
  const { identity } = found;
  if (identity.bucketId !== expected.bucketId) return failed(...otherBucket(identity, expected));
  if (isOlderCatalog(expected, identity)) return failed(olderReason(expected, identity), recoverHint);
  if (identity.workerId !== expected.workerId) return otherMachine(identity, expected, names);
  if (identity.updateSeq !== expected.updateSeq)
    return failed(
      `its worker.json is of ${markText(identity)}, the last deploy was ${markText(expected)}`,
      deploy,
    );
  return passed;
}

function otherBucket(found: WorkerIdentity, expected: WorkerIdentity): [reason: string, hint: string] {
  const reason = `its worker.json is of bucket ${JSON.stringify(found.bucketId)}, not ${expected.bucketId}`;
  return [reason, "find out what has written it; delete it once nothing there is needed"];
}

/** What the answers of a deploy's workers mean for it. */
export interface FenceVerdict {
  /** Nobody may be touched: the catalog itself, or what workers.json says, is wrong. */
  refusal?: MaandError;
  /** Workers that take no part, and why: another machine answers there than the one that is meant. */
  refused: ReadonlyMap<string, MaandError>;
}

/**
 * Holds all answers of a deploy against the catalog. The worst comes first: an old catalog is wrong about everything else.
 * @param isBegun whether the deploy has begun on other workers already, which is what a refusal then says
 */
export function judgeFence(answers: readonly FenceAnswer[], names: Names, isBegun = false): FenceVerdict {
  const said = answers.flatMap(({ workerIp, found, expected }) =>
    found.kind === "says" ? [{ workerIp, found: found.identity, expected }] : [],
  );
  const newer = said.filter(
    ({ found, expected }) => found.bucketId === expected.bucketId && isOlderCatalog(expected, found),
  );
  if (newer.length > 0) return { refusal: olderCatalog(newer, isBegun), refused: new Map() };
  const twice = sameMachine(answers, names, isBegun);
  if (twice !== undefined) return { refusal: twice, refused: new Map() };
  const refused = said.flatMap(({ workerIp, found, expected }) => {
    const error = refusalOf(workerIp, found, expected, names);
    return error === undefined ? [] : [[workerIp, error] as const];
  });
  return { refused: new Map(refused) };
}

/** Why a worker takes no part although it answers: it is not the machine that is meant. */
function refusalOf(
  workerIp: string,
  found: WorkerIdentity,
  expected: WorkerIdentity,
  names: Names,
): MaandError | undefined {
  const where = { worker: workerIp };
  if (found.bucketId !== expected.bucketId) {
    const [why, hint] = otherBucket(found, expected);
    return new MaandError("remote", "the worker belongs to another bucket; nothing was touched there", {
      where,
      why,
      hint,
    });
  }
  if (found.workerId === expected.workerId) return undefined;
  const verdict = otherMachine(found, expected, names);
  if (verdict.pass) return undefined;
  return new MaandError(
    "remote",
    "another machine answers than the one that is meant; nothing was touched there",
    {
      where,
      why: verdict.reason,
      hint: verdict.hint,
    },
  );
}

const lines = (rows: readonly { workerIp: string; reason: string }[]): string =>
  rows.map(({ workerIp, reason }) => `${workerIp}: ${reason}`).join("\n");

const touched = (isBegun: boolean): string =>
  isBegun ? "those named were not touched, and nothing more is begun" : "nothing was touched";

/** The refusal of a catalog that has been overtaken, with each worker that says so. */
export function olderCatalog(
  newer: readonly { workerIp: string; expected: DeployMark; found: DeployMark }[],
  isBegun = false,
): MaandError {
  const rows = newer.map(({ workerIp, found, expected }) => ({
    workerIp,
    reason: olderReason(expected, found),
  }));
  return new MaandError("remote", `this catalog is older than what is on the workers; ${touched(isBegun)}`, {
    why: lines(rows),
    hint: recoverHint,
  });
}

/** Addresses that lead to one machine, each found by the mark of the other's check. */
function sameMachine(
  answers: readonly FenceAnswer[],
  names: Names,
  isBegun: boolean,
): MaandError | undefined {
  const byNumber = new Map(answers.map((answer) => [answer.number, answer]));
  const groups = new Map<string, { addresses: string[]; found: FoundIdentity }>();
  for (const { number, marks, found } of answers) {
    const met = [...new Set([number, ...marks])].flatMap((mark) => byNumber.get(mark) ?? []);
    if (met.length < 2) continue;
    const addresses = met.sort((a, b) => a.number - b.number).map(({ workerIp }) => workerIp);
    groups.set(addresses.join(" "), { addresses, found });
  }
  const all = [...groups.values()];
  // The last to look has seen all marks; who looked earlier has seen some of the same.
  const whole = all.filter(
    ({ addresses }) =>
      !all.some(
        (other) =>
          other.addresses.length > addresses.length && addresses.every((ip) => other.addresses.includes(ip)),
      ),
  );
  if (whole.length === 0) return undefined;
  const present = new Set(names.workers.map((worker) => worker.host));
  const hasLeft = whole.some(({ addresses }) => addresses.some((ip) => !present.has(ip)));
  return new MaandError("remote", `one machine answers at several addresses; ${touched(isBegun)}`, {
    why: whole
      .map(({ addresses, found }) => {
        const who = found.kind === "says" ? `, ${nameOf(found.identity.workerId, names)}` : "";
        return `${addresses.join(" and ")} are the same machine${who}`;
      })
      .join("\n"),
    hint: hasLeft
      ? "where its address has changed, run maand gc, which forgets the old one and deletes nothing, then maand deploy"
      : "list it once in workspace/workers.json, then run maand build and maand deploy",
  });
}
