// Where a symbolic link of a job leads, followed step by step through the other links of the job.

/** Links that the kernel follows before it gives up (ELOOP), so no working path has more. */
const maxHops = 40;

/**
 * Path (relative to the job directory) that `target`, read from the link at `path`, leads to.
 * Cutting `..` out of the text is not enough: `a/..` is not the top when `a` is itself a link.
 * @param links every link of the job, path to target
 * @returns "outside" when any step leaves the job directory, "loop" when it never ends
 */
export function followLink(
  path: string,
  target: string,
  links: ReadonlyMap<string, string>,
): { path: string } | "outside" | "loop" {
  const at = path.split("/").slice(0, -1);
  const left = target.split("/");
  if (target.startsWith("/")) return "outside";
  for (let hops = 0; left.length > 0; ) {
    const step = left.shift()!;
    if (step === "" || step === ".") continue;
    if (step === "..") {
      if (at.length === 0) return "outside";
      at.pop();
      continue;
    }
    at.push(step);
    const next = links.get(at.join("/"));
    if (next === undefined) continue;
    if (next.startsWith("/")) return "outside";
    hops += 1;
    if (hops > maxHops) return "loop";
    at.pop();
    left.unshift(...next.split("/"));
  }
  return { path: at.join("/") };
}
