// The fields of a hook: when it runs, and what must be deployed before its job.

import { z } from "zod";
import { hookEvents } from "../model/manifest.ts";
import { camelKeys, converted, snakeKeys } from "./convert.ts";
import { about, fields, list, oneOf, text, whole } from "./fields.ts";
import { versionText } from "./version.ts";

const versionBound = z.union([whole(0), versionText], {
  error: 'use a whole number or text such as "1.2.3"',
});

/** All parts empty is no demand. */
const demand = converted(
  fields({
    job: about(
      text(/^(?:[a-z0-9][a-z0-9_-]{0,62})?$/, "use the name of a job").optional(),
      "the job that must be deployed in an earlier wave",
      "db",
    ),
    hook: about(
      text(/^(?:hook_[a-z0-9_]{1,58})?$/, "use the name of a hook of that job, such as hook_init").optional(),
      "the hook of that job that is demanded",
      "hook_init",
    ),
    config: about(
      z
        .looseObject(
          {
            min_version: about(versionBound.optional(), "least version of the other job, inclusive", "1.2"),
            max_version: about(versionBound.optional(), "highest version of the other job, inclusive", 2),
          },
          { error: "use an object: {...}" },
        )
        .optional(),
      "your own keys, for the hook to read",
      { min_version: "1.2", replicas: 3 },
    ),
  }),
  ({ job, hook, config }) => (job && hook ? { job, hook, config: config ?? {} } : undefined),
  (value) => value ?? {},
);

export const hook = converted(
  fields({
    executed_on: about(
      list(oneOf(...hookEvents), "events").min(1, { error: "list the events on which the hook runs" }),
      "events on which the hook runs (maand help hooks)",
      ["pre_deploy", "cli"],
    ),
    demands: about(demand.optional(), "what must be deployed in an earlier wave", {
      job: "db",
      hook: "hook_init",
    }),
    isolation: about(
      oneOf("thread", "process").optional(),
      "process runs the script in a process of its own: for hooks that block or spawn",
      "process",
    ),
  }),
  ({ demands, executed_on, ...rest }) => ({
    ...camelKeys({ ...rest, demand: demands }),
    executedOn: [...new Set(executed_on)],
  }),
  ({ demand: demands, executedOn, ...rest }) => ({
    ...snakeKeys<Omit<typeof rest, never>>(rest),
    demands,
    executed_on: executedOn,
  }),
);
