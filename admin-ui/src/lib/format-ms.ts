/** Milliseconds as people read them: `402 ms`, `3.1 s`, `2 min 5 s`. */
export function formatMs(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
}
