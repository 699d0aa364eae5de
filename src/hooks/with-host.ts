// A hook host for the length of one piece of work.

import type { CatalogRead } from "../catalog/read.ts";
import type { Session } from "../session/session.ts";
import type { HookHost } from "./host.ts";
import { createHookHost } from "./host.ts";

/** Gives the work a host and ends it, with whatever hooks have left running, however the work ends. */
export async function withHookHost<T>(
  session: Session,
  read: CatalogRead,
  work: (hooks: HookHost) => Promise<T>,
): Promise<T> {
  const hooks = createHookHost(session, read);
  try {
    return await work(hooks);
  } finally {
    await hooks.close();
  }
}
