import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type RequestHandler, type Response, Router } from 'express'
import { validate } from '../http/validate.ts'
import { organisationAsked } from './organisation-asked.ts'
import { statementQuery } from './schema.ts'
import { showStatement } from './show-statement.ts'
import { statementCsv, statementFilename } from './statement-csv.ts'
import type { Users } from './users.ts'

const PAGE_LINES = 50

/**
 * What was booked for a buyer or a seller in a period, as pages of JSON or as one CSV file: for users, and for API keys
 * with the scope `read`. Paths relative to `/api`.
 */
export function createStatementRoutes({
  users,
  authenticate,
}: {
  users: Pick<Users, 'statements'>
  authenticate: RequestHandler
}): Router {
  const { statements } = users
  const router = Router()

  router.get('/statements', authenticate, async (request, response) => {
    const { account, from, to, format, limit, before, cursor, organisation } = validate(
      statementQuery,
      request.query,
    )
    const organisationId = organisationAsked(response, organisation)
    const query = { organisationId, side: account, ...(from ? { from } : {}), ...(to ? { to } : {}) }
    response.setHeader('cache-control', 'no-store')
    if (format === 'csv') {
      await sendFile(response, await statements.file(query))
      return
    }
    const last = before ?? cursor
    const page = { ...query, limit: limit ?? PAGE_LINES, ...(last === undefined ? {} : { before: last }) }
    response.json(showStatement(organisationId, await statements.page(page)))
  })
  return router
}

type File = Awaited<ReturnType<Users['statements']['file']>>

/** At the reader's pace, with one page in hand. What fails on the way breaks the connection off: half a file is no file. */
async function sendFile(response: Response, file: File): Promise<void> {
  response.setHeader('content-type', 'text/csv; charset=utf-8')
  response.setHeader('content-disposition', `attachment; filename="${statementFilename(file)}"`)
  const text = Readable.from(statementCsv(file), { objectMode: true, highWaterMark: 1 })
  // The ledger has logged its own failure; the other one is a reader who left.
  await pipeline(text, response).catch(() => response.destroy())
}
