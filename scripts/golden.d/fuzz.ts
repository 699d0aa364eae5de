// Compares our templates with Go's on many random cases and prints every difference; exits 1 when there is one.

import { generateCase, seededRandom } from "./generate.ts";
import { agree, type Case, differsOnPurpose, ownVerdict, startJudge, type Verdict } from "./judge.ts";

const count = Number(process.argv[2] ?? 20_000);
const seed = Number(process.argv[3] ?? 1);
const batchSize = 500;
const shown = 20;

const random = seededRandom(seed);
const judge = startJudge();
const tally = { output: 0, parse: 0, exec: 0, purpose: 0 };
let differences = 0;

for (let done = 0; done < count; done += batchSize) {
  const cases: Case[] = Array.from({ length: Math.min(batchSize, count - done) }, () => generateCase(random));
  const verdicts = await judge.ask(cases);
  for (const [index, go] of verdicts.entries()) look(cases[index]!, go);
}
judge.close();
console.log(
  `${count} cases, seed ${seed}: ${tally.output} printed, ${tally.parse} refused when parsed, ${tally.exec} refused when run, ` +
    `${tally.purpose} different on purpose; ${differences} differences`,
);
process.exit(differences === 0 ? 0 : 1);

function look(one: Case, go: Verdict): void {
  const own = ownVerdict(one);
  if (differsOnPurpose(one, go, own)) {
    tally.purpose++;
    return;
  }
  if (go.stage === undefined) tally.output++;
  else if (go.stage === "parse") tally.parse++;
  else tally.exec++;
  if (agree(go, own)) return;
  differences++;
  if (differences <= shown) {
    console.log(`${JSON.stringify(one)}\n  Go:   ${JSON.stringify(go)}\n  ours: ${JSON.stringify(own)}`);
  }
}
