// Who runs maand: the name that history keeps.

import { readFileSync } from "node:fs";

/** The login name: behind sudo the one who called it, else that of the user id; the bare id when it has no name. */
export function operatorName(environment: Record<string, string | undefined>): string {
  const behindSudo = environment.SUDO_USER;
  if (behindSudo !== undefined && behindSudo !== "") return behindSudo;
  const id = process.getuid?.();
  try {
    for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
      const [name, , uid] = line.split(":");
      if (name !== undefined && uid === String(id)) return name;
    }
  } catch {
    // No passwd file: another system, or a very small container.
  }
  return environment.USER || environment.LOGNAME || String(id ?? "unknown");
}
