// What the parts of one deploy share while it runs.

import type { Action, AllocationFacts } from "./action.ts";
import type { ContentBook } from "./content-book.ts";
import type { Links } from "./worker-link.ts";
import type { Session } from "../session/session.ts";
import type { CatalogState } from "../model/state.ts";

export interface DeployRun {
  session: Session;
  state: CatalogState;
  links: Links;
  /** Facts of every allocation in the plan, by allocation id. */
  facts: ReadonlyMap<string, AllocationFacts>;
  contents: ContentBook;
  /** Lets at most `max_parallel_workers` remote targets run at once, over all jobs. */
  limit<R>(work: () => Promise<R>): Promise<R>;
}

/** The facts an action was decided from. */
export function factsOf(run: DeployRun, action: Action): AllocationFacts {
  const facts = run.facts.get(action.allocId);
  if (facts === undefined) throw new Error(`no facts for allocation ${action.allocId}`);
  return facts;
}
