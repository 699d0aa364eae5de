// maand help: the overview of all commands, or one topic.

import { MaandError } from "../model/error.ts";
import { suggestName } from "../support/nearest.ts";
import { commandGroups, commonFlags } from "./commands.ts";
import { type Topic, topics } from "./topics.ts";

/**
 * Text of the overview, or of a topic by its name or alias; ends with a newline.
 * @throws MaandError("usage") for a topic that there is not.
 */
export async function helpText(topic?: string): Promise<string> {
  if (topic === undefined) return overview();
  const found = topics.find(({ name, aliases }) => name === topic || aliases?.includes(topic));
  if (found !== undefined) return `${(await withTables(found)).trimEnd()}\n`;
  const commands = commandGroups.flatMap((group) => group.commands.map(([line]) => line.split(" ")[0]));
  throw new MaandError("usage", `there is no help topic "${topic}"`, {
    hint: commands.includes(topic)
      ? `"maand ${topic} --help" explains that command`
      : suggestName(
          topic,
          topics.map(({ name }) => name),
        ),
  });
}

async function withTables({ text, tables = {} }: Topic): Promise<string> {
  let whole = text;
  for (const [line, make] of Object.entries(tables)) {
    const table = await make();
    whole = whole.replace(line, () => table);
  }
  return whole;
}

function overview(): string {
  const sections: [string, readonly (readonly [string, string])[]][] = [
    ...commandGroups.map(({ title, commands }): [string, CommandRows] => [title, commands]),
    ["flags of every command", commonFlags],
    ["topics: maand help <topic>", topics.map(({ name, brief }) => [name, brief])],
  ];
  const width = Math.max(...sections.flatMap(([, rows]) => rows.map(([left]) => left.length)));
  return [
    "maand: agentless orchestrator for a fixed pool of Linux workers",
    "",
    "usage: maand <command> [flags]        maand <command> --help shows flags and examples",
    ...sections.flatMap(([title, rows]) => [
      "",
      title,
      ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    ]),
    "",
    "exit codes: 0 done, 1 something failed, 2 wrong usage or workspace, 3 bucket held by another maand, 130 interrupted",
    "",
  ].join("\n");
}

type CommandRows = readonly (readonly [string, string])[];
