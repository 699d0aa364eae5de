// maand info, as it is declared.

import { defineCommand } from "../../cli/declaration.ts";

export const info = defineCommand({
  name: "info",
  group: "look",
  brief: "bucket id, update sequence, counts, last deploy",
  examples: [["maand info", "what this bucket holds"]],
  flags: {},
  access: "read",
  load: async () => (await import("./run.ts")).infoCommand,
});
