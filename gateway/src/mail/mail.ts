import type { MailSender } from '../egress/send-mail.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import type { JobBoard } from '../platform/job-board.ts'
import type { Logger } from '../platform/logger.ts'
import { createDelivery } from './delivery.ts'
import {
  countQueued,
  findMail,
  insertMail,
  listMails,
  type MailFilter,
  type MailRow,
  type MailTransaction,
  requeue,
  wipeLink,
} from './store.ts'

export type { MailRow, MailTransaction } from './store.ts'

/** Where the link goes in a text; see `MailDraft`. */
export const LINK = '{link}'

const SUBJECT_MAX_CHARACTERS = 200
const TEXT_MAX_CHARACTERS = 10_000
/** Mails that wait; more are refused, because a server that takes none will take these first. */
const WAITING_MAX = 10_000

export interface MailDraft {
  to: string
  /** One line. */
  subject: string
  /** Plain text. With a `link` it says `{link}` where that goes. */
  text: string
  /** What it is about, for the operator's list: `invitation`, `reset`, `notice`. */
  kind: string
  /** A way in. It is wiped from the outbox when the mail is sent, when it is over, and by `forgetLink`. */
  link?: { url: string; expiresAt: Date }
}

export interface Mail {
  /** Puts a mail into the outbox, inside `transaction` if one is given, and answers its id. It is delivered later. */
  send(mail: MailDraft, transaction?: MailTransaction): Promise<string>
  /** The link of this mail is no way in any more: wipes it, and does not send the mail if it still waits. */
  forgetLink(id: string, transaction?: MailTransaction): Promise<void>
  /** Throws `overloaded` while ten thousand mails wait. For those who answer strangers, before they look anybody up. */
  requireRoom(): Promise<void>
  /** The newest first; a link that is over is left out. */
  list(filter: MailFilter): Promise<MailRow[]>
  /** One of them. Throws `not_found`. */
  get(id: string): Promise<MailRow>
  /** Tries a waiting mail now. Throws `not_found`. */
  hurry(id: string): Promise<void>
  /** `smtp`: mails are sent. `kept`: they are kept here, to be read by operators. `none`: they wait for a server. */
  way: 'smtp' | 'kept' | 'none'
  close(): Promise<void>
}

export interface MailDeps {
  database: Database
  clock: Clock
  logger: Logger
  jobs: Pick<JobBoard, 'watch'>
  /** Without one, play mode keeps mails and live mode lets them wait. */
  sender?: MailSender | undefined
  playMode: boolean
}

/** The outbox: a mail is written down with what it tells about, and delivered after that is committed. */
export function createMail({ database, clock, logger, jobs, sender, playMode }: MailDeps): Mail {
  const way = sender ? 'smtp' : playMode ? 'kept' : 'none'
  const seen = (row: MailRow) => (isOver(row, clock.nowMs()) ? { ...row, link: null } : row)
  const delivery = createDelivery({ database, clock, logger, jobs, sender })
  return {
    way,
    async send({ to, subject, text, kind, link }, transaction = database.prisma) {
      const nowMs = clock.nowMs()
      const id = uuidv7(nowMs)
      await insertMail(transaction, {
        id,
        kind,
        recipient: to,
        subject: oneLine(subject).slice(0, SUBJECT_MAX_CHARACTERS),
        text: text.slice(0, TEXT_MAX_CHARACTERS),
        link: link?.url ?? null,
        linkExpiresAt: link?.expiresAt ?? null,
        state: way === 'kept' ? 'kept' : 'queued',
        attempts: 0,
        lastError: null,
        createdAt: new Date(nowMs),
        sentAt: null,
        nextAttemptAt: new Date(nowMs),
      })
      delivery.soon()
      return id
    },
    forgetLink: (id, transaction = database.prisma) => wipeLink(transaction, id),
    async requireRoom() {
      if ((await countQueued(database.prisma, WAITING_MAX)) < WAITING_MAX) return
      throw new GatewayError('overloaded', 'Too many mails wait to be sent. Try again in an hour.', {
        retryAfterMs: 3_600_000,
      })
    },
    async list(filter) {
      return (await listMails(database, filter)).map(seen)
    },
    async get(id) {
      const row = await findMail(database, id)
      if (!row) throw new GatewayError('not_found', 'There is no such mail. GET /api/outbox lists them.')
      return seen(row)
    },
    async hurry(id) {
      if (!(await requeue(database.prisma, id, clock.nowMs())))
        throw new GatewayError(
          'not_found',
          'No such mail waits to be sent. GET /api/outbox?state=queued lists those that do.',
        )
      delivery.soon()
    },
    close: () => delivery.close(),
  }
}

function isOver({ linkExpiresAt }: MailRow, nowMs: number): boolean {
  return linkExpiresAt !== null && linkExpiresAt.getTime() <= nowMs
}

/** Line breaks in a header would begin another header. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim()
}
