import type { UsageRow } from '@bourse/gateway/api/analytics'

/** By which figures the table of sums can be put in order; the names stand in the address. */
const figures: Readonly<Record<string, (row: UsageRow) => bigint>> = {
  requests: ({ requests }) => BigInt(requests),
  failed: ({ failed }) => BigInt(failed),
  input: ({ tokens }) => BigInt(tokens.input),
  output: ({ tokens }) => BigInt(tokens.output),
  tokens: ({ tokens }) => BigInt(tokens.input) + BigInt(tokens.output),
  cost: ({ costNanos }) => BigInt(costNanos),
}

/** The rows in the order that `sort` says, `-cost` being the dearest first; as they came when it says nothing known. */
export function sortUsage(rows: readonly UsageRow[], sort: string | undefined): UsageRow[] {
  const figure = figures[(sort ?? '').replace(/^-/, '')]
  if (figure === undefined) return [...rows]
  const sign = sort?.startsWith('-') ? -1 : 1
  return rows.toSorted((left, right) => {
    const [one, other] = [figure(left), figure(right)]
    return one === other ? 0 : one < other ? -sign : sign
  })
}
