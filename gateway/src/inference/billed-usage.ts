import type { Model } from '../catalog/catalog.ts'
import { checkUsage } from '../metering/check-usage.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import { noUsage, type Usage } from '../providers/usage.ts'
import type { AdmittedChat } from './admit-chat.ts'

export interface BilledUsage {
  usage: Usage
  usageSource: 'reported' | 'counted'
}

/** What to bill for a finished answer: the upstream's report when it is believable, else our own count. */
export function billedUsage(
  chat: AdmittedChat,
  reported: Usage | undefined,
  countOutput: () => number,
): BilledUsage {
  const checked = checkUsage(reported, boundsOf(chat.model, chat))
  if (checked.usage) return { usage: checked.usage, usageSource: 'reported' }
  return { usage: countedUsage(chat, countOutput()), usageSource: 'counted' }
}

/** The prompt and `outputTokens`, by our own count. */
export function countedUsage(chat: AdmittedChat, outputTokens: number): Usage {
  return { ...noUsage, uncachedInput: countPrompt(chat.request, chat.model.tokenizer), output: outputTokens }
}

function boundsOf(model: Model, chat: AdmittedChat) {
  return {
    maxOutputTokens: chat.maxOutputTokens * (chat.request.n ?? 1),
    ...(model.contextWindow === undefined ? {} : { contextWindow: model.contextWindow }),
  }
}
