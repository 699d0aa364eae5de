// A program for the pseudo-terminal test: draws a short run on the real streams, then prints a result.

import { createRenderer } from "../../src/cli/output/renderer.ts";
import { openStream } from "../../src/cli/output/stream.ts";
import { formatTable } from "../../src/cli/output/table.ts";
import { createTerminal } from "../../src/cli/output/terminal.ts";
import { createEventStream, type Scope } from "../../src/events/event.ts";

const terminal = createTerminal({
  stdout: openStream(1),
  stderr: openStream(2),
  json: false,
  quiet: false,
  color: !process.argv.includes("--no-color"),
  progress: !process.argv.includes("--no-progress"),
});
const renderer = createRenderer(terminal);
const events = createEventStream();
events.subscribe(renderer.listen);
events.emit({ type: "step", scope: { worker: "-" }, text: "wave 0" });
const scopes = Array.from(
  { length: 30 },
  (_, i): Scope => ({ worker: `10.0.0.${i}`, job: "pg", action: "start" }),
);
const ids = scopes.map(() => events.nextId());
for (const [i, scope] of scopes.entries())
  events.emit({ type: "command_begin", scope, id: ids[i]!, cmd: "make start" });
for (const [i, scope] of scopes.entries()) {
  await Bun.sleep(15);
  events.emit({ type: "output", scope, id: ids[i]!, stream: "stdout", line: `up ${i} \x1b[2J` });
  events.emit({ type: "command_end", scope, id: ids[i]!, exit: 0, durationMs: 15 });
}
if (!process.argv.includes("--exit")) renderer.close();
terminal.stdout.write(formatTable(["job", "width"], [["pg", terminal.stdout.width() ?? "none"]]));
process.exit(0);
