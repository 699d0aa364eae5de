// What a rendering starts from: the source, and what it may see: the data of one allocation, the KV behind it, and the functions that read both.

import type { Secret } from "../model/secret.ts";
import { LazyFields } from "./go/lazy-fields.ts";
import type { FunctionTable } from "./go/value.ts";
import { type StructValue, stringList, stringMap, type Value } from "./go/value.ts";

/** A template's source; `path` is what messages show, such as `jobs/api/config.tpl`. */
export interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

/** The fields of `.` and of Eta's `it`. A field that is left out does not exist for the template. */
export interface TemplateData {
  AllocationID?: string;
  Job: string;
  CurrentVersion?: string;
  NewVersion?: string;
  WorkerIP?: string;
  WorkerID?: string;
  Labels?: readonly string[];
  /** Path on the worker. */
  BucketPath?: string;
  /** Path on the worker. */
  JobPath?: string;
  AllocationIndex?: number;
  Hostname?: string;
  Zone?: string;
  Tags?: Readonly<Record<string, string>>;
  Peers?: readonly string[];
}

/** The KV as one allocation may read it. */
export interface TemplateStore {
  /** The value, or undefined when the key does not exist. Throws `MaandError` for a namespace that is forbidden. */
  get(namespace: string, key: string): string | Secret | undefined;
  /** All keys of a namespace, in any order; none when it does not exist. Throws `MaandError` when it is forbidden. */
  keys(namespace: string): readonly string[];
  /** Whether a job of that name is in the bucket. */
  exists(job: string): boolean;
  /** The jobs that share a port name, when that is why `maand/bucket` has no such key; else none. */
  ambiguous?(key: string): readonly string[];
}

export interface TemplateEnvironment {
  readonly data: TemplateData;
  readonly store: TemplateStore;
  /** false: every secret is the text `***` from the start, so nothing derived from one shows either. */
  readonly revealSecrets: boolean;
  /** Functions besides those of `templateFunctions`, such as `scrapeConfigs`. */
  readonly functions?: FunctionTable;
  /** Names of functions that this kind of template does not have, such as `scrape.yaml.tpl`. */
  readonly withoutFunctions?: readonly string[];
}

/**
 * The data as a Go struct: a field that does not exist is an error there, not `<no value>`. No field of `data` is read
 * before the template asks for it.
 */
export function contextValue(data: TemplateData): StructValue {
  const makers: [string, () => Value][] = [];
  for (const name of fieldNames) {
    if (name in data) makers.push([name, () => fieldValue(data, name)]);
  }
  return { kind: "struct", typeName: "maand.Context", fields: new LazyFields(makers) };
}

/** In the order in which they are printed. */
const fieldNames = [
  "AllocationID",
  "Job",
  "CurrentVersion",
  "NewVersion",
  "WorkerIP",
  "WorkerID",
  "Labels",
  "BucketPath",
  "JobPath",
  "AllocationIndex",
  "Hostname",
  "Zone",
  "Tags",
  "Peers",
] as const satisfies readonly (keyof TemplateData)[];

function fieldValue(data: TemplateData, name: (typeof fieldNames)[number]): Value {
  switch (name) {
    case "Labels":
    case "Peers":
      return stringList(data[name] ?? []);
    case "Tags":
      return stringMap(Object.entries(data.Tags ?? {}));
    case "AllocationIndex":
      return BigInt(data.AllocationIndex ?? 0);
    default:
      return data[name];
  }
}

/** `api@10.0.0.1`, or the job alone where there is no worker. */
export function allocationName(data: TemplateData): string {
  return data.WorkerIP === undefined ? data.Job : `${data.Job}@${data.WorkerIP}`;
}
