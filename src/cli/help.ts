// maand help: the overview of all commands, or one topic.

import { topics } from "../help/topics.ts";
import { MaandError } from "../model/error.ts";
import { suggestName } from "../support/nearest.ts";
import { globalFlagRows, type HelpRow, usageLine } from "./command-help.ts";
import type { AnyCommand, Command } from "./declaration.ts";
import { groups, ownWord, resolveWords, runnable } from "./declaration.ts";
import { exitCodeMeanings } from "./exit-codes.ts";

/**
 * Text of the overview, or of a topic by its name, by a command that it explains or by another spelling of that
 * command; ends with a newline.
 * @throws MaandError("usage") for a topic that there is not.
 */
export async function helpText(commands: readonly AnyCommand[], topic?: string): Promise<string> {
  if (topic === undefined) return overview(commands);
  const { found: command } = resolveWords(commands, [topic]);
  const word = command === undefined ? topic : ownWord(command);
  const found = topics.find(({ explains, name }) => name === word || explains?.includes(word));
  if (found !== undefined) return `${(await withTables(found.text)).trimEnd()}\n`;
  throw new MaandError("usage", `there is no help topic "${topic}"`, {
    hint:
      command === undefined
        ? suggestName(
            topic,
            topics.map(({ name }) => name),
          )
        : `"maand ${topic} --help" explains that command`,
  });
}

/** What stands for a line `{...}` of a topic's text, loaded by the topics that have it. */
const tables: Readonly<Record<string, () => Promise<string>>> = {
  "{manifest fields}": async () => (await import("../workspace/field-table.ts")).manifestTable(),
};

async function withTables(text: string): Promise<string> {
  let whole = text;
  for (const [line, make] of Object.entries(tables)) {
    if (!text.includes(line)) continue;
    const table = await make();
    whole = whole.replace(line, () => table);
  }
  return whole;
}

function overview(commands: readonly AnyCommand[]): string {
  const all = runnable(commands);
  const sections: (readonly [title: string, rows: readonly HelpRow[]])[] = [
    ...groups.map((group) => [group, all.filter((command) => command.group === group).map(rowOf)] as const),
    ["flags of every command", globalFlagRows()],
    ["topics: maand help <topic>", topics.map(({ name, brief }) => [name, brief])],
  ];
  const width = Math.max(...sections.flatMap(([, rows]) => rows.map(([left]) => left.length)));
  const codes = exitCodeMeanings.map(([code, meaning]) => `${code} ${meaning}`);
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
    `exit codes: ${codes.join(", ")}`,
    "",
  ].join("\n");
}

/** What may be left out is left to the command's own help. */
function rowOf(command: Command): HelpRow {
  return [
    usageLine(command)
      .replace(/^maand /, "")
      .replaceAll(/ \[[^\]]*\]/g, ""),
    command.brief,
  ];
}
