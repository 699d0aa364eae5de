// The addresses of a name, so that names which nobody answers for hold up nothing else.

import { lookup } from "node:dns/promises";
import { dns } from "bun";
import { createLimiter } from "../../support/parallel.ts";
import type { Deadline } from "./deadline.ts";

/**
 * The system's own lookup blocks one of the four threads that file access has as well, for as long as a dead name server
 * takes. Two of them stay free whatever happens.
 */
const systemLookup = createLimiter(2);

/**
 * Every address of `host`. Asked are /etc/hosts and the name servers of resolv.conf without a thread, any number of names
 * at once; only a name that they do not know is put to the system, which may have other sources (mDNS, LDAP).
 * Rejects when there is none, or at the deadline.
 */
export async function addressesOf(host: string, deadline: Deadline): Promise<string[]> {
  try {
    const found = await deadline.race(dns.lookup(host, { backend: "c-ares" }));
    if (found.length > 0) return found.map(({ address }) => address);
  } catch (error) {
    if (deadline.passed()) throw error;
  }
  const found = await deadline.race(
    systemLookup(async () => {
      // Whoever has waited here until the deadline must not take a thread any more.
      deadline.signal?.throwIfAborted();
      return deadline.passed() ? [] : await lookup(host, { all: true, verbatim: true });
    }),
  );
  return found.map(({ address }) => address);
}
