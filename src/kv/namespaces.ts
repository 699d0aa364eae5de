// The names of KV namespaces: made and taken apart in one place.

export const bucketNamespace = "maand/bucket";
export const bucketVarsNamespace = "vars/bucket";
export const workersNamespace = "maand/worker";

export const workerNamespace = (ip: string): string => `maand/worker/${ip}`;
export const workerTagsNamespace = (ip: string): string => `maand/worker/${ip}/tags`;
export const jobNamespace = (job: string): string => `maand/job/${job}`;
export const allocationNamespace = (job: string, ip: string): string => `maand/job/${job}/worker/${ip}`;
export const jobConfigNamespace = (job: string): string => `vars/bucket/job/${job}`;
export const jobVarsNamespace = (job: string): string => `vars/job/${job}`;
export const jobSecretsNamespace = (job: string): string => `secrets/job/${job}`;

/** A namespace taken apart. */
export type Namespace =
  | { kind: "bucket" | "bucket_vars" | "workers" | "prometheus" }
  | { kind: "worker" | "worker_tags"; ip: string }
  | { kind: "job" | "job_config" | "job_vars" | "job_secrets"; job: string }
  | { kind: "allocation"; job: string; ip: string };

/** What a namespace is; undefined for a name that maand never writes. */
export function parseNamespace(name: string): Namespace | undefined {
  const parts = name.split("/");
  if (parts.some((part) => part === "")) return undefined;
  const [root, second, third, fourth, fifth] = parts;
  if (root === "maand" && parts.length === 2) {
    if (second === "bucket") return { kind: "bucket" };
    if (second === "worker") return { kind: "workers" };
    if (second === "prometheus") return { kind: "prometheus" };
  }
  if (root === "maand" && second === "worker") {
    if (parts.length === 3) return { kind: "worker", ip: third! };
    if (parts.length === 4 && fourth === "tags") return { kind: "worker_tags", ip: third! };
  }
  if (root === "maand" && second === "job") {
    if (parts.length === 3) return { kind: "job", job: third! };
    if (parts.length === 5 && fourth === "worker") return { kind: "allocation", job: third!, ip: fifth! };
  }
  if (root === "vars") {
    if (second === "bucket" && parts.length === 2) return { kind: "bucket_vars" };
    if (second === "bucket" && third === "job" && parts.length === 4)
      return { kind: "job_config", job: fourth! };
    if (second === "job" && parts.length === 3) return { kind: "job_vars", job: third! };
  }
  if (root === "secrets" && second === "job" && parts.length === 3)
    return { kind: "job_secrets", job: third! };
  return undefined;
}

/** Whether build owns the namespace: what is no longer true there is deleted at build. */
export function isBuildOwned(namespace: string): boolean {
  return (
    namespace.startsWith("maand/") || namespace === "vars/bucket" || namespace.startsWith("vars/bucket/")
  );
}

/** Whether a value is stored encrypted and shown as `***`: all job secrets, and private keys of certificates. */
export function isSecretKey(namespace: string, key: string): boolean {
  const parsed = parseNamespace(namespace);
  if (parsed?.kind === "job_secrets") return true;
  return parsed?.kind === "allocation" && key.startsWith("certs/") && key.endsWith(".key");
}
