// The words from which the fuzz makes templates.

export const words = [
  "",
  "a",
  "ab",
  "b",
  "Z",
  "é",
  "日本",
  "x y",
  "<a&'\"b>",
  "a\\nb",
  "10",
  "a,b,c",
  "%d",
  "\\xff",
  "\\u00e9",
  "=",
  "\\t",
];
export const fields = [
  ".a",
  ".b",
  ".l",
  ".m",
  ".s",
  ".n",
  ".f",
  ".t",
  ".zz",
  ".m.k",
  ".m.deep.x",
  ".nil",
  ".u",
  ".ss",
  ".sm",
  ".sm.k",
  ".sm.q",
];
export const contextFields = [
  ".Job",
  ".Index",
  ".Ratio",
  ".Ready",
  ".Labels",
  ".Tags",
  ".Tags.zone",
  ".Nothing",
  ".Other",
];
export const functions =
  "and or not eq ne lt le gt ge len index slice print printf println html js urlquery call".split(" ");
export const own =
  "split join trim upper lower replace contains hasPrefix hasSuffix quote b64enc b64dec indent nindent sum fail".split(
    " ",
  );
export const verbs = "vvvvsqdxXoObcUeEfFgGtT%zw!".split("");
export const flagSets = [
  "",
  "",
  "",
  "+",
  "-",
  "#",
  "0",
  " ",
  "+#",
  "-0",
  "0-",
  "# ",
  "+ ",
  "#0",
  "-+",
  "+-0# ",
];
export const numbers =
  "0 1 2 3 -1 7 42 255 -5 650 1.5 -0.25 1e3 1e6 1e-7 0x1F 0b101 0o17 1_000 'a' 'é' 1i 2.50 123456789.25 0x1p4 .5 1e21 100000.0".split(
    " ",
  );
