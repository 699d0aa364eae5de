// maand init, as it is declared.

import { defineCommand, type Flags, type FlagValues } from "../../cli/declaration.ts";

const flags = {
  yes: { kind: "boolean", brief: "take the defaults, ask nothing" },
  sshUser: { kind: "text", brief: "remote user (default agent)", placeholder: "user" },
  sshKey: { kind: "text", of: "file", brief: "private key to copy to secrets/", placeholder: "path" },
  worker: {
    kind: "repeat",
    brief: "a worker to write into workers.json (repeatable)",
    placeholder: "host",
  },
} as const satisfies Flags;
export type InitFlags = FlagValues<typeof flags>;

export const init = defineCommand({
  name: "init",
  group: "set up",
  brief: "create or upgrade a bucket in this directory",
  description:
    "Creates a bucket: maand.conf, the catalog, the CA, the KV key and an empty workspace. What is already there is kept.\nOn a terminal it asks; with --yes, or without a terminal, it takes the defaults.",
  examples: [
    ["maand init", "asks for the ssh user, the key and the workers"],
    ["maand init --yes --ssh-key ~/.ssh/id_ed25519 --worker 10.0.0.1 --worker 10.0.0.2", "asks nothing"],
  ],
  flags,
  access: "none",
  load: async () => (await import("./run.ts")).initCommand,
});
