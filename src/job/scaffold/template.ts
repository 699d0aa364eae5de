// The placeholder rule of the files in this directory, from which `job create` makes a job.

/**
 * A template with its values: `%NAME%`, in capitals, stands for the value of that name wherever it is written. A shell,
 * make and Markdown take it for a plain word, so the templates can be read and checked as they are. Values are put in
 * unchanged and are not searched for placeholders. Throws an Error, which is a mistake of ours, for a placeholder that
 * has no value.
 */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/%([A-Z]+)%/g, (placeholder, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new Error(`a scaffold has the placeholder ${placeholder}, which has no value`);
    return value;
  });
}
