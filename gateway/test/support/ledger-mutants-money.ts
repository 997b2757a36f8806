/** Mutants of the ledger's front, its store, and of what prices and charges. */
import type { CodeMutant } from './ledger-code-lab.ts'

const of = (file: string, mutants: Omit<CodeMutant, 'file'>[]): CodeMutant[] =>
  mutants.map((mutant) => ({ file, ...mutant }))

/** What only shows when answers are lost. */
const lossy: CodeMutant[] = [
  ...of('ledger/post-journal.ts', [
    {
      fault: 'a credit whose answer was lost is given again',
      from: '() => post(pool, posting)',
      to: '() => post(pool, { ...posting, id: uuidv7(), sourceId: uuidv7() })',
      by: 'schedules',
    },
  ]),
  ...of('platform/transient-errors.ts', [
    {
      fault: 'who lost an answer is told that nothing was booked',
      from: "if (typeof name === 'string' && SOCKET_ERROR.test(name)) return true",
      to: '',
      by: 'schedules',
    },
  ]),
]

export const moneyMutants: CodeMutant[] = [
  ...lossy,
  ...of('ledger/ledger.ts', [
    {
      fault: 'a hold with other terms is taken for held',
      from: "if (outcome === 'mismatch')",
      to: 'if (false)',
      by: 'front',
    },
    {
      fault: 'a settled hold is taken for voided',
      from: "if (state === 'settled')",
      to: 'if (false)',
      by: 'front',
    },
    {
      fault: 'a refused settlement is taken for settled',
      from: "typeof concluded !== 'object'",
      to: 'false',
      by: 'front',
    },
    {
      fault: 'a refused settlement is lost',
      from: 'throw await park(\n      deps,\n',
      to: 'throw await park(\n      { ...deps, pool: { query: async () => ({ rows: [] }) } as never },\n',
      by: 'front',
    },
    {
      fault: 'only the first holds get more time',
      from: 'items.slice(index * size, (index + 1) * size)',
      to: 'items.slice(0, size)',
      by: 'front',
    },
    { fault: 'accounts are asked for each time', from: 'known.set(key, id)', to: '', by: 'front' },
    { fault: 'who never had money has none to show', from: '?? none', to: '', by: 'front' },
    { fault: 'settlements go on after the end', from: 'await conclusions.close()', to: '', by: 'front' },
    {
      fault: 'holds in doubt stay held',
      from: 'for (const { id } of operations) giveBack(id, conclusions)',
      to: 'void operations',
      by: 'upkeep',
    },
    { fault: 'months are made at each sweep', from: 'partitionsMs = nowMs', to: '', by: 'upkeep' },
    {
      fault: 'months are never made again',
      from: 'nowMs - partitionsMs >= DAY_MS',
      to: 'partitionsMs < 0',
      by: 'upkeep',
    },
    {
      fault: 'a settlement that cannot be booked is lost',
      from: 'onPoison: (conclusion, error) => park(',
      to: 'onPoison: async (conclusion, error) => void (',
      by: 'upkeep',
    },
  ]),
  ...of('ledger/store.ts', [
    {
      fault: 'a hold that is refused is held',
      from: "status: 'insufficient',",
      to: "status: 'held',",
      by: 'store',
    },
    {
      fault: 'what is held is told as the limit',
      from: 'limitNanos: BigInt(row.limit_nanos),\n        spentNanos',
      to: 'limitNanos: BigInt(row.held),\n        spentNanos',
      by: 'store',
    },
    { fault: 'budgets are not asked', from: 'budgetId ?? null', to: 'null && budgetId', by: 'store' },
    {
      fault: 'amounts go to the wrong column',
      from: 'operations.map(({ amountNanos }) => amountNanos)',
      to: 'operations.map(({ payer }) => payer)',
      by: 'store',
    },
    {
      fault: "the fee is the seller's",
      from: 'operations.map(({ feeNanos }) => feeNanos)',
      to: 'operations.map(({ sellerNanos }) => sellerNanos)',
      by: 'store',
    },
    {
      fault: 'what is owed is told as what is left',
      from: 'shortfallNanos: BigInt(shortfall)',
      to: 'shortfallNanos: BigInt(available)',
      by: 'store',
    },
    {
      fault: 'a refused settlement is told as settled',
      from: "outcome === 'settled'\n",
      to: "outcome !== 'unknown'\n",
      by: 'store',
    },
    {
      fault: 'write-offs are paid from the seller',
      from: 'operations[0]?.lossAccount',
      to: 'operations[0]?.sellerAccount',
      by: 'store',
    },
    {
      fault: 'a lifted budget has a limit of nothing',
      from: 'budget?.limitNanos ?? null',
      to: 'budget?.limitNanos ?? 0',
      by: 'store',
    },
    { fault: 'every budget is for all time', from: "budget?.period ?? 'none'", to: "'none'", by: 'store' },
    { fault: 'what is held can be spent', from: 'balanceNanos - heldNanos', to: 'balanceNanos', by: 'store' },
    { fault: 'a journal is never called repeated', from: 'fresh: row.fresh', to: 'fresh: true', by: 'store' },
    { fault: 'debts are never paid', from: 'posting.recoverDebt,', to: 'false,', by: 'store' },
    { fault: 'a reversal does not say of what', from: 'posting.reversesId ?? null', to: 'null', by: 'store' },
    { fault: 'nothing is counted', from: 'rows[0]?.count ?? 0', to: '0', by: 'store' },
  ]),
  ...of('ledger/usage-record.ts', [
    {
      fault: 'cache reads are recorded as input',
      from: 'input: usage.uncachedInput',
      to: 'input: usage.cacheRead',
      by: 'records',
    },
    { fault: 'a price loses its last digit', from: 'value.toString()', to: 'Number(value)', by: 'records' },
    {
      fault: 'the hashes are exchanged',
      from: 'request_hash: record.proof?.requestHash',
      to: 'request_hash: record.proof?.responseHash',
      by: 'records',
    },
  ]),
  ...of('platform/money.ts', [
    {
      fault: 'amounts are rounded down',
      from: '(dividend + divisor - 1n) / divisor',
      to: 'dividend / divisor',
      by: 'prices',
    },
    {
      fault: 'whole amounts are rounded up too',
      from: '(dividend + divisor - 1n)',
      to: '(dividend + divisor)',
      by: 'prices',
    },
  ]),
  ...of('metering/price-usage.ts', [
    {
      fault: 'each class is rounded alone',
      from: 'picos += BigInt(tokens) * prices[tokenClass]',
      to: 'picos += ceilDiv(BigInt(tokens) * prices[tokenClass], PICOS_PER_NANO) * PICOS_PER_NANO',
      by: 'prices',
    },
    {
      fault: 'the seller gets the rounding',
      from: 'const sellerNanos = (costNanos * (BASIS_POINTS - feeBps)) / BASIS_POINTS',
      to: 'const sellerNanos = ceilDiv(costNanos * (BASIS_POINTS - feeBps), BASIS_POINTS)',
      by: 'prices',
    },
    {
      fault: 'the seller gets the fee',
      from: 'costNanos * (BASIS_POINTS - feeBps)',
      to: 'costNanos * feeBps',
      by: 'prices',
    },
    {
      fault: 'a tier begins one token early',
      from: 'inputTokens > tier.aboveInputTokens)',
      to: 'inputTokens >= tier.aboveInputTokens)',
      by: 'prices',
    },
    { fault: 'the first tier counts, not the last', from: 'findLast(', to: 'find(', by: 'prices' },
    {
      fault: 'the price per request is forgotten',
      from: '(picos + price.nanosPerRequest * PICOS_PER_NANO)',
      to: '(picos)',
      by: 'prices',
    },
    {
      fault: 'the multiplier is forgotten',
      from: '* multiplierOf(price), PICOS_PER_NANO * PPM',
      to: ', PICOS_PER_NANO',
      by: 'prices',
    },
    {
      fault: 'negative usage is paid out',
      from: 'Number.isSafeInteger(tokens) && tokens >= 0',
      to: 'true',
      by: 'prices',
    },
    { fault: 'a fee above all of it is taken', from: 'feeBps <= BASIS_POINTS', to: 'true', by: 'prices' },
    {
      fault: 'the dearest input is not looked for',
      from: 'if (other > input) input = other',
      to: 'if (false) input = other',
      by: 'bounds',
    },
    {
      fault: 'sound is not looked at',
      from: 'prices.output > prices.audioOutput ? prices.output : prices.audioOutput',
      to: 'prices.output',
      by: 'bounds',
    },
    {
      fault: 'tiers are not looked at',
      from: 'if (inputTokens <= tier.aboveInputTokens) continue',
      to: 'continue',
      by: 'bounds',
    },
    {
      fault: 'one token too many is affordable',
      from: 'const tokens = rest / output',
      to: 'const tokens = ceilDiv(rest, output)',
      by: 'bounds',
    },
    {
      fault: 'the price per request is not set aside',
      from: '- price.nanosPerRequest * PICOS_PER_NANO\n',
      to: '\n',
      by: 'bounds',
    },
  ]),
  ...of('settlement/charge.ts', [
    {
      fault: 'a broken answer costs more than was held',
      from: 'if (bounded && heldNanos < costNanos) costNanos = heldNanos',
      to: '',
      by: 'charges',
    },
    {
      fault: 'a whole answer is forgiven above its hold',
      from: "const bounded = billed === 'delivered' ||",
      to: 'const bounded = true ||',
      by: 'charges',
    },
    {
      fault: "what a seller's own server reports is believed without a bound",
      from: "offer.backing === 'endpoint'",
      to: 'false',
      by: 'charges',
    },
    {
      fault: 'an empty answer is billed',
      from: "if (billed === 'nothing') return 0n",
      to: '',
      by: 'charges',
    },
    {
      fault: "the caller's limit is crossed",
      from: 'maxCostNanos < costNanos) costNanos = maxCostNanos',
      to: 'maxCostNanos < costNanos) costNanos = fullNanos',
      by: 'charges',
    },
    {
      fault: 'a part is called the whole',
      from: "costNanos < fullNanos ? 'delivered' : served.billed",
      to: "false ? 'delivered' : served.billed",
      by: 'charges',
    },
  ]),
]
