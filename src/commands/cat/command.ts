// maand cat: its tables, in reading order. A new one is a file like theirs, and a line here.

import type { ParentCommand } from "../../cli/declaration.ts";
import { allocations } from "./allocations.ts";
import { certs } from "./certs.ts";
import { deployments } from "./deployments.ts";
import { hooks } from "./hooks.ts";
import { jobs } from "./jobs.ts";
import { kv } from "./kv.ts";
import { ports } from "./ports.ts";
import { workers } from "./workers.ts";

export const cat: ParentCommand = {
  name: "cat",
  brief: "inspect the catalog",
  subcommands: [workers, jobs, allocations, deployments, hooks, ports, certs, kv],
};
