// Rules between fields of a manifest, judged on the file as it was parsed, so that they are told together
// with what the schema refuses. A part that it refuses is skipped here: that is told already.

import { subjectProblems } from "../certs/subject.ts";
import { type Diagnostic, errorAt, warningAt } from "../model/diagnostic.ts";
import { globFault, globText } from "../model/glob.ts";
import { parseCpu, parseMemory } from "../model/units.ts";
import { compareVersions, parseVersion } from "../model/version.ts";
import { suggestName } from "../support/nearest.ts";
import { fieldName, wrongValue } from "./issues.ts";
import type { JsonDocument, JsonPath } from "./json.ts";

type JsonObject = Record<string, unknown>;

/** All that breaks these rules, in the order of the fields. */
export function checkManifestRules(document: JsonDocument): Diagnostic[] {
  const manifest = objectOf(document.value);
  const resources = objectOf(manifest.resources);
  return [
    ...checkGlobs(document, manifest),
    ...checkBounds(document, "memory", resources.memory, parseMemory),
    ...checkBounds(document, "cpu", resources.cpu, parseCpu),
    ...checkDemands(document, manifest),
    ...checkProbePorts(document, manifest, Object.keys(objectOf(resources.ports))),
    ...checkCerts(document, manifest),
  ];
}

/** Names under `hooks`, also when other parts of the manifest are wrong. */
export function declaredHooks(document: JsonDocument): string[] {
  return Object.keys(objectOf(objectOf(document.value).hooks));
}

/** Whether a hook replaces the Makefile lifecycle, also when other parts of the manifest are wrong. */
export function hasJobControl(document: JsonDocument): boolean {
  return Object.values(objectOf(objectOf(document.value).hooks)).some((hook) => {
    const events = objectOf(hook).executed_on;
    return Array.isArray(events) && events.includes("job_control");
  });
}

/** Names under `certs`, also when other parts of the manifest are wrong. */
export function declaredCerts(document: JsonDocument): string[] {
  return Object.keys(objectOf(objectOf(document.value).certs));
}

function checkGlobs(document: JsonDocument, manifest: JsonObject): Diagnostic[] {
  const { restart_globs: globs, restart_policy: policy = "always" } = manifest;
  const isOtherPolicy = policy === "always" || policy === "never";
  if (!Array.isArray(globs) || globs.length === 0) return [];
  if (!isOtherPolicy) return globs.flatMap((glob: unknown, index) => checkGlob(document, glob, index));
  const place = document.place(["restart_globs"], "key");
  const message = `"restart_globs" has no effect with "restart_policy": "${policy}"`;
  return [errorAt(place, message, 'set "restart_policy" to "reload", or remove "restart_globs"')];
}

function checkGlob(document: JsonDocument, glob: unknown, index: number): Diagnostic[] {
  if (typeof glob !== "string" || !globText.test(glob)) return [];
  const place = document.place(["restart_globs", index]);
  const named = `"restart_globs[${index}]" is ${JSON.stringify(glob)}`;
  const fault = globFault(glob);
  if (fault !== undefined)
    return [errorAt(place, `${named}: ${fault}`, 'see "maand help deploy" for what patterns mean')];
  // Other matchers know them, and here they would match nothing without a word.
  if (!/\{[^{}]*,[^{}]*\}|[@+?!*]\([^()]*\)/.test(glob)) return [];
  const message = `${named}: braces and parentheses are plain characters`;
  return [warningAt(place, message, "write one pattern for each alternative")];
}

function checkBounds(
  document: JsonDocument,
  resource: "memory" | "cpu",
  bounds: unknown,
  parse: (value: string | number) => number | undefined,
): Diagnostic[] {
  const { min, max } = objectOf(bounds);
  const least = typeof min === "string" || typeof min === "number" ? parse(min) : undefined;
  const most = typeof max === "string" || typeof max === "number" ? parse(max) : undefined;
  if (least === undefined || most === undefined || least <= most) return [];
  const path = ["resources", resource, "min"];
  return [wrongValue(document, path, `use no more than "max", which is ${JSON.stringify(max)}`)];
}

function checkDemands(document: JsonDocument, manifest: JsonObject): Diagnostic[] {
  return Object.entries(objectOf(manifest.hooks)).flatMap(([name, hook]) => {
    const path = ["hooks", name, "demands"];
    const { job = "", hook: demanded = "", config } = objectOf(objectOf(hook).demands);
    if (typeof job !== "string" || typeof demanded !== "string") return [];
    const bounds = checkVersionBounds(document, [...path, "config"], objectOf(config));
    if (job !== "" && demanded !== "") return bounds;
    if (job === "" && demanded === "" && Object.keys(objectOf(config)).length === 0) return bounds;
    const missing = job === "" && demanded === "" ? '"job" and "hook"' : job === "" ? '"job"' : '"hook"';
    const message = `"${fieldName(path)}" names no ${missing.replace(" and ", " and no ")}`;
    return [...bounds, errorAt(document.place(path, "key"), message, `add ${missing}, or remove the demand`)];
  });
}

function checkVersionBounds(document: JsonDocument, path: JsonPath, config: JsonObject): Diagnostic[] {
  const version = (value: unknown) =>
    typeof value === "string" || typeof value === "number" ? parseVersion(String(value)) : undefined;
  const least = version(config.min_version);
  const most = version(config.max_version);
  if (least === undefined || most === undefined || compareVersions(least, most) <= 0) return [];
  const hint = `use no more than "max_version", which is ${JSON.stringify(config.max_version)}`;
  return [wrongValue(document, [...path, "min_version"], hint)];
}

function checkProbePorts(document: JsonDocument, manifest: JsonObject, ports: string[]): Diagnostic[] {
  const { checks } = objectOf(manifest.health_check);
  if (!Array.isArray(checks)) return [];
  return checks.flatMap((check: unknown, i) => {
    const { type, port } = objectOf(check);
    if ((type !== "tcp" && type !== "http") || typeof port !== "string" || ports.includes(port)) return [];
    const message = `the probe names port ${JSON.stringify(port)}, which is not in "resources.ports"`;
    const hint =
      ports.length === 0 ? `add "ports": {"${port}": {}} to "resources"` : suggestName(port, ports);
    return [errorAt(document.place(["health_check", "checks", i, "port"]), message, hint)];
  });
}

function checkCerts(document: JsonDocument, manifest: JsonObject): Diagnostic[] {
  return Object.entries(objectOf(manifest.certs)).flatMap(([name, cert]) => {
    const diagnostics: Diagnostic[] = [];
    if (name === "ca") {
      const message = `the certificate name "ca" is that of the bucket's authority, certs/ca.crt`;
      diagnostics.push(errorAt(document.place(["certs", name], "key"), message, "choose another name"));
    }
    const texts = Object.entries(objectOf(objectOf(cert).subject)).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    );
    for (const { field, message, hint } of subjectProblems(Object.fromEntries(texts))) {
      // A field that is missing is the schema's to tell.
      if (texts.some(([key]) => key === field))
        diagnostics.push(errorAt(document.place(["certs", name, "subject", field]), message, hint));
    }
    return diagnostics;
  });
}

function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
