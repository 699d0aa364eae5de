// The functions of the contract, one by one.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MaandError } from "../../src/model/error.ts";
import { Secret } from "../../src/model/secret.ts";
import { renderGoTemplate } from "../../src/templates/render.ts";
import { testEnvironment } from "../support/builders/template-environment.ts";
import { thrownBy } from "../support/thrown.ts";

const namespaces = {
  "vars/job/api": { name: "bob", empty: "", big: "1048576", list: "a,b" },
  "vars/bucket": { zeta: "1", alpha: "2", Ünï: "3" },
  "maand/job/api": { port_http: "8080", port_admin: "9090", memory: "512" },
  "maand/job/api/worker/10.0.0.2": { version: "1.0.0" },
  "maand/job/db": { port_sql: "5432" },
  "maand/bucket": { bucket_id: "b1" },
  "secrets/job/api": { password: new Secret("hunter2") },
  "secrets/job/db": { password: new Secret("other") },
};

function render(text: string): string {
  return renderGoTemplate({ path: "t.tpl", text }, testEnvironment(namespaces));
}

/** Renders each line of a table, `template => output`, or `template => ! part of the error`. */
function table(lines: string): void {
  for (const line of lines.trim().split("\n")) {
    const [template, expected] = line.trim().split(" => ") as [string, string];
    if (expected.startsWith("! ")) {
      const thrown = thrownBy(() => render(template), template);
      expect(thrown, template).toBeInstanceOf(MaandError);
      expect((thrown as MaandError).message, template).toContain(expected.slice(2));
    } else expect(render(template), template).toBe(expected === '""' ? "" : expected.replaceAll("\\n", "\n"));
  }
}

describe("reading keys", () => {
  test("get, getJob, getJobWorker", () => {
    table(`
      {{get "vars/job/api" "name"}} => bob
      {{get "vars/job/api" "empty"}} => ""
      {{get "vars/job/api" "none"}} => ! key "none" does not exist in namespace "vars/job/api"
      {{get "nowhere" "none"}} => ! namespace "nowhere"
      {{get "vars/job/api"}} => ! get takes 2 arguments, not 1
      {{get "vars/job/api" 5}} => ! get needs a string here
      {{"name" | get "vars/job/api" | upper}} => BOB
      {{getJob "memory"}} => 512
      {{getJob "none"}} => ! "maand/job/api"
      {{getJobWorker "version"}} => 1.0.0
      {{getJobWorker "none"}} => ! "maand/job/api/worker/10.0.0.2"
    `);
  });

  test("getOptional", () => {
    table(`
      {{getOptional "vars/job/api" "name"}} => bob
      {{getOptional "vars/job/api" "none"}} => ""
      {{getOptional "maand/job/gone" "x"}} => ""
      {{getOptional "secrets/job/gone" "x"}} => ""
      {{getOptional "vars/job/api" "none" | default "7"}} => 7
      {{if getOptional "vars/job/api" "none"}}yes{{else}}no{{end}} => no
    `);
  });

  test("port is a number, of this job or another", () => {
    table(`
      {{port "http"}} => 8080
      {{port "sql" "db"}} => 5432
      {{add (port "http") 1}} => 8081
      {{if eq (port "http") 8080}}yes{{end}} => yes
      {{port "htpt"}} => ! job "api" has no port named "htpt"
      {{port "http" "db"}} => ! job "db" has no port named "http"
    `);
    expect((thrownBy(() => render('{{port "htpt"}}')) as MaandError).hint).toContain('"http"');
  });

  test("a port name that several jobs use is explained", () => {
    const error = thrownBy(() => render('{{get "maand/bucket" "shared"}}')) as MaandError;
    expect(error.message).toContain("api, web");
    expect(error.hint).toContain('{{ port "shared" "api" }}');
  });

  test("getSecret and keys", () => {
    table(`
      {{getSecret "password"}} => hunter2
      {{getSecret "secrets/job/db" "password"}} => other
      {{getSecret "none"}} => ! "secrets/job/api"
      {{getSecret "a" "b" "c"}} => ! getSecret takes 1 to 2 arguments, not 3
      {{keys "vars/bucket"}} => [alpha zeta Ünï]
      {{range keys "none"}}x{{else}}no keys{{end}} => no keys
      {{join (keys "vars/job/api") "+"}} => big+empty+list+name
    `);
  });
});

