// maand schema, as it is declared.

import { defineCommand } from "../../cli/declaration.ts";

export const schema = defineCommand({
  name: "schema",
  group: "set up",
  brief: "JSON Schema of manifest, workers or disabled",
  examples: [["maand schema manifest > manifest.schema.json", "for an editor"]],
  flags: {},
  // The words are those of `schemaNames`, which loads too much to be read here.
  positional: { file: { of: ["manifest", "workers", "disabled"] } },
  access: "none",
  load: async () => (await import("./run.ts")).schemaCommand,
});
