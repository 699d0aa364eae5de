// Bundles and compiles maand: `bun scripts/compile.ts OUT TARGET VERSION COMMIT ENTRY...`; TARGET is `host` or a Bun target.

const [out, target, version, commit, ...entries] = process.argv.slice(2);
if (out === undefined || commit === undefined || version === undefined || entries.length === 0)
  throw new Error("usage: compile.ts OUT TARGET VERSION COMMIT ENTRY...");

const result = await Bun.build({
  entrypoints: entries,
  // With code splitting a command loads the chunks it uses and no others: `--version` starts as fast as an empty
  // program. Only ES modules can be split.
  format: "esm",
  splitting: true,
  bytecode: true,
  minify: true,
  target: "bun",
  define: { MAAND_VERSION: JSON.stringify(version), MAAND_COMMIT: JSON.stringify(commit) },
  compile: {
    outfile: out,
    ...(target === "host" ? {} : { target: target as Bun.Build.CompileTarget }),
    // A bucket may hold a .env or a bunfig.toml of its own; they are none of maand's business.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
  plugins: [
    {
      name: "no native parts",
      // ssh2 has optional native parts and does without them when they cannot be loaded. Left as they are, the
      // executable would look for them below the directory in which maand is run.
      setup(build) {
        build.onResolve({ filter: /\.node$/ }, (file) => ({ path: file.path, namespace: "absent" }));
        build.onLoad({ filter: /.*/, namespace: "absent" }, () => ({
          contents: `throw new Error("this native part is not in the executable");`,
          loader: "js",
        }));
      },
    },
  ],
  throw: false,
});
for (const message of result.logs) console.error(message);
process.exitCode = result.success ? 0 : 1;

export {};
