// maand gc, as it is declared.

import { defineCommand, type Flags, type FlagValues } from "../../cli/declaration.ts";

const flags = {
  retainDays: { kind: "number", brief: "keep deleted KV keys that are younger than this (default 0)" },
} as const satisfies Flags;
export type GcFlags = FlagValues<typeof flags>;

export const gc = defineCommand({
  name: "gc",
  group: "operate",
  brief: "purge removed allocations and old history",
  description:
    "Deletes what is left of removed allocations on workers and in the catalog, superseded KV history, unreferenced file\ncontent, old run logs and the staging tree. What still runs is stopped first.",
  examples: [
    ["maand gc", "after a deploy that removed something"],
    ["maand gc --retain-days 30", "keep deleted keys of the last 30 days"],
  ],
  flags,
  access: "write",
  recorded: true,
  graceful: true,
  load: async () => (await import("./run.ts")).gcCommand,
});
