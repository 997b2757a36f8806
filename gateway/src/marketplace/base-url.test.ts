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

const custom = (url: string, ports: 'port_443' | 'any_port' = 'port_443') =>
  checkBaseUrl(url, { provider, anyHost: false, custom: ports })

test.each([
  ['https://llm.example.com/v1', 'https://llm.example.com/v1'],
  ['https://LLM.Example.com:443/v1/', 'https://llm.example.com/v1'],
  ['https://eu.api.openai.com/v1', 'https://eu.api.openai.com/v1'],
  ['https://llm.example.com/../v1/%2e%2e/v2', 'https://llm.example.com/v2'],
  ['https://bücher.example/v1', 'https://xn--bcher-kva.example/v1'],
  ['https://gpu-1.a_b.example.co.uk', 'https://gpu-1.a_b.example.co.uk'],
  [`https://${'a'.repeat(63)}.example/v1`, `https://${'a'.repeat(63)}.example/v1`],
])('where sellers may list servers of their own, %s may be listed', (url, stored) => {
  expect(custom(url)).toBe(stored)
})

// Everything of reliability.md §3.1 that a URL parser would turn into an address, and what is no name of the public DNS.
test.each([
  'http://llm.example.com/v1',
  'https://127.0.0.1/v1',
  'https://93.184.216.34/v1',
  'https://2130706433/v1',
  'https://0x7f000001/v1',
  'https://0x7f.1/v1',
  'https://0177.0.0.1/v1',
  'https://017700000001/v1',
  'https://127.1/v1',
  'https://127.0.1/v1',
  'https://1.2.3.4.5/v1',
  'https://①②⑦.⓪.⓪.①/v1',
  'https://127。0。0。1/v1',
  'https://%31%32%37.0.0.1/v1',
  'https://[::1]/v1',
  'https://[::ffff:127.0.0.1]/v1',
  'https://[::ffff:7f00:1]/v1',
  'https://[64:ff9b::7f00:1]/v1',
  'https://[2002:7f00:1::]/v1',
  'https://[2606:4700::6812:6c0]/v1',
  'https://[fe80::1%25eth0]/v1',
  'https://169.254.169.254/latest/meta-data',
  'https://localhost/v1',
  'https://localhost./v1',
  'https://api.localhost/v1',
  'https://metadata.google.internal/v1',
  'https://metadata.google.internal./v1',
  'https://nas.local/v1',
  'https://router.home.arpa/v1',
  'https://intranet/v1',
  'https://llm.example.com./v1',
  'https://llm..example.com/v1',
  'https://-llm.example.com/v1',
  'https://llm.example.1/v1',
  `https://${'a'.repeat(64)}.example.com/v1`,
  `https://${'a.'.repeat(126)}example/v1`,
  'https://llm.example.com:8443/v1',
  'https://llm.example.com:80/v1',
  'https://user@llm.example.com/v1',
  'https://llm.example.com@127.0.0.1/v1',
  'https://127.0.0.1@llm.example.com/v1',
  'https://@llm.example.com/v1',
  'https://llm.example.com\\@127.0.0.1/v1',
  'https:\\\\llm.example.com\\v1',
  'https://llm.exa\tmple.com/v1',
  'https://llm.example.com/v1\n',
  ' https://llm.example.com/v1',
  'https://llm.example.com\u0000.evil.example/v1',
  'https://llm.example.com/v1#@127.0.0.1',
  'https://llm.example.com/v1?@127.0.0.1',
  'https://llm.example.com/%2f/v1',
  'https:llm.example.com/v1/%00',
  'gopher://llm.example.com/v1',
  'data:text/plain,x',
])('where sellers may list servers of their own, %j is refused all the same', (url) => {
  expect(() => custom(url)).toThrow(GatewayError)
})

test('an operator may name another port of a public host, and still no address', () => {
  expect(custom('https://llm.example.com:8443/v1', 'any_port')).toBe('https://llm.example.com:8443/v1')
  expect(() => custom('https://127.0.0.1:8443/v1', 'any_port')).toThrow(GatewayError)
  expect(() => custom('http://llm.example.com:8080/v1', 'any_port')).toThrow(GatewayError)
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
