// Files that are compiled into the executable as text.

declare module "*.py" {
  const text: string;
  export default text;
}

declare module "*.sh" {
  const text: import("../ssh/exec/quote.ts").ScriptFile;
  export default text;
}
