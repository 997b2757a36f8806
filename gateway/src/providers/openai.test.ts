import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scanMembers } from '../http/json-members.ts'
import { chatRequest } from './chat.ts'
import { openAiFormat } from './openai.ts'
import type { ProviderConfig } from './provider.ts'

const provider: ProviderConfig = {
  id: 'vendor',
  name: 'Vendor',
  format: 'openai',
  baseUrl: 'https://api.vendor.example/v1',
  allowedHosts: ['api.vendor.example'],
  auth: { header: 'authorization', prefix: 'Bearer ' },
  environmentKeys: [],
  author: 'vendor',
  headers: { 'x-vendor': 'yes' },
  chatPath: '/chat/completions',
  modelsPath: '/models',
  maxTokensField: 'max_completion_tokens',
  streamOptions: true,
}

function build(text: string, over: Partial<ProviderConfig> = {}) {
  const bytes = Buffer.from(text)
  return openAiFormat.buildCall({
    provider: { ...provider, ...over },
    request: chatRequest.parse(JSON.parse(text)),
    body: { bytes, members: scanMembers(bytes) },
    upstreamModel: 'vendor-name',
    maxOutputTokens: 77,
  })
}

const sent = (text: string, over?: Partial<ProviderConfig>) => build(text, over).body.toString()

test('the call goes to the path of the vendor with its headers, and the credential is left to others', () => {
  expect(build('{"model":"m","messages":[{"role":"user","content":"hi"}]}')).toMatchObject({
    method: 'POST',
    path: '/chat/completions',
    headers: { 'content-type': 'application/json', accept: 'application/json', 'x-vendor': 'yes' },
  })
  expect(
    build('{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}').headers.accept,
  ).toBe('text/event-stream')
})

test('the bytes of the caller go on: only the model and the bound of the answer differ', () => {
  expect(
    sent(
      '{"model":"m", "messages": [ {"role":"user","content":"\\u00e9 \\/ 1.0e0"} ],"temperature":1.0,"logit_bias":{"50256":-100.0},"strange":[1,  2]}',
    ),
  ).toBe(
    '{"model":"vendor-name","messages": [ {"role":"user","content":"\\u00e9 \\/ 1.0e0"} ],"temperature":1.0,"logit_bias":{"50256":-100.0},"strange":[1,  2],"max_completion_tokens":77}',
  )
})

test('one bound is sent, under the name that the vendor knows', () => {
  const body =
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":5,"max_completion_tokens":9}'
  expect(JSON.parse(sent(body))).toMatchObject({ max_completion_tokens: 77 })
  expect(JSON.parse(sent(body))).not.toHaveProperty('max_tokens')
  expect(JSON.parse(sent(body, { maxTokensField: 'max_tokens' }))).toMatchObject({ max_tokens: 77 })
  expect(JSON.parse(sent(body, { maxTokensField: 'max_tokens' }))).not.toHaveProperty('max_completion_tokens')
})

test('a stream always asks for its usage, and keeps what else the caller asked', () => {
  const body = (options: string) =>
    `{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true${options}}`
  expect(JSON.parse(sent(body(''))).stream_options).toEqual({ include_usage: true })
  expect(JSON.parse(sent(body(',"stream_options":null'))).stream_options).toEqual({ include_usage: true })
  expect(
    JSON.parse(sent(body(',"stream_options":{"include_usage":false,"include_obfuscation":false}')))
      .stream_options,
  ).toEqual({
    include_usage: true,
    include_obfuscation: false,
  })
})

test('a vendor that refuses stream_options is not sent any', () => {
  const body =
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}'
  expect(JSON.parse(sent(body, { streamOptions: false }))).not.toHaveProperty('stream_options')
})

test('what the caller told the gateway stays here', () => {
  const told = {
    provider: { sort: 'price' },
    models: ['a'],
    max_cost: 1,
    route: 'fallback',
    transforms: [],
    max_wait_ms: 5,
    usage: { include: true },
  }
  const body = JSON.stringify({ model: 'm', ...told, messages: [{ role: 'user', content: 'hi' }], user: 'u' })
  expect(Object.keys(JSON.parse(sent(body)))).toEqual(['model', 'messages', 'user', 'max_completion_tokens'])
})

test('members named like those of every object go on like any other', () => {
  const body =
    '{"model":"m","messages":[{"role":"user","content":"hi"}],"constructor":1,"__proto__":2,"toString":3}'
  expect(sent(body)).toContain('"constructor":1,"__proto__":2,"toString":3')
})

test('nothing is added that the caller did not send, whatever he sends', () => {
  const name = fc
    .string({ minLength: 1, maxLength: 8 })
    .filter((key) => !['model', 'messages', 'stream', 'n', 'stop', 'user', 'tools', 'seed'].includes(key))
  fc.assert(
    fc.property(fc.dictionary(name, fc.jsonValue()), (extra) => {
      const own = Object.fromEntries(Object.entries(extra).map(([key, value]) => [`x-${key}`, value]))
      const body = JSON.stringify({ ...own, model: 'm', messages: [{ role: 'user', content: 'hi' }] })
      expect(JSON.parse(sent(body))).toEqual({
        ...JSON.parse(body),
        model: 'vendor-name',
        max_completion_tokens: 77,
      })
    }),
  )
})

test('the tier of service is the seller`s to choose', () => {
  for (const tier of ['priority', 'flex', 'auto', 'default']) {
    const body = JSON.stringify({
      model: 'm',
      service_tier: tier,
      messages: [{ role: 'user', content: 'hi' }],
    })
    expect(JSON.parse(sent(body))).not.toHaveProperty('service_tier')
  }
})

test('what costs the seller more than tokens is refused, by its name', () => {
  const body = (more: object) =>
    JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more })
  const refused = (param: string) => expect.objectContaining({ code: 'invalid_value', details: { param } })
  const fn = { type: 'function', function: { name: 'f' } }
  const extras: [string, object][] = [
    ['web_search_options', { web_search_options: {} }],
    ['search_parameters', { search_parameters: { mode: 'on' } }],
    ['plugins', { plugins: [{ id: 'web' }] }],
    ['tools[1].type', { tools: [fn, { type: 'web_search' }] }],
    ['tools[0].type', { tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] }],
  ]
  for (const [param, extra] of extras) {
    expect(() => sent(body(extra)), param).toThrow(refused(param))
  }
  const own = {
    tools: [fn, { type: 'custom', custom: { name: 'c' } }],
    plugins: [],
    web_search_options: null,
  }
  expect(JSON.parse(sent(body(own)))).toMatchObject(own)
})
