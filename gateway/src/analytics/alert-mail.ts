import { formatUsd } from '../platform/money.ts'
import type { AlertRow } from './alerts-store.ts'

const WINDOWS: Record<string, string> = { day: 'today', week: 'this week', month: 'this month' }

/** What a person reads: what was reached, and what can be done about it. */
export function alertMail({
  row,
  nanos,
  keyName,
  publicUrl,
}: {
  row: Pick<AlertRow, 'kind' | 'period' | 'amountNanos'>
  nanos: bigint
  keyName: string | undefined
  publicUrl: string | undefined
}): { subject: string; text: string } {
  const [amount, now] = [`$${formatUsd(row.amountNanos)}`, `$${formatUsd(nanos)}`]
  const where = (page: string) => (publicUrl === undefined ? '' : ` ${publicUrl}/console/${page}`)
  if (row.kind === 'balance') {
    return {
      subject: `Your balance is below ${amount}`,
      text: `Your balance on Bourse is ${now}. You asked to be told when it falls below ${amount}.\n\nTop up under Billing.${where('billing')}\nRequests are refused when nothing is left; nothing is ever charged beyond what you have.\n`,
    }
  }
  const who = keyName === undefined ? 'You have' : `Your key "${keyName}" has`
  const when = WINDOWS[row.period ?? ''] ?? ''
  return {
    subject: `${keyName === undefined ? 'You have' : 'A key has'} spent ${amount} ${when}`,
    text: `${who} spent ${now} ${when} (UTC). You asked to be told at ${amount}.\n\nSee on what under Usage.${where('usage')}\nThis alert does not stop anything: a key's budget does. You are told once in this ${row.period}.\n`,
  }
}
