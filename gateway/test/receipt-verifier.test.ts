/** The program that buyers run: what it says and how it ends, over files. */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { uuidv7 } from '../src/platform/ids.ts'
import { createSigner } from '../src/platform/signing.ts'
import {
  compactJws,
  createReceiptWriter,
  receiptJson,
  type SignedReceipt,
  signingInput,
} from '../src/settlement/receipt.ts'
import { COST, PRICE } from './support/receipts.ts'

const tool = fileURLToPath(new URL('../tools/verify-receipt.mjs', import.meta.url))
const signer = createSigner({ seed: randomBytes(32) })
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const KEY = 'sk-brs-an-api-key-of-a-buyer'
const REQUEST = '{"model":"openai/gpt-4o-mini","messages":[]}'
const ANSWER = '{"id":"gen-…","choices":[]}'

let folder: string
let receipt: SignedReceipt
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-receipt-'))
  receipt = await sign()
  file('jwks.json', JSON.stringify({ keys: [signer.publicJwk] }))
  file('request.json', REQUEST)
  file('answer.json', ANSWER)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function sign(changed: object = {}): Promise<SignedReceipt> {
  const facts = {
    id: uuidv7(),
    organisation_id: uuidv7(),
    key_id: uuidv7(),
    key_fingerprint: sha256(KEY).slice(0, 32),
    listing_id: uuidv7(),
    model: 'openai/gpt-4o-mini',
    provider: 'openai',
    uncached_input: 11,
    cache_read: 5,
    cache_write_5m: 0,
    cache_write_1h: 0,
    audio_input: 0,
    output: 7,
    audio_output: 0,
    reasoning: 2,
    usage_source: 'reported' as const,
    billed: 'whole' as const,
    price: JSON.stringify(PRICE, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    stream: false,
    finish_reason: 'stop',
    started_at: '2026-11-22T10:00:00.000Z',
    settled_at: '2026-11-22T10:00:01.123Z',
    duration_ms: 812.5,
    ttft_ms: 120.25,
    held_nanos: '10000',
    cost_nanos: String(COST),
    request_hash: sha256(REQUEST),
    response_hash: sha256(ANSWER),
    ...changed,
  }
  const payload = createReceiptWriter({ issuer: 'bourse', mode: 'play' })(facts)
  return {
    kid: signer.kid,
    payload,
    signature: await signer.sign(Buffer.from(signingInput(signer.kid, payload))),
  }
}

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

function run(receiptText: string, ...args: string[]) {
  return runTool(file('receipt.json', receiptText), '--jwks', join(folder, 'jwks.json'), ...args)
}
function runTool(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, ...args], {
    encoding: 'utf8',
    env: { ...process.env, BUYERS_KEY: KEY, OTHER_KEY: 'sk-brs-another' },
  })
  return { status, text: stdout + stderr }
}
const evidence = () => [
  ...['--request', join(folder, 'request.json'), '--response', join(folder, 'answer.json')],
  ...['--key-env', 'BUYERS_KEY'],
]

test('with the bytes and the key at hand everything about the request is proved, and the rest is called not proved', () => {
  const { status, text } = run(receiptJson(receipt), ...evidence())
  expect(status).toBe(0)
  for (const field of ['kid', 'amount_nanos', 'request_sha256', 'response_sha256', 'key_fingerprint'])
    expect(text).toMatch(new RegExp(`^proved +${field}: `, 'm'))
  expect(text).toMatch(/^not proved +usage: /m)
  expect(text).toMatch(/^not proved +journal_id: /m)
  expect(text).toContain('0.000006225 USD')
  expect(text).toContain('play money')
  expect(text).not.toContain(KEY)
})

test('a receipt alone proves the signature and the amount, indented as well, and in compact form', () => {
  for (const form of [JSON.stringify(JSON.parse(receiptJson(receipt)), null, 2), compactJws(receipt)]) {
    const { status, text } = run(form)
    expect(status, text).toBe(0)
    expect(text).toMatch(/^not proved +request_sha256: no request body was given/m)
  }
})

