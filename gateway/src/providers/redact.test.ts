import { expect, test } from 'vitest'
import { redact } from './redact.ts'

test.each([
  'sk-abc',
  'sk-proj-Zz9_x-12',
  'sk-ant-api03-AAAA',
  'sk-ab***********yz',
  'gsk_1234567890abcdef',
  'xai-1234567890abcdef',
  'AIzaSyA1234567890',
  'hf_abcdefghijkl',
  'Bearer abcdefgh',
  'bearer eyJhbGciOi.eyJzdWIi.c2ln',
  'org-AbCdEfGh12',
  'proj_AbCdEfGh12',
  'jane.doe+x@example.co.uk',
  'https://user:secret@proxy.example/path',
  'https://console.vendor.example/keys/17',
  'postgres://a:b@db/x',
  '0123456789abcdef0123456789abcdef',
  '7327b9f5-1c2f-4a15-bfef-c14a71c460d3',
  'api_key=verysecret',
  "x-api-key: 'verysecret'",
  "organization 'Jane's Company'",
  'workspace `acme`',
])('%s does not reach a buyer', (secret) => {
  const told = redact(`Refused for ${secret}, change it.`)
  expect(told).toContain('[redacted]')
  expect(told).not.toContain(secret)
  expect(told).toMatch(/^Refused for /)
})

test('a secret is gone whole, not half', () => {
  for (const text of [
    'Bearer abc/def+ghi==',
    'key sk-abc.def_ghi',
    'jane@example.org',
    'https://u:p@h/x?y=z#w',
  ]) {
    expect(redact(text)).not.toMatch(/def|ghi|jane|example|u:p|y=z/)
  }
})

test('what a buyer needs to read stays as it is', () => {
  for (const text of [
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
    "Unsupported value: 'messages[0].role' does not support 'developer' with this model.",
    'tools.0.custom.input_schema.type: Field required',
    "Invalid 'tools[0].function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.",
    'messages.1.content.0.tool_result: unexpected tool_use_id',
    'user_message and max_completion_tokens are wrong',
  ]) {
    expect(redact(text)).toBe(text)
  }
})

test('the text is one line of bounded length', () => {
  expect(redact('a\nb\u0000c\u2028d')).toBe('a b c d')
  expect(redact('word '.repeat(100_000)).length).toBeLessThanOrEqual(1000)
})
