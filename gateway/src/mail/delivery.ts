import { setTimeout as delay } from 'node:timers/promises'
import type { MailSender } from '../egress/send-mail.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { uuidv7 } from '../platform/ids.ts'
import type { JobBoard } from '../platform/job-board.ts'
import type { Logger } from '../platform/logger.ts'
import { nextAttemptMs } from './next-attempt.ts'
import { conclude, type MailRow, prune, takeDue, wipeExpired } from './store.ts'

const LOOK_EVERY_MS = 5_000
/** A mail that was just written is committed a moment later. */
const SOON_MS = 200
const BATCH = 10
// Longer than a server may take (egress/send-mail.ts): a node that dies with a mail in hand leaves it for so long.
const IN_HAND_MS = 300_000
const CLEAN_EVERY_MS = 600_000
const KEEP_MS = 30 * 86_400_000
const CLOSE_MS = 3_000

export interface Delivery {
  /** Looks for mails in a moment. */
  soon(): void
  close(): Promise<void>
}

/** Sends what waits in the outbox, tries again what could not be sent, and forgets what is a month old. */
export function createDelivery({
  database,
  clock,
  logger,
  jobs,
  sender,
}: {
  database: Database
  clock: Clock
  logger: Logger
  jobs: Pick<JobBoard, 'watch'>
  sender: MailSender | undefined
}): Delivery {
  let closed = false
  let running: Promise<void> | undefined
  let cleanedMs = Number.NEGATIVE_INFINITY
  const timers = new Set<NodeJS.Timeout>()

  const work = jobs.watch({ name: 'Send mail', everyMs: LOOK_EVERY_MS }, round)

  function look(): void {
    if (closed || running) return
    running = work()
      .catch((error) => logger.warn({ err: error }, 'the outbox could not be looked through'))
      .finally(() => {
        running = undefined
      })
  }

  async function round(): Promise<void> {
    if (clock.monotonicMs() - cleanedMs >= CLEAN_EVERY_MS) {
      cleanedMs = clock.monotonicMs()
      await wipeExpired(database.prisma, clock.nowMs())
      while (!closed && (await prune(database.prisma, uuidAt(clock.nowMs() - KEEP_MS)))) await delay(50)
    }
    if (!sender) return
    while (!closed) {
      const nowMs = clock.nowMs()
      const due = await takeDue(database.prisma, { nowMs, untilMs: nowMs + IN_HAND_MS, limit: BATCH })
      await Promise.all(due.map((mail) => deliver(mail, sender)))
      if (due.length < BATCH) return
    }
  }

  async function deliver(mail: MailRow, to: MailSender): Promise<void> {
    const { id, recipient, subject, attempts, link, linkExpiresAt } = mail
    if (linkExpiresAt && (link === null || linkExpiresAt.getTime() <= clock.nowMs())) {
      await conclude(database.prisma, id, { state: 'failed', error: 'Its link was over before it was sent.' })
      return
    }
    const outcome = await to.send({ id, to: recipient, subject, text: textOf(mail) })
    if (outcome.sent) {
      await conclude(database.prisma, id, { state: 'sent', nowMs: clock.nowMs() })
      return
    }
    const againMs = outcome.permanent ? undefined : nextAttemptMs(attempts, clock.nowMs())
    logger.warn({ mailId: id, attempts, reason: outcome.reason }, 'a mail could not be sent')
    const error = outcome.reason
    await conclude(
      database.prisma,
      id,
      againMs === undefined ? { state: 'failed', error } : { state: 'queued', error, againMs },
    )
  }

  const every = setInterval(look, LOOK_EVERY_MS)
  every.unref()
  look()
  return {
    soon() {
      const timer = setTimeout(() => {
        timers.delete(timer)
        look()
      }, SOON_MS)
      timer.unref()
      timers.add(timer)
    },
    async close() {
      closed = true
      clearInterval(every)
      for (const timer of timers) clearTimeout(timer)
      sender?.close()
      await Promise.race([running, delay(CLOSE_MS, undefined, { ref: false })])
    },
  }
}

function textOf({ text, link }: MailRow): string {
  return link === null ? text : text.replaceAll('{link}', () => link)
}

/** The least id of that moment: ids follow time. */
function uuidAt(ms: number): string {
  return `${uuidv7(ms).slice(0, 14)}7000-8000-000000000000`
}
