import type { Model } from '../catalog/catalog.ts'
import { checkUsage } from '../metering/check-usage.ts'
import { countPrompt } from '../metering/count-tokens.ts'
import type { ChatRequest } from '../providers/chat.ts'
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
