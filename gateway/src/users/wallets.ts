import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Ledger, PlayCredit } from '../ledger/ledger.ts'
import type { Balance } from '../ledger/operations.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import { formatUsd } from '../platform/money.ts'
import { inTransaction, isOpenOrganisation, lockOrganisation } from './store.ts'

/** What is needed of the ledger here. */
export type WalletLedger = Pick<Ledger, 'balanceOf' | 'statement' | 'creditPlayMoney'>

export interface Wallets {
  balanceOf(organisationId: string): Promise<Balance>
  /** Books play money once per idempotency key. Throws `forbidden` in live mode, `conflict` when closed, `idempotency_mismatch`. */
  credit(credit: PlayCredit, actor: Principal | 'system'): Promise<{ repeated: boolean; balance: Balance }>
  /** Whether the ledger knows of money, holds or history. */
  isTouched(organisationId: string): Promise<boolean>
}

export function createWallets({
  database,
  ledger,
  audit,
  playMode,
}: {
  database: Database
  ledger: WalletLedger
  audit: Audit
  playMode: boolean
}): Wallets {
  return {
    balanceOf: (organisationId) => ledger.balanceOf(organisationId),
    async credit(credit, actor) {
      const { organisationId, amountNanos, reason, idempotencyKey } = credit
      if (!playMode) {
        throw new GatewayError(
          'forbidden',
          'This gateway runs with real money: balances grow by payments only, see /api/topups.',
        )
      }
      // The row is held until the money is booked, so that nobody closes or deletes the wallet meanwhile.
      const outcome = await inTransaction(database, async (transaction) => {
        await lockOrganisation(transaction, organisationId)
        if (!(await isOpenOrganisation(transaction, organisationId))) {
          throw new GatewayError('conflict', 'This user has been closed; no money can be added.')
        }
        const booked = await ledger.creditPlayMoney(credit)
        if (booked === 'booked') {
          const subject = formatId('org-', organisationId)
          const detail = { amountNanos, usd: formatUsd(amountNanos), reason, idempotencyKey }
          await audit.record({ actor, action: 'wallet.credited', subject, detail }, transaction)
        }
        return booked
      })
      if (outcome === 'mismatch') {
        throw new GatewayError(
          'idempotency_mismatch',
          'This Idempotency-Key was used for another credit. Use a new key for a new credit.',
          { param: 'Idempotency-Key' },
        )
      }
      return { repeated: outcome === 'repeated', balance: await ledger.balanceOf(organisationId) }
    },
    async isTouched(organisationId) {
      const { balanceNanos, heldNanos } = await ledger.balanceOf(organisationId)
      if (balanceNanos !== 0n || heldNanos !== 0n) return true
      return (await ledger.statement(organisationId, { limit: 1 })).length > 0
    },
  }
}

/** A balance as `/api` shows it. */
export function showBalance({ balanceNanos, availableNanos, heldNanos }: Balance) {
  return {
    balanceNanos: balanceNanos.toString(),
    availableNanos: availableNanos.toString(),
    heldNanos: heldNanos.toString(),
    currency: 'USD' as const,
    availableUsd: formatUsd(availableNanos),
  }
}
