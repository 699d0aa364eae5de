// Judging what the operator tells init, by flag or in the wizard: the same rules as for the files that it goes into.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { formatDefaultConf, parseConf } from "../../bucket/conf.ts";
import { parseJson } from "../../workspace/json.ts";
import { confPath, workersPath } from "../../workspace/paths.ts";
import { canonicalHost, checkWorkers } from "../../workspace/workers.ts";
import { formatWorkers } from "../../workspace/workers-file.ts";

/** What to do about a text that maand.conf would not take as `ssh_user`; undefined when it would. */
export function sshUserFault(user: string): string | undefined {
  return parseConf(formatDefaultConf({ sshUser: user }), confPath).faults[0]?.hint;
}

/** The first host that workers.json would not take, or that is there twice. */
export function workersFault(hosts: readonly string[]): { what: string; hint: string } | undefined {
  const seen = new Set<string>();
  for (const host of hosts) {
    const fault = checkWorkers(parseJson(workersPath, formatWorkers([{ host }]))).faults[0];
    if (fault !== undefined) return { what: `"${host}" is no host`, hint: fault.hint };
    if (seen.has(canonicalHost(host)))
      return { what: `"${host}" is there twice`, hint: "name each worker once" };
    seen.add(canonicalHost(host));
  }
  return undefined;
}

/** An absolute path; `~/` is the home directory, for shells that did not expand it. */
export function expandHome(path: string, workingDirectory: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(workingDirectory, path);
}
