// maand recover, as it is declared.

import { defineCommand } from "../../cli/declaration.ts";

export const recover = defineCommand({
  name: "recover",
  group: "operate",
  brief: "go on with a catalog from a backup",
  description:
    "For a bucket whose data/ was restored from a backup, or that was deployed from another copy meanwhile: reads what lies\non every worker and changes nothing there. What is byte for byte what this catalog would deploy stays promoted, the rest\nis unknown and done again by the next deploy; the number of the last deploy is set above all that were found.",
  examples: [
    ["maand recover", "after data/ was restored, before the first deploy"],
    ["maand deploy --dry-run", "then: what the next deploy will do"],
  ],
  flags: {},
  access: "write",
  recorded: true,
  graceful: true,
  load: async () => (await import("./run.ts")).recoverCommand,
});
