// Which maand this is; the build puts the values in.

declare const MAAND_VERSION: string;
declare const MAAND_COMMIT: string;

/** Version of the release and the commit it was built from, such as `0.1.0 (1a2b3c4)`. */
export const version: string =
  typeof MAAND_VERSION === "undefined" ? "0.0.0 (from source)" : `${MAAND_VERSION} (${MAAND_COMMIT})`;
