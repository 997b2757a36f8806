/**
 * Checks a receipt without us: `npm run receipt:verify -- receipt.json --jwks jwks.json`. Needs Node and the files,
 * and asks no network. With --request, --response and --key-env it also holds the receipt against the bytes that were
 * sent and received and against the API key. Exit code 0: everything that could be checked is right; 1: something is
 * wrong, and it says what; 2: it could not be tried.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const USAGE =
  'Usage: npm run receipt:verify -- RECEIPT --jwks JWKS [--request FILE] [--response FILE] [--key-env NAME]'
const CLASSES = [
  'uncached_input',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'audio_input',
  'output',
  'audio_output',
]
const INPUTS = CLASSES.slice(0, 5)
const PICOS_PER_NANO = 1000n
const PPM = 1_000_000n
const HEX_32 = /^[0-9a-f]{64}$/
const ID_BODY = '[0-9a-hjkmnp-tv-z]{26}'

class Fault extends Error {
  constructor(field, message) {
    super(`${field}: ${message}`)
  }
}

/**
 * Runs the checks that there is something for; `proved` and `unproved` are sentences. Throws a `Fault` that names what
 * is wrong.
 */
export function checkReceipt({ receiptText, jwksText, ...given }) {
  const { payload, kid, input, signature } = readReceipt(receiptText)
  if (!isSigned({ kid, input, signature, jwks: readJson('jwks', jwksText) })) {
    const suspect = suspectIn(payload, given)
    const hint = suspect === undefined ? '' : `. Inside, ${suspect}`
    throw new Fault('signature', `does not fit: the receipt, the signature or the kid was altered${hint}`)
  }
  const checked = checkPayload(payload, given)
  return { ...checked, proved: [`kid: the key ${kid} signed exactly this receipt.`, ...checked.proved] }
}

function checkPayload(payload, { request, response, key }) {
  const receipt = readPayload(payload)
  const proved = [amountProof(receipt)]
  const unproved = []
  checkJournal(receipt)
  for (const [name, bytes, what] of [
    ['request_sha256', request, 'request body'],
    ['response_sha256', response, 'answer'],
  ]) {
    if (bytes === undefined) unproved.push(`${name}: no ${what} was given to compare with.`)
    else proved.push(hashProof(receipt, name, bytes, what))
  }
  if (key === undefined) unproved.push('key_fingerprint: no API key was given to compare with.')
  else proved.push(keyProof(receipt, key))
  unproved.push(
    receipt.usage_source !== 'counted'
      ? 'usage: that the upstream counted these tokens; it reported them to the gateway.'
      : 'usage: that these are the tokens of the text; the gateway counted them.',
  )
  unproved.push(`journal_id: that the books hold this amount; the gateway's audit shows that.`)
  return { receipt, proved, unproved }
}

/** Both forms the gateway gives: its JSON, and a JWS in compact form. */
function readReceipt(text) {
  const trimmed = text.trim()
  return trimmed.startsWith('{') ? readEnvelope(trimmed) : readCompact(trimmed)
}

