/** Which offer served a conversation last: its next turn finds the provider's prompt cache there. Lost at a restart. */
import { LRUCache } from 'lru-cache'

/** About 200 bytes each. */
const MAX_CONVERSATIONS = 50_000
/** Providers keep a prompt for five to ten minutes after its last use. */
const KEPT_MS = 5 * 60_000

export interface Stickiness {
  offerOf(conversation: string, model: string): string | undefined
  served(conversation: string, offer: { id: string; model: string }): void
}

export function createStickiness({
  monotonicMs,
  max = MAX_CONVERSATIONS,
}: {
  monotonicMs: () => number
  max?: number
}): Stickiness {
  const offers = new LRUCache<string, { id: string; untilMs: number }>({ max })
  const keyOf = (conversation: string, model: string) => `${conversation} ${model}`
  return {
    offerOf(conversation, model) {
      const found = offers.get(keyOf(conversation, model))
      return found && found.untilMs > monotonicMs() ? found.id : undefined
    },
    served(conversation, { id, model }) {
      offers.set(keyOf(conversation, model), { id, untilMs: monotonicMs() + KEPT_MS })
    },
  }
}
