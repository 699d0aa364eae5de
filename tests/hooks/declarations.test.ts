// The types that editors get are those of the module that hooks import, and nothing is missing from either language.

import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import declarations from "../../src/hooks/sdk/maand.d.ts.txt" with { type: "text" };
import python from "../../src/hooks/sdk/maand.py" with { type: "text" };
import * as sdk from "../../src/hooks/sdk/maand.ts";
import { useTempDirs } from "../support/use.ts";

const root = resolve(import.meta.dir, "../..");
const tempDir = useTempDirs();

test("maand.d.ts declares exactly what the module has", () => {
  const dir = tempDir();
  writeFileSync(join(dir, "maand.d.ts"), declarations);
  writeFileSync(
    join(dir, "check.ts"),
    [
      'import * as declared from "./maand";',
      `import * as real from ${JSON.stringify(join(root, "src/hooks/sdk/maand.ts"))};`,
      "export const forward: typeof declared = real;",
      "export const back: typeof real = declared;",
      "export const response: declared.ApiResponse = {} as real.ApiResponse;",
      "export const demand: real.Demand = {} as declared.Demand;",
    ].join("\n"),
  );
  const options = { ...compilerOptions(), typeRoots: [join(root, "node_modules")], types: ["bun-types"] };
  writeFileSync(
    join(dir, "tsconfig.json"),
    JSON.stringify({ compilerOptions: options, files: ["check.ts"] }),
  );
  const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", dir], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(tsc.stdout + tsc.stderr).toBe("");
  expect(tsc.status).toBe(0);
});

function compilerOptions(): Record<string, unknown> {
  return {
    target: "ESNext",
    module: "Preserve",
    moduleResolution: "bundler",
    lib: ["ESNext"],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
  };
}

/** What only one language has, because the other has another form for it. */
const onlyScript = ["HookApiError", "CommandError", "kv"];
const onlyPython = ["semaphore"];

test("both languages have the same functions, each in its own spelling", () => {
  const dir = tempDir();
  writeFileSync(join(dir, "maand.py"), python);
  const listing =
    "import maand,types;print(*[n for n,v in vars(maand).items() if callable(v) and v.__module__=='maand' and not isinstance(v,type) and not n.startswith('_')])";
  const { stdout, status } = spawnSync("python3", ["-B", "-c", listing], { cwd: dir, encoding: "utf8" });
  expect(status).toBe(0);
  const inPython = stdout
    .trim()
    .split(" ")
    .filter((name) => !onlyPython.includes(name))
    .sort();
  const inScript = Object.keys(sdk)
    .filter((name) => !onlyScript.includes(name))
    .map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    .sort();
  expect(inPython).toEqual(inScript);
});

test("the names of the contract are there", () => {
  const names =
    "allocation_id allocation_ip allocation_index job_name hook_name hook_event is_allocation_disabled batch_allocations batch_index batch_count env command_name command_event get_allocation_id get_allocation_ip get_allocation_index get_event get_command get_job job worker get_store_value get_kv_value kv_get put_job_variable delete_job_variable get_job_secret put_job_secret delete_job_secret list_job_keys get_rollout_order put_rollout_order put_deploy_order find_bucket_root kv_put kv_put_secret get_demands list_hook_demands list_command_demands demands acquire_semaphore release_semaphore semaphore_status with_semaphore run_ssh run_runner_target run_make_target load_ssh";
  const camel = names
    .split(" ")
    .map((name) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  expect(camel.filter((name) => !(name in sdk))).toEqual([]);
  expect(Object.keys(sdk.kv).sort()).toEqual(["delete", "get", "put"]);
});
