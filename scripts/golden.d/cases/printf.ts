// Cases for printf: every verb with flags, width and precision over every type, and its marks for mistakes.

import type { Group } from "../group.ts";

const values: Record<string, string> = {
  integers: "0 -42 255 9223372036854775807 'a'",
  floats: "0.0 -2.5 3.14159 1e6 123456789.0 1e-5 15.0",
  strings: '"" "héllo wörld" "a\\"b`c\\n" "\\xff\\u00ad"',
  others: "true nil 2.5-3i (index `a` 0) .list .strings .map .nested",
};
const verbs = "v d s q x X o O b c U e E f F g G t T".split(" ");
const flags = ["", "+", "-", "#", "0", " "];
const sizes = ["", "9", ".2", "12.3"];

// One template per type, verb and size, with all flags in it: enough to see every combination, few enough to read.
const combinations = Object.values(values).flatMap((list) =>
  verbs.flatMap((verb) =>
    sizes.map((size) =>
      splitWords(list)
        .map((word) => {
          const format = flags.map((flag) => `%${flag}${size}${verb}`).join("|");
          return `{{printf "${format}"${` ${word}`.repeat(flags.length)}}}`;
        })
        .join("\n"),
    ),
  ),
);

// Words at spaces, but not inside quotes or parentheses.
function splitWords(list: string): string[] {
  return list.match(/"(?:\\.|[^"\\])*"|\([^)]*\)|\S+/g) ?? [];
}

export const printf: Group[] = [
  {
    name: "printf verbs",
    data: {
      list: [1, "a", null, 2.5, true],
      strings: { $strings: ["x", "é"] },
      map: { b: 1, a: "x", n: null },
      pairs: { $stringMap: { k: "v" } },
      nested: { l: [[1, 2], ["a"]], m: { k: [null] } },
    },
    templates: combinations,
  },
  {
    name: "printf formats",
    data: { list: [1, "a"], wide: 12, neg: -6, f: 1.5 },
    templates: [
      '{{printf ""}}',
      '{{printf "plain"}}',
      '{{printf "100%%"}}',
      '{{printf "%"}}',
      '{{printf "%!"}}',
      '{{printf "%5%|%-5%|%05%|%.3%"}}',
      '{{printf "%z" 1}}',
      '{{printf "%é" 1}}',
      '{{printf "%d"}}',
      '{{printf "%d %d" 1}}',
      '{{printf "%d" 1 2}}',
      '{{printf "%d" 1 "a" nil 2.5}}',
      '{{printf "plain" 1}}',
      '{{printf "%-"}}',
      '{{printf "%5"}}',
      '{{printf "%.5"}}',
      '{{printf "%*d" 5 1}}|{{printf "%-*d|" 5 1}}|{{printf "%*d|" -5 1}}|{{printf "%0*d" 5 1}}',
      '{{printf "%.*f" 2 1.5}}|{{printf "%*.*f" 8 2 1.5}}|{{printf "%.*f" -2 1.5}}',
      '{{printf "%*d" "a" 1}}|{{printf "%.*d" "a" 1}}|{{printf "%*d" 1.5 1}}|{{printf "%*d" nil 1}}',
      '{{printf "%*d" 5}}|{{printf "%*"}}|{{printf "%.*"}}|{{printf "%*d"}}',
      '{{printf "%*d" 10000000 1}}|{{printf "%.*d" 10000000 1}}',
      '{{printf "%99999999d" 1}}|{{printf "%.99999999d" 1}}|{{printf "%99999999"}}',
      '{{printf "%*d" .wide 1}}|{{printf "%*d|" .neg 1}}|{{printf "%.*f" .wide .f}}',
      '{{printf "%[1]d %[1]d" 1}}|{{printf "%[2]d %[1]d" 1 2}}|{{printf "%[2]d %d" 1 2 3}}',
      '{{printf "%[1]d" 1 2}}|{{printf "%[3]d" 1 2}}|{{printf "%[0]d" 1}}|{{printf "%[-1]d" 1}}',
      '{{printf "%[x]d" 1}}|{{printf "%[]d" 1}}|{{printf "%[1d" 1}}|{{printf "%[" 1}}|{{printf "%[1]" 1}}',
      '{{printf "%[2]*[1]d" 1 5}}|{{printf "%[1]*d" 5 1}}|{{printf "%[3]*.[2]*[1]f" 12.0 2 6}}',
      '{{printf "%6.[2]f" 1.5 2}}|{{printf "%[1].2f" 1.5}}|{{printf "%[1]5d" 1}}|{{printf "%.[2]*[1]f" 1.5 1}}',
      '{{printf "%[99999999999]d" 1}}|{{printf "%[1] d" 1}}|{{printf "%[ 1]d" 1}}',
      '{{printf "%+-08.3d|%#+x|%+ d|% +d|%-+8d|" 5 5 5 5 5}}',
      '{{printf "%w %p %j %y" 1 1 1 1}}',
      '{{printf "%t %t %t" 1 "a" nil}}',
      '{{printf "%s %d %x" true true true}}',
      '{{printf "%6.2f%% of %s" 99.5 "it"}}',
      '{{printf "%s" .list}} {{printf "%d" .list}} {{printf "%5v" .list}} {{printf "%-5v|" .list}}',
      '{{printf "%c%c%c" 72 105 128512}}{{printf "%c" -1}}{{printf "%c" 55296}}{{printf "%c" 1114112}}',
      '{{printf "%q %q %q %+q %#q" 97 39 128512 233 97}}{{printf "%q" -1}}',
      '{{printf "%U %#U %08U %-12U| %.6U" 128512 128512 65 65 65}}{{printf "%#U" 7}}',
      '{{printf "%x %X % x %#x %# X" "héllo" "héllo" "héllo" "héllo" "héllo"}}',
      '{{printf "%.2s|%.0s|%5.1s|%.10s" "日本語" "日本語" "日本語" "日本語"}}',
      '{{printf "%.20f %.0f %.1f %.2f" 0.1 0.5 0.25 1.005}}',
      '{{printf "%.0f %.0f %.0f %.0f" 1.5 2.5 -0.5 -1.5}}',
      '{{printf "%e %.0e %.10e %E" 123456.789 123456.789 123456.789 1e-10}}',
      '{{printf "%g %.3g %.10g %#g %#.3g %G" 100000.0 100000.0 100000.0 100000.0 100000.0 1e-10}}',
      '{{printf "%x %X %.3x %+.0x %#x" 1.5 -1.5 3.14159 1.5 1.5}}',
      '{{printf "%b %b" 1.5 0.1}}',
      '{{printf "%v %v %v %v" 1e20 1e21 123456789012345678.0 0.000001}}',
      '{{printf "%.100f" 0.1}}',
      '{{printf "%.400f" 5e-324}}',
      '{{printf "%f" 1.7976931348623157e308}}',
      '{{.wide | printf "%04d"}}{{printf "%s" "a" | printf "%s%s" "b"}}',
      '{{printf "%s" "\\xff"}}{{printf "%q" "\\xff"}}{{printf "%5s" "\\xff"}}{{printf "%x" "\\xff"}}',
    ],
  },
];
