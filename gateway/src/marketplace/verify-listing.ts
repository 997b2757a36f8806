/**
 * What a listing must show before it goes on the market: its key lists models, the ones it offers are among them, and
 * one of them answers a request for a single token. Decides; `upstream-answer.ts` makes the calls.
 */
import { scanMembers } from '../http/json-members.ts'
import type { ChatRequest } from '../providers/chat.ts'
import type { OutcomeClass } from '../providers/outcome.ts'
import type { ProviderConfig, UpstreamCall, WireFormat } from '../providers/provider.ts'
import { isListed, readModelIds } from './listed-models.ts'
import type { UpstreamAnswer } from './upstream-answer.ts'

export type VerificationStep = 'listing_models' | 'probing'

/** Why a listing was not verified: an outcome class, or one of our own. */
export type Refusal =
  | Exclude<OutcomeClass, 'ok' | 'client_gone'>
  | 'no_model_list'
  | 'models_not_listed'
  | 'host_not_proved'
  | 'key_missing'
  | 'address_blocked'

/** How a verification ended. `message` is ours: an upstream's own words may hold the key. */
export type Verdict =
  | { outcome: 'passed'; unlisted: readonly string[] }
  | { outcome: 'refused'; reason: Refusal; message: string }
  | { outcome: 'failed_for_now'; reason: Refusal; message: string; retryAfterMs?: number }

export interface Candidate {
  provider: ProviderConfig
  hasKey: boolean
  /** The provider's own names of what is offered, the one to probe first. */
  upstreamModels: readonly string[]
  /** A listing that we made of all of a vendor's models goes on with those that its key lists. */
  mayLack: boolean
}

export interface VerifyDeps {
  format: Pick<WireFormat, 'buildCall' | 'readReply' | 'classifyFailure'>
  call(
    call: UpstreamCall | { method: 'GET'; path: string; headers: Record<string, string> },
  ): Promise<UpstreamAnswer>
  onStep(step: VerificationStep): Promise<void>
  nowMs(): number
}

/** What the probe says; the shortest prompt that every model takes. */
export const PROBE_TEXT = 'Reply with the word OK.'

/** Requests that a listing may be probed with: a model that cannot chat, or not in one token, is not a dead key. */
const MAX_PROBES = 3

// A few vendors refuse to answer in one token; sixteen is the least that they take.
const PROBE_TOKENS = [1, 16]

export async function verifyListing(deps: VerifyDeps, candidate: Candidate): Promise<Verdict> {
  if (!candidate.hasKey) return verdictOf({ reason: 'key_missing' })
  await deps.onStep('listing_models')
  const listed = await listModels(deps, candidate)
  if ('outcome' in listed) return listed
  const { ids } = listed
  const unlisted = ids ? candidate.upstreamModels.filter((name) => !isListed(name, ids)) : []
  const left = candidate.upstreamModels.filter((name) => !unlisted.includes(name))
  if (unlisted.length > 0 && (!candidate.mayLack || left.length === 0)) return notListed(unlisted)
  await deps.onStep('probing')
  const probed = await probe(deps, candidate.provider, left)
  return probed ?? { outcome: 'passed', unlisted }
}

async function listModels(
  deps: VerifyDeps,
  { provider }: Candidate,
): Promise<{ ids: ReadonlySet<string> | undefined } | Verdict> {
  if (provider.modelsPath === null) return { ids: undefined }
  const answer = await deps.call({
    method: 'GET',
    path: provider.modelsPath,
    headers: { accept: 'application/json', ...provider.headers },
  })
  const refusal = refusalOf(deps, answer)
  if (refusal) {
    const noSuchPath = refusal.reason === 'model_refused'
    return verdictOf(noSuchPath ? { reason: 'no_model_list' } : refusal)
  }
  const ids = readModelIds((answer as { body: Buffer }).body)
  return ids ? { ids } : verdictOf({ reason: 'no_model_list' })
}

function notListed(unlisted: readonly string[]): Verdict {
  const named = unlisted.slice(0, 5).join(', ')
  const more = unlisted.length > 5 ? ` and ${unlisted.length - 5} more` : ''
  return {
    outcome: 'refused',
    reason: 'models_not_listed',
    message: `This key does not list ${named}${more}. Leave them out, or say as upstreamModel what the provider calls them.`,
  }
}

