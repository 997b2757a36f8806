/**
 * Looks at answers behind the path. What is handed in waits in a bounded queue and is counted one at a time between
 * other work; when the queue is full, answers are left out and counted as such: a test can do without some, a buyer
 * cannot wait.
 */
import type { Answered, Watch } from '../inference/deps.ts'
import type { Offer } from '../marketplace/offer.ts'
import { promptParts } from '../metering/prompt-parts.ts'
import type { Logger } from '../platform/logger.ts'

const MAX_QUEUED = 256
// Prompts that wait are kept in memory, and may be tens of megabytes each.
const MAX_QUEUED_CHARS = 64 * 1024 * 1024
// Vendors' own counts are there to learn from: one answer in so many is enough.
const KEY_BACKED_EVERY = 20

export interface QueuedWatch extends Watch {
  /** Answers that were left out because too many waited. */
  dropped(): number
  undeclaredCalls(): number
  /** Resolves when everything handed in was looked at. */
  idle(): Promise<void>
}

export function createWatch({
  logger,
  look,
  noticed,
}: {
  logger: Logger
  look: (answered: Answered) => void
  /** Told of each answer that was stopped for it. */
  noticed: (offer: Offer, requestId: string) => void
}): QueuedWatch {
  const queue: { answered: Answered; chars: number }[] = []
  let queuedChars = 0
  let dropped = 0
  let undeclared = 0
  let keyBacked = 0
  let waiting: (() => void)[] = []

  function step(): void {
    const next = queue.shift()
    if (next) {
      queuedChars -= next.chars
      guarded(() => look(next.answered))
    }
    if (queue.length > 0) setImmediate(step)
    else {
      for (const wake of waiting) wake()
      waiting = []
    }
  }

  function guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      logger.error({ err: error }, 'an answer could not be looked at')
    }
  }

  return {
    wants(offer) {
      if (offer.backing === 'endpoint') return true
      keyBacked += 1
      return keyBacked % KEY_BACKED_EVERY === 0
    },
    answered(answered) {
      const chars = charsOf(answered)
      if (queue.length === MAX_QUEUED || queuedChars + chars > MAX_QUEUED_CHARS) {
        dropped += 1
        return
      }
      queue.push({ answered, chars })
      queuedChars += chars
      if (queue.length === 1) setImmediate(step)
    },
    calledUndeclaredTool(offer, requestId) {
      undeclared += 1
      guarded(() => noticed(offer, requestId))
    },
    dropped: () => dropped,
    undeclaredCalls: () => undeclared,
    idle: () => (queue.length === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}

/** What keeping the request costs: its texts, and what it carries in place. */
function charsOf({ request }: Answered): number {
  const parts = promptParts(request)
  return parts.texts.reduce((sum, text) => sum + text.length, parts.mediaBytes)
}
