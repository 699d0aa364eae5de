// Which fields a certificate's subject may have, in which order and form they stand in the certificate.

import { failed, type HintedVerdict, passed } from "../model/result.ts";

/** How the value is stored: RFC 5280 demands PrintableString for some attributes and IA5String for e-mail. */
export type SubjectText = "utf8" | "printable" | "ia5";

interface SubjectAttribute {
  /** Attribute type (X.520; RFC 5280, appendix A.1; PKCS #9 for e-mail). */
  oid: string;
  /** First the name that maand prints, then other spellings that it takes. */
  names: readonly [string, ...string[]];
  text: SubjectText;
  /** Upper bound in characters: RFC 5280, appendix A.1 ("ub-..."); X.520 for streets and postal codes. */
  longest: number;
}

/** In the order in which they stand in a certificate: from the country down to the name, as openssl writes them. */
const attributes: readonly SubjectAttribute[] = [
  { oid: "2.5.4.6", names: ["country"], text: "printable", longest: 2 },
  { oid: "2.5.4.8", names: ["state", "province"], text: "utf8", longest: 128 },
  { oid: "2.5.4.7", names: ["locality", "city"], text: "utf8", longest: 128 },
  { oid: "2.5.4.9", names: ["street_address", "street"], text: "utf8", longest: 128 },
  { oid: "2.5.4.17", names: ["postal_code"], text: "utf8", longest: 40 },
  { oid: "2.5.4.10", names: ["organization"], text: "utf8", longest: 64 },
  { oid: "2.5.4.11", names: ["organizational_unit"], text: "utf8", longest: 64 },
  { oid: "2.5.4.5", names: ["serial_number"], text: "printable", longest: 64 },
  { oid: "2.5.4.3", names: ["common_name"], text: "utf8", longest: 64 },
  { oid: "1.2.840.113549.1.9.1", names: ["email_address", "email"], text: "ia5", longest: 255 },
];

/** Every accepted key of `certs.<name>.subject` in a manifest. */
export const subjectFields: readonly string[] = attributes.flatMap((attribute) => attribute.names);

/** One attribute of a distinguished name. */
export interface SubjectPart {
  oid: string;
  text: SubjectText;
  value: string;
}

/** What is wrong with one field of a subject; `field` is the key as the user wrote it. */
export interface SubjectProblem {
  field: string;
  message: string;
  hint: string;
}

/**
 * The subject's attributes in certificate order. Two spellings of one attribute give one part, so that the result
 * does not depend on which was written or in which order. Empty values and unknown fields are left out:
 * `subjectProblems` reports them.
 */
export function subjectParts(subject: Readonly<Record<string, string>>): SubjectPart[] {
  const parts: SubjectPart[] = [];
  for (const { oid, names, text } of attributes) {
    const name = names.find((candidate) => Object.hasOwn(subject, candidate));
    const value = name === undefined ? undefined : subject[name];
    if (value !== undefined && value !== "") parts.push({ oid, text, value });
  }
  return parts;
}

/** All that is wrong with a subject. Fields that are not in `subjectFields` are not judged here. */
export function subjectProblems(subject: Readonly<Record<string, string>>): SubjectProblem[] {
  const problems: SubjectProblem[] = [];
  for (const attribute of attributes) {
    const used = attribute.names.filter((name) => Object.hasOwn(subject, name));
    for (const field of used) {
      const verdict = judgeValue(attribute, subject[field]!);
      if (!verdict.pass) problems.push({ field, message: verdict.reason, hint: verdict.hint });
    }
    for (const field of used.slice(1)) {
      const message = `"${field}" and "${used[0]}" are the same attribute`;
      problems.push({ field, message, hint: "keep one of them" });
    }
  }
  if (!Object.hasOwn(subject, "common_name"))
    problems.push({
      field: "common_name",
      message: `"common_name" is missing`,
      hint: "add it to the subject",
    });
  return problems;
}

function judgeValue(attribute: SubjectAttribute, value: string): HintedVerdict {
  const name = attribute.names[0];
  if (value.trim() === "") return failed(`"${name}" is empty`, "give it a value or leave it out");
  if (/\p{Cc}/u.test(value)) return failed(`"${name}" has control characters`, "remove them");
  if (!value.isWellFormed()) return failed(`"${name}" is not valid text`, "write it again");
  if (name === "country" && !/^[A-Za-z]{2}$/.test(value))
    return failed(`"country" is not a two-letter code`, "use an ISO 3166 code such as DE");
  const length = [...value].length;
  if (length > attribute.longest)
    return failed(
      `"${name}" has ${length} characters`,
      `use at most ${attribute.longest}, the limit of the certificate format`,
    );
  if (attribute.text === "printable" && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value))
    return failed(`"${name}" has characters that the format forbids`, "use letters, digits and '()+,-./:=?");
  if (attribute.text === "ia5" && !/^[\x20-\x7e]*$/.test(value))
    return failed(`"${name}" has characters outside ASCII`, "use the ASCII form of the address");
  return passed;
}
