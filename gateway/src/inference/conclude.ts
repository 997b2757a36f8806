/**
 * The end of an admitted request's money, whatever way the request ended: one path for streams and whole answers. The
 * rule is settlement/who-pays.ts; this carries it out.
 */
import { hash } from 'node:crypto'
import type { UsageProof } from '../ledger/usage-record.ts'
import type { Offer } from '../marketplace/offer.ts'
import { inputTokens, outputTokens, type Usage } from '../providers/usage.ts'
import type { Lease } from '../routing/lease.ts'
import type { Served } from '../settlement/charge.ts'
import { type End, type Verdict, whoPays } from '../settlement/who-pays.ts'
import type { AdmittedChat } from './admit-chat.ts'
import { type BilledUsage, billedUsage, countedUsage } from './billed-usage.ts'
import type { InferenceDeps, Written } from './deps.ts'
import type { RequestTrace } from './request-trace.ts'

export interface Ending {
  end: End
  /** Who had answered; undefined when nobody had. */
  offer: Offer | undefined
  /** Of the attempt that answered, when it is still to be given back, with how it went. */
  lease?: { lease: Lease; outcome: Parameters<Lease['end']>[0] }
  reported: Usage | undefined
  /** Completion tokens delivered, by our count. */
  countOutput(): number
  /** The same by the yardstick; absent when nobody answered. */
  written?: Written
  /** Whether `trust/` wants to see this answer. */
  watched?: boolean
  finishReason: string
  /** SHA-256 of the answer; asked once, when its last bytes can be made. */
  answer(usage: Usage, costNanos: bigint): string | undefined
}

interface Concluded {
  chat: AdmittedChat
  trace: RequestTrace
}

/** Gives back what was taken, books or frees. Throws when a charge could not be made safe; then there is none. */
export async function conclude(
  deps: InferenceDeps,
  { chat, trace }: Concluded,
  ending: Ending,
): Promise<void> {
  const { settlement } = deps
  const verdict = whoPays(ending.end)
  const usage = ending.offer ? usageOf(chat, { ...ending, offer: ending.offer }, verdict) : undefined
  if (!ending.offer || !usage || (!verdict.recorded && verdict.seller === 'nothing')) {
    giveBack(chat, trace, ending, { usage, costNanos: 0n })
    // Nobody waits for it: an error must be heard also while the database is away.
    settlement.void(chat.hold, ending.end.by).catch((error) => {
      // The hold is not renewed any more and expires by itself.
      deps.logger.error({ err: error, holdId: chat.hold.id }, 'a hold could not be released')
    })
    return
  }
  const served = servedOf(chat, trace, { ...ending, offer: ending.offer }, { verdict, usage })
  const charge = settlement.charge(chat.hold, served)
  giveBack(chat, trace, ending, { usage, costNanos: charge.costNanos })
  if (!verdict.recorded) {
    settlement.writeOff(chat.hold, served)
    return
  }
  const responseHash = ending.answer(served.usage, charge.costNanos)
  const proof = responseHash === undefined ? undefined : await proofOf(chat, responseHash)
  await settlement.settle(chat.hold, served, proof ? { charge, proof } : { charge })
  trace.served(ending.offer, ending.finishReason, served.usage)
  trace.costNanos = charge.costNanos
  tellWatch(deps, chat, { ...ending, offer: ending.offer }, { verdict, usage })
}

/** Of a whole answer, what was reported and what was seen. */
function tellWatch(
  { watch }: InferenceDeps,
  { hold, model, request }: AdmittedChat,
  { offer, watched, written, reported, finishReason }: Ending & { offer: Offer },
  { verdict, usage }: { verdict: Verdict; usage: BilledUsage },
): void {
  if (!watched || !written || verdict.buyer !== 'whole') return
  watch.answered({
    requestId: hold.id,
    offer,
    model,
    request,
    reported,
    billedBy: usage.usageSource,
    finishReason,
    written,
  })
}

/** Notes what a running stream has delivered, should this process die. */
export function noteProgress(
  { settlement }: InferenceDeps,
  { chat, trace }: Concluded,
  { offer, outputTokens: delivered }: { offer: Offer; outputTokens: number },
): void {
  const usage: BilledUsage = { usage: countedUsage(chat, delivered), usageSource: 'counted' }
  settlement.mark(chat.hold, {
    offer,
    ...usage,
    billed: 'delivered',
    stream: true,
    finishReason: 'running',
    ...trace.times(),
  })
}

const nothingWritten: Written = { tokens: () => 0, comparable: () => true, calls: 0 }

function usageOf(chat: AdmittedChat, ending: Ending & { offer: Offer }, verdict: Verdict): BilledUsage {
  const { end, offer, reported, countOutput, written = nothingWritten } = ending
  const told = end.by === 'upstream_finished' || ('stage' in end && end.stage === 'finished')
  if (told && verdict.recorded) return billedUsage(chat, { offer, reported, countOutput, written })
  return { usage: countedUsage(chat, countOutput()), usageSource: 'counted' }
}

/** What the attempt took of the listing and of the key's minute becomes what it used. */
function giveBack(
  chat: AdmittedChat,
  trace: RequestTrace,
  { lease }: Ending,
  { usage: billed, costNanos }: { usage: BilledUsage | undefined; costNanos: bigint },
): void {
  const completion = billed ? outputTokens(billed.usage) : 0
  const tokens = billed ? inputTokens(billed.usage) + completion : 0
  lease?.lease.end(lease.outcome, {
    tokens,
    costNanos,
    outputTokens: completion,
    ...trace.attemptTimes(),
  })
  chat.admission.correct(tokens)
}

function servedOf(
  chat: AdmittedChat,
  trace: RequestTrace,
  { offer, finishReason }: { offer: Offer; finishReason: string },
  { verdict, usage }: { verdict: Verdict; usage: BilledUsage },
): Served {
  return {
    offer,
    ...usage,
    // What we pay the seller for is what was delivered, too.
    billed: verdict.recorded ? verdict.buyer : 'delivered',
    ...(chat.maxCostNanos === undefined ? {} : { maxCostNanos: chat.maxCostNanos }),
    stream: trace.stream,
    finishReason,
    ...trace.times(),
  }
}

// Hashing a megabyte takes a millisecond of the loop; the few bodies above it are hashed beside it.
const HASHED_INLINE_BYTES = 1024 * 1024

async function proofOf({ caller, body }: AdmittedChat, responseHash: string): Promise<UsageProof> {
  return { keyFingerprint: caller.keyFingerprint, requestHash: await sha256(body.bytes), responseHash }
}

async function sha256(bytes: Buffer): Promise<string> {
  if (bytes.length <= HASHED_INLINE_BYTES) return hash('sha256', bytes)
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex')
}

/** The hash of a whole answer. */
export function hashOf(body: Buffer): string {
  return hash('sha256', body)
}
