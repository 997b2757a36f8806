const ppmDecimals = 6

/** Reads what a person typed (`1`, `0.95`) as parts per million; `undefined` when it is no positive decimal. */
export function parseMultiplier(text: string): number | undefined {
  const match = /^(\d{1,3})(?:\.(\d{1,6}))?$/.exec(text.trim())
  if (!match) return undefined
  const ppm = Number.parseInt(`${match[1]}${(match[2] ?? '').padEnd(ppmDecimals, '0')}`, 10)
  return ppm > 0 ? ppm : undefined
}

/** Parts per million as a factor: `950000` is `0.95`. */
export function formatMultiplier(ppm: number): string {
  const digits = String(ppm).padStart(ppmDecimals + 1, '0')
  const fraction = digits.slice(-ppmDecimals).replace(/0+$/, '')
  return `${digits.slice(0, -ppmDecimals)}${fraction === '' ? '' : `.${fraction}`}`
}
