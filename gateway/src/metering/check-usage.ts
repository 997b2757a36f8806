import { tokenClasses } from '../catalog/price.ts'
import { inputTokens, outputTokens, type Usage } from '../providers/usage.ts'

export type UsageFlag = 'not_reported' | 'not_a_count' | 'input_above_context' | 'output_above_maximum'

export interface UsageBounds {
  /** Completion tokens admitted, all choices together. */
  maxOutputTokens: number
  contextWindow?: number
}

// Catalogued windows are rounded (1,000,000 for 1,047,576), so a tenth more is believed; above it, nobody's is.
const CONTEXT_SLACK = 1.1
// No model reads more; an upstream has been seen to report 675,947,905.
const MAX_INPUT_TOKENS = 10_000_000
// Vendors count a few tokens of their own around tool calls and stops.
const OUTPUT_SLACK_SHARE = 1.05
const OUTPUT_SLACK_TOKENS = 256

/**
 * The reported usage if it can be true, else why not: then the caller bills its own count and the flag goes on the
 * listing's record. Zero is a report, absence is not.
 */
export function checkUsage(
  reported: Usage | undefined,
  bounds: UsageBounds,
): { usage: Usage } | { usage: undefined; flag: UsageFlag } {
  if (reported === undefined) return { usage: undefined, flag: 'not_reported' }
  if (!isCount(reported.reasoning) || !tokenClasses.every((tokenClass) => isCount(reported[tokenClass])))
    return { usage: undefined, flag: 'not_a_count' }
  const mostInput =
    bounds.contextWindow === undefined ? MAX_INPUT_TOKENS : bounds.contextWindow * CONTEXT_SLACK
  if (inputTokens(reported) > mostInput) return { usage: undefined, flag: 'input_above_context' }
  const mostOutput = bounds.maxOutputTokens * OUTPUT_SLACK_SHARE + OUTPUT_SLACK_TOKENS
  if (outputTokens(reported) > mostOutput) return { usage: undefined, flag: 'output_above_maximum' }
  // Reasoning is a note on output and has no price; a report that says more of it than there is output is trimmed.
  if (reported.reasoning > reported.output) return { usage: { ...reported, reasoning: reported.output } }
  return { usage: reported }
}

function isCount(count: number): boolean {
  return Number.isSafeInteger(count) && count >= 0
}