describe("text", () => {
  test("the order of arguments is that of Sprig", () => {
    table(`
      {{split "a,b" ","}} => [a b]
      {{join (split "a,b" ",") "-"}} => a-b
      {{split "a,b" "," | join "-"}} => a-b
      {{index (split (get "vars/job/api" "list") ",") 1}} => b
      {{"a.b" | replace "." "_"}} => a_b
      {{"banana" | contains "nan"}} => true
      {{"banana" | hasPrefix "ban"}} => true
      {{"banana" | hasSuffix "ban"}} => false
      {{default "d" ""}}{{default "d" "v"}}{{default 5 0}}{{default 5 nil}} => dv55
      {{quote "a\\"b"}} {{quote 5 true}} => "a\\"b" "5" "true"
      {{indent 2 "a\\nb"}} =>   a\\n  b
      x{{nindent 2 "a"}} => x\\n  a
      {{trim "  x "}}|{{upper "äb"}}|{{lower "ÄB"}} => x|ÄB|äb
    `);
  });
});

describe("integers", () => {
  test("calculate in 64 bits", () => {
    table(`
      {{add 1 2}} {{add 1 2 3}} {{sub 1 2}} {{mul 3 4}} {{mul 2 3 4}} => 3 6 -1 12 24
      {{div 7 2}} {{div -7 2}} {{min 3 1 2}} {{max 3 1 2}} => 3 -3 1 3
      {{int "42"}} {{int "-7"}} {{int " 8 "}} {{int 9}} {{int 2.9}} => 42 -7 8 9 2
      {{add (getJob "memory") 1}} {{add "2" 3}} => 513 5
      {{div (int (get "vars/job/api" "big")) 1024}} => 1024
      {{printf "%d" (add .AllocationIndex 1)}} => 2
      {{div 1 0}} => ! division by zero
      {{add 9223372036854775807 1}} => ! does not fit 64 bits
      {{mul 4611686018427387904 2}} => ! does not fit 64 bits
      {{int "ten"}} => ! "ten"
      {{int "1.5"}} => ! not an integer
      {{int ""}} => ! not an integer
      {{int nil}} => ! nil
      {{add 1.5 1}} => ! an integer is needed
      {{add true 1}} => ! an integer is needed
      {{sub 1}} => ! sub takes 2 arguments, not 1
    `);
  });
});

describe("JSON and base64", () => {
  test("integers stay integers and keys are sorted", () => {
    table(
      `
      {{toJson (fromJson "{\\"b\\": [1, 2.5, null], \\"a\\": {\\"x\\": \\"<&>\\"}}")}} => {"a":{"x":"<&>"},"b":[1,2.5,null]}
      {{(fromJson "{\\"port\\": 1000000}").port}} => 1000000
      {{printf "%T %T" (fromJson "5") (fromJson "5.0")}} => int float64
      {{range $k, $v := fromJson "{\\"b\\":1,\\"a\\":2}"}}{{$k}}{{$v}}{{end}} => a2b1
      {{toJson .Labels}}{{toJson .Tags}}{{toJson nil}}{{toJson 1.5}} => ["api","worker"]{"zone":"eu-1"}null1.5
      {{fromJson "{a}"}} => ! not valid JSON
      {{b64enc "hé"}} {{b64dec "aMOp"}} => aMOp aMOp
      {{b64dec "%%"}} => ! not base64
    `.replace("aMOp aMOp", "aMOp hé"),
    );
  });

  test("fromJson and toJson are inverse", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const environment = testEnvironment({ "vars/job/api": { json: JSON.stringify(value) } });
        const text = '{{toJson (fromJson (get "vars/job/api" "json"))}}';
        const output = renderGoTemplate({ path: "t.tpl", text }, environment);
        expect(JSON.parse(output)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("b64enc and b64dec are inverse on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (value) => {
        const environment = testEnvironment({ "vars/job/api": { text: value } });
        const text = '{{b64dec (b64enc (get "vars/job/api" "text"))}}';
        expect(renderGoTemplate({ path: "t.tpl", text }, environment)).toBe(value.toWellFormed());
      }),
    );
  });
});
