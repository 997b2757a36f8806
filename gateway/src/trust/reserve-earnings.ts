/**
 * Sets aside what an accused listing earned: from pending to the seller's reserve, where it does not mature. Requests
 * are settled as ever, so that the path knows nothing of cases; this follows behind. Each part is written down before it
 * is booked and booked under that name, so that whatever is in doubt is simply booked again.
 */
import type { Audit } from '../audit/audit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { earningsReserved, earningsUnreserved } from '../ledger/payout-postings.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import { type CaseRow, dropReserve, earningsOf, markReserve, planReserve } from './trust-store.ts'

export interface ReserveDeps {
  database: Database
  ledger: Pick<Ledger, 'post'>
  audit: Pick<Audit, 'record'>
}

type Part = CaseRow['reserves'][number]

/** Books what a case calls for: an open one sets aside, a cleared one gives back. Throws what the ledger throws. */
export async function followCase(deps: ReserveDeps, accused: CaseRow): Promise<void> {
  const held: Part[] = []
  for (const part of accused.reserves) {
    if (part.state === 'held' || (part.state === 'planned' && (await hold(deps, accused, part))))
      held.push(part)
  }
  if (accused.state === 'cleared') for (const part of held) await giveBack(deps, accused, part)
  else if (accused.state !== 'upheld') await holdMore(deps, accused)
}

/** What the listing earned and was not set aside yet, as far as it is still pending. */
async function holdMore(deps: ReserveDeps, accused: CaseRow): Promise<void> {
  const { id: caseId, listingId, organisationId, openedAt, reserves } = accused
  const earnings = await earningsOf(deps.database, { listingId, organisationId, since: openedAt })
  const set = reserves.reduce((sum, { amountNanos }) => sum + amountNanos, 0n)
  const wanted = earnings.earnedNanos - set
  const amountNanos = wanted < earnings.pendingNanos ? wanted : earnings.pendingNanos
  if (amountNanos <= 0n) return
  const part = (reserves.at(-1)?.part ?? 0) + 1
  await planReserve(deps.database, { caseId, part, amountNanos })
  await hold(deps, accused, { caseId, part, amountNanos })
}

/** False when less is pending than when it was planned: then it is planned anew the next time. */
async function hold(
  { database, ledger, audit }: ReserveDeps,
  { listingId, organisationId }: CaseRow,
  part: Pick<Part, 'caseId' | 'part' | 'amountNanos'>,
): Promise<boolean> {
  const reserved = { caseId: part.caseId, part: part.part, organisationId, reservedNanos: part.amountNanos }
  try {
    await ledger.post(earningsReserved(reserved))
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'conflict') await dropReserve(database, part)
    else throw error
    return false
  }
  await markReserve(database, part, 'held')
  await note(audit, 'earnings.reserved', { listingId, ...part })
  return true
}

async function giveBack(
  { database, ledger, audit }: ReserveDeps,
  { listingId, organisationId }: CaseRow,
  part: Part,
): Promise<void> {
  const reserved = { caseId: part.caseId, part: part.part, organisationId, reservedNanos: part.amountNanos }
  try {
    await ledger.post(earningsUnreserved(reserved))
  } catch (error) {
    // Taken for a debt meanwhile: then it is not there to be given back.
    if (!(error instanceof GatewayError && error.code === 'conflict')) throw error
  }
  await markReserve(database, part, 'released')
  await note(audit, 'earnings.unreserved', { listingId, ...part })
}

function note(
  audit: Pick<Audit, 'record'>,
  action: string,
  {
    listingId,
    caseId,
    part,
    amountNanos,
  }: { listingId: string; caseId: string; part: number; amountNanos: bigint },
): Promise<void> {
  const detail = { listing: formatId('lst-', listingId), part, amountNanos }
  return audit.record({ actor: 'system', action, subject: formatId('cas-', caseId), detail })
}
