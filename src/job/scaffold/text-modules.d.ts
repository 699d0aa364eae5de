// Files of new jobs that are compiled into the executable as text.

declare module "*/Makefile" {
  const text: string;
  export default text;
}

declare module "*.mk" {
  const text: string;
  export default text;
}

declare module "*.unit" {
  const text: string;
  export default text;
}

declare module "*.yml" {
  const text: string;
  export default text;
}

declare module "*.ts.txt" {
  const text: string;
  export default text;
}
