import type { RequestShown } from '@bourse/gateway/api/analytics'
import { failureWord } from './request-words.ts'

export interface Step {
  name: string
  fromMs: number
  toMs: number
  kind: 'own' | 'failed' | 'waiting' | 'answering'
}

/** What a request spent its time on, in order: our own share, each attempt, and the answer itself. */
export function timelineOf(request: RequestShown): Step[] {
  const { attempts, durationMs } = request
  if (attempts === null || durationMs === null) return []
  const steps: Step[] = []
  let reachedMs = 0
  for (const attempt of attempts) {
    if (attempt.afterMs > reachedMs)
      steps.push({
        name: steps.length === 0 ? 'door, choice and hold' : 'choice of the next',
        fromMs: reachedMs,
        toMs: attempt.afterMs,
        kind: 'own',
      })
    reachedMs = Math.min(
      Math.max(attempt.afterMs + attempt.durationMs, attempt.afterMs),
      Math.max(durationMs, attempt.afterMs),
    )
    const isAnswer = attempt.outcome === 'ok'
    steps.push({
      name: isAnswer
        ? `${attempt.listing.name}: ${request.stream ? 'to the first token' : 'answer'}`
        : `${attempt.listing.name} ${failureWord(attempt.outcome)}`,
      fromMs: attempt.afterMs,
      toMs: reachedMs,
      kind: isAnswer ? 'waiting' : 'failed',
    })
  }
  if (durationMs > reachedMs)
    steps.push({
      name:
        request.stream && attempts.at(-1)?.outcome === 'ok'
          ? 'answer streams'
          : attempts.length === 0
            ? 'door'
            : 'check and bill',
      fromMs: reachedMs,
      toMs: durationMs,
      kind: request.stream && attempts.at(-1)?.outcome === 'ok' ? 'answering' : 'own',
    })
  return steps
}
