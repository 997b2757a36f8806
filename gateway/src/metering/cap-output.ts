import type { PriceSnapshot } from '../catalog/price.ts'
import { affordableOutput } from './price-usage.ts'

export type CapReason = 'requested' | 'model' | 'key_default' | 'context' | 'affordable' | 'max_cost'

export interface CapInput {
  /** What the request names; never lowered except to the model's maximum. */
  requested?: number
  keyDefault?: number
  modelMax: number
  contextWindow?: number
  /** Upper estimate of the prompt. */
  inputTokens: number
  /** With both of these, a request without a maximum is also capped at what the balance affords. */
  price?: PriceSnapshot
  availableNanos?: bigint
  /** What the caller's own limit on the cost has room for; at least 1. */
  withinMaxCost?: number
}

// One request without a maximum reserves at most this part of the balance, so that twenty run side by side.
const SHARE_OF_BALANCE = 32n
// Below this an answer is likely to be cut; rather reserve more of the balance.
const COMFORTABLE_TOKENS = 4_096

/**
 * How many completion tokens (per choice) a request is admitted for, and what bounds it. Never 0: when not even one
 * token is affordable it says 1, so that the hold refuses with 402 and tells the caller why.
 */
export function capOutput(input: CapInput): { maxOutputTokens: number; reason: CapReason } {
  const cap = capByModelAndMoney(input)
  const { withinMaxCost } = input
  if (withinMaxCost === undefined || cap.maxOutputTokens <= withinMaxCost) return cap
  return { maxOutputTokens: withinMaxCost, reason: 'max_cost' }
}

function capByModelAndMoney(input: CapInput): { maxOutputTokens: number; reason: CapReason } {
  if (input.requested !== undefined) {
    if (input.requested <= input.modelMax) return { maxOutputTokens: input.requested, reason: 'requested' }
    return { maxOutputTokens: input.modelMax, reason: 'model' }
  }
  const limit = limitWithoutMoney(input)
  const { price, availableNanos, inputTokens } = input
  if (price === undefined || availableNanos === undefined) return limit
  const affordable = (budgetNanos: bigint) => affordableOutput({ inputTokens, budgetNanos, price })
  const inShare = affordable(availableNanos / SHARE_OF_BALANCE)
  if (inShare >= limit.maxOutputTokens) return limit
  if (inShare >= COMFORTABLE_TOKENS) return { maxOutputTokens: inShare, reason: 'affordable' }
  const wanted = Math.min(limit.maxOutputTokens, COMFORTABLE_TOKENS)
  const granted = Math.max(1, Math.min(wanted, affordable(availableNanos)))
  return granted === limit.maxOutputTokens ? limit : { maxOutputTokens: granted, reason: 'affordable' }
}

function limitWithoutMoney(input: CapInput): { maxOutputTokens: number; reason: CapReason } {
  let limit: { maxOutputTokens: number; reason: CapReason } = {
    maxOutputTokens: input.modelMax,
    reason: 'model',
  }
  if (input.keyDefault !== undefined && input.keyDefault < limit.maxOutputTokens) {
    limit = { maxOutputTokens: input.keyDefault, reason: 'key_default' }
  }
  if (input.contextWindow !== undefined && input.contextWindow - input.inputTokens < limit.maxOutputTokens) {
    // The prompt is an upper estimate: whether it really fills the window is for the upstream to say. One that seems
    // to leave no room holds a file of unknown size, or is refused there; an answer of one token would help nobody.
    const room = input.contextWindow - input.inputTokens
    const granted = room > 0 ? room : Math.min(limit.maxOutputTokens, COMFORTABLE_TOKENS)
    limit = { maxOutputTokens: granted, reason: 'context' }
  }
  return limit
}
