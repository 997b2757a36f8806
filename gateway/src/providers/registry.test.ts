import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadProviders } from './registry.ts'

const file = JSON.parse(readFileSync(new URL('../../../config/providers.json', import.meta.url), 'utf8'))
const providers = loadProviders(file)

test('every vendor of config/providers.json is known by its id, with its own host allowed', () => {
  expect(providers.list().map(({ id }) => id)).toEqual([
    'openai',
    'anthropic',
    'deepseek',
    'mistral',
    'groq',
    'xai',
    'openrouter',
    'together',
    'fireworks',
    'cerebras',
    'perplexity',
    'moonshot',
    'dashscope',
    'gemini',
    'ollama',
    'demo',
  ])
  for (const provider of providers.list()) {
    expect(providers.find(provider.id)).toBe(provider)
    expect(provider.allowedHosts[0]).toBe(new URL(provider.baseUrl).host)
    expect(providers.formatOf(provider).id).toBe(provider.format)
  }
  expect(providers.find('toString')).toBeUndefined()
})

test('keys of different vendors are never read from the same variable', () => {
  const names = providers.list().flatMap(({ environmentKeys }) => environmentKeys)
  expect(new Set(names).size).toBe(names.length)
})

test('the demo upstream has the one address that never leaves the process', () => {
  expect(providers.find('demo')).toMatchObject({
    baseUrl: 'http://demo.bourse.internal/v1',
    format: 'openai',
    environmentKeys: [],
  })
})

test('Anthropic is asked with its own header and version', () => {
  expect(providers.find('anthropic')).toMatchObject({
    auth: { header: 'x-api-key', prefix: '' },
    headers: { 'anthropic-version': '2023-06-01' },
    chatPath: '/messages',
  })
})

test('a file with faults is refused: addresses, unknown members, the same id twice', () => {
  const [openai] = file.providers
  const refused = [
    { ...openai, baseUrl: 'http://api.openai.com/v1' },
    { ...openai, baseUrl: 'https://api.openai.com/v1/' },
    { ...openai, baseUrl: 'https://user:secret@api.openai.com/v1' },
    { ...openai, baseUrl: 'https://api.openai.com/v1?key=1' },
    { ...openai, baseUrl: 'file:///etc/passwd' },
    { ...openai, format: 'gemini' },
    { ...openai, apiKey: 'sk-1' },
    { ...openai, maxTokensField: 'limit' },
    { ...openai, chatPath: 'chat' },
  ]
  for (const provider of refused)
    expect(() => loadProviders({ providers: [provider] }), JSON.stringify(provider)).toThrow()
  expect(() => loadProviders({ providers: [openai, openai] })).toThrow('two providers have the same id')
  expect(() => loadProviders({ providers: [] })).toThrow()
})
