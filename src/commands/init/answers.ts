// Judging what the operator tells init, by flag or in the wizard: the same rules as for the files that it goes into.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { formatDefaultConf, parseConf } from "../../bucket/conf.ts";
import { parseJson } from "../../workspace/json.ts";
import { confPath, workersPath } from "../../workspace/paths.ts";
import { canonicalHost, checkWorkers } from "../../workspace/workers.ts";
import { formatWorkers } from "../../workspace/workers-file.ts";

/** What to do about a text that maand.conf would not take as `ssh_user`; undefined when it would. */
export function sshUserProblem(user: string): string | undefined {
  return parseConf(formatDefaultConf({ sshUser: user }), confPath).diagnostics[0]?.hint;
}

/** The first host that workers.json would not take, or that is there twice. */
export function workersProblem(hosts: readonly string[]): { message: string; hint: string } | undefined {
  const seen = new Set<string>();
  for (const host of hosts) {
    const [wrong] = checkWorkers(parseJson(workersPath, formatWorkers([{ host }]))).diagnostics;
    if (wrong !== undefined) return { message: `"${host}" is no host`, hint: wrong.hint };
    if (seen.has(canonicalHost(host)))
      return { message: `"${host}" is there twice`, hint: "name each worker once" };
    seen.add(canonicalHost(host));
  }
  return undefined;
}

/** An absolute path; `~/` is the home directory, for shells that did not expand it. */
export function expandHome(path: string, workingDirectory: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(workingDirectory, path);
}

/** Whether the text of a workers.json lists no worker: a shell that redirects into it leaves it empty. */
export function isEmptyList(text: string): boolean {
  if (text.trim() === "") return true;
  const { value } = parseJson(workersPath, text);
  return Array.isArray(value) && value.length === 0;
}
