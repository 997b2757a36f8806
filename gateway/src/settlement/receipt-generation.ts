/** What was booked, in OpenRouter's field names. Costs are plain numbers in USD, written without exponent. */

import type { Budget } from '../ledger/operations.ts'
import type { UsageFacts } from '../ledger/usage-facts.ts'
import { formatId } from '../platform/ids.ts'
import { formatUsd } from '../platform/money.ts'
import type { KeySpending } from './receipt-store.ts'

/** `GET /generation`: what we do not keep, or cannot know, is null. */
export function generationJson(facts: UsageFacts): string {
  const id = formatId('gen-', facts.id)
  const prompt =
    facts.uncached_input + facts.cache_read + facts.cache_write_5m + facts.cache_write_1h + facts.audio_input
  const completion = facts.output + facts.audio_output
  const costNanos = BigInt(facts.cost_nanos)
  return dataJson(
    {
      id,
      request_id: id,
      created_at: facts.started_at,
      model: facts.model,
      provider_name: facts.provider,
      api_type: 'completions',
      streamed: facts.stream,
      cancelled: facts.finish_reason === 'client_gone',
      finish_reason: facts.finish_reason,
      native_finish_reason: null,
      // As there: until the first token, and from then to the end.
      latency: Math.round(facts.ttft_ms),
      generation_time: Math.max(0, Math.round(facts.duration_ms - facts.ttft_ms)),
      moderation_latency: null,
      // There, the first pair is counted by one tokenizer for all models; we have the model's own count only.
      tokens_prompt: prompt,
      tokens_completion: completion,
      native_tokens_prompt: prompt,
      native_tokens_completion: completion,
      native_tokens_reasoning: facts.reasoning,
      native_tokens_cached: facts.cache_read,
      native_tokens_completion_images: null,
      num_media_prompt: null,
      num_media_completion: null,
      num_input_audio_prompt: null,
      num_search_results: null,
      num_fetches: null,
      cache_discount: null,
      upstream_id: null,
      upstream_inference_cost: null,
      is_byok: false,
      origin: '',
      app_id: null,
      external_user: null,
      session_id: null,
      service_tier: null,
      router: null,
      provider_responses: null,
      preset_id: null,
      http_referer: null,
      user_agent: null,
      web_search_engine: null,
      response_cache_source_id: null,
      workspace_id: null,
      data_region: 'global',
    },
    { total_cost: costNanos, usage: costNanos },
  )
}

/** `GET /credits`: their difference is what is left, running requests not counted. */
export function creditsJson(totals: { creditedNanos: bigint; spentNanos: bigint }): string {
  return dataJson({}, { total_credits: totals.creditedNanos, total_usage: totals.spentNanos })
}

const RESETS = { none: null, day: 'daily', week: 'weekly', month: 'monthly' } as const

/** `GET /key`: what a key is, has spent and may still spend. */
export function keyJson({
  label,
  expiresAtMs,
  requestsPerMinute,
  budget,
  spending,
}: {
  label: string
  expiresAtMs: number | undefined
  requestsPerMinute: number | undefined
  budget: Budget | undefined
  spending: KeySpending
}): string {
  return dataJson(
    {
      label,
      limit_reset: budget ? RESETS[budget.period] : null,
      include_byok_in_limit: false,
      is_free_tier: false,
      is_management_key: false,
      is_provisioning_key: false,
      creator_user_id: null,
      expires_at: expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString(),
      rate_limit: {
        requests: requestsPerMinute ?? -1,
        interval: '1m',
        note: 'Requests a minute that this key may send; -1 is no limit.',
      },
    },
    {
      limit: budget ? budget.limitNanos : null,
      limit_remaining: budget ? remaining(budget) : null,
      usage: spending.totalNanos,
      usage_daily: spending.dayNanos,
      usage_weekly: spending.weekNanos,
      usage_monthly: spending.monthNanos,
      byok_usage: 0n,
      byok_usage_daily: 0n,
      byok_usage_weekly: 0n,
      byok_usage_monthly: 0n,
    },
  )
}

/** What running requests hold is not there to be spent. */
function remaining({ limitNanos, spentNanos, heldNanos }: Budget): bigint {
  const restNanos = limitNanos - spentNanos - heldNanos
  return restNanos > 0n ? restNanos : 0n
}

/** `{"data":{…}}` with amounts as numbers: a float would write small ones with an exponent. */
function dataJson(fields: object, amounts: Record<string, bigint | null>): string {
  const plain = JSON.stringify(fields).slice(1, -1)
  const priced = Object.entries(amounts).map(
    ([name, nanos]) => `"${name}":${nanos === null ? 'null' : formatUsd(nanos)}`,
  )
  return `{"data":{${[...(plain === '' ? [] : [plain]), ...priced].join(',')}}}`
}
