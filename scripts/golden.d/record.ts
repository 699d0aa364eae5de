// Runs every golden case through real Go and writes what it says to tests/templates/golden/<group>.json.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { control } from "./cases/control.ts";
import { functions } from "./cases/functions.ts";
import { language } from "./cases/language.ts";
import { printf } from "./cases/printf.ts";
import { agree, type Case, ownVerdict, startJudge, type Verdict } from "./judge.ts";

const folder = join(import.meta.dir, "../../tests/templates/golden");
const judge = startJudge();
let count = 0;
let different = 0;

for (const { name, data, templates } of [...language, ...control, ...functions, ...printf]) {
  const cases: Case[] = templates.map((template) => ({ template, data }));
  const verdicts = await judge.ask(cases);
  save(name.replaceAll(" ", "-"), {
    data,
    cases: templates.map((template, i) => ({ template, ...verdicts[i] })),
  });
  for (const [index, go] of verdicts.entries()) look(cases[index]!, go);
}
// What the fuzz found: each case has its own data, and the file is both source and record.
const found = JSON.parse(readFileSync(join(folder, "found.json"), "utf8")) as { cases: Case[] };
const verdicts = await judge.ask(found.cases);
save("found", { cases: found.cases.map(({ template, data }, i) => ({ template, data, ...verdicts[i] })) });
for (const [index, go] of verdicts.entries()) look(found.cases[index]!, go);
judge.close();
console.log(`${count} cases recorded; ours differs in ${different}`);
process.exit(different === 0 ? 0 : 1);

function save(name: string, content: unknown): void {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(content, undefined, 1)}\n`);
}

function look(one: Case, go: Verdict): void {
  count++;
  const own = ownVerdict(one);
  if (agree(go, own)) return;
  different++;
  console.log(`${one.template}\n  Go:   ${JSON.stringify(go)}\n  ours: ${JSON.stringify(own)}`);
}
