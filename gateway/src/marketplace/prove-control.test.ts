import { expect, test } from 'vitest'
import { makeProvider } from '../../test/support/market.ts'
import type { Egress } from '../egress/egress.ts'
import type { ExchangeFailure } from '../egress/exchange.ts'
import { controlProof, proveControl, whyNotProved } from './prove-control.ts'

const pepper = Buffer.from('pepper')
const baseUrl = 'https://llm.example.com/v1'
const { token, url } = controlProof({ pepper, listingId: 'l', baseUrl })

/** A host that answers like this, and what it was asked. */
function host(answer: { status: number; body: string } | ExchangeFailure) {
  const asked: string[] = []
  const egress: Pick<Egress, 'get'> = {
    get(origin, path, { maxBytes }, handler) {
      asked.push(origin + path)
      if ('class' in answer) handler.onFailure(answer)
      else if (answer.body.length > maxBytes)
        handler.onFailure({ class: 'malformed', message: 'too large', cut: 'too_large' })
      else {
        handler.onHeaders(answer.status, {})
        for (const letter of answer.body) handler.onData(Buffer.from(letter))
        handler.onEnd()
      }
      return undefined as never
    },
  }
  return { asked, egress, prove: () => proveControl({ egress, baseUrl, token }) }
}

test('a host that holds the token at its well-known place is proved', async () => {
  for (const body of [token, `${token}\n`, `${token}\r\n`]) {
    const { asked, prove } = host({ status: 200, body })
    expect(await prove()).toBe('proved')
    expect(asked).toEqual([url])
  }
  expect(url).toBe(`https://llm.example.com/.well-known/bourse-${token}`)
})

test.each([
  ['another text', { status: 200, body: 'hello' }],
  ['the token and more', { status: 200, body: `${token} and more` }],
  ['the token twice', { status: 200, body: token + token }],
  ['half of the token', { status: 200, body: token.slice(0, 16) }],
  ['nothing', { status: 200, body: '' }],
  ['the token in a page that is not found', { status: 404, body: token }],
  ['the token with another status', { status: 206, body: token }],
  ['a long page', { status: 200, body: token.padEnd(129) }],
] as const)('%s is no proof', async (_what, answer) => {
  const result = await host(answer).prove()
  expect(result).toMatchObject({ failed: expect.stringMatching(/^it /) })
})

test.each([
  [{ class: 'network', message: 'x resolves to 10.0.0.7', blocked: true }, 'public internet'],
  [{ class: 'network', message: 'ECONNREFUSED 93.184.216.34:443' }, 'could not be reached'],
  [{ class: 'timeout', message: 'no headers' }, 'in time'],
  [{ class: 'malformed', message: 'a redirect' }, 'without a redirect'],
  [{ class: 'own_fault', message: 'EMFILE' }, 'tried again'],
] as const)('a failure %j is said to the seller without an address', async (failure, said) => {
  const result = (await host(failure).prove()) as { failed: string }
  expect(result.failed).toContain(said)
  expect(result.failed).not.toMatch(/\d+\.\d+\.\d+|ECONN/)
})

test('a token is for one listing at one origin, and tells nobody how to make another', () => {
  const same = controlProof({ pepper, listingId: 'l', baseUrl: 'https://llm.example.com/v2' })
  expect(same.token).toBe(token)
  for (const other of [
    controlProof({ pepper, listingId: 'm', baseUrl }),
    controlProof({ pepper, listingId: 'l', baseUrl: 'https://llm.example.com:8443/v1' }),
    controlProof({ pepper: Buffer.from('salt'), listingId: 'l', baseUrl }),
  ])
    expect(other.token).not.toBe(token)
  expect(token).toMatch(/^[0-9a-f]{32}$/)
})

test('a seller with a server of his own is told what to put where; hosts of the provider need nothing', async () => {
  const provider = makeProvider('openai', { allowedHosts: ['api.openai.test'] })
  const listing = { provider, listingId: 'l', baseUrl }
  const missing = host({ status: 404, body: '' })
  const deps = {
    egress: missing.egress,
    config: { allowCustomEndpoints: true },
    secrets: { keyPepper: pepper },
  }
  const told = await whyNotProved(deps, listing)
  expect(told).toContain(url)
  expect(told).toContain(`contains ${token}`)
  expect(told).toContain('status 404')
  const { egress } = host({ status: 200, body: token })
  expect(await whyNotProved({ ...deps, egress }, listing)).toBeUndefined()
  const asked = missing.asked.length
  expect(await whyNotProved(deps, { ...listing, baseUrl: 'https://api.openai.test/v1' })).toBeUndefined()
  expect(await whyNotProved({ ...deps, config: { allowCustomEndpoints: false } }, listing)).toBeUndefined()
  expect(missing.asked).toHaveLength(asked)
})
