// Help topics are compiled into the executable as text.

declare module "*.md" {
  const text: string;
  export default text;
}
