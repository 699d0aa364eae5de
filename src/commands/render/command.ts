// maand render, as it is declared.

import {
  type ArgumentValues,
  defineCommand,
  type Flags,
  type FlagValues,
  type Positionals,
} from "../../cli/declaration.ts";

const flags = {
  worker: {
    kind: "text",
    of: "worker",
    brief: "render for this worker (default: the job's first)",
    placeholder: "host",
  },
  reveal: { kind: "boolean", brief: "show secrets" },
} as const satisfies Flags;
const positional = { job: { of: "job" }, path: { optional: true } } as const satisfies Positionals;
export type RenderFlags = FlagValues<typeof flags>;
export type RenderArguments = ArgumentValues<typeof positional>;

export const render = defineCommand({
  name: "render",
  group: "look",
  brief: "what the templates of a job become",
  description:
    "Renders from the catalog what the next deploy would put on a worker: all templates of a job, or the one whose own path\nor result is named. Secrets are *** unless --reveal is given.",
  examples: [
    ["maand render api app.conf", "for the job's first worker"],
    ["maand render api app.conf.tpl --worker 10.0.0.2 --reveal", "for one worker, secrets shown"],
  ],
  flags,
  positional,
  access: "read",
  load: async () => (await import("./run.ts")).renderCommand,
});
