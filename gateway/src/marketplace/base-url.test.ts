import { expect, test } from 'vitest'
import { makeProvider } from '../../test/support/market.ts'
import { GatewayError } from '../platform/errors.ts'
import { checkBaseUrl } from './base-url.ts'
import { credentialAad } from './credential-aad.ts'

const provider = makeProvider('openai', {
  baseUrl: 'https://api.openai.com/v1',
  allowedHosts: ['api.openai.com', 'eu.api.openai.com', '*.openai.azure.com', 'gateway.openai.com:8443'],
})
const check = (url: string | undefined, anyHost = false) => checkBaseUrl(url, { provider, anyHost })

test.each([
  [undefined, 'https://api.openai.com/v1'],
  ['https://eu.api.openai.com/v1/', 'https://eu.api.openai.com/v1'],
  ['https://EU.api.openai.com:443/v1', 'https://eu.api.openai.com/v1'],
  [
    'https://team.openai.azure.com/openai/deployments/a',
    'https://team.openai.azure.com/openai/deployments/a',
  ],
  ['https://gateway.openai.com:8443', 'https://gateway.openai.com:8443'],
])('%s may be listed', (url, stored) => {
  expect(check(url)).toBe(stored)
})

// reliability.md §3.1: everything that means another machine than the vendor's.
test.each([
  'https://evil.example/v1',
  'https://openai.azure.com/v1',
  'https://notopenai.azure.com/v1',
  'http://eu.api.openai.com/v1',
  'https://api.openai.com:8443/v1',
  'https://api.openai.com./v1',
  'https://user:secret@api.openai.com/v1',
  'https://api.openai.com/v1?key=1',
  'https://api.openai.com/v1?',
  'https://api.openai.com/v1#x',
  'https://api.openai.com/v1//x',
  'https://api.openai.com/%41/v1',
  `https://api.openai.com/${'a'.repeat(130)}`,
  `https://api.openai.com/${'a/'.repeat(400)}`,
  'https://127.0.0.1/v1',
  'https://2130706433/v1',
  'https://0x7f.1/v1',
  'https://[::1]/v1',
  'https://[::ffff:127.0.0.1]/v1',
  'https://169.254.169.254/latest',
  'https://localhost/v1',
  'http://localhost:8000/v1',
  'https://metadata.google.internal/v1',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'not a url',
  '',
])('%s is refused', (url) => {
  expect(() => check(url)).toThrow(GatewayError)
})

test('with private upstreams an operator may name a machine of his own, in plain http only inside his network', () => {
  for (const url of [
    'http://localhost:8000/v1',
    'http://127.0.0.1:1',
    'http://10.1.2.3:8000/v1',
    'http://vllm:8000/v1',
    'http://[::1]:8000/v1',
    'http://llm.internal/v1',
    'https://llm.example.org:8443/v1',
  ]) {
    expect(check(url, true)).toBe(url)
  }
  for (const url of [
    'http://llm.example.org/v1',
    'http://93.184.216.34/v1',
    'ftp://localhost/v1',
    'http://user@localhost/v1',
  ]) {
    expect(() => check(url, true)).toThrow(GatewayError)
  }
})

test("the provider's own origin is the operator's word, whatever its scheme", () => {
  const demo = makeProvider('demo', {
    baseUrl: 'http://demo.bourse.internal/v1',
    allowedHosts: ['demo.bourse.internal'],
  })
  expect(checkBaseUrl('http://demo.bourse.internal/v1/fast', { provider: demo, anyHost: false })).toBe(
    'http://demo.bourse.internal/v1/fast',
  )
  expect(() => checkBaseUrl('http://other.bourse.internal/v1', { provider: demo, anyHost: false })).toThrow(
    GatewayError,
  )
})

test('a credential is bound to its listing, its seller and its origin, not to the path', () => {
  const binding = { listingId: 'l', organisationId: 'o', baseUrl: 'https://api.openai.com/v1' }
  const aad = credentialAad(binding)
  expect(credentialAad({ ...binding, baseUrl: 'https://api.openai.com/v2' })).toBe(aad)
  expect(credentialAad({ ...binding, baseUrl: 'https://evil.example/v1' })).not.toBe(aad)
  expect(credentialAad({ ...binding, listingId: 'm' })).not.toBe(aad)
  expect(credentialAad({ ...binding, organisationId: 'p' })).not.toBe(aad)
})
