/** Our own answers, by hand, one for each peculiarity of a vendor: these are always read, recordings or not. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { inputTokens, outputTokens, type Usage } from '../../src/providers/usage.ts'
import { formatFor, frame, identity, readEvents, seenInChunks, seenInReply } from './read-recording.ts'

const folder = fileURLToPath(new URL('../fixtures', import.meta.url))
const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.expected.json'))
  .map((name) => name.replace('.expected.json', ''))
  .sort()

const read = (name: string) => readFileSync(join(folder, name))
const has = (name: string) => readdirSync(join(folder, name, '..')).includes(name.split('/').at(-1) ?? '')
const formatOf = (name: string) =>
  formatFor(name.startsWith('anthropic/') ? 'anthropic.messages' : 'openai.chat')

test('there is a fixture of every vendor whose dialect differs', () => {
  expect(new Set(names.map((name) => name.split('/')[0]))).toEqual(
    new Set([
      'anthropic',
      'dashscope',
      'deepseek',
      'gemini',
      'groq',
      'mistral',
      'moonshot',
      'ollama',
      'openai',
      'openrouter',
      'perplexity',
      'xai',
    ]),
  )
})

test.each(names.filter((name) => has(`${name}.json`)))('%s, a whole answer', (name) => {
  const { usage, ...seen } = JSON.parse(read(`${name}.expected.json`).toString())
  const reply = formatOf(name).readReply(read(`${name}.json`), identity)
  expect(seenInReply(JSON.parse(reply.json.toString()))).toEqual(seen)
  expect(reply).toMatchObject({ finishReason: seen.finish, hasToolCalls: seen.toolCalls.length > 0 })
  expect(summary(reply.usage)).toEqual(usage)
})

test.each(names.filter((name) => has(`${name}.sse`)))('%s, a stream cut at every byte', (name) => {
  const { usage, ...seen } = JSON.parse(read(`${name}.expected.json`).toString())
  const bytes = read(`${name}.sse`)
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const stream = readEvents(formatOf(name), frame([bytes.subarray(0, cut), bytes.subarray(cut)]))
    expect(seenInChunks(stream.chunks.map((chunk) => JSON.parse(chunk)))).toEqual(seen)
    expect(stream).toMatchObject({ finishReason: seen.finish, done: true, failure: undefined })
    expect(summary(stream.usage)).toEqual(usage)
  }
})

test.each(names.filter((name) => has(`${name}.sse`)))('%s, every chunk is ours and whole', (name) => {
  const { chunks } = readEvents(formatOf(name), frame([read(`${name}.sse`)]))
  const parsed = chunks.map((chunk) => JSON.parse(chunk))
  const seenRoles: (string | undefined)[] = []
  for (const chunk of parsed) {
    expect(chunk).toMatchObject({
      id: identity.id,
      model: identity.model,
      object: 'chat.completion.chunk',
      created: parsed[0].created,
    })
    expect(chunk.usage ?? null).toBeNull()
    expect(chunk.choices[0].finish_reason).not.toBeUndefined()
    seenRoles.push(chunk.choices[0].delta.role)
  }
  expect(seenRoles).toEqual(['assistant', ...Array(parsed.length - 1).fill(undefined)])
})

function summary(usage: Usage | undefined) {
  if (!usage) return null
  return {
    prompt: inputTokens(usage),
    completion: outputTokens(usage),
    cached: usage.cacheRead,
    reasoning: usage.reasoning,
    cacheWrite: usage.cacheWrite5m + usage.cacheWrite1h,
  }
}
