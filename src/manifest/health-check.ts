// The fields of a health check: its probes, and how long a deploy waits for them.

import { z } from "zod";
import { camelCased } from "./convert.ts";
import {
  about,
  choice,
  fields,
  flag,
  list,
  oneOf,
  positiveSeconds,
  relativePath,
  seconds,
  text,
  whole,
} from "./fields.ts";

const probePort = about(
  text(/^[a-z][a-z0-9_]{0,199}$/, "use the name of a port of resources.ports"),
  "name of a port of resources.ports",
  "http",
);
const probe = z.discriminatedUnion(
  "type",
  [
    fields({
      type: about(z.literal("tcp"), "passes when the port takes a connection", "tcp"),
      port: probePort,
    }),
    camelCased(
      fields({
        type: about(z.literal("http"), "passes when a GET has the status", "http"),
        port: probePort,
        path: about(
          text(/^\/[^\s\p{Cc}]*$/u, "use a path that begins with /, without spaces").default("/"),
          "path that is asked for",
          "/health",
        ),
        expect_status: about(whole(100, 599).default(200), "status that passes", 204),
        scheme: about(oneOf("http", "https").default("http"), "http or https", "https"),
        insecure: about(flag().default(false), "https without checking the certificate", true),
      }),
    ),
    fields({
      type: about(z.literal("ssh"), "passes when the command exits with 0", "ssh"),
      command: about(
        text(/^[^\0]*[^\s\0][^\0]*$/, "use a shell command that is run on the worker"),
        "shell command that is run on the worker",
        "pg_isready",
      ),
    }),
    camelCased(
      fields({
        type: about(z.literal("file"), "passes when the file is there, and as the fields want it", "file"),
        path: about(
          relativePath("use a path relative to the job's directory on the worker"),
          "file, relative to the job's directory on the worker",
          "data/heartbeat",
        ),
        max_age_seconds: about(
          positiveSeconds().optional(),
          "seconds that may have passed since the file was changed",
          60,
        ),
        contains: about(
          // One line, because the lines of a text would be looked for one by one.
          text(
            /^(?:\t|[^\p{Cc}]){1,200}$/u,
            "use text on one line, at most 200 characters, without control characters but tabs",
          ).optional(),
          "text that must occur in the file, which may have up to 16 MiB then",
          "ready",
        ),
      }),
    ),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union"
        ? choice(Array.isArray(issue.options) ? issue.options : [])
        : 'use an object: {"type": "tcp", "port": "<name>"}',
  },
);

export const healthCheck = camelCased(
  fields({
    checks: about(list(probe, "probes").default([]), "probes that must all pass", [
      { type: "tcp", port: "http" },
    ]),
    timeout_seconds: about(seconds(0.1).default(5), "seconds that bound one probe", 2.5),
    wait: about(
      camelCased(
        fields({
          attempts: about(whole(1).default(30), "how often the checks are tried", 60),
          interval_seconds: about(seconds(0).default(1), "seconds between two tries", 0.5),
        }),
      ).prefault({}),
      "how long a deploy waits for them",
      { attempts: 60 },
    ),
  }),
);
