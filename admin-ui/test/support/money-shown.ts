/** `$0.000 367 0` as nano-dollars: what a person reads, to be held against what is booked. */
export function nanosRead(text: string): bigint {
  const [, sign = '', whole = '', part = ''] =
    /([−-]?)\$(\d[\d,]*)(?:\.([\d\s]+\d|\d))?/.exec(text.replaceAll(/[\u2009\u202f\u00a0]/g, ' ')) ?? []
  if (whole === '') throw new Error(`no amount in "${text}"`)
  const decimals = part.replaceAll(' ', '')
  if (decimals.length > 9) throw new Error(`"${text}" has more digits than there are`)
  const nanos = BigInt(whole.replaceAll(',', '') + decimals.padEnd(9, '0'))
  return sign === '' ? nanos : -nanos
}
