/**
 * Money arrives as a string of nano-dollars (1e-9 USD) and stays a `bigint`. It is written by string
 * arithmetic, so no digit is lost and `$0.000 043 2` is never shown as `$0.00`.
 */

const nanoDecimals = 9
/** Cents: a plain amount looks like money. */
const leastDecimals = 2
const minus = '\u2212'
/** Groups the digits of a fraction without letting the line break inside a number. */
const thinSpace = '\u202f'

/** Reads `amountNanos: "…"` of the API. Throws on anything else than a whole number of at most 30 digits. */
export function parseNanos(text: string): bigint {
  if (!/^-?\d{1,30}$/.test(text))
    throw new Error(`Not an amount in nano-dollars: ${JSON.stringify(text.slice(0, 40))}`)
  return BigInt(text)
}

/** Nano-dollars as `$1,234.56`, with every digit that is not zero, and at least `decimals` of them. */
export function formatUsd(nanos: bigint, decimals = leastDecimals): string {
  const { negative, whole, fraction } = splitUsd(nanos, decimals)
  return `${negative ? minus : ''}$${whole}.${groupFraction(fraction)}`
}

/** As `formatUsd`, but an amount above zero says so: `+$10.00`. */
export function formatSignedUsd(nanos: bigint, decimals = leastDecimals): string {
  return `${nanos > 0n ? '+' : ''}${formatUsd(nanos, decimals)}`
}

/** An amount in two parts for a headline: dollars and cents, then the digits below a cent (may be empty). */
export function splitHeadlineUsd(nanos: bigint): { main: string; rest: string } {
  const { negative, whole, fraction } = splitUsd(nanos, leastDecimals)
  const below = fraction.slice(leastDecimals)
  // Keeps the groups of three counted from the decimal point: 0.123 456 is ".12" + "3 456".
  const rest = below === '' ? '' : groupFraction(fraction).slice(leastDecimals)
  return { main: `${negative ? minus : ''}$${whole}.${fraction.slice(0, leastDecimals)}`, rest }
}

/** How many decimals a column needs so that every amount keeps its digits and the points line up. */
export function decimalsFor(amounts: readonly (bigint | string)[]): number {
  return amounts.reduce<number>((most, amount) => {
    const nanos = typeof amount === 'bigint' ? amount : parseNanos(amount)
    return Math.max(most, splitUsd(nanos, leastDecimals).fraction.length)
  }, leastDecimals)
}

/** Reads what a person typed (`12`, `$12.50`) as nano-dollars; `undefined` when it is not a plain dollar amount. */
export function parseUsdInput(text: string): bigint | undefined {
  const match = /^\$?(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text.trim())
  if (!match) return undefined
  return BigInt(`${match[1]}${(match[2] ?? '').padEnd(nanoDecimals, '0')}`)
}

/** Price strings (`"0.15"`, USD per million tokens) padded to the same decimals: `$0.150`. Unreadable ones stay as sent. */
export function formatPrice(price: string, decimals = leastDecimals): string {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(price)
  if (!match?.[1]) return price
  return `$${groupWhole(match[1])}.${groupFraction((match[2] ?? '').padEnd(decimals, '0'))}`
}

/** How many decimals a column of price strings needs. */
export function priceDecimals(prices: readonly string[]): number {
  return prices.reduce((most, price) => Math.max(most, price.split('.')[1]?.length ?? 0), leastDecimals)
}

/** Orders two plain decimal strings without going through a float: negative when `left` is the smaller. */
export function comparePrices(left: string, right: string): number {
  const decimals = Math.max(priceDecimals([left]), priceDecimals([right]))
  const difference = scaled(left, decimals) - scaled(right, decimals)
  if (difference === 0n) return 0
  return difference < 0n ? -1 : 1
}

function scaled(price: string, decimals: number): bigint {
  const [whole = '0', fraction = ''] = price.split('.')
  const digits = `${whole}${fraction.padEnd(decimals, '0')}`
  // A price we cannot read sorts last: it must never look like the cheapest.
  return /^\d+$/.test(digits) ? BigInt(digits) : 10n ** 30n
}

function splitUsd(nanos: bigint, decimals: number): { negative: boolean; whole: string; fraction: string } {
  const negative = nanos < 0n
  const digits = (negative ? -nanos : nanos).toString().padStart(nanoDecimals + 1, '0')
  const cut = digits.length - nanoDecimals
  const fraction = digits.slice(cut).replace(/0+$/, '').padEnd(decimals, '0')
  return { negative, whole: groupWhole(digits.slice(0, cut)), fraction }
}

function groupWhole(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',')
}

function groupFraction(digits: string): string {
  return digits.replace(/(\d{3})(?=\d)/g, `$1${thinSpace}`)
}
