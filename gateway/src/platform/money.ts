/**
 * Money is `bigint` everywhere: nano-dollars (1e-9 USD) in the ledger, pico-dollars per token in prices.
 * One pico-dollar per token is the same integer as one micro-dollar per million tokens.
 */

export const NANOS_PER_USD = 1_000_000_000n

/** Integer division that rounds up; both arguments must not be negative. */
export function ceilDiv(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor
}

/** Nano-dollars as a plain decimal in USD without exponent or trailing zeros: `1500n` is `"0.0000015"`. */
export function formatUsd(nanos: bigint): string {
  return formatScaled(nanos, 9)
}

/** `value` ÷ 10^`scale` as a plain decimal string, exact. */
export function formatScaled(value: bigint, scale: number): string {
  const sign = value < 0n ? '-' : ''
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '')
  return `${sign}${digits.slice(0, digits.length - scale)}${fraction === '' ? '' : `.${fraction}`}`
}

/**
 * Reads a decimal string exactly, scaled by 10^`scale`: `parseScaled('0.15', 6)` is `150000n`.
 * Returns `undefined` for anything else than digits with at most `scale` decimals. Never goes through a float.
 */
export function parseScaled(text: string, scale: number): bigint | undefined {
  const match = /^(\d{1,18})(?:\.(\d{1,18}))?$/.exec(text)
  if (!match) return undefined
  const fraction = match[2] ?? ''
  if (fraction.length > scale) return undefined
  return BigInt(`${match[1]}${fraction.padEnd(scale, '0')}`)
}