/** `undefined` when a model answered; else why the last one that was asked did not. */
async function probe(
  deps: VerifyDeps,
  provider: ProviderConfig,
  models: readonly string[],
): Promise<Verdict | undefined> {
  let last: Refused = { reason: 'model_refused' }
  for (const model of models.slice(0, MAX_PROBES)) {
    for (const tokens of PROBE_TOKENS) {
      const refused = await askFor(deps, { provider, model, tokens })
      if (!refused) return undefined
      last = refused
      if (refused.reason !== 'user_error') break
    }
    // Of this model only; the key may be sound.
    if (last.reason !== 'user_error' && last.reason !== 'model_refused') break
  }
  return verdictOf(last)
}

async function askFor(
  deps: VerifyDeps,
  { provider, model, tokens }: { provider: ProviderConfig; model: string; tokens: number },
): Promise<Refused | undefined> {
  const request: ChatRequest = { model, messages: [{ role: 'user', content: PROBE_TEXT }], stream: false }
  const bytes = Buffer.from(JSON.stringify(request))
  const body = { bytes, members: scanMembers(bytes) }
  const call = deps.format.buildCall({
    provider,
    request,
    body,
    upstreamModel: model,
    maxOutputTokens: tokens,
  })
  const answer = await deps.call(call)
  const refused = refusalOf(deps, answer)
  if (refused) return refused
  try {
    const identity = { id: 'gen-probe', model, createdS: Math.floor(deps.nowMs() / 1000) }
    deps.format.readReply((answer as { body: Buffer }).body, identity)
    return undefined
  } catch {
    const {
      status,
      headers,
      body: bytes,
    } = answer as { status: number; headers: Record<string, string>; body: Buffer }
    return {
      reason: classOf(
        deps.format.classifyFailure({ status, headers, body: bytes, nowMs: deps.nowMs() }).class,
      ),
    }
  }
}

interface Refused {
  reason: Refusal
  retryAfterMs?: number
}

/** `undefined` for a 2xx answer. */
function refusalOf({ format, nowMs }: VerifyDeps, answer: UpstreamAnswer): Refused | undefined {
  if ('failure' in answer) {
    return { reason: answer.failure === 'blocked' ? 'address_blocked' : classOf(answer.failure) }
  }
  if (answer.status >= 200 && answer.status < 300) return undefined
  const { class: found, retryAfterMs } = format.classifyFailure({ ...answer, nowMs: nowMs() })
  return { reason: classOf(found), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

function classOf(found: Exclude<OutcomeClass, 'ok'>): Refusal {
  return found === 'client_gone' ? 'own_fault' : found
}

const passing: ReadonlySet<Refusal> = new Set([
  'network',
  'timeout',
  'server_error',
  'overloaded',
  'rate_limited',
  'own_fault',
])

const sentences: Readonly<Record<Exclude<Refusal, 'models_not_listed' | 'host_not_proved'>, string>> = {
  key_rejected: 'The provider refused this key. Check that it is whole and not revoked, then send it again.',
  key_missing: 'The listing has no key for this base URL. Send it as key.',
  quota_exhausted:
    'The account behind this key has no credit left. Top it up at the provider, then ask again.',
  address_blocked: 'The base URL leads to an address that is not on the public internet. Check baseUrl.',
  model_refused: 'The provider does not serve the offered model to this key. Offer one that it does.',
  no_model_list: 'There is no list of models at this base URL. Check baseUrl; its path often ends in /v1.',
  user_error: 'The provider refused a request of one token for the offered model. Offer one that can chat.',
  malformed: 'What answered at this base URL does not speak the format of this provider. Check baseUrl.',
  network: 'The base URL could not be reached. It is tried again; check baseUrl if this stays.',
  timeout: 'The provider did not answer in time. It is tried again.',
  server_error: 'The provider failed while it was asked. It is tried again.',
  overloaded: 'The provider is overloaded. It is tried again.',
  rate_limited: 'The provider asks to wait: the key is at its rate limit. It is tried again.',
  own_fault: 'We could not ask the provider. It is tried again.',
}

function verdictOf({ reason, retryAfterMs }: Refused): Verdict {
  const message = sentences[reason as keyof typeof sentences]
  if (!passing.has(reason)) return { outcome: 'refused', reason, message }
  return {
    outcome: 'failed_for_now',
    reason,
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

const FIRST_RETRY_MS = 5_000
const LONGEST_RETRY_MS = 600_000
/** After these an owner is told rather than the upstream asked: five minutes of trying, longer when it names a time. */
export const MAX_RETRIES = 6

/** How long to wait after the `attempts`th attempt failed for now; `undefined` when it was the last. */
export function retryDelayMs(attempts: number, retryAfterMs = 0): number | undefined {
  if (attempts > MAX_RETRIES) return undefined
  const ownMs = Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS)
  return Math.min(Math.max(ownMs, retryAfterMs), LONGEST_RETRY_MS)
}
