/**
 * A seller's upstream as it really is: how fast it answers, what is wrong with it at the moment, and a limiter of its own
 * that answers 429 as soon as more arrives than its seller has told us, in any window, however it is laid.
 */
import type { CapacityLimits } from '../../src/marketplace/offer.ts'
import type { UpstreamFailure } from '../../src/providers/outcome.ts'
import { type Fault, failureOf, faultKinds } from './faults.ts'
import type { VirtualTime } from './virtual-time.ts'

const MINUTE_MS = 60_000
/** A way over the network takes so long, and now and then much longer. */
const NETWORK_MS = { least: 1, usual: 40, tail: 220, tailShare: 0.02 }

export interface Nature {
  listingId: string
  origin: string
  limits: CapacityLimits
  modelLimits: ReadonlyMap<string, CapacityLimits>
  ttftMs: number
  tokensPerS: number
}

/** One request as an upstream sees it. */
export interface Call {
  model: string
  tokens: number
  maxTokens: number
  /** What it will write. */
  answerTokens: number
  /** The request is wrong: it is refused in the usual words, or in unusual ones. */
  wrong?: 'recognised' | 'odd'
  /** The request breaks whoever serves it. */
  poison: boolean
  random: () => number
}

export interface Hears {
  content(): void
  done(): void
  failed(failure: UpstreamFailure): void
}

export interface Upstream {
  nature: Nature
  /** Sends `call`; returns how to cut the connection. */
  send(call: Call, hears: Hears): () => void
  /** What is wrong with it at that time. */
  faultAt(elapsedMs: number): Fault | undefined
  running(): number
  /** When a request came that breaks whoever serves it, elapsed. */
  poisonedMs(): number
  /** 429s that it gave because too much arrived. */
  overruns: string[]
}

export function createUpstream(nature: Nature, faults: readonly Fault[], time: VirtualTime): Upstream {
  const whole = createLimiter(nature.limits)
  const perModel = new Map([...nature.modelLimits].map(([model, limits]) => [model, createLimiter(limits)]))
  const mine = faults.filter(
    ({ listingId = nature.listingId, origin = nature.origin }) =>
      listingId === nature.listingId && origin === nature.origin,
  )
  const overruns: string[] = []
  let poisonedMs = Number.NEGATIVE_INFINITY

  function faultAt(elapsedMs: number): Fault | undefined {
    return mine.find(({ fromMs, untilMs }) => fromMs <= elapsedMs && elapsedMs < untilMs)
  }

  function send(call: Call, hears: Hears): () => void {
    let cut = false
    let leave: (() => void) | undefined
    const back = (tell: () => void) => {
      if (!cut) time.after(wayMs(call.random), () => cut || tell())
    }
    const running = (ms: number, then: () => void) => {
      if (Number.isFinite(ms)) time.after(ms, () => leave && then(), 'theirs')
    }
    time.after(
      wayMs(call.random),
      () => {
        if (!cut) leave = arrive(call, { back, running, hears, gone: () => gone() })
      },
      'theirs',
    )
    function gone(): void {
      leave?.()
      leave = undefined
    }
    return () => {
      cut = true
      // The upstream hears of it a way later.
      time.after(wayMs(call.random), gone, 'theirs')
    }
  }

  /** Returns what ends it here. */
  function arrive(call: Call, line: Line): (() => void) | undefined {
    const found = faultAt(time.elapsedMs())
    const fault = call.random() < (found?.share ?? 1) ? found : undefined
    const kind = fault?.kind
    if (kind !== undefined && kind in faultKinds && faultKinds[kind as 'refused'].class === 'network') {
      // It never gets as far as the limiter.
      const failed = () => line.hears.failed(failureOf(kind as 'refused'))
      time.after(faultKinds[kind as 'refused'].afterMs, () => line.back(failed), 'theirs')
      return undefined
    }
    const limiters = [whole, ...(perModel.has(call.model) ? [perModel.get(call.model) as Limiter] : [])]
    const nowMs = time.elapsedMs()
    const over = limiters.map((one) => one.overrunBy(call.tokens + call.maxTokens, nowMs)).find(Boolean)
    if (over) {
      overruns.push(`${nature.listingId} ${call.model} at ${Math.round(nowMs)} ms: ${over}`)
      line.back(() => line.hears.failed({ ...failureOf('limited'), message: 'too much arrived' }))
      return undefined
    }
    const ends = limiters.map((one) => one.enter(call.tokens + call.maxTokens, nowMs))
    const beginsMs = answer(call, line, fault)
    return () => {
      const writingMs = time.elapsedMs() - nowMs - beginsMs
      // What it has written by then counts, and nothing of a refusal.
      const written = Math.min(call.answerTokens, Math.floor((writingMs / 1_000) * nature.tokensPerS))
      for (const end of ends) end(Number.isFinite(beginsMs) ? call.tokens + Math.max(0, written) : 0)
    }
  }

  /** Returns when it begins to write, from now; never for one that fails before. */
  function answer(call: Call, { back, running, hears, gone }: Line, fault: Fault | undefined): number {
    const fail = (failure: UpstreamFailure, afterMs: number) => {
      running(afterMs, () => {
        gone()
        back(() => hears.failed(failure))
      })
      return Number.POSITIVE_INFINITY
    }
    if (fault && fault.kind !== 'cut' && fault.kind !== 'slow')
      return fail(failureOf(fault.kind), faultKinds[fault.kind].afterMs)
    const { random } = call
    if (call.wrong) return fail(refusal(call.wrong), 20 + 60 * random())
    if (call.poison) {
      poisonedMs = time.elapsedMs()
      return fail(failureOf('error_500'), 50)
    }
    const slowness = fault?.kind === 'slow' ? 10 : 1
    const ttftMs = nature.ttftMs * slowness * (0.6 + 0.8 * random())
    const restMs = (call.answerTokens / nature.tokensPerS) * 1_000
    const cutMs = fault?.kind === 'cut' ? ttftMs + Math.min(restMs, 80) : Number.POSITIVE_INFINITY
    running(ttftMs, () => back(() => hears.content()))
    // A packet on its way is not overtaken: what follows content leaves later and comes later.
    if (cutMs < Number.POSITIVE_INFINITY)
      fail({ class: 'server_error', message: 'cut' }, cutMs + NETWORK_MS.tail)
    else
      running(ttftMs + restMs, () => {
        gone()
        back(() => hears.done())
      })
    return ttftMs
  }

  return { nature, send, faultAt, running: () => whole.running(), poisonedMs: () => poisonedMs, overruns }
}