function readEnvelope(text) {
  const envelope = readJson('receipt file', text)
  const extra = Object.keys(envelope).find((name) => !['receipt', 'kid', 'alg', 'signature'].includes(name))
  if (extra !== undefined) throw new Fault(extra, 'is no part of a receipt')
  const { receipt, kid, alg, signature } = envelope
  if (alg !== 'EdDSA') throw new Fault('alg', 'must be EdDSA')
  if (typeof kid !== 'string') throw new Fault('kid', 'is missing')
  if (typeof receipt !== 'object' || receipt === null) throw new Fault('receipt', 'is missing')
  const payload = canonicalJson(receipt, 'receipt')
  const header = canonicalJson({ alg: 'EdDSA', kid, typ: 'bourse-receipt+jws' }, 'header')
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`
  return { payload, kid, input, signature: bytesOf('signature', signature) }
}

function readCompact(text) {
  const parts = text.split('.')
  if (parts.length !== 3) throw new Fault('receipt file', 'is neither JSON nor a JWS')
  const header = readJson('header', bytesOf('header', parts[0]).toString())
  const known = { alg: 'EdDSA', kid: header.kid, typ: 'bourse-receipt+jws' }
  if (canonicalJson(header, 'header') !== canonicalJson(known, 'header')) {
    throw new Fault('header', `must name alg EdDSA, a kid and typ ${known.typ}, and nothing else`)
  }
  const payload = bytesOf('payload', parts[1]).toString()
  return {
    payload,
    kid: header.kid,
    input: `${parts[0]}.${parts[1]}`,
    signature: bytesOf('signature', parts[2]),
  }
}

/** What was altered, where the receipt no longer agrees with itself or with what it is held against. */
function suspectIn(payload, given) {
  try {
    checkPayload(payload, given)
  } catch (error) {
    return error instanceof Fault ? error.message : undefined
  }
  return undefined
}

function isSigned({ kid, input, signature, jwks }) {
  const jwk = Array.isArray(jwks.keys) ? jwks.keys.find((each) => each.kid === kid) : undefined
  if (!jwk) throw new Fault('kid', `the key set has no key ${kid}`)
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519') throw new Fault('jwks', `${kid} is not an Ed25519 key`)
  const thumbprint = sha256(canonicalJson({ crv: 'Ed25519', kty: 'OKP', x: jwk.x }, 'jwks'), 'base64url')
  if (thumbprint !== kid) throw new Fault('jwks', `the key given as ${kid} is another one`)
  if (signature.length !== 64) throw new Fault('signature', 'must be 64 bytes')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: jwk.x }, format: 'jwk' })
  return verify(null, Buffer.from(input), key, signature)
}

function readPayload(payload) {
  const receipt = readJson('receipt', payload)
  if (canonicalJson(receipt, 'receipt') !== payload) throw new Fault('payload', 'is not canonical JSON')
  if (receipt.type !== 'bourse.receipt') throw new Fault('type', 'must be bourse.receipt')
  if (receipt.v !== 1) throw new Fault('v', `is ${receipt.v}; this program reads version 1`)
  if (!new RegExp(`^gen-${ID_BODY}$`).test(receipt.request_id)) throw new Fault('request_id', 'is none')
  return receipt
}

/** The amount again: tokens × price × multiplier, rounded up once; see the price for its units. */
function amountProof(receipt) {
  const { usage, price, billed } = receipt
  for (const name of [...CLASSES, 'reasoning']) {
    if (!Number.isSafeInteger(usage?.[name]) || usage[name] < 0) {
      throw new Fault(`usage.${name}`, 'must be a whole number from 0')
    }
  }
  if (usage.reasoning > usage.output)
    throw new Fault('usage.reasoning', 'is part of output and cannot exceed it')
  const version = sha256(canonicalJson(price, 'price'), 'hex').slice(0, 32)
  if (version !== receipt.price_version) throw new Fault('price_version', `the price is version ${version}`)
  const full = priced(usage, price)
  const amount = integer('amount_nanos', receipt.amount_nanos)
  if (billed === 'whole') {
    if (amount !== full) throw new Fault('amount_nanos', `is ${amount}; usage and price come to ${full}`)
    return `amount_nanos: usage and price come to exactly ${amount} (${usd(amount)} USD).`
  }
  if (billed === 'nothing') {
    if (amount !== 0n) throw new Fault('amount_nanos', `is ${amount}; nothing was to be billed`)
    return 'amount_nanos: the answer was empty and cost nothing.'
  }
  if (billed !== 'delivered') throw new Fault('billed', 'must be whole, delivered or nothing')
  if (amount > full) throw new Fault('amount_nanos', `is ${amount}; what was delivered comes to ${full}`)
  return `amount_nanos: ${amount} (${usd(amount)} USD) is not more than what was delivered comes to, ${full}.`
}

function priced(usage, price) {
  const input = INPUTS.reduce((sum, name) => sum + usage[name], 0)
  const tier = price.tiers.findLast((each) => input > each.above_input_tokens)
  const prices = (tier ?? price).picos_per_token
  let picos = integer('price.nanos_per_request', price.nanos_per_request) * PICOS_PER_NANO
  for (const name of CLASSES) picos += BigInt(usage[name]) * integer(`price.${name}`, prices[name])
  const scaled = picos * integer('price.multiplier_ppm', price.multiplier_ppm)
  const unit = PICOS_PER_NANO * PPM
  return (scaled + unit - 1n) / unit
}

/** A request's journal carries the request's id; what is free has none. */
function checkJournal({ request_id, journal_id, amount_nanos }) {
  const expected = amount_nanos === '0' ? null : `jrn-${request_id.slice('gen-'.length)}`
  if (journal_id !== expected) throw new Fault('journal_id', `must be ${expected}`)
}

function hashProof(receipt, name, bytes, what) {
  const expected = receipt[name]
  if (expected === null) throw new Fault(name, `the receipt names no hash of the ${what}`)
  if (!HEX_32.test(expected)) throw new Fault(name, 'is no SHA-256')
  const found = sha256(bytes, 'hex')
  if (found !== expected) throw new Fault(name, `the ${what} given has ${found}`)
  return `${name}: the ${what} is, byte for byte, the one that was billed.`
}

function keyProof(receipt, key) {
  const found = sha256(key, 'hex').slice(0, 32)
  if (found !== receipt.key_fingerprint) throw new Fault('key_fingerprint', `the key given has ${found}`)
  return 'key_fingerprint: the request came with this API key.'
}

/**
 * JSON that says everything once: a name that is written twice, or a letter written as an escape, would let two
 * programs read two receipts in one text.
 */
function readJson(field, text) {
  let value
  try {
    value = JSON.parse(text)
  } catch {
    throw new Fault(field, 'is not JSON')
  }
  if (typeof value !== 'object' || value === null) throw new Fault(field, 'is not a JSON object')
  const compact = text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string) => string ?? '')
  if (JSON.stringify(value) !== compact)
    throw new Fault(field, 'is written in an unusual way, or says something twice')
  return value
}

/** RFC 8785 for what a receipt is made of. */
function canonicalJson(value, field) {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new Fault(field, 'must be a whole number')
    return String(value)
  }
  if (Array.isArray(value))
    return `[${value.map((each, index) => canonicalJson(each, `${field}[${index}]`)).join()}]`
  if (typeof value !== 'object') throw new Fault(field, 'is missing')
  const members = Object.keys(value).sort()
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonicalJson(value[name], `${field}.${name}`)}`).join()}}`
}

/** Base64url in its one spelling: the last letter has bits that mean nothing, and must not vary. */
function bytesOf(field, text) {
  const bytes = Buffer.from(typeof text === 'string' ? text : '', 'base64url')
  if (bytes.length === 0 || bytes.toString('base64url') !== text) throw new Fault(field, 'is not base64url')
  return bytes
}

function integer(field, text) {
  if (typeof text !== 'string' || !/^(0|[1-9]\d{0,29})$/.test(text))
    throw new Fault(field, 'must be a whole number as text')
  return BigInt(text)
}

function sha256(bytes, encoding) {
  return createHash('sha256').update(bytes).digest(encoding)
}

function usd(nanos) {
  const digits = nanos.toString().padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0+$/, '')
  return `${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      jwks: { type: 'string' },
      request: { type: 'string' },
      response: { type: 'string' },
      'key-env': { type: 'string' },
    },
  })
  const [receiptFile] = positionals
  if (positionals.length !== 1 || values.jwks === undefined) throw new Error(USAGE)
  const keyName = values['key-env']
  const key = keyName === undefined ? undefined : process.env[keyName]
  if (keyName !== undefined && !key) throw new Error(`The environment has no ${keyName}.`)
  const given = {
    receiptText: readFileSync(receiptFile, 'utf8'),
    jwksText: readFileSync(values.jwks, 'utf8'),
    ...(values.request === undefined ? {} : { request: readFileSync(values.request) }),
    ...(values.response === undefined ? {} : { response: readFileSync(values.response) }),
    ...(key === undefined ? {} : { key }),
  }
  try {
    const { receipt, proved, unproved } = checkReceipt(given)
    console.log(
      `${receipt.request_id}: ${usd(BigInt(receipt.amount_nanos))} USD, ${receipt.model}, ${receipt.booked_at}`,
    )
    if (receipt.mode === 'play') console.log('This is a receipt over play money.')
    for (const sentence of proved) console.log(`proved      ${sentence}`)
    for (const sentence of unproved) console.log(`not proved  ${sentence}`)
    return 0
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    console.error(`WRONG       ${error.message}`)
    return 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 2
  }
}
