// Stands in for src/main.ts in the tests of hooks in processes of their own: starts the `__hook` child as that does.

async function main(): Promise<number> {
  const [, , name, ...rest] = process.argv;
  if (name !== "__hook") return 64;
  const { hookMain } = await import("../../src/hooks/runtime/child-main.ts");
  return hookMain(rest);
}

// Not awaited at the top level: the process is to end when nothing is left to do, whether or not this has an answer.
main().then((code) => process.exit(code));
