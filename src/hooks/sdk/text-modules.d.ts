// Files beside the helper modules that are compiled into the executable as text.

declare module "*.d.ts.txt" {
  const text: string;
  export default text;
}
