// The fields of a certificate: whom it stands for, and what its key is.

import { z } from "zod";
import { isAlternativeName } from "../certs/alternative-names.ts";
import { subjectFields } from "../certs/subject.ts";
import { camelCased, converted, present } from "./convert.ts";
import { about, fields, flag, list, oneOf } from "./fields.ts";

const subjectText = z.string({ error: "use text in double quotes" });
/** What each field may hold is `subjectProblems`' matter: the certificate room knows the format's limits. */
const subject = converted(
  fields(
    {
      ...Object.fromEntries(
        subjectFields.map((field) => [
          field,
          about(subjectText.optional(), subjectWords(field), field === "country" ? "DE" : "Example"),
        ]),
      ),
      common_name: about(
        z.string({ error: "use the name that the certificate stands for, as text" }),
        "the name that the certificate stands for",
        "api.example.com",
      ),
    },
    'use an object: {"common_name": "..."}',
  ),
  (written): Record<string, string> => present(written),
  (parts) => parts as { common_name: string },
);

function subjectWords(field: string): string {
  return `${field.replaceAll("_", " ")} in the subject`;
}

const alternativeUse = "use a DNS name or address, such as api.example.com or *.example.com";
export const certificate = camelCased(
  fields({
    subject: about(subject, "who the certificate stands for", { common_name: "api" }),
    one: about(flag().default(false), "one pair for all allocations instead of one each", true),
    pkcs8: about(flag().default(false), "write the key as PKCS#8", true),
    key: about(
      oneOf("rsa-2048", "rsa-4096", "ecdsa-p256").default("rsa-2048"),
      "kind of the key",
      "ecdsa-p256",
    ),
    dns: about(
      list(
        z.string({ error: alternativeUse }).refine(isAlternativeName, { error: alternativeUse }),
        "DNS names",
      ).default([]),
      "more names and addresses that it stands for",
      ["*.example.com"],
    ),
  }),
);
