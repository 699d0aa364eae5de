// The catalog as a run sees it when it begins: what should be, and what is known to be on the workers.

import type { CatalogState, DeploymentRow } from "../model/state.ts";
import { readDeployments } from "./deployments.ts";
import type { Catalog } from "./open.ts";
import { readState } from "./state.ts";

export interface CatalogRead {
  state: CatalogState;
  /** Every allocation that was ever acted on, by allocation id. */
  deployments: Map<string, DeploymentRow>;
}

export function readCatalog(catalog: Catalog): CatalogRead {
  return { state: readState(catalog), deployments: readDeployments(catalog) };
}
