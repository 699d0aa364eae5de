// The files of a new bucket that its owner edits: maand.conf and an empty workspace, with schemas for editors.

import { join } from "node:path";
import { formatDefaultConf, parseConf } from "../bucket/conf.ts";
import { readRegular } from "../bucket/regular-file.ts";
import { countOf } from "../support/plural.ts";
import { parseJson } from "../workspace/json.ts";
import { confPath, workersPath } from "../workspace/paths.ts";
import { jsonSchema, schemaNames } from "../workspace/schema.ts";
import { everyWorker } from "../workspace/workers.ts";
import { formatWorkers } from "../workspace/workers-file.ts";
import { editorSettingsPath, schemaFile, schemaPath, withSchemas } from "./editor.ts";
import type { InitStep } from "./place.ts";
import { placeFile } from "./place.ts";

/** Makes maand.conf with what was asked for; says so when one that is kept wants another user. */
export function placeConf(
  root: string,
  { sshUser, useSudo }: { sshUser?: string; useSudo?: boolean },
  notes: string[],
): InitStep {
  const overrides = {
    ...(sshUser === undefined ? {} : { sshUser }),
    ...(useSudo === undefined ? {} : { useSudo }),
  };
  const content = (existing: string | undefined) =>
    existing === undefined ? formatDefaultConf(overrides) : undefined;
  const step = placeFile(root, { path: confPath, content });
  const kept =
    step.done === "kept"
      ? parseConf(readRegular(join(root, confPath)).toString("utf8"), confPath)
      : undefined;
  const current = kept?.ok ? kept.value : undefined;
  if (sshUser !== undefined && step.done === "kept" && current?.sshUser !== sshUser)
    notes.push(`maand.conf is kept: to change the user, write ssh_user = "${sshUser}" there`);
  return step;
}

const bucketConf = `# Variables of this bucket: every key is in the KV under vars/bucket, for templates and hooks.

# Pool for ports that a manifest leaves open ("http": {}).
port_range = "30000,39999"
`;

/** Makes the files of an empty workspace; workers are written only into a workers.json that lists none. */
export function placeWorkspace(root: string, hosts: readonly string[], notes: string[]): InitStep[] {
  const rows = hosts.map((host) => ({ host, labels: [everyWorker] }));
  const detail = countOf(rows.length, "worker");
  const workers = placeFile(root, {
    path: workersPath,
    detail,
    content: (existing) => {
      if (existing === undefined) return formatWorkers(rows);
      return isEmptyList(existing) && (rows.length > 0 || existing.trim() === "")
        ? formatWorkers(rows)
        : undefined;
    },
  });
  if (workers.done === "kept" && rows.length > 0)
    notes.push("workspace/workers.json already lists workers: none was added, edit it to add more");
  const steps = [
    workers,
    placeFile(root, {
      path: "workspace/bucket.conf",
      content: (existing) => (existing === undefined ? bucketConf : undefined),
    }),
    ...schemaNames.map((name) =>
      placeFile(root, {
        path: schemaPath(name),
        content: (existing) => schemaFile(jsonSchema(name), existing),
      }),
    ),
  ];
  const editor = placeFile(root, { path: editorSettingsPath, content: withSchemas });
  return [...steps, editor];
}

/** Whether the text of a workers.json lists no worker: a shell that redirects into it leaves it empty. */
export function isEmptyList(text: string): boolean {
  if (text.trim() === "") return true;
  const { value } = parseJson(workersPath, text);
  return Array.isArray(value) && value.length === 0;
}
