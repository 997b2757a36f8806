/**
 * Real reports beside our own counts: what the vendors said of the recorded answers whose request is known, by the
 * tokenizers that are used. It is what the margins of the clamp and the slack of the test rest on.
 */
import { expect, test } from 'vitest'
import { clampUsage, ownCountOf } from '../src/metering/clamp-usage.ts'
import { countText } from '../src/metering/count-tokens.ts'
import { Yardstick } from '../src/metering/yardstick.ts'
import { outputTokens, type Usage } from '../src/providers/usage.ts'
import { defaultNoise } from '../src/trust/count-noise.ts'
import { scoreOf } from '../src/trust/count-test.ts'
import {
  formatFor,
  frame,
  identity,
  loadRecordings,
  type Recording,
  readEvents,
} from './providers/read-recording.ts'

const answers = loadRecordings('openai.chat', 'anthropic.messages')
  .filter(({ status, features }) => status === 200 && !features.includes('in-band-error'))
  .flatMap((recording) => readOf(recording) ?? [])

interface Read {
  id: string
  text: string
  usage: Usage
  calls: number
  ownTokenizer: boolean
  /** The vendor ran tools of his own for it. */
  ownTools: boolean
}

function readOf(recording: Recording): Read | undefined {
  const { id, api, body, stream, provider } = recording
  const format = formatFor(api)
  const known = {
    id,
    ownTokenizer: provider === 'openai',
    ownTools: /"type": ?"(server_tool_use|\w+_tool_result)"/.test(body),
  }
  if (!stream) {
    const { text, usage, toolNames } = format.readReply(Buffer.from(body), identity)
    return usage && { ...known, text, usage, calls: toolNames.length }
  }
  const { text, usage, parts } = readEvents(format, frame([Buffer.from(body)]))
  const calls = parts.reduce((sum, { toolNames }) => sum + (toolNames?.length ?? 0), 0)
  return usage && { ...known, text, usage, calls }
}

/** Answers with text alone, long enough to say something, and nothing hidden in their count. */
const plain = answers.filter(
  ({ usage, calls, text }) => calls === 0 && usage.reasoning === 0 && countText(text, 'o200k') >= 75,
)

if (answers.length === 0) console.log('recorded counts skipped: RECORDINGS_DIR is not set')

test.runIf(answers.length > 0)(
  "with OpenAI's own tokenizer its reports and our counts agree within the slack",
  () => {
    const own = plain.filter(({ ownTokenizer }) => ownTokenizer)
    expect(own.length).toBeGreaterThan(1)
    const noise = defaultNoise({ tokenizer: 'o200k', reasoning: true }, 'completion')
    for (const { id, text, usage } of own) {
      const score = scoreOf({ reported: outputTokens(usage), own: countText(text, 'o200k'), noise })
      expect([id, score < 0.25]).toEqual([id, true])
    }
  },
)

test.runIf(answers.length > 0)('o200k is the better yardstick for the models of others', () => {
  const strange = plain.filter(({ ownTokenizer }) => !ownTokenizer)
  const spread = (count: (text: string) => number) => {
    const logs = strange.map(({ text, usage }) => Math.log(outputTokens(usage) / count(text)))
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
    return Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / logs.length)
  }
  const byTokens = spread((text) => countText(text, 'o200k'))
  const byBytes = spread((text) => countText(text, 'approximate'))
  console.log(
    `${strange.length} answers of others: spread ${byTokens.toFixed(3)} by o200k, ${byBytes.toFixed(3)} by bytes`,
  )
  expect(byTokens).toBeLessThan(byBytes)
})

test.runIf(answers.length > 0)('an honest answer whose text is all there is not cut by the clamp', () => {
  const request = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }] }
  // A vendor's own tools are not sold here: what is written for them is counted and not shown.
  const sold = answers.filter(({ ownTools }) => !ownTools)
  expect(sold.length).toBeGreaterThan(answers.length / 2)
  const cut = sold.filter(({ text, usage, calls, ownTokenizer }) => {
    // Only the answer's side is known of every recording; reasoning that is not shown is cut on purpose.
    const tokenizer = ownTokenizer ? 'o200k' : 'approximate'
    const yardstick = new Yardstick(tokenizer)
    yardstick.add(text)
    const written = Math.max(yardstick.total(), countText(text, tokenizer))
    const own = { ...ownCountOf(request, tokenizer, { written, calls }), promptMax: Number.POSITIVE_INFINITY }
    const seen = { ...usage, output: usage.output - usage.reasoning, reasoning: 0 }
    const { usage: billed } = clampUsage(seen, own)
    return billed.output < seen.output
  })
  // Its recording leaves out most of what was streamed.
  expect(cut.map(({ id }) => id)).toEqual(['perplexity-chat-sse-001'])
})
