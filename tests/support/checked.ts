// Looking into what a check returns: its value, its errors, its warnings.

import { type Checked, type Diagnostic, formatDiagnostic, isError } from "../../src/model/diagnostic.ts";

type Found = { diagnostics: readonly Diagnostic[] };

export const checkedValue = <T>(checked: Checked<T>): T | undefined =>
  checked.ok ? checked.value : undefined;
export const errors = ({ diagnostics }: Found): Diagnostic[] => diagnostics.filter(isError);
export const warnings = ({ diagnostics }: Found): Diagnostic[] => diagnostics.filter((d) => !isError(d));
/** The errors as they are printed. */
export const messages = (found: Found): string[] => errors(found).map(formatDiagnostic);
