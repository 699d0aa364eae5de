// A small terminal screen: what a reader sees after text with cursor movements has been written to it.

/** All rows from the first one on, scrolled ones included, without trailing blanks; `columns` wraps. */
export function screenOf(text: string, columns: number): string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  const put = (character: string) => {
    if (column >= columns) newline(true);
    const cells = rows[row]!;
    while (cells.length < column) cells.push(" ");
    cells[column] = character;
    column += 1;
  };
  const newline = (home: boolean) => {
    row += 1;
    if (home) column = 0;
    while (rows.length <= row) rows.push([]);
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is read here
  const token = /\x1b\[(\d*)([A-Za-z])|\r|\n|[\s\S]/gu;
  for (const [whole, count, command] of text.matchAll(token)) {
    if (whole === "\r") column = 0;
    else if (whole === "\n") newline(true);
    else if (command === undefined) put(whole);
    else if (command === "A") row = Math.max(0, row - Number(count || 1));
    else if (command === "J") {
      rows[row] = rows[row]!.slice(0, column);
      rows.length = row + 1;
    } else if (command !== "m") throw new Error(`unexpected control sequence ${JSON.stringify(whole)}`);
  }
  const lines = rows.map((cells) => cells.join("").trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return lines;
}