test.each([
  ['amount_nanos', /"amount_nanos":"6225"/, '"amount_nanos":"6224"'],
  [
    'price_version',
    /"picos_per_token":\{"audio_input":"150000"/,
    '"picos_per_token":{"audio_input":"150001"',
  ],
  ['usage.reasoning', /"reasoning":2/, '"reasoning":8'],
  ['amount_nanos', /"output":7/, '"output":8'],
  ['journal_id', /"journal_id":"jrn-.{26}"/, '"journal_id":null'],
  ['response_sha256', /"response_sha256":"..../, '"response_sha256":"0000'],
  ['key_fingerprint', /"key_fingerprint":"..../, '"key_fingerprint":"0000'],
])('a receipt whose %s was altered fails and the field is named', (field, found, replacement) => {
  const altered = receiptJson(receipt).replace(found, replacement)
  expect(altered).not.toBe(receiptJson(receipt))
  const { status, text } = run(altered, ...evidence())
  expect(status).toBe(1)
  expect(text).toMatch(/^WRONG +signature: does not fit/)
  expect(text).toContain(`Inside, ${field}: `)
})

test('a receipt that says something twice is refused, whichever of the two is true', () => {
  const text = receiptJson(receipt)
  for (const twice of [
    '"amount_nanos":"1","amount_nanos":"6225"',
    '"amount_nanos":"6225","amount_nanos":"1"',
  ])
    expect(run(text.replace('"amount_nanos":"6225"', twice)).status).toBe(1)
  const noted = run(text.replace('{"receipt"', '{"note":"paid","receipt"'))
  expect(noted.text).toMatch(/^WRONG +note: is no part of a receipt/)
})

test('other bytes, another key and other keys are told apart', () => {
  const other = file('other.json', `${REQUEST} `)
  const text = receiptJson(receipt)
  expect(run(text, '--request', other).text).toMatch(/^WRONG +request_sha256: the request body given has/)
  expect(run(text, '--response', other).text).toMatch(/^WRONG +response_sha256: /)
  expect(run(text, '--key-env', 'OTHER_KEY').text).toMatch(/^WRONG +key_fingerprint: /)
  const stranger = createSigner({ seed: randomBytes(32) }).publicJwk
  const path = file('receipt.json', text)
  for (const keys of [[stranger], [{ ...stranger, kid: signer.kid }], []]) {
    const { status, text: said } = runTool(path, '--jwks', file('others.json', JSON.stringify({ keys })))
    expect(status).toBe(1)
    expect(said).toMatch(/^WRONG +(kid|jwks): /)
  }
})

test('what we signed ourselves is held against the formula all the same', async () => {
  const cheap = await sign({ cost_nanos: '6224' })
  expect(run(receiptJson(cheap)).text).toMatch(/^WRONG +amount_nanos: is 6224; usage and price come to 6225/)
  const part = await sign({ cost_nanos: '5000', billed: 'delivered' })
  expect(run(receiptJson(part)).text).toContain('is not more than what was delivered comes to, 6225')
  const over = await sign({ cost_nanos: '6226', billed: 'delivered' })
  expect(run(receiptJson(over)).status).toBe(1)
  const free = await sign({ cost_nanos: '1', billed: 'nothing' })
  expect(run(receiptJson(free)).status).toBe(1)
})

test('without files, or with files that are not there, it says how it is used', () => {
  expect(runTool().text).toContain('Usage: npm run receipt:verify')
  expect(runTool().status).toBe(2)
  expect(runTool(join(folder, 'nowhere.json'), '--jwks', join(folder, 'jwks.json')).status).toBe(2)
  expect(run(receiptJson(receipt), '--key-env', 'NO_SUCH_NAME')).toMatchObject({ status: 2 })
  expect(run('nonsense').status).toBe(1)
})
