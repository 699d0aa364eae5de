// A group of golden cases: templates that share their data.

export interface Group {
  /** Name of the file under tests/templates/golden, with dashes for spaces. */
  name: string;
  /** JSON with the tags of tests/templates/tagged.ts. */
  data: unknown;
  templates: string[];
}
