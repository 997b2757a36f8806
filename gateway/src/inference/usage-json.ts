import { formatUsd } from '../platform/money.ts'
import { inputTokens, outputTokens, type Usage } from '../providers/usage.ts'

/** OpenAI's `usage` object plus `cost` in USD, as JSON text; the cost is a plain decimal without exponent. */
export function usageJson(usage: Usage, costNanos: bigint): string {
  const prompt = inputTokens(usage)
  const completion = outputTokens(usage)
  const written = usage.cacheWrite5m + usage.cacheWrite1h
  return (
    `{"prompt_tokens":${prompt},"completion_tokens":${completion},"total_tokens":${prompt + completion},` +
    `"prompt_tokens_details":{"cached_tokens":${usage.cacheRead},"cache_write_tokens":${written},"audio_tokens":${usage.audioInput}},` +
    `"completion_tokens_details":{"reasoning_tokens":${usage.reasoning},"audio_tokens":${usage.audioOutput}},` +
    `"cost":${formatUsd(costNanos)}}`
  )
}
