import type { Model } from '../catalog/catalog.ts'
import type { Offer } from '../marketplace/offer.ts'
import { checkUsage } from '../metering/check-usage.ts'
import { clampUsage, ownCountOf } from '../metering/clamp-usage.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { noUsage, type Usage } from '../providers/usage.ts'
import type { AdmittedChat } from './admit-chat.ts'
import type { Written } from './deps.ts'

export interface BilledUsage {
  usage: Usage
  usageSource: 'reported' | 'counted' | 'clamped'
}

interface Answer {
  offer: Pick<Offer, 'backing'>
  reported: Usage | undefined
  /** Completion tokens, by the count that is billed where there is no report. */
  countOutput: () => number
  written: Pick<Written, 'tokens' | 'calls'>
}

/**
 * What to bill for a finished answer: the upstream's report when it is believable, else our own count. The report of a
 * seller's own server is believed no further than our count goes.
 */
export function billedUsage(chat: AdmittedChat, answer: Answer): BilledUsage {
  const { offer, reported, countOutput, written } = answer
  const checked = checkUsage(reported, boundsOf(chat.model, chat))
  if (!checked.usage) return { usage: countedUsage(chat, countOutput()), usageSource: 'counted' }
  if (offer.backing === 'key') return { usage: checked.usage, usageSource: 'reported' }
  const own = ownCountOf(chat.request, chat.model.tokenizer, {
    written: Math.max(written.tokens(), countOutput()),
    calls: written.calls,
  })
  const { usage, clamped } = clampUsage(checked.usage, own)
  return { usage, usageSource: clamped ? 'clamped' : 'reported' }
}

const promptTokens = new WeakMap<ChatRequest, number>()

/** The prompt and `outputTokens`, by our own count; the prompt is counted once. */
export function countedUsage({ request, model }: AdmittedChat, outputTokens: number): Usage {
  let uncachedInput = promptTokens.get(request)
  if (uncachedInput === undefined) {
    uncachedInput = countPrompt(request, model.tokenizer)
    promptTokens.set(request, uncachedInput)
  }
  return { ...noUsage, uncachedInput, output: outputTokens }
}

function boundsOf(model: Model, chat: AdmittedChat) {
  return {
    maxOutputTokens: chat.maxOutputTokens * (chat.request.n ?? 1),
    ...(model.contextWindow === undefined ? {} : { contextWindow: model.contextWindow }),
  }
}
