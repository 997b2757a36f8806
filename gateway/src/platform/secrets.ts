/**
 * Secrets at rest: AES-256-GCM with a fresh data key for each secret, the data key wrapped by the key management
 * service. The additional data ties a sealed secret to its row, so that swapping two rows opens neither.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { decrypt, encrypt, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './aes-gcm.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Kms, WrappedKey } from './kms.ts'
import { Secret } from './secret.ts'

export interface Sealer {
  seal(plain: string, aad: string): Promise<Buffer>
  /** Rejects when the bytes were altered, sealed with a key we have not, or sealed for another `aad`. */
  open(sealed: Uint8Array, aad: string): Promise<Secret>
  /** The same secret under the current key, without opening it; `undefined` when it is already. Rejects as `open`. */
  rewrap(sealed: Uint8Array, aad: string): Promise<Buffer | undefined>
}

// 1 | key id 4 | wrapped data key: nonce 12, key 32, tag 16 | nonce 12, cipher text, tag 16
const FIRST = { version: 1, keyIdBytes: 4, wrappedBytes: NONCE_BYTES + KEY_BYTES + TAG_BYTES } as const
// 2 | origin 5 | length 1, key id | length 2, wrapped data key | nonce 12, cipher text, tag 16
const SECOND = 2
const ORIGIN_BYTES = 5
// A service that does not answer must not hold requests up for longer than a database may.
const KMS_MS = 1_500
// Cached, so that an outage of the key management service does not stop what was already open.
const MAX_DATA_KEYS = 1_000
const DATA_KEY_MS = 300_000
// Used in the second half of its time, a data key is asked for again, so that an outage finds it young.
const RENEW_MS = DATA_KEY_MS / 2

interface Envelope {
  wrapped: WrappedKey
  /** What the wrap is bound to, beside the row. */
  wrapHeader: Buffer
  /** What the cipher text is bound to, beside the row; it stays when the data key is wrapped anew. */
  origin: Buffer
  body: Buffer
}

// What a body of the second kind says of its origin; one that began as the first kind keeps its old header.
const ownOrigin = Buffer.of(SECOND, 0, 0, 0, 0)
const secondHeader = Buffer.of(SECOND)

export function createSealer(kms: Kms, clock: Pick<Clock, 'monotonicMs'> = systemClock): Sealer {
  const dataKeys = new LRUCache<string, Buffer>({
    max: MAX_DATA_KEYS,
    ttl: DATA_KEY_MS,
    ttlAutopurge: true,
    ttlResolution: 0,
    perf: { now: () => clock.monotonicMs() },
    dispose: (key) => key.fill(0),
  })
  const renewing = new Set<string>()

  /** A copy that is the caller's to wipe. */
  async function dataKeyOf(envelope: Envelope, aad: string): Promise<Buffer> {
    const { wrapped, wrapHeader } = envelope
    const context = wrapAad(wrapHeader, aad)
    const name = `${wrapped.keyId}|${wrapped.blob.toString('base64')}|${context.toString('base64')}`
    const known = dataKeys.get(name)
    if (!known) {
      const dataKey = await answered(kms.unwrap(wrapped, context))
      dataKeys.set(name, Buffer.from(dataKey))
      return dataKey
    }
    if (dataKeys.getRemainingTTL(name) < RENEW_MS && !renewing.has(name)) {
      renewing.add(name)
      answered(kms.unwrap(wrapped, context))
        .then(
          (dataKey) => dataKeys.set(name, dataKey),
          () => undefined,
        )
        .finally(() => renewing.delete(name))
    }
    return Buffer.from(known)
  }

  return {
    async seal(plain, aad) {
      const dataKey = randomBytes(KEY_BYTES)
      try {
        const wrapped = await answered(kms.wrap(dataKey, wrapAad(secondHeader, aad)))
        const body = encrypt(dataKey, Buffer.from(plain, 'utf8'), bodyAad(ownOrigin, aad))
        return write({ wrapped, origin: ownOrigin, body })
      } finally {
        dataKey.fill(0)
      }
    },
    async open(sealed, aad) {
      const envelope = read(sealed)
      const dataKey = await dataKeyOf(envelope, aad)
      try {
        return new Secret(decrypt(dataKey, envelope.body, bodyAad(envelope.origin, aad)).toString('utf8'))
      } finally {
        dataKey.fill(0)
      }
    },
    async rewrap(sealed, aad) {
      const { wrapped, wrapHeader, origin, body } = read(sealed)
      if (wrapped.keyId === (await answered(kms.currentKeyId()))) return undefined
      const dataKey = await answered(kms.unwrap(wrapped, wrapAad(wrapHeader, aad)))
      try {
        return write({
          wrapped: await answered(kms.wrap(dataKey, wrapAad(secondHeader, aad))),
          origin,
          body,
        })
      } finally {
        dataKey.fill(0)
      }
    },
  }
}

/** HMAC-SHA-256: proves that we have seen `text` without keeping it. For secrets with enough entropy of their own. */
export function keyedHash(pepper: Buffer, text: string): Buffer {
  return createHmac('sha256', pepper).update(text).digest()
}

// The two layers say which they are, so that neither can stand in for the other.
const wrapAad = (header: Buffer, aad: string) => Buffer.concat([header, Buffer.from(`key|${aad}`)])
const bodyAad = (origin: Buffer, aad: string) => Buffer.concat([origin, Buffer.from(`secret|${aad}`)])

function write({ wrapped: { keyId, blob }, origin, body }: Omit<Envelope, 'wrapHeader'>): Buffer {
  const id = Buffer.from(keyId, 'latin1')
  const length = Buffer.alloc(2)
  length.writeUInt16BE(blob.length)
  return Buffer.concat([Buffer.of(SECOND), origin, Buffer.of(id.length), id, length, blob, body])
}

function read(sealed: Uint8Array): Envelope {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  const envelope =
    bytes[0] === FIRST.version ? readFirst(bytes) : bytes[0] === SECOND ? readSecond(bytes) : undefined
  if (!envelope || envelope.body.length < NONCE_BYTES + TAG_BYTES) {
    throw new Error('This is not a sealed secret of a version we know.')
  }
  return envelope
}

function readFirst(bytes: Buffer): Envelope {
  const headerEnd = 1 + FIRST.keyIdBytes
  const wrappedEnd = headerEnd + FIRST.wrappedBytes
  const header = bytes.subarray(0, headerEnd)
  return {
    wrapped: { keyId: header.toString('hex', 1), blob: bytes.subarray(headerEnd, wrappedEnd) },
    wrapHeader: header,
    origin: header,
    body: bytes.subarray(wrappedEnd),
  }
}

function readSecond(bytes: Buffer): Envelope | undefined {
  const idAt = 1 + ORIGIN_BYTES + 1
  const idEnd = idAt + (bytes[idAt - 1] ?? 0)
  if (bytes.length < idEnd + 2) return undefined
  const blobAt = idEnd + 2
  const blobEnd = blobAt + bytes.readUInt16BE(idEnd)
  return {
    wrapped: { keyId: bytes.toString('latin1', idAt, idEnd), blob: bytes.subarray(blobAt, blobEnd) },
    wrapHeader: secondHeader,
    origin: bytes.subarray(1, 1 + ORIGIN_BYTES),
    body: bytes.subarray(blobEnd),
  }
}

/** What the service answers; rejects when it takes too long. */
function answered<Result>(asked: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the key management service did not answer in ${KMS_MS} ms`))
    }, KMS_MS)
    asked.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
