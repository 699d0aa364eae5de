// What was looked at while the workspace was read, and whether all of it is still the same: then it was one moment.
//
// Every entry's identity is taken before it is read, and compared once everything has been read. Where nothing differs,
// all of it lay there together at the instant between the two. A file's times cannot be set back (ctime), so one that
// was changed and changed back shows too, unless that happened within one tick of the clock that stamps files: what is
// as young as that when it is looked at is compared by its content as well.

import { type BigIntStats, lstatSync, readdirSync, statSync } from "node:fs";
import { compareText } from "../support/order.ts";

/** Milliseconds in which a file may change without its times showing it: several ticks of the slowest usual clock. */
const tickMs = 50;

/** Whether a link is looked at itself, or what it points to. */
export type Links = "keep" | "follow";

/** Notes what is looked at. Paths are absolute, with the path that people know (`shown`) beside them. */
export interface Moment {
  /**
   * The entry as it is right before it is read.
   * @throws the system's error when it cannot be looked at, which is noted like everything else
   */
  look(path: string, shown: string, links: Links): BigIntStats;
  /** @param contentOf reads again what was read of an entry looked at before: its text, or a hash; used when it is young */
  held(path: string, content: string, contentOf: () => string): void;
  /** @param names those in a directory that count, by `counts` */
  listed(path: string, shown: string, names: readonly string[], counts: (name: string) => boolean): void;
  /** Milliseconds since 1970 at which something of what was looked at changed last; 0 where nothing was. */
  newest(): number;
  /** Paths, as people know them, of what is not as it was, sorted. Looks at everything once more. */
  changes(): string[];
}

interface Look {
  shown: string;
  links: Links;
  identity: string;
  young: boolean;
}

export function createMoment(): Moment {
  const looks = new Map<string, Look>();
  const contents = new Map<string, { content: string; contentOf: () => string }>();
  let newest = 0;
  const listings = new Map<string, { shown: string; names: string; counts: (name: string) => boolean }>();

  const isSameContent = (path: string): boolean => {
    const known = contents.get(path);
    return known === undefined || attempt(known.contentOf) === known.content;
  };
  return {
    look(path, shown, links) {
      try {
        const stats = statOf(path, links);
        newest = Math.max(newest, Number(stats.ctimeMs));
        const young = Number(stats.ctimeMs) > Date.now() - tickMs;
        looks.set(path, { shown, links, identity: identityOf(stats), young });
        return stats;
      } catch (error) {
        looks.set(path, { shown, links, identity: "", young: false });
        throw error;
      }
    },
    held(path, content, contentOf) {
      if (looks.get(path)?.young === true) contents.set(path, { content, contentOf });
    },
    listed(path, shown, names, counts) {
      listings.set(path, { shown, names: listing(names, counts), counts });
    },
    newest: () => newest,
    changes() {
      const changed = new Set<string>();
      for (const [path, { shown, names, counts }] of listings)
        if (attempt(() => listing(readdirSync(path), counts)) !== names) changed.add(shown);
      for (const [path, { shown, links, identity }] of looks) {
        const now = attempt(() => identityOf(statOf(path, links))) ?? "";
        if (now !== identity || !isSameContent(path)) changed.add(shown);
      }
      return [...changed].sort(compareText);
    },
  };
}

function statOf(path: string, links: Links): BigIntStats {
  return links === "keep" ? lstatSync(path, { bigint: true }) : statSync(path, { bigint: true });
}

/** A directory's own size and times say nothing that its listing does not: tools leave files of no meaning in it. */
function identityOf(stats: BigIntStats): string {
  const own = [stats.dev, stats.ino, stats.mode];
  const parts = stats.isDirectory() ? own : [...own, stats.size, stats.mtimeNs, stats.ctimeNs];
  return parts.join(" ");
}

function listing(names: readonly string[], counts: (name: string) => boolean): string {
  return names.filter(counts).sort(compareText).join("\0");
}

/** Undefined where it cannot be read: that it could be before is a change. */
function attempt(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
