import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { snippets } from './snippets.ts'

const place = { baseUrl: 'https://bourse.example/v1', model: 'openai/gpt-4o-mini', key: 'sk-brs-secret' }
const code = (id: string, more: object = {}): string =>
  snippets.find((snippet) => snippet.id === id)?.code({ ...place, ...more }) ?? ''

/** What curl would be called with, as a shell reads it. */
function curlArguments(script: string, env: Record<string, string> = {}): string[] {
  const said = execFileSync('sh', ['-c', `curl() { printf '%s\\n' "$@"; }\n${script}`], {
    env,
    encoding: 'utf8',
  })
  return said.trimEnd().split('\n')
}

test('the curl snippet asks for a chat completion with the key that was created', () => {
  const [url, , authorization, , , , body = ''] = curlArguments(code('curl'))
  expect(url).toBe('https://bourse.example/v1/chat/completions')
  expect(authorization).toBe('Authorization: Bearer sk-brs-secret')
  expect(JSON.parse(body)).toEqual({
    model: 'openai/gpt-4o-mini',
    messages: [{ role: 'user', content: 'Say hello.' }],
  })
})

test('without a key it is taken from the environment', () => {
  const words = curlArguments(code('curl', { key: undefined }), { BOURSE_API_KEY: 'sk-mine' })
  expect(words).toContain('Authorization: Bearer sk-mine')
  for (const { id } of snippets) expect(code(id, { key: undefined })).toContain('BOURSE_API_KEY')
})

test('a model with a quote in its name cannot end the command', () => {
  const model = "o'; rm -rf ~ #"
  expect(JSON.parse(curlArguments(code('curl', { model })).at(-1) ?? '').model).toBe(model)
  expect(code('node', { model })).toContain(`model: 'o\\'; rm -rf ~ #'`)
})

test('every snippet names this gateway and, where it can, the model that is on offer', () => {
  for (const { id } of snippets) {
    expect(code(id)).toContain(place.baseUrl)
    expect(code(id)).toContain(place.key)
    if (id !== 'open-webui') expect(code(id)).toContain(place.model)
  }
})

test('a chat front end in a container reaches a gateway of this machine', () => {
  const local = { baseUrl: 'http://127.0.0.1:4000/v1' }
  expect(code('open-webui', local)).toContain('http://host.docker.internal:4000/v1')
  expect(code('open-webui', local)).toContain('--add-host')
  expect(code('librechat', local)).toContain('http://host.docker.internal:4000/v1')
  expect(code('curl', local)).toContain('http://127.0.0.1:4000/v1')
})
