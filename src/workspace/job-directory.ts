// What a job directory may hold, judged from its entries and its manifest.

import { type Diagnostic, errorAt, type FilePlace, warningAt } from "../model/diagnostic.ts";
import { isHostOnly, isTemplate, outputPath, runtimeDirectories } from "../model/job-paths.ts";
import { nearestName } from "../support/nearest.ts";
import type { JsonDocument } from "./json.ts";
import { followLink } from "./links.ts";
import { declaredCerts, declaredHooks, hasJobControl } from "./manifest-rules.ts";
import { jobPath } from "./paths.ts";
import type { SourceJob } from "./source.ts";
import type { JobFile } from "./types.ts";

export interface DirectoryCheck {
  /** File name in `_hooks/` by hook name, for hooks that have exactly one. */
  scripts: Map<string, string>;
  diagnostics: Diagnostic[];
}

/** @param manifest the parsed manifest; without a value only what needs none is judged */
export function checkJobDirectory(job: SourceJob, manifest: JsonDocument): DirectoryCheck {
  const { scripts, diagnostics } = checkScripts(job, manifest);
  return {
    scripts,
    diagnostics: [
      ...diagnostics,
      ...checkRuntimeDirectories(job),
      ...checkNames(job),
      ...checkLinks(job),
      ...checkOutputs(job),
      ...checkCertFiles(job, manifest),
      ...checkMakefile(job, manifest),
      ...checkOldLayout(job),
    ],
  };
}

const at = (job: SourceJob, path = ""): FilePlace => ({ file: jobPath(job.name, path) });

function checkRuntimeDirectories(job: SourceJob): Diagnostic[] {
  return job.files
    .filter((file) => runtimeDirectories.some((name) => name === file.path))
    .map((file) =>
      errorAt(
        at(job, file.path),
        `${file.path}/ at the top of a job belongs to the worker, where the running job keeps it`,
        "rename it, or move it into a directory of another name",
      ),
    );
}

function checkNames(job: SourceJob): Diagnostic[] {
  return job.files
    .filter((file) => /\p{Cc}/u.test(file.path))
    .map((file) => errorAt(at(job, file.path), "the name holds a control character", "rename it"));
}

function checkLinks(job: SourceJob): Diagnostic[] {
  const links = new Map(
    job.files.flatMap((file) => (file.kind === "link" ? [[file.path, file.target]] : [])),
  );
  return [...links].flatMap(([path, target]) => {
    const end = /[\p{Cc}\uFFFD]/u.test(target) ? "odd" : followLink(path, target, links);
    const place = at(job, path);
    const shown = JSON.stringify(target);
    if (end === "outside") {
      const hint = "copy what it points to into the job, or link within the job by a relative path";
      return [errorAt(place, `the link leads out of the job directory, to ${shown}`, hint)];
    }
    if (end === "loop")
      return [errorAt(place, `the link to ${shown} leads back to itself`, "remove one of the links")];
    if (end === "odd")
      return [errorAt(place, "the link's target is not plain UTF-8 text", "make the link again")];
    if (isTemplate(path)) return [errorAt(place, "a template cannot be a link", `copy ${shown} here`)];
    return [];
  });
}

/** Entries that would come to lie on one path on the worker. */
function checkOutputs(job: SourceJob): Diagnostic[] {
  const first = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  const rendered = (file: JobFile) => {
    if (file.path === "_prometheus/scrape.yaml.tpl") return "_prometheus/scrape.yaml";
    return file.kind === "dir" ? file.path : outputPath(file.path);
  };
  for (const file of job.files) {
    if (isHostOnly(file.path) && !file.path.startsWith("_prometheus/scrape.yaml")) continue;
    const path = rendered(file);
    const other = first.get(path);
    if (other === undefined) first.set(path, file.path);
    else {
      const message = `it and ${other} would both become ${path}`;
      diagnostics.push(errorAt(at(job, file.path), message, "keep one of the two"));
    }
  }
  return diagnostics;
}

/** Certificates are laid down in `certs/` of the job on the worker. */
function checkCertFiles(job: SourceJob, manifest: JsonDocument): Diagnostic[] {
  const certs = declaredCerts(manifest);
  if (certs.length === 0) return [];
  const made = new Set([
    "certs/ca.crt",
    ...certs.flatMap((name) => [`certs/${name}.crt`, `certs/${name}.key`]),
  ]);
  return job.files
    .filter((file) => made.has(outputPath(file.path)) || (file.path === "certs" && file.kind !== "dir"))
    .map((file) =>
      errorAt(
        at(job, file.path),
        "maand writes a certificate or key of this job to the same path",
        'rename the file, or the entry under "certs"',
      ),
    );
}

const makefiles = ["Makefile", "Makefile.tpl", "Makefile.eta"];

function checkMakefile(job: SourceJob, manifest: JsonDocument): Diagnostic[] {
  if (manifest.value === undefined || hasJobControl(manifest)) return [];
  if (job.files.some((file) => file.kind !== "dir" && makefiles.includes(file.path))) return [];
  const hint = "add Makefile, Makefile.tpl or Makefile.eta, or a hook for job_control";
  return [errorAt(at(job), "the job has no Makefile", hint)];
}

function checkScripts(job: SourceJob, manifest: JsonDocument): DirectoryCheck {
  const names = job.files.flatMap((file) => {
    if (file.kind === "dir" || !file.path.startsWith("_hooks/")) return [];
    const match = /^_hooks\/([^/]+\.(?:py|ts|js))$/.exec(file.path);
    return match === null ? [] : [match[1]!];
  });
  const scripts = new Map<string, string>();
  const diagnostics: Diagnostic[] = [];
  const declared = declaredHooks(manifest);
  for (const hook of declared) {
    const own = names.filter((name) => name.slice(0, -3) === hook);
    if (own.length === 1) scripts.set(hook, own[0]!);
    if (own.length === 1 || !hook.startsWith("hook_")) continue;
    const place = manifest.place(["hooks", hook], "key");
    if (own.length > 1) {
      const message = `hook "${hook}" has ${own.length} scripts: ${own.map((name) => `_hooks/${name}`).join(", ")}`;
      diagnostics.push(errorAt(place, message, "keep one of them"));
      continue;
    }
    const spare = names.filter((name) => !declared.includes(name.slice(0, -3)));
    const near = nearestName(
      hook,
      spare.map((name) => name.slice(0, -3)),
    );
    const script = spare.find((name) => name.slice(0, -3) === near);
    const rename = script === undefined ? "" : `, or use the name of _hooks/${script}`;
    const hint = `add _hooks/${hook}.py, .ts or .js${rename}`;
    diagnostics.push(errorAt(place, `hook "${hook}" has no script`, hint));
  }
  return { scripts, diagnostics };
}

/** Files of older maand would be synced to workers as content, which nobody means. */
function checkOldLayout(job: SourceJob): Diagnostic[] {
  const renamed = { _modules: "_hooks", "vars.toml": "vars.conf" };
  return job.files.flatMap(({ path }) => {
    if (path !== "_modules" && path !== "vars.toml") return [];
    const message = `older maand read this as what is ${renamed[path]} now; today it is plain content`;
    return [warningAt(at(job, path), message, `rename it to ${renamed[path]}`)];
  });
}
