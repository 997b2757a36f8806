import type { UsageRow } from '@bourse/gateway/api/analytics'

export interface ModelSpent {
  name: string
  costNanos: bigint
  /** Of everything spent, 0 to 100 with one decimal. */
  percent: number
}

/** What each model cost over all days, the dearest first. */
export function byModel(days: readonly Pick<UsageRow, 'parts'>[]): ModelSpent[] {
  const sums = new Map<string, bigint>()
  // A model that was only refused was not spent on.
  const billed = days.flatMap(({ parts }) => parts ?? []).filter(({ requests }) => requests > 0)
  for (const { name, costNanos } of billed) sums.set(name, (sums.get(name) ?? 0n) + BigInt(costNanos))
  const total = [...sums.values()].reduce((sum, cost) => sum + cost, 0n)
  return [...sums]
    .map(([name, costNanos]) => ({
      name,
      costNanos,
      percent: total === 0n ? 0 : Number((costNanos * 1_000n) / total) / 10,
    }))
    .sort((left, right) => (left.costNanos < right.costNanos ? 1 : left.costNanos > right.costNanos ? -1 : 0))
}
