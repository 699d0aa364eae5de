// Judging what the operator tells init, by flag or in the wizard: the same rules as for the files that it goes into.

import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { formatDefaultConf, parseConf } from "../../bucket/conf.ts";
import { failed, type HintedVerdict, passed } from "../../model/result.ts";
import { parseJson } from "../../workspace/json.ts";
import { confPath, workersPath } from "../../workspace/paths.ts";
import { canonicalHost, checkWorkers } from "../../workspace/workers.ts";
import { formatWorkers } from "../../workspace/workers-file.ts";

/** Whether maand.conf would take the text as `ssh_user`. */
export function judgeSshUser(user: string): HintedVerdict {
  const [wrong] = parseConf(formatDefaultConf({ sshUser: user }), confPath).diagnostics;
  return wrong === undefined ? passed : failed(wrong.message, wrong.hint);
}

/** Whether workers.json would take these hosts, each named once; tells of the first that it would not. */
export function judgeWorkers(hosts: readonly string[]): HintedVerdict {
  const seen = new Set<string>();
  for (const host of hosts) {
    const [wrong] = checkWorkers(parseJson(workersPath, formatWorkers([{ host }]))).diagnostics;
    if (wrong !== undefined) return failed(`"${host}" is no host`, wrong.hint);
    if (seen.has(canonicalHost(host))) return failed(`"${host}" is there twice`, "name each worker once");
    seen.add(canonicalHost(host));
  }
  return passed;
}

/** An absolute path; `~/` is the home directory, for shells that did not expand it. */
export function expandHome(path: string, workingDirectory: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(workingDirectory, path);
}
