import assert from 'node:assert/strict'

/**
 * `total` over the weights by largest remainder: the parts come to the total, each within one unit of its exact part, no
 * weight no part. Where remainders are equal the odd unit goes round with `rotation`, so that nobody always pays it.
 */
export function splitByWeights(total: bigint, weights: readonly bigint[], rotation = 0): bigint[] {
  const sum = weights.reduce((weight, next) => weight + next, 0n)
  assert(total >= 0n && weights.every((weight) => weight >= 0n), 'what is split must not be below zero')
  assert(sum > 0n || total === 0n, 'something is split over weights above zero')
  if (sum === 0n) return weights.map(() => 0n)
  const parts = weights.map((weight) => (total * weight) / sum)
  const left = total - parts.reduce((given, part) => given + part, 0n)
  const turn = (index: number) => (index + weights.length - (rotation % weights.length)) % weights.length
  const remainder = (index: number) => (total * (weights[index] as bigint)) % sum
  const inOrder = [...weights.keys()].sort((a, b) => {
    const difference = remainder(b) - remainder(a)
    return difference > 0n ? 1 : difference < 0n ? -1 : turn(a) - turn(b)
  })
  // Fewer units are left than there are weights above zero, so none without a weight gets one.
  for (const index of inOrder.slice(0, Number(left))) parts[index] = (parts[index] as bigint) + 1n
  return parts
}
