// The error that something ends with, for tests of failures: what does not fail, or fails otherwise, fails the test.

import { expect } from "bun:test";
import { MaandError } from "../../src/model/error.ts";

/** The error that `act` throws; `what` names it should it throw none. */
export function thrownBy(act: () => unknown, what = "it"): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown by ${what}`);
}

/** What a promise is rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("this was expected to be rejected");
}

/** The MaandError that `act` throws, of this kind if one is named. */
export function maandErrorBy(act: () => unknown, kind?: MaandError["kind"]): MaandError {
  return checked(thrownBy(act), kind);
}

/** The MaandError that a promise is rejected with, of this kind if one is named. */
export async function maandRejectionOf(
  promise: Promise<unknown>,
  kind?: MaandError["kind"],
): Promise<MaandError> {
  return checked(await rejectionOf(promise), kind);
}

function checked(error: unknown, kind: MaandError["kind"] | undefined): MaandError {
  // Anything else is a defect that its own stack explains best.
  if (!(error instanceof MaandError)) throw error;
  if (kind !== undefined) expect(error.kind).toBe(kind);
  return error;
}
