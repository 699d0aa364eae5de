// Texts that are a version: the same that `parseVersion` accepts, for editors; a property test holds the two together.

import { formatVersion, parseVersion } from "../model/version.ts";
import { converted } from "./convert.ts";
import { text } from "./fields.ts";

export const versionText = text(
  /^\s*v?\d{1,15}(?:\.\d{1,15}){0,2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\s*$/,
  'use text such as "1", "1.2", "v1.2.3" or "1.2.3-rc.1"',
);

/** Normalised: `v2.1` is `2.1.0`. */
export const version = converted(
  versionText,
  (written) => formatVersion(parseVersion(written)!),
  (normal) => normal,
);
