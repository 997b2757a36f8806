/** Amounts as Stripe has them: whole minor units of a currency, 1,000 for 10 USD, 10 for 10 JPY, 10,000 for 10 KWD. */
import assert from 'node:assert/strict'

const NANO_DECIMALS = 9n
const DECIMALS = 2n

// Stripe's own list. ISK and UGX have no cents either, but Stripe counts both in hundredths, so they are not here.
const ZERO_DECIMALS = 'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ')
const THREE_DECIMALS = 'bhd jod kwd omr tnd'.split(' ')

const decimals = new Map([
  ...ZERO_DECIMALS.map((currency) => [currency, 0n] as const),
  ...THREE_DECIMALS.map((currency) => [currency, 3n] as const),
])

/** How many billionths of the currency its minor unit is. Throws for what is not a currency's code. */
export function nanosPerMinorUnit(currency: string): bigint {
  assert.match(currency, /^[A-Za-z]{3}$/, `'${currency}' is not the code of a currency`)
  return 10n ** (NANO_DECIMALS - (decimals.get(currency.toLowerCase()) ?? DECIMALS))
}

/** Exact, also below zero. */
export function minorToNanos(currency: string, minor: bigint): bigint {
  return minor * nanosPerMinorUnit(currency)
}

/** Whole minor units, what is less left over: nobody is paid what he does not have. Throws below zero. */
export function nanosToMinorFloor(currency: string, nanos: bigint): { minor: bigint; restNanos: bigint } {
  assert(nanos >= 0n, 'what is paid out must not be below zero')
  const unit = nanosPerMinorUnit(currency)
  return { minor: nanos / unit, restNanos: nanos % unit }
}
