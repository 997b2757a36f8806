/** What the gateway's corridor does with a request, around the router: waits, holds, calls, counts, ends. */

import { startPatience } from '../../src/inference/patience.ts'
import type { Offer } from '../../src/marketplace/offer.ts'
import type { UpstreamFailure } from '../../src/providers/outcome.ts'
import { noUsage } from '../../src/providers/usage.ts'
import type { Attempt, Attempted, Router } from '../../src/routing/router.ts'
import { randomOf } from '../../src/routing/seeded-random.ts'
import type { Budgets } from './budgets.ts'
import type { House } from './house.ts'
import type { End, Played, Try } from './run.ts'
import type { Upstream } from './upstream.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Well } from './well.ts'

const FIRST_CONTENT_MS = 15_000
const WHOLE_ANSWER_MS = 120_000
const RENEW_MS = 30_000
const HOLD_MS = 4
/** What is lost with our process leaves a connection that soon breaks. */
const LOST_MS = 5_000

interface Deps {
  house: House
  time: VirtualTime
  router: Router
  upstreams: ReadonlyMap<string, Upstream>
  well: Well
  budgets: Budgets
}

/** Of those who do not leave. */
const staying = new AbortController().signal

/** How an answer that had begun goes on; `undefined` once it is over. */
type Rest = Promise<End>

export function createCorridor(deps: Deps) {
  const { time, router, well, budgets } = deps

  async function serve(one: Played): Promise<void> {
    const { leavesAfterMs } = one
    const leaving = leavesAfterMs === undefined ? undefined : new AbortController()
    const stay = leavesAfterMs === undefined ? undefined : time.after(leavesAfterMs, () => leaving?.abort())
    const end = await answer(one, leaving?.signal ?? staying)
    stay?.()
    one.end = end
    one.endedMs = time.elapsedMs()
  }

  async function answer(one: Played, signal: AbortSignal): Promise<End> {
    const { request, maxWaitMs } = one
    try {
      const wait = { maxWaitMs, ...(signal === staying ? {} : { signal }) }
      one.plan = await router.admit(request, maxWaitMs > 0 ? wait : undefined)
    } catch (error) {
      return refused(one, error)
    }
    const { plan } = one
    one.admittedMs = time.elapsedMs()
    // Who has waited was decided on only now.
    if (one.admittedMs > one.cameMs) one.wellAtFirst = well.offersFor(request)
    await time.sleep(HOLD_MS * randomOf(request.requestId)())
    if (one.abandons || signal.aborted) {
      router.abandon(plan, new Error('it is not to be served'))
      return 'abandoned'
    }
    // Of a lost one nothing is heard again, so nothing here may wait for it.
    let lose: (end: End) => void = () => undefined
    const lost = new Promise<End>((resolve) => {
      lose = resolve
    })
    const finish = ({ rest }: { rest: Rest }) => {
      if (one.tries.length === 1) budgets.servedAtOnce({ model: plan.model, buyer: plan.buyer })
      return rest
    }
    try {
      const served = router.serve<{ rest: Rest }>(plan, (each) => tryOffer(deps, one, each, { signal, lose }))
      return await Promise.race([served.then(finish), lost])
    } catch (error) {
      return refused(one, error)
    }
  }

  function refused(one: Played, error: unknown): End {
    const { code } = error as { code?: unknown }
    // What is thrown here is a refusal with a code, or a fault of the code under test.
    if (typeof code !== 'string') throw error
    one.code = code
    one.wellAtLast = well.offersFor(one.request)
    one.mightRetry = budgets.mayRetry({ model: one.request.model.id, buyer: one.request.buyer ?? '' })
    return code === 'request_timeout' ? 'left' : 'refused'
  }

  return { serve }
}

function noted({ time, budgets }: Deps, one: Played, offer: Offer): Try {
  const isFirst = one.tries.length === 0 && one.plan?.first?.offer === offer
  const last = one.tries.at(-1)
  if (last?.outcome && one.plan)
    budgets.retried({ model: one.plan.model, buyer: one.plan.buyer }, last.outcome)
  const tried: Try = { offer, takenMs: isFirst ? (one.admittedMs ?? 0) : time.elapsedMs(), begun: false }
  one.tries.push(tried)
  return tried
}

