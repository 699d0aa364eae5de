// What may be typed next on a command line, from the declarations: for the completion of shells.

import { topics } from "../help/topics.ts";
import type { AnyCommand, Command, Flag, NamedThing, NamesOf } from "./declaration.ts";
import { isParent, ownWord, resolveWords, typedFlag } from "./declaration.ts";
import { globalFlags } from "./globals.ts";

export interface CompletionWord {
  word: string;
  /** What it means; "" for the values of a flag. */
  brief: string;
}

export interface Completion {
  /** All words that may stand here; the shell picks those that begin as it was typed. */
  words: readonly CompletionWord[];
  /** What else may stand here: a name that the bucket or the file system knows. */
  names?: NamedThing;
  /** Several of them may be joined by commas. */
  list?: true;
}

/** What a flag says of the word that follows it; undefined for one that takes no value. */
interface FlagWord extends CompletionWord {
  letter?: string | undefined;
  value?: { of?: NamesOf | undefined; list: boolean };
  repeats: boolean;
}

/** What may stand after the words `typed`, which are all between `maand` and the word that is being completed. */
export function completionAfter(commands: readonly AnyCommand[], typed: readonly string[]): Completion {
  if (typed[0] === "help") return { words: typed.length === 1 ? topicWords() : [] };
  let found: AnyCommand | undefined;
  let words: string[] = [];
  let flags = flagsOf(undefined);
  let places = 0;
  let onlyPlaces = false;
  const given = new Set<string>();
  for (let i = 0; i < typed.length; i++) {
    const word = typed[i]!;
    if (word === "--" && !onlyPlaces) onlyPlaces = true;
    else if (word.startsWith("-") && !onlyPlaces) {
      const name = word.split("=", 1)[0]!;
      const flag = flags.find((candidate) => candidate.word === name || `-${candidate.letter}` === name);
      if (flag === undefined) continue;
      if (!flag.repeats) given.add(flag.word);
      if (flag.value === undefined || word.includes("=")) continue;
      i += 1;
      if (i === typed.length) return valuesOf(flag.value.of, flag.value.list);
    } else {
      const next = resolveWords(commands, [...words, word]);
      if (next.taken > words.length) {
        words = [...words, word];
        found = next.found;
        flags = flagsOf(commandOf(found));
      } else places += 1;
    }
  }
  const command = commandOf(found);
  const inside = found === undefined ? commands : isParent(found) ? found.subcommands : [];
  // A word that is neither a command nor an argument: nothing sensible can follow.
  if (command === undefined && places > 0) return { words: [] };
  const subcommands = places > 0 ? [] : inside.filter((candidate) => candidate !== command);
  const place = Object.values(command?.positional ?? {})[places];
  const values = place === undefined ? { words: [] } : valuesOf(place.of, false);
  return {
    ...values,
    words: [
      ...subcommands.map((candidate) => ({ word: ownWord(candidate), brief: candidate.brief })),
      ...(found === undefined ? [{ word: "help", brief: "all commands, or one topic" }] : []),
      ...values.words,
      ...(onlyPlaces ? [] : flags.filter(({ word }) => !given.has(word))).map(({ word, brief }) => ({
        word,
        brief,
      })),
    ],
  };
}

function commandOf(found: AnyCommand | undefined): Command | undefined {
  return found !== undefined && isParent(found) ? found.standIn : found;
}

function flagsOf(command: Command | undefined): FlagWord[] {
  return [
    ...Object.entries(command?.flags ?? {}).map(([name, flag]) => flagWord(name, flag)),
    ...globalFlags.map(
      (flag): FlagWord => ({
        word: flag.flag,
        brief: flag.brief,
        repeats: false,
        ...(flag.placeholder === undefined ? {} : { value: { of: flag.of, list: false } }),
      }),
    ),
    { word: "--help", brief: "flags and examples", letter: "h", repeats: false },
  ];
}

function flagWord(name: string, flag: Flag): FlagWord {
  const { brief, kind, letter } = flag;
  const value = kind === "boolean" ? {} : { value: { of: flag.of, list: kind === "list" } };
  return { word: typedFlag(name), brief, letter, repeats: kind === "repeat", ...value };
}

function valuesOf(of: NamesOf | undefined, list: boolean): Completion {
  const several = list ? { list } : {};
  if (of === undefined) return { words: [] };
  if (typeof of === "string") return { words: [], names: of, ...several };
  return { words: of.map((word) => ({ word, brief: "" })), ...several };
}

function topicWords(): CompletionWord[] {
  return topics.map(({ brief, name }) => ({ word: name, brief }));
}
