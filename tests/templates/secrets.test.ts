// Secrets come out in the output, never in a message, and not at all when they are to be masked.

import { describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { Secret } from "../../src/model/secret.ts";
import { renderTemplate } from "../../src/templates/render.ts";
import { testEnvironment } from "../support/builders/template-environment.ts";
import { maandRejectionOf } from "../support/thrown.ts";

const password = "hunter2-secret";
const pin = "48151623";
const namespaces = {
  "secrets/job/api": { password: new Secret(password), pin: new Secret(pin), list: new Secret("aa,bb") },
  "maand/job/api/worker/10.0.0.2": { "certs/x.key": new Secret("PRIVATE KEY") },
  "vars/job/api": { name: "bob" },
};

async function render(text: string, revealSecrets: boolean, suffix = "tpl"): Promise<string> {
  const environment = testEnvironment(namespaces, {}, { revealSecrets });
  return renderTemplate({ path: `jobs/api/x.${suffix}`, text }, environment);
}

const errorOf = (text: string, suffix = "tpl") => maandRejectionOf(render(text, true, suffix));

describe("in the output", () => {
  test("they are their text, also through functions", async () => {
    expect(await render('{{getSecret "password"}}', true)).toBe(password);
    expect(await render('{{getSecret "password" | quote}}', true)).toBe(`"${password}"`);
    expect(await render('{{printf "%s!" (getSecret "password") | upper}}', true)).toBe("HUNTER2-SECRET!");
    expect(await render('{{$s := getSecret "password"}}{{$s}}{{len $s}}', true)).toBe(`${password}14`);
    expect(await render('{{add (int (getSecret "pin")) 1}}', true)).toBe("48151624");
    expect(await render('{{range split (getSecret "list") ","}}<{{.}}>{{end}}', true)).toBe("<aa><bb>");
    expect(await render('{{if eq (getSecret "list") "aa,bb"}}same{{end}}', true)).toBe("same");
    expect(await render('{{getJobWorker "certs/x.key"}}', true)).toBe("PRIVATE KEY");
    expect(await render('<%= it.b64enc(it.getSecret("pin")) %>', true, "eta")).toBe("NDgxNTE2MjM=");
  });
});

describe("masked", () => {
  test("nothing derived from one shows", async () => {
    expect(await render('{{getSecret "password"}}', false)).toBe("***");
    expect(await render('{{getSecret "password" | b64enc}}', false)).toBe("Kioq");
    expect(await render('{{len (getSecret "password")}}', false)).toBe("3");
    expect(await render('{{getJobWorker "certs/x.key"}}', false)).toBe("***");
    expect(await render('{{getOptional "secrets/job/api" "pin"}}', false)).toBe("***");
    expect(await render('<%= it.b64enc(it.getSecret("pin")) %>', false, "eta")).toBe("Kioq");
  });

  test("a secret that does not exist is still an error", async () => {
    await expect(render('{{getSecret "none"}}', false)).rejects.toThrow('"none"');
  });
});

describe("in messages", () => {
  const leaky = [
    '{{int (getSecret "password")}}',
    '{{fromJson (getSecret "password")}}',
    '{{index .Labels (int (getSecret "pin"))}}',
    '{{index .Labels (add (int (getSecret "pin")) 0)}}',
    '{{slice .Job (int (getSecret "pin"))}}',
    '{{mul (int (getSecret "pin")) 9223372036854775807}}',
    '{{indent (sub 0 (int (getSecret "pin"))) "x"}}',
    '{{get "vars/job/api" (getSecret "password")}}',
    '{{get (getSecret "password") "x"}}',
    '{{port (getSecret "password")}}',
    '{{keys (getSecret "password") | len | printf 5}}',
    '{{$x := getSecret "password"}}{{$x.field}}',
    '{{with getSecret "password"}}{{.field}}{{end}}',
    '{{range getSecret "password"}}{{end}}',
    '{{int (print "x" (getSecret "password"))}}',
    '{{int (getSecret "password" | b64enc | lower)}}',
    '{{int (index (split (getSecret "password") "-") 0)}}',
    '{{range split (getSecret "password") "-"}}{{int .}}{{end}}',
    '{{define "x"}}{{int .}}{{end}}{{template "x" getSecret "password"}}',
    '{{$m := fromJson (printf `{"k": "%s"}` (getSecret "password"))}}{{int $m.k}}',
    '{{lt (getSecret "password") 1}}',
    '{{b64dec (getSecret "password")}}',
    '{{join (getSecret "password") 1}}',
  ];
  for (const text of leaky) {
    test(text, async () => {
      const error = await errorOf(text);
      const all = `${inspect(error, { depth: 9 })} ${error.message} ${error.why} ${error.hint}`;
      for (const part of [password, pin, "hunter2", "aHVudGVy", "ahvudgvy"]) expect(all).not.toContain(part);
      expect(error.where.line).toBe(1);
    });
  }

  const leakyEta = [
    '<%= JSON.parse(it.getSecret("password")) %>',
    '<%= it.int(it.getSecret("password")) %>',
    '<%= it.get("vars/job/api", it.getSecret("password")) %>',
    '<% throw new Error(it.getSecret("password")) %>',
    '<%= it[it.getSecret("password")] %>',
    '<%= it.fromJson(it.getSecret("password").slice(0, 7)) %>',
  ];
  for (const text of leakyEta) {
    test(text, async () => {
      const error = await errorOf(text, "eta");
      const all = `${error.message} ${error.why} ${error.hint}`;
      for (const part of [password, "hunter2"]) expect(all).not.toContain(part);
      expect(error.where.line).toBe(1);
    });
  }

  test("a key that stands in the source is named although a secret was read before", async () => {
    const go = await errorOf('{{getSecret "password"}}{{get "vars/job/api" "nome"}}');
    const eta = await errorOf('<%= it.getSecret("password") %><%= it.get("vars/job/api", "nome") %>', "eta");
    for (const error of [go, eta]) {
      expect(error.message).toContain('key "nome"');
      expect(error.message).toContain('"vars/job/api"');
    }
  });
});
