import type { RequestShown } from '@bourse/gateway/api/analytics'

/** What became of it, with what one would want to know next. */
export function outcomeWord({ outcome, stream, status, error }: RequestShown): string {
  if (outcome === 'answered') return stream ? 'answered · stream' : 'answered'
  if (outcome === 'free') return 'free · empty answer'
  if (outcome === 'left') return 'client left'
  return [outcome, status, error?.replaceAll('_', ' ')].filter((part) => part != null).join(' · ')
}

/** A sentence about one request: who answered after whom, or why nobody did. */
export function requestSentence(request: RequestShown): string {
  const { outcome, attempts, listing, status, error } = request
  const tried = (attempts ?? []).slice(0, -1)
  const before = tried.map((attempt) => `${attempt.listing.name} ${failureWord(attempt.outcome)}`)
  const after = before.length === 0 ? '' : ` after ${before.join(' and ')}`
  const by = listing?.name ?? 'a seller'
  if (outcome === 'answered') return `Answered by ${by}${after}.`
  if (outcome === 'free') return `Answered by ${by}${after}, without content: it costs nothing.`
  if (outcome === 'left') return `The client left before the end${listing ? `, while ${by} answered` : ''}.`
  const why = error ? error.replaceAll('_', ' ') : `status ${status ?? 'unknown'}`
  if (outcome === 'refused') return `Refused: ${why}. Nothing was charged.`
  const last = attempts?.at(-1)
  return last
    ? `Failed${after}: ${last.listing.name} ${failureWord(last.outcome)} (${why}).`
    : `Failed: ${why}.`
}

const failures: Readonly<Record<string, string>> = {
  ok: 'answered',
  user_error: 'said that the request is at fault',
  client_gone: 'was left by the client',
  own_fault: 'was given up by us',
  rate_limited: 'was rate limited',
  key_rejected: 'did not take its key',
  model_refused: 'refused the model',
  quota_exhausted: 'had used up its quota',
  server_error: 'failed',
  overloaded: 'was overloaded',
  network: 'could not be reached',
  timeout: 'took too long',
  malformed: 'sent no proper answer',
}

/** What an attempt came to, as a verb. */
export function failureWord(outcome: string): string {
  return failures[outcome] ?? `ended with ${outcome.replaceAll('_', ' ')}`
}

/** A sentence of the gateway's, with the names of listings in place of their ids. */
export function withNames(sentence: string, names: ReadonlyMap<string, string>): string {
  return sentence.replaceAll(/\blst-[0-9a-z]{26}\b/g, (id) => names.get(id) ?? id)
}
