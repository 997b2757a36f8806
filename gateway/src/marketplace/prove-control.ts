/**
 * Proof that a seller controls the host that his listing names: a file on it that only he was told to put there. Nobody
 * can make us send buyers' prompts, or our probes, to somebody else's machine.
 */
import type { Egress } from '../egress/egress.ts'
import type { ExchangeFailure } from '../egress/exchange.ts'
import type { Config } from '../platform/config.ts'
import { keyedHash } from '../platform/secrets.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import { isHostOf } from './base-url.ts'

const TOKEN_CHARACTERS = 32
/** The token and a line's end fit several times. */
const MAX_BODY_BYTES = 128
const LIMITS = { firstByteMs: 5_000, idleMs: 5_000, totalMs: 10_000, maxBytes: MAX_BODY_BYTES }

export interface ControlProof {
  /** Where the file must be. */
  url: string
  /** What it must contain, and nothing else but a line's end. */
  token: string
}

/**
 * What the seller of this listing is to put where. It follows from the listing and its origin, so a listing that moves
 * must be proved anew, and a proof for one listing is none for another.
 */
export function controlProof({
  pepper,
  listingId,
  baseUrl,
}: {
  pepper: Buffer
  listingId: string
  baseUrl: string
}): ControlProof {
  const { origin } = new URL(baseUrl)
  const hash = keyedHash(pepper, `control|listing:${listingId}|origin:${origin}`)
  const token = hash.toString('hex').slice(0, TOKEN_CHARACTERS)
  return { url: origin + pathOf(token), token }
}

export interface ControlDeps {
  egress: Pick<Egress, 'get'>
  config: Pick<Config, 'allowCustomEndpoints'>
  secrets: { keyPepper: Buffer }
  signal?: AbortSignal
}

/**
 * What the seller has left to do before a listing at a host of his own is called; `undefined` when there is nothing. A
 * provider's own hosts need no proof, and without custom endpoints an operator has vouched for every other.
 */
export async function whyNotProved(
  { egress, config, secrets, signal }: ControlDeps,
  { provider, listingId, baseUrl }: { provider: ProviderConfig; listingId: string; baseUrl: string },
): Promise<string | undefined> {
  if (!config.allowCustomEndpoints || isHostOf(provider, baseUrl)) return undefined
  const { url, token } = controlProof({ pepper: secrets.keyPepper, listingId, baseUrl })
  const proof = await proveControl({ egress, baseUrl, token, ...(signal ? { signal } : {}) })
  if (proof === 'proved') return undefined
  return `Show that this host is yours: put a file at ${url} that contains ${token} and nothing else. It is looked for again. Last time: ${proof.failed}`
}

/** Fetches the file; `failed` says, for the seller, why it is no proof. Never throws. */
export function proveControl({
  egress,
  baseUrl,
  token,
  signal,
}: {
  egress: Pick<Egress, 'get'>
  baseUrl: string
  token: string
  signal?: AbortSignal
}): Promise<'proved' | { failed: string }> {
  return new Promise((resolve) => {
    const { origin } = new URL(baseUrl)
    const chunks: Buffer[] = []
    let status = 0
    const end = (result: 'proved' | { failed: string }) => {
      signal?.removeEventListener('abort', abort)
      resolve(result)
    }
    const exchange = egress.get(origin, pathOf(token), LIMITS, {
      onHeaders(answered) {
        status = answered
      },
      onData: (chunk) => void chunks.push(chunk),
      onEnd: () => end(judge({ status, text: Buffer.concat(chunks).toString('latin1'), token })),
      onFailure: (failure) => end({ failed: `it ${sentenceOf(failure)}` }),
    })
    function abort(): void {
      exchange.abort()
      end({ failed: 'it was not looked for to the end.' })
    }
    signal?.addEventListener('abort', abort)
  })
}

function judge({ status, text, token }: { status: number; text: string; token: string }) {
  if (status !== 200) return { failed: `it answered with status ${status} instead of 200.` }
  if (text.replace(/\r?\n$/, '') !== token)
    return { failed: 'it does not contain the token, and only the token.' }
  return 'proved' as const
}

function pathOf(token: string): string {
  return `/.well-known/bourse-${token}`
}

/** What the seller can act on. Nothing of what was found at the address: it is not ours to scan networks for others. */
function sentenceOf({ class: failed, blocked, cut }: ExchangeFailure): string {
  if (blocked) return 'is on a host whose name does not lead to the public internet.'
  if (cut === 'too_large')
    return `has more than ${MAX_BODY_BYTES} bytes; it must contain the token and only the token.`
  if (failed === 'timeout') return 'did not answer in time.'
  if (failed === 'malformed')
    return 'must answer with 200 and the token, without a redirect or a compression.'
  if (failed === 'own_fault') return 'could not be fetched by us; it is tried again.'
  return 'could not be reached: the connection or its certificate failed.'
}
