/** Dollars beside an axis and over what hovers there: as many digits as tell two marks apart. Exact amounts are elsewhere. */
export function axisUsd(value: number): string {
  if (value === 0) return '$0'
  return `$${value.toLocaleString('en-US', { maximumSignificantDigits: 3 })}`
}
