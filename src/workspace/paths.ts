// Where each user file lies, as messages name it: relative to the bucket root.

export const confPath = "maand.conf";
export const workersPath = "workspace/workers.json";
export const disabledPath = "workspace/disabled.json";
export const bucketConfPath = "workspace/bucket.conf";

export const bucketPath = (name: string): string => `workspace/${name}`;

/** `bucket.jobs.conf`, or `bucket.jobs.<env>.conf` when `job_config_selector` names an environment. */
export function jobsConfPath(selector: string): string {
  return selector === "" ? "workspace/bucket.jobs.conf" : `workspace/bucket.jobs.${selector}.conf`;
}

export const jobPath = (job: string, path = ""): string =>
  `workspace/jobs/${job}${path === "" ? "" : `/${path}`}`;
export const manifestPath = (job: string): string => jobPath(job, "manifest.json");
