/** What a fault of reliability.md §4.2 is made of: how the upstream behaves, and everything that must follow from it. */
import type { OutcomeClass } from '../../src/providers/outcome.ts'
import type { Behaviour } from './fault-wire.ts'
import { chunk, completion } from './scripted-upstream.ts'

export type Ask = 'json' | 'stream'

/** Where a faulty listing points when the fault is in the connection: a port of its own that behaves like this. */
export type Dial =
  | 'refused'
  | 'reset_at_once'
  | 'closed_at_once'
  | 'never_accepted'
  | 'tls_untrusted'
  | 'tls_to_plain_port'
  | 'tls_silent'
  | 'tls_cut'
  | 'tls_well'

export interface Billed {
  source: 'reported' | 'counted'
  input: number
  output: number
}

export interface Fault {
  /** `U01` to `U32`. */
  row: string
  behave?: Behaviour
  dial?: Dial
  /** Its name leads inside once it is armed. */
  flips?: boolean
  /** Both unless said otherwise. */
  asks?: readonly Ask[]
  /**
   * What the client sees: an answer of the next listing or of this one, one error event inside the stream, or a
   * refusal of its request.
   */
  client: 'next' | 'same' | 'breaks' | 'refused'
  /** What routing is told of the attempt. */
  outcome: OutcomeClass
  /** Where it depends on the way to ask. */
  outcomes?: Partial<Record<Ask, OutcomeClass>>
  /** How the listing rests afterwards, and for how long at least and at most where the upstream said so. */
  rest?: 'cooling' | 'model_suspended' | 'listing_suspended' | 'disabled'
  restMs?: readonly [number, number]
  /** How often the upstream is asked, if not once. */
  visits?: number
  /** Members that the request needs to meet the fault. */
  request?: Record<string, unknown>
  /** Of `same`: the answer's text, and what is paid for it. Five words reported after ten unless said otherwise. */
  text?: string
  billed?: Billed
  /** What the client's bytes must hold, and must not. */
  holds?: readonly string[]
  lacks?: readonly string[]
  /** Of `refused`: the code. */
  code?: string
}

/** A row's faults by name, each with what they share. */
export function faultsOf(
  row: string,
  shared: Omit<Fault, 'row' | 'behave'>,
  each: Record<string, Behaviour | (Partial<Fault> & { behave?: Behaviour })>,
): Record<string, Fault> {
  return Object.fromEntries(
    Object.entries(each).map(([name, fault]) => [
      `${row}.${name}`,
      { row, ...shared, ...(typeof fault === 'function' ? { behave: fault } : fault) },
    ]),
  )
}

export const HELLO = 'hello world'
export const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 }

const role = chunk({ role: 'assistant', content: '' })
const usageChunk = (usage: unknown) => ({ ...chunk({}), choices: [], usage })

export const begin: Behaviour = async (wire) => {
  await wire.open()
  await wire.event(role)
}

/** The events of a whole stream, `data:` texts without their frame. */
export function streamOf(told: { words?: readonly string[]; usage?: unknown } = {}): string[] {
  const { words = ['hello', ' world'], usage } = { usage: USAGE, ...told }
  const chunks: unknown[] = [role, ...words.map((content) => chunk({ content })), chunk({}, 'stop')]
  if (usage !== undefined) chunks.push(usageChunk(usage))
  return [...chunks.map((each) => JSON.stringify(each)), '[DONE]']
}

export function sseOf(events: readonly string[], eol = '\n'): string {
  return events.map((event) => `data: ${event}${eol}${eol}`).join('')
}

/** A healthy answer in the shape that was asked for. */
export const healthy =
  (
    words: readonly string[] = ['hello', ' world'],
    report: { usage?: unknown } = { usage: USAGE },
  ): Behaviour =>
  async (wire) => {
    if (!wire.stream) {
      await wire.answer(200, { ...completion(words.join('')), usage: undefined, ...report })
      return
    }
    await wire.open()
    await wire.frames(sseOf(streamOf({ words, usage: report.usage })))
    await wire.done()
  }

export const refusal =
  (status: number, body: unknown = '', headers: Record<string, string> = {}): Behaviour =>
  (wire) =>
    wire.answer(status, body, headers)

export const errorBody = (message: string, more: Record<string, unknown> = {}) => ({
  error: { message, type: 'server_error', ...more },
})

/** A whole stream of these bytes, each part in a frame of its own. */
export const framed =
  (...parts: (string | Buffer)[]): Behaviour =>
  async (wire) => {
    await wire.open()
    await wire.frames(...parts)
    await wire.done()
  }
