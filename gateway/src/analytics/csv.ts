/** Requests and sums as comma-separated values (RFC 4180). What people typed is shown by a spreadsheet, never run. */
import { formatUsd } from '../platform/money.ts'
import { freeText, quoted } from '../users/statement-csv.ts'
import type { RequestShown, UsageAnswer } from './api.ts'

type Cells = Record<string, string | number | null>

const usd = (nanos: string | null) => (nanos === null ? null : formatUsd(BigInt(nanos)))

/** The header, then a page of lines at a time. */
export async function* requestsCsv(pages: AsyncIterable<readonly RequestShown[]>): AsyncGenerator<string> {
  yield line(Object.keys(requestCells(undefined)))
  for await (const page of pages)
    yield page.map((request) => line(Object.values(requestCells(request)))).join('')
}

function requestCells(request: RequestShown | undefined): Cells {
  const text = (value: string | null | undefined) => (value == null ? null : freeText(value))
  return {
    time: request?.at ?? null,
    request: request?.id ?? null,
    organisation: request?.organisation?.id ?? null,
    key: request?.key?.id ?? null,
    key_name: text(request?.key?.name),
    model_asked: text(request?.modelAsked),
    model: text(request?.model),
    listing: request?.listing?.id ?? null,
    listing_name: text(request?.listing?.name),
    seller: request?.seller?.id ?? null,
    provider: request?.provider ?? null,
    outcome: request?.outcome ?? null,
    status: request?.status ?? null,
    error: request?.error ?? null,
    stream: request === undefined ? null : String(request.stream),
    attempts: request?.attempts?.length ?? null,
    input_tokens: request?.tokens?.input ?? null,
    cached_tokens: request?.tokens?.cacheRead ?? null,
    output_tokens: request?.tokens?.output ?? null,
    reasoning_tokens: request?.tokens?.reasoning ?? null,
    first_token_ms: request?.ttftMs ?? null,
    duration_ms: request?.durationMs ?? null,
    cost_nanos: request?.costNanos ?? null,
    cost_usd: usd(request?.costNanos ?? null),
    seller_nanos: request?.sellerNanos ?? null,
    fee_nanos: request?.feeNanos ?? null,
  }
}

/** One line per row of the answer; with parts, one per part. */
export function* usageCsv({ groupBy, data, rest, asOf }: UsageAnswer): Generator<string> {
  const isSplit = data.some(({ parts }) => parts !== undefined)
  if (isSplit) {
    yield line([groupBy, 'part', 'part_name', 'requests', 'cost_nanos', 'cost_usd', 'as_of'])
    for (const { id, parts = [] } of data)
      yield parts
        .map((part) => [
          id,
          part.id,
          freeText(part.name),
          part.requests,
          part.costNanos,
          usd(part.costNanos),
          asOf,
        ])
        .map(line)
        .join('')
    return
  }
  yield line([...[groupBy, 'name'], ...Object.keys(figureCells(undefined)), 'as_of'])
  for (const { id, name, ...row } of data)
    yield line([id, freeText(name), ...Object.values(figureCells(row)), asOf])
  if (rest) yield line([null, 'all others', ...Object.values(figureCells(rest)), asOf])
}

function figureCells(row: UsageAnswer['totals'] | undefined): Cells {
  return {
    requests: row?.requests ?? null,
    failed: row?.failed ?? null,
    refused: row?.refused ?? null,
    left: row?.left ?? null,
    input_tokens: row?.tokens.input ?? null,
    cached_tokens: row?.tokens.cacheRead ?? null,
    output_tokens: row?.tokens.output ?? null,
    reasoning_tokens: row?.tokens.reasoning ?? null,
    cost_nanos: row?.costNanos ?? null,
    cost_usd: usd(row?.costNanos ?? null),
    seller_nanos: row?.sellerNanos ?? null,
    seller_usd: usd(row?.sellerNanos ?? null),
    fee_nanos: row?.feeNanos ?? null,
    fee_usd: usd(row?.feeNanos ?? null),
    first_token_ms_mean: row?.ttftMsMean ?? null,
    duration_ms_mean: row?.durationMsMean ?? null,
  }
}

function line(cells: readonly (string | number | null)[]): string {
  return `${cells.map((cell) => quoted(cell === null ? '' : String(cell))).join(',')}\r\n`
}
