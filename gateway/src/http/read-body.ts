import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../platform/errors.ts'

/** A caller that stops in the middle of its own body; nothing can be answered to it. */
export class ClientLeft extends Error {
  constructor() {
    super('the client closed the connection before its request was complete')
    this.name = 'ClientLeft'
  }
}

/** Bytes of bodies that the process holds at once; whoever takes gives back when its request is over. */
export class BodyBudget {
  readonly #limitBytes: number
  #heldBytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Throws `overloaded` when there is no room for `bytes` more. */
  take(bytes: number): void {
    if (this.#heldBytes + bytes > this.#limitBytes) {
      throw new GatewayError('overloaded', 'Too many large requests are being read; try again shortly.', {
        retryAfterMs: 1_000,
      })
    }
    this.#heldBytes += bytes
  }

  giveBack(bytes: number): void {
    this.#heldBytes -= bytes
  }
}

/**
 * The whole body, at most `limitBytes`; `take` is told of every piece and may throw.
 * Throws `request_too_large`, `unsupported_media_type`, or `ClientLeft`.
 */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  take: (bytes: number) => void = () => undefined,
): Promise<Buffer> {
  refuseEarly(request, limitBytes)
  // Whoever left while we looked at the key will send no event any more.
  if (request.destroyed) return Promise.reject(new ClientLeft())
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      try {
        if (size > limitBytes) throw tooLarge(limitBytes)
        take(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        request.pause()
        request.removeAllListeners('data')
        chunks.length = 0
        reject(error)
      }
    })
    let complete = false
    request.on('end', () => {
      complete = true
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size))
    })
    request.on('error', () => reject(new ClientLeft()))
    // Without an end before it, also when every byte had arrived: a destroyed stream hands out nothing more.
    request.on('close', () => {
      if (!complete) reject(new ClientLeft())
    })
  })
}

function refuseEarly(request: IncomingMessage, limitBytes: number): void {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity') {
    // Decompressing what strangers send is how bombs go off; no official client compresses requests.
    throw new GatewayError(
      'unsupported_media_type',
      `Send the body uncompressed; content-encoding '${encoding.slice(0, 40)}' is not accepted.`,
    )
  }
  const type = request.headers['content-type']
  if (type !== undefined && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    throw new GatewayError(
      'unsupported_media_type',
      `Send JSON with content-type application/json, not '${type.slice(0, 80)}'.`,
    )
  }
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limitBytes) throw tooLarge(limitBytes)
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError(
    'request_too_large',
    `The request body is larger than ${limitBytes} bytes. Send less, or refer to files by URL.`,
  )
}
