// A hook host for the length of one piece of work.

import type { Session } from "../session/session.ts";
import type { HookHost, HookHostOptions } from "./host.ts";
import { createHookHost } from "./host.ts";

/** Gives the work a host and ends it, with whatever hooks have left running, however the work ends. */
export async function withHookHost<T>(
  session: Session,
  options: HookHostOptions,
  work: (hooks: HookHost) => Promise<T>,
): Promise<T> {
  const hooks = createHookHost(session, options);
  try {
    return await work(hooks);
  } finally {
    await hooks.close();
  }
}
