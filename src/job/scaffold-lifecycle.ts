// The lifecycles that `job create` can write: Makefiles with every target, and the files that they need.

import { assertNever } from "../model/result.ts";
import composeFile from "./scaffold/compose/docker-compose.yml" with { type: "text" };
import composeMakefile from "./scaffold/compose/Makefile" with { type: "text" };
import contract from "./scaffold/contract.mk" with { type: "text" };
import processMakefile from "./scaffold/process/Makefile" with { type: "text" };
import serviceScript from "./scaffold/process/service.sh" with { type: "text" };
import programFile from "./scaffold/run.sh" with { type: "text" };
import skeletonMakefile from "./scaffold/skeleton/Makefile" with { type: "text" };
import systemdMakefile from "./scaffold/systemd/Makefile" with { type: "text" };
import unitFile from "./scaffold/systemd/service.unit" with { type: "text" };
import { fillTemplate } from "./scaffold/template.ts";

/** How a job's process is kept running on its workers. */
export const runtimes = ["compose", "systemd", "process"] as const;
export type Runtime = (typeof runtimes)[number];

export interface ScaffoldFile {
  path: string;
  content: string;
  mode?: number;
}

/** Makefile and helpers of a runtime; a skeleton whose targets only say what they would do when there is none. */
export function lifecycleFiles(job: string, runtime: Runtime | undefined): ScaffoldFile[] {
  const fill = (template: string): string =>
    fillTemplate(template, { JOB: job, CONTRACT: contract.trimEnd() });
  switch (runtime) {
    case undefined:
      return [{ path: "Makefile", content: fill(skeletonMakefile) }];
    case "compose":
      return [
        { path: "Makefile", content: fill(composeMakefile) },
        { path: "docker-compose.yml", content: composeFile },
      ];
    case "systemd":
      return [
        { path: "Makefile", content: fill(systemdMakefile) },
        { path: "service.unit", content: fill(unitFile) },
        { path: "run.sh", content: programFile, mode: 0o755 },
      ];
    case "process":
      return [
        { path: "Makefile", content: fill(processMakefile) },
        { path: "service.sh", content: fill(serviceScript), mode: 0o755 },
        { path: "run.sh", content: programFile, mode: 0o755 },
      ];
    default:
      return assertNever(runtime, "runtime of a job");
  }
}
