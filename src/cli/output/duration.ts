// How long something took, for people.

/** `0.4s`, `12.3s`, `2m05s`, `1h02m` from milliseconds: tenths below a minute, whole seconds below an hour. */
export function formatDuration(ms: number): string {
  const safe = Number.isFinite(ms) && ms > 0 ? ms : 0;
  const tenths = Math.round(safe / 100);
  return tenths < 600 ? `${(tenths / 10).toFixed(1)}s` : formatElapsed(tenths * 100);
}

/** `7s`, `2m05s`, `1h02m`: whole seconds, for a time that is still running. */
export function formatElapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
