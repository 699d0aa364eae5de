// Stands in for src/main.ts in the tests of rsync: starts the `__rsh` child as that does.

import { rshMain } from "../../src/ssh/rsync/rsh-child.ts";

const [, , name, ...rest] = process.argv;
process.exit(name === "__rsh" ? await rshMain(rest) : 64);
