/**
 * The cookie that opens Grafana and Prometheus: a page in a browser carries no Authorization header. It says who and
 * until when, is signed for this one purpose, and is worth nothing once the session behind it has ended.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../platform/clock.ts'
import { formatId, parseId } from '../platform/ids.ts'

export const TICKET_LIFE_S = 600
/** Above both places and nothing else. */
const TICKET_PATH = '/admin'
const COOKIE = 'bourse_metrics'
const MAX_CHARACTERS = 200

export interface TicketSubject {
  userId: string
  sessionId: string
}

export interface MetricsTickets {
  /** A ready `Set-Cookie` value. */
  issue(subject: TicketSubject): string
  /** Whose ticket a `Cookie` header carries; `fading` when it should be renewed. `undefined` for anything else. */
  read(cookies: string | undefined): { subject: TicketSubject; fading: boolean } | undefined
}

export function createMetricsTickets({
  sessionSecret,
  secure,
  clock,
}: {
  sessionSecret: Buffer
  /** People reach us by https. */
  secure: boolean
  clock: Clock
}): MetricsTickets {
  const key = Buffer.from(hkdfSync('sha256', sessionSecret, '', 'bourse metrics ticket v1', 32))
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url')
  return {
    issue({ userId, sessionId }) {
      const endsS = Math.floor(clock.nowMs() / 1000) + TICKET_LIFE_S
      const text = `${formatId('usr-', userId)}.${formatId('ses-', sessionId)}.${endsS}`
      const flags = `Max-Age=${TICKET_LIFE_S}; Path=${TICKET_PATH}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`
      return `${COOKIE}=${text}.${sign(text)}; ${flags}`
    },
    read(cookies) {
      const value = cookieNamed(cookies, COOKIE)
      if (value === undefined || value.length > MAX_CHARACTERS) return undefined
      const cut = value.lastIndexOf('.')
      const text = value.slice(0, Math.max(0, cut))
      if (!same(value.slice(cut + 1), sign(text))) return undefined
      const [user, session, ends] = text.split('.')
      const userId = parseId('usr-', String(user))
      const sessionId = parseId('ses-', String(session))
      const leftS = Number(ends) - clock.nowMs() / 1000
      if (!userId || !sessionId || !(leftS > 0)) return undefined
      return { subject: { userId, sessionId }, fading: leftS < TICKET_LIFE_S / 2 }
    },
  }
}

function cookieNamed(header: string | undefined, name: string): string | undefined {
  const pair = header?.split(';').find((each) => each.trim().startsWith(`${name}=`))
  return pair?.trim().slice(name.length + 1)
}

function same(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)]
  return left.length === right.length && timingSafeEqual(left, right)
}