interface Line {
  back(tell: () => void): void
  running(ms: number, then: () => void): void
  hears: Hears
  gone(): void
}

function refusal(wrong: 'recognised' | 'odd'): UpstreamFailure {
  const failure: UpstreamFailure = {
    class: 'user_error',
    status: 400,
    message: 'wrong',
    callerMessage: 'wrong',
  }
  return wrong === 'recognised' ? { ...failure, recognised: true } : failure
}

function wayMs(random: () => number): number {
  const { least, usual, tail, tailShare } = NETWORK_MS
  return least + (random() < tailShare ? tail : usual) * random()
}

interface Limiter {
  overrunBy(tokens: number, nowMs: number): string | undefined
  /** Counts it; what is returned ends it and corrects its tokens. */
  enter(tokens: number, nowMs: number): (usedTokens: number) => void
  running(): number
}

function createLimiter({ requestsPerMinute, tokensPerMinute, concurrency }: CapacityLimits): Limiter {
  let recent: { atMs: number; tokens: number }[] = []
  let sum = 0
  let running = 0

  function forget(nowMs: number): void {
    let gone = 0
    while (gone < recent.length && (recent[gone]?.atMs ?? nowMs) <= nowMs - MINUTE_MS) {
      sum -= recent[gone]?.tokens ?? 0
      gone += 1
    }
    if (gone > 0) recent = recent.slice(gone)
  }

  return {
    overrunBy(tokens, nowMs) {
      forget(nowMs)
      if (concurrency !== undefined && running >= concurrency) return `${running} of ${concurrency} at once`
      if (requestsPerMinute !== undefined && recent.length >= requestsPerMinute)
        return `${recent.length} of ${requestsPerMinute} requests in a minute`
      if (tokensPerMinute !== undefined && sum + tokens > tokensPerMinute)
        return `${sum} and ${tokens} of ${tokensPerMinute} tokens in a minute`
      return undefined
    },
    enter(tokens, nowMs) {
      forget(nowMs)
      const entry = { atMs: nowMs, tokens }
      recent.push(entry)
      sum += tokens
      running += 1
      return (usedTokens) => {
        running -= 1
        if (recent.includes(entry)) sum += usedTokens - entry.tokens
        entry.tokens = usedTokens
      }
    },
    running: () => running,
  }
}
