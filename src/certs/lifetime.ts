// How long certificates live: where they begin and end, when they are due, how many days they have left.

/** Milliseconds of one day: lifetimes in maand.conf are in days. */
export const dayMs = 86_400_000;

/**
 * Certificates begin this long before they are made (ms), so that a worker whose clock is behind takes them. It is also how
 * far the clock of this host may be set back before what it made is taken for something of the future.
 */
export const backdateMs = 3_600_000;

export type ExpiryStatus = "ok" | "expiring" | "expired" | "not_yet_valid";

/** From when on and until when a certificate is good, milliseconds since 1970. */
export interface Validity {
  notBefore: number;
  notAfter: number;
}

export interface Expiry {
  status: ExpiryStatus;
  /** Whole days: 0 in the last day before and the first day after the end, negative later. */
  daysLeft: number;
}

/**
 * `not_yet_valid` before its begin, `expired` from its end on, `expiring` from `bufferDays` before its end on (never with a buffer of 0).
 * Times are milliseconds since 1970.
 */
export function expiryOf({ notBefore, notAfter }: Validity, now: number, bufferDays: number): Expiry {
  // Adding 0 turns the -0 of Math.trunc into 0.
  const daysLeft = Math.trunc((notAfter - now) / dayMs) + 0;
  if (now < notBefore) return { status: "not_yet_valid", daysLeft };
  if (now >= notAfter) return { status: "expired", daysLeft };
  return { status: isRenewalDue(notAfter, now, bufferDays) ? "expiring" : "ok", daysLeft };
}

/** Whether `now ≥ notAfter − buffer`: the moment from which a leaf is made again. */
export function isRenewalDue(notAfter: number, now: number, bufferDays: number): boolean {
  return now >= notAfter - bufferDays * dayMs;
}

/** The first moment (ms, whole seconds) of a leaf made now: some checkers want it to lie within the life of its CA. */
export function leafBegin(now: number, authorityBegin: number): number {
  return Math.floor(Math.max(now - backdateMs, authorityBegin) / 1000) * 1000;
}

/** The last moment (ms, whole seconds) of a leaf made now: `ttlDays` away, but never after its CA's end. */
export function leafEnd(now: number, ttlDays: number, authorityEnd: number): number {
  return Math.floor(Math.min(now + ttlDays * dayMs, authorityEnd) / 1000) * 1000;
}
