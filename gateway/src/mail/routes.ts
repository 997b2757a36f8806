import { Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import { getMail, hurryMail, listOutbox, type MailShown } from './api.ts'
import { LINK, type Mail, type MailRow } from './mail.ts'

/** The outbox for operators. */
export function createMailRoutes({ mail, door, mode }: { mail: Mail; door: Door; mode: 'play' | 'live' }) {
  const router = Router()
  serveOperation(router, door, listOutbox, async ({ query }) => {
    const { limit, cursor, state, to } = query
    const beforeId = cursorId('mal-', cursor)
    const rows = await mail.list({
      limit: limit + 1,
      ...(beforeId ? { beforeId } : {}),
      ...(state ? { state } : {}),
      ...(to ? { recipient: to.trim().toLowerCase() } : {}),
    })
    return pageOf(rows, limit, (row) => showMail(row, mode))
  })
  serveOperation(router, door, getMail, async ({ params }) =>
    showMail(await mail.get(mailId(params.id)), mode),
  )
  serveOperation(router, door, hurryMail, async ({ params }) => {
    await mail.hurry(mailId(params.id))
    return undefined
  })
  return router
}

function mailId(id: unknown): string {
  const uuid = parseId('mal-', String(id))
  if (!uuid) throw new GatewayError('not_found', 'There is no such mail. GET /api/outbox lists them.')
  return uuid
}

function showMail(row: MailRow, mode: 'play' | 'live'): MailShown {
  return {
    id: formatId('mal-', row.id),
    kind: row.kind,
    to: row.recipient,
    subject: row.subject,
    text: row.linkExpiresAt === null ? row.text : row.text.replaceAll(LINK, () => linkShown(row, mode)),
    state: row.state as MailShown['state'],
    attempts: row.attempts,
    lastError: row.lastError,
    createdAt: row.createdAt.toISOString(),
    sentAt: row.sentAt?.toISOString() ?? null,
    nextAttemptAt: row.state === 'queued' ? row.nextAttemptAt.toISOString() : null,
  }
}

/** In live mode a link is its recipient's alone: an operator who reads it could become anybody. */
function linkShown({ link }: MailRow, mode: 'play' | 'live'): string {
  if (link === null) return '(the link is gone: it was sent, used, replaced or is over)'
  return mode === 'play' ? link : '(the link is shown to its recipient only)'
}
