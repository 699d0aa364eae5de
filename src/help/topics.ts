// The topics of `maand help <topic>`: one text file each, compiled into the executable.

import build from "./build.md" with { type: "text" };
import certs from "./certs.md" with { type: "text" };
import collect from "./collect.md" with { type: "text" };
import deploy from "./deploy.md" with { type: "text" };
import gc from "./gc.md" with { type: "text" };
import glossary from "./glossary.md" with { type: "text" };
import health from "./health.md" with { type: "text" };
import hooks from "./hooks.md" with { type: "text" };
import jobs from "./jobs.md" with { type: "text" };
import kv from "./kv.md" with { type: "text" };
import logs from "./logs.md" with { type: "text" };
import model from "./model.md" with { type: "text" };
import placement from "./placement.md" with { type: "text" };
import quickstart from "./quickstart.md" with { type: "text" };
import recover from "./recover.md" with { type: "text" };
import runCommand from "./run_command.md" with { type: "text" };
import security from "./security.md" with { type: "text" };
import templates from "./templates.md" with { type: "text" };
import troubleshooting from "./troubleshooting.md" with { type: "text" };
import workspace from "./workspace.md" with { type: "text" };

export interface Topic {
  name: string;
  brief: string;
  text: string;
  /** Commands by whose name the topic may be asked for. */
  explains?: readonly string[];
}

/** In reading order. */
export const topics: readonly Topic[] = [
  { name: "quickstart", brief: "from nothing to a running job", text: quickstart, explains: ["init"] },
  { name: "model", brief: "the words, the bucket, what lies on a worker", text: model },
  { name: "glossary", brief: "each word that maand uses, in a sentence or two", text: glossary },
  { name: "workspace", brief: "every file you edit and every field in it", text: workspace },
  { name: "placement", brief: "which job runs where: labels, capacity, ports, waves", text: placement },
  { name: "build", brief: "from workspace to catalog", text: build },
  { name: "kv", brief: "the values that templates and hooks read", text: kv },
  {
    name: "templates",
    brief: "files rendered per worker: Go's language and Eta",
    text: templates,
    explains: ["render"],
  },
  { name: "certs", brief: "the CA and certificates of jobs", text: certs },
  { name: "deploy", brief: "plan, batches, gates, and going on after a failure", text: deploy },
  { name: "health", brief: "worker gate, probes, waiting", text: health, explains: ["health_check"] },
  { name: "hooks", brief: "scripts on this host: events, environment, runtime API", text: hooks },
  { name: "jobs", brief: "the Makefile contract, and job control", text: jobs, explains: ["job"] },
  { name: "run_command", brief: "ad-hoc shell on workers", text: runCommand },
  { name: "collect", brief: "memory and CPU of workers, probed", text: collect },
  { name: "gc", brief: "what is purged, and when", text: gc },
  { name: "recover", brief: "going on with a catalog from a backup, or a copy", text: recover },
  { name: "logs", brief: "what is logged, and reading it", text: logs },
  { name: "security", brief: "keys, secrets, file modes, sudo", text: security },
  { name: "troubleshooting", brief: "common errors and what to do about each", text: troubleshooting },
];
