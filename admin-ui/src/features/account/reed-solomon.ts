/** The correction words of a block of a QR code: Reed-Solomon over GF(256), polynomial x⁸+x⁴+x³+x²+1. */
export function correctionOf(data: readonly number[], count: number): number[] {
  const divisor = divisorOf(count)
  const rest = Array<number>(count).fill(0)
  for (const word of data) {
    const factor = word ^ (rest.shift() as number)
    rest.push(0)
    for (const [index, coefficient] of divisor.entries())
      rest[index] = (rest[index] as number) ^ multiply(coefficient, factor)
  }
  return rest
}

/** The product of (x − 2⁰) … (x − 2ⁿ⁻¹), highest power first, without its leading 1. */
function divisorOf(degree: number): number[] {
  const coefficients = Array<number>(degree).fill(0)
  coefficients[degree - 1] = 1
  let root = 1
  for (let factor = 0; factor < degree; factor += 1) {
    for (let index = 0; index < degree; index += 1)
      coefficients[index] =
        multiply(coefficients[index] as number, root) ^
        (index + 1 < degree ? (coefficients[index + 1] as number) : 0)
    root = multiply(root, 2)
  }
  return coefficients
}

export function multiply(one: number, other: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d)
    product ^= ((other >>> bit) & 1) * one
  }
  return product
}
