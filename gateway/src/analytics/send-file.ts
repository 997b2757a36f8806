/** A file at its reader's pace, and not too many at a time. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Response } from 'express'
import { GatewayError } from '../platform/errors.ts'

const FILES_PER_ORGANISATION = 2
const FILES_AT_ONCE = 4
// A reader who takes nothing for so long is gone, or keeps others from theirs.
const STALLED_READER_MS = 30_000

export interface Files {
  /** Throws `rate_limit_exceeded` before anything was sent. What fails on the way breaks the connection off. */
  send(
    response: Response,
    file: { organisationId: string; name: string; text: Iterable<string> | AsyncIterable<string> },
  ): Promise<void>
}

export function createFiles(): Files {
  const running = new Map<string, number>()
  return {
    async send(response, { organisationId, name, text }) {
      const own = running.get(organisationId) ?? 0
      const all = [...running.values()].reduce((sum, count) => sum + count, 0)
      if (own >= FILES_PER_ORGANISATION || all >= FILES_AT_ONCE) {
        throw new GatewayError(
          'rate_limit_exceeded',
          'Too many files are being written. Wait for one to end, then ask again.',
          { retryAfterMs: 5_000 },
        )
      }
      running.set(organisationId, own + 1)
      try {
        response.setHeader('cache-control', 'no-store')
        response.setHeader('content-type', 'text/csv; charset=utf-8')
        response.setHeader('content-disposition', `attachment; filename="${name}"`)
        response.setTimeout(STALLED_READER_MS, () => response.destroy())
        await pipeline(Readable.from(text, { objectMode: true, highWaterMark: 1 }), response).catch(() =>
          response.destroy(),
        )
      } finally {
        const left = (running.get(organisationId) ?? 1) - 1
        if (left > 0) running.set(organisationId, left)
        else running.delete(organisationId)
      }
    },
  }
}
