// The commands, in reading order: each is declared in its own folder, and everything that is said of it comes from there.

import type { AnyCommand } from "../cli/declaration.ts";
import { build } from "./build/command.ts";
import { cat } from "./cat/command.ts";
import { collect } from "./collect/command.ts";
import { deploy } from "./deploy/command.ts";
import { gc } from "./gc/command.ts";
import { healthCheck } from "./health-check/command.ts";
import { hooks } from "./hooks/command.ts";
import { info } from "./info/command.ts";
import { init } from "./init/command.ts";
import { job } from "./job/command.ts";
import { logs } from "./logs/command.ts";
import { recover } from "./recover/command.ts";
import { render } from "./render/command.ts";
import { runCommand } from "./run-command/command.ts";
import { schema } from "./schema/command.ts";

/** In the order of the overview, below its headings. A new command is a folder with its declaration, and a line here. */
export const commands: readonly AnyCommand[] = [
  init,
  job,
  collect,
  schema,
  build,
  deploy,
  healthCheck,
  runCommand,
  hooks,
  gc,
  recover,
  info,
  cat,
  render,
  logs,
];
