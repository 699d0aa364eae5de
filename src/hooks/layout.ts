// Lays the files of a job's `_hooks/` out for one allocation, with its certificates and the helper modules beside them.

import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { makePrivateDirectory, writePieces } from "../bucket/private-files.ts";
import { allocationNamespace, workersNamespace } from "../kv/namespaces.ts";
import type { KvStore } from "../kv/store.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import type { JobFileRow } from "../model/state.ts";
import pythonHelper from "./sdk/maand.py" with { type: "text" };

const hooksPrefix = "_hooks/";
/** Directories of tools that are used where they lie in the workspace. */
const toolDirectories = [".venv", "venv", "node_modules"];
const scriptHelper = '// Written by maand: lets hooks import "./maand".\nexport * from "maand";\n';

export interface LayoutRequest {
  /** `tmp/` of the bucket. */
  stagingRoot: string;
  /** `workspace/` of the bucket. */
  workspace: string;
  job: string;
  workerIp: string;
  /** All files of the job. */
  files: readonly JobFileRow[];
  /** The bytes of a file in order. */
  pieces(sha256: string): Iterable<Uint8Array>;
  kv: Pick<KvStore, "get" | "keys">;
}

/** `workspace/jobs/<job>/_hooks` as an absolute path. */
export function hooksSource(workspace: string, job: string): string {
  return join(workspace, "jobs", job, "_hooks");
}

/**
 * Makes `tmp/hooks/<job>/<ip>/_hooks/` anew, readable by its owner alone, and returns its path. `onSecret` hears the
 * private keys in it.
 * @throws MaandError("local") when the disk refuses
 */
export function layOutHooks(request: LayoutRequest, onSecret: (text: string) => void): string {
  const { stagingRoot, job, workerIp } = request;
  const root = join(stagingRoot, "hooks", job, workerIp, "_hooks");
  try {
    rmSync(root, { recursive: true, force: true });
    for (const directory of [stagingRoot, join(stagingRoot, "hooks"), root]) makePrivateDirectory(directory);
    for (const file of request.files) {
      if (file.path.startsWith(hooksPrefix)) layOut(root, file, request);
    }
    writeFileSync(join(root, "maand.py"), pythonHelper, { mode: 0o600 });
    writeFileSync(join(root, "maand.ts"), scriptHelper, { mode: 0o600 });
    layOutCertificates(join(root, "certs"), request, onSecret);
    const source = hooksSource(request.workspace, job);
    for (const name of toolDirectories) {
      const tools = join(source, name);
      if (existsSync(tools)) symlinkSync(tools, join(root, name));
    }
    return root;
  } catch (error) {
    if (error instanceof MaandError) throw error;
    throw new MaandError("local", "cannot lay out the files of hooks", {
      where: { file: root, job },
      why: reasonOf(error),
      hint: "check free space and permissions of the bucket's tmp/",
      cause: error,
    });
  }
}

function layOut(root: string, file: JobFileRow, request: LayoutRequest): void {
  const path = join(root, file.path.slice(hooksPrefix.length));
  if (file.kind === "dir") {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (file.kind === "file") {
    writeContent(path, file, request);
    return;
  }
  const target = posix.join(posix.dirname(file.path), file.target);
  const outside = target.startsWith(hooksPrefix)
    ? undefined
    : request.files.find((other) => other.path === target);
  // A link to another part of the job would lead nowhere here, where only `_hooks/` is laid out.
  if (outside?.kind === "file") writeContent(path, outside, request);
  else symlinkSync(file.target, path);
}

function writeContent(path: string, file: JobFileRow & { kind: "file" }, { pieces }: LayoutRequest): void {
  writePieces(path, pieces(file.sha256), (file.mode & 0o700) | 0o600);
}

function layOutCertificates(
  directory: string,
  { kv, job, workerIp }: LayoutRequest,
  onSecret: (text: string) => void,
): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const put = (key: string, value: string | Secret | undefined): void => {
    if (value === undefined) return;
    const text = value instanceof Secret ? value.reveal() : value;
    if (value instanceof Secret) onSecret(text);
    writeFileSync(join(directory, key.slice("certs/".length)), text, { mode: 0o600 });
  };
  put("certs/ca.crt", kv.get(workersNamespace, "certs/ca.crt"));
  const namespace = allocationNamespace(job, workerIp);
  for (const key of kv.keys(namespace)) if (key.startsWith("certs/")) put(key, kv.get(namespace, key));
}
