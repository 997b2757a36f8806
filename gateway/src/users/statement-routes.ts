import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Response, Router } from 'express'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { organisationAsked } from './organisation-asked.ts'
import { showStatement } from './show-statement.ts'
import { statementCsv, statementFilename } from './statement-csv.ts'
import type { Users } from './users.ts'
import { getStatement } from './wallet-api.ts'

const PAGE_LINES = 50
const FILES_PER_ORGANISATION = 2
const FILES_AT_ONCE = 4
// A reader who takes nothing for so long is gone, or keeps others from theirs.
const STALLED_READER_MS = 30_000

/**
 * What was booked for a buyer or a seller in a period, as pages of JSON or as one CSV file: for users, and for API keys
 * with the scope `read`. Paths relative to `/api`.
 */
export function createStatementRoutes({
  users,
  door,
}: {
  users: Pick<Users, 'statements'>
  door: Door
}): Router {
  const { statements } = users
  const files = limitFiles()
  const router = Router()

  serveOperation(router, door, getStatement, async ({ query: asked, response }) => {
    const { account, from, to, format, limit, before, cursor, organisation } = asked
    const organisationId = organisationAsked(response, organisation)
    const query = { organisationId, side: account, ...(from ? { from } : {}), ...(to ? { to } : {}) }
    if (format === 'csv') {
      response.setHeader('cache-control', 'no-store')
      await files.one(organisationId, async () => sendFile(response, await statements.file(query)))
      return sent
    }
    const last = before ?? cursor
    const page = { ...query, limit: limit ?? PAGE_LINES, ...(last === undefined ? {} : { before: last }) }
    return showStatement(organisationId, await statements.page(page))
  })
  return router
}

/** A file reads for as long as its reader takes; a few at a time leave the database to everybody else. */
function limitFiles() {
  const running = new Map<string, number>()
  return {
    /** Throws `rate_limit_exceeded` before anything was sent. */
    async one(organisationId: string, send: () => Promise<void>): Promise<void> {
      const own = running.get(organisationId) ?? 0
      const all = [...running.values()].reduce((sum, count) => sum + count, 0)
      if (own >= FILES_PER_ORGANISATION || all >= FILES_AT_ONCE) {
        throw new GatewayError(
          'rate_limit_exceeded',
          'Too many statements are being written as files. Wait for one to end, then ask again.',
          { retryAfterMs: 5_000 },
        )
      }
      running.set(organisationId, own + 1)
      try {
        await send()
      } finally {
        const left = (running.get(organisationId) ?? 1) - 1
        if (left > 0) running.set(organisationId, left)
        else running.delete(organisationId)
      }
    },
  }
}

type File = Awaited<ReturnType<Users['statements']['file']>>

/** At the reader's pace, with one page in hand. What fails on the way breaks the connection off: half a file is no file. */
async function sendFile(response: Response, file: File): Promise<void> {
  response.setHeader('content-type', 'text/csv; charset=utf-8')
  response.setHeader('content-disposition', `attachment; filename="${statementFilename(file)}"`)
  const text = Readable.from(statementCsv(file), { objectMode: true, highWaterMark: 1 })
  response.setTimeout(STALLED_READER_MS, () => response.destroy())
  // The ledger has logged its own failure; the other one is a reader who left.
  await pipeline(text, response).catch(() => response.destroy())
}