/** One attempt, from its first byte to its last. */
function tryOffer(
  deps: Deps,
  one: Played,
  { offer, lease }: Attempt,
  { signal, lose }: { signal: AbortSignal; lose: (end: End) => void },
): Promise<Attempted<{ rest: Rest }>> {
  const { time, house } = deps
  const { clock } = time
  const tried = noted(deps, one, offer)
  const beganMs = time.elapsedMs()
  return new Promise((resolve) => {
    let end: (how: End) => void = () => undefined
    const rest = new Promise<End>((then) => {
      end = then
    })
    let over = false
    let firstMs = 0
    const isOver = (): boolean => over || one.lost
    const patience = startPatience(clock, one.stream ? FIRST_CONTENT_MS : WHOLE_ANSWER_MS, () =>
      fail({ class: 'timeout', message: 'silent' }),
    )
    const line = deps.upstreams
      .get(offer.listingId)
      ?.send(callOf(one, offer), { content, done, failed: fail })
    const renewal = everySoOften(time, () => lease.renew())
    if (signal.aborted) leave()
    else if (signal !== staying) signal.addEventListener('abort', leave)
    if (one.lost) {
      patience.stop()
      renewal()
      time.after(LOST_MS, () => line?.(), 'theirs')
      lose('lost')
    }

    function close(outcome: NonNullable<Try['outcome']>): void {
      over = true
      patience.stop()
      renewal()
      signal.removeEventListener('abort', leave)
      tried.outcome = outcome
      tried.endedMs = time.elapsedMs()
    }

    function content(): void {
      if (isOver() || tried.begun) return
      tried.begun = true
      firstMs = time.elapsedMs() - beganMs
      if (!one.stream) return
      patience.stop()
      resolve({ served: { rest } })
    }

    function done(): void {
      if (isOver()) return
      content()
      close('ok')
      const durationMs = time.elapsedMs() - beganMs
      const usage = { ...noUsage, uncachedInput: one.request.inputTokens, output: one.answerTokens }
      lease.end('ok', {
        tokens: one.request.inputTokens + one.answerTokens,
        outputTokens: one.answerTokens,
        costNanos: house.priceUsage(usage, offer.price),
        ttftMs: one.stream ? firstMs : durationMs,
        durationMs,
      })
      resolve({ served: { rest } })
      end('served')
    }

    function fail(failure: UpstreamFailure): void {
      if (isOver()) return
      close(failure.class)
      if (failure.retryAfterMs !== undefined) tried.hintMs = failure.retryAfterMs
      if (failure.class === 'timeout') line?.()
      if (!one.stream || !tried.begun) {
        resolve({ failure })
        return
      }
      lease.end(failure.class, {
        tokens: one.request.inputTokens + writtenBy(deps, one, offer, firstMs, beganMs),
      })
      end('broke')
    }

    function leave(): void {
      if (isOver()) return
      close('client_gone')
      line?.()
      const durationMs = time.elapsedMs() - beganMs
      if (!one.stream || !tried.begun) {
        resolve({ failure: { class: 'client_gone', message: 'the client left' } })
        return
      }
      const tokens = one.request.inputTokens + writtenBy(deps, one, offer, firstMs, beganMs)
      lease.end('client_gone', { tokens, durationMs, ttftMs: firstMs })
      end('left')
    }
  })
}

/** What had come of an answer that broke off. */
function writtenBy(
  { time, upstreams }: Deps,
  one: Played,
  offer: Offer,
  firstMs: number,
  beganMs: number,
): number {
  const tokensPerS = upstreams.get(offer.listingId)?.nature.tokensPerS ?? 0
  const forMs = time.elapsedMs() - beganMs - firstMs
  return Math.min(one.answerTokens, Math.ceil((forMs / 1_000) * tokensPerS))
}

function callOf(one: Played, offer: Offer) {
  const { request, answerTokens, wrong, poison, tries } = one
  return {
    model: offer.model,
    tokens: request.inputTokens,
    maxTokens: request.maxOutputTokens,
    answerTokens,
    ...(wrong ? { wrong } : {}),
    poison,
    random: randomOf(`${request.requestId} ${tries.length}`),
  }
}

function everySoOften(time: VirtualTime, run: () => void): () => void {
  let stop = time.after(RENEW_MS, again)
  function again(): void {
    run()
    stop = time.after(RENEW_MS, again)
  }
  return () => stop()
}
