// argv → command. Nothing is loaded here that the command does not need.

import { version } from "./version.ts";

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  if (argv.length === 1 && argv[0] === "--version") {
    // Not process.stdout, whose stream takes longer to set up than all of the rest.
    console.log(`maand ${version}`);
    return 0;
  }
  if (argv[0] === "__rsh") {
    const { rshMain } = await import("./ssh/rsync/rsh-child.ts");
    return rshMain(argv.slice(1));
  }
  if (argv[0] === "__hook") {
    const { hookMain } = await import("./hooks/runtime/child-main.ts");
    return hookMain(argv.slice(1));
  }
  const [{ runCommandLine }, { commands }] = await Promise.all([
    import("./cli/command-line.ts"),
    import("./commands/application.ts"),
  ]);
  return runCommandLine(commands, argv);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`maand itself failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
