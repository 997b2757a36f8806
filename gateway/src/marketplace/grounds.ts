/** On which grounds a provider's capacity may be sold here: what the operator decided, else a cautious default. */
import type { Audit } from '../audit/audit.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Providers } from '../providers/registry.ts'
import type { Actor } from './actor.ts'
import { isOperator } from './actor.ts'
import { isHostOf } from './base-url.ts'
import { changeState, standingOf } from './change-state.ts'
import { type GroundRow, readGrounds, writeGround } from './ground-store.ts'
import { mayMove } from './listing-states.ts'
import { type Ground, grounds } from './schema.ts'
import { inTransaction, type ListingRecord, lockListings, type Transaction } from './store.ts'

/** Why a listing is suspended whose ground was accepted once; it returns when the ground is. */
export const GROUND_NOT_ACCEPTED = 'ground_not_accepted'

export interface ProviderGrounds {
  provider: string
  /** What is accepted of a key on the provider's own hosts, and of a server of the seller's. */
  key: Ground[]
  endpoint: Ground[]
}

export interface Grounds {
  list(): Promise<ProviderGrounds[]>
  /** Operators only. Listings whose ground is no longer accepted are suspended; those that were for that return. */
  decide(decision: { provider: string; grounds: readonly Ground[] }, actor: Actor): Promise<ProviderGrounds>
  accepts(
    listing: Pick<ListingRecord, 'provider' | 'ground' | 'baseUrl'>,
    client?: Transaction,
  ): Promise<boolean>
  /** Throws `invalid_value` that names the grounds that are accepted. */
  require(listing: { provider: string; ground: Ground; baseUrl: string }): Promise<void>
}

interface GroundsDeps {
  database: Database
  providers: Pick<Providers, 'find' | 'list'>
  config: Pick<Config, 'mode'>
  audit: Pick<Audit, 'record'>
  onChange: () => Promise<void>
}

type Backing = 'key' | 'endpoint'

export function createGrounds(deps: GroundsDeps): Grounds {
  const { database, providers, config, audit, onChange } = deps
  const { mode } = config

  async function acceptedFor(
    { provider, baseUrl }: { provider: string; baseUrl: string },
    client: Pick<Transaction, 'acceptedGround'>,
  ): Promise<Ground[]> {
    const known = providers.find(provider)
    if (!known) return []
    const backing = isHostOf(known, baseUrl) ? 'key' : 'endpoint'
    return acceptedGrounds(await readGrounds(client, provider), { provider, backing, mode })
  }

  async function accepts(
    listing: Pick<ListingRecord, 'provider' | 'ground' | 'baseUrl'>,
    client: Pick<Transaction, 'acceptedGround'> = database.prisma,
  ): Promise<boolean> {
    return (await acceptedFor(listing, client)).some((ground) => ground === listing.ground)
  }

  const show = (rows: readonly GroundRow[], provider: string): ProviderGrounds => ({
    provider,
    key: acceptedGrounds(rows, { provider, backing: 'key', mode }),
    endpoint: acceptedGrounds(rows, { provider, backing: 'endpoint', mode }),
  })

  return {
    async list() {
      const rows = await readGrounds(database.prisma)
      return providers.list().map(({ id }) => show(rows, id))
    },

    async decide({ provider, grounds: accepted }, actor) {
      if (!isOperator(actor)) {
        throw new GatewayError(
          'forbidden',
          'Only an operator can decide which grounds are accepted. Ask one.',
        )
      }
      if (!providers.find(provider)) {
        const message = `provider: no provider '${provider.slice(0, 64)}'. GET /api/marketplace/grounds lists them.`
        throw new GatewayError('invalid_value', message, { param: 'provider' })
      }
      const shown = await inTransaction(database, async (transaction) => {
        for (const ground of grounds)
          await writeGround(transaction, { provider, ground, accepted: accepted.includes(ground) })
        const detail = { grounds: accepted }
        await audit.record({ actor, action: 'grounds.decided', subject: provider, detail }, transaction)
        await applyTo(transaction, provider)
        return show(await readGrounds(transaction, provider), provider)
      })
      await onChange()
      return shown
    },

    accepts,

    async require(listing) {
      const accepted = await acceptedFor(listing, database.prisma)
      if (accepted.includes(listing.ground)) return
      const instead = accepted.length === 0 ? 'None is' : `Accepted are ${accepted.join(', ')}`
      const message = `ground: '${listing.ground}' is not accepted for ${listing.provider} at this base URL. ${instead}; an operator decides it.`
      throw new GatewayError('invalid_value', message, { param: 'ground' })
    },
  }

  /** Suspends what may no longer be sold and returns what was suspended for that, in the decision's own transaction. */
  async function applyTo(transaction: Transaction, provider: string): Promise<void> {
    const listings = await lockListings(transaction, {
      provider,
      states: ['active', 'verifying', 'cooling', 'suspended'],
    })
    for (const before of listings) {
      const isAccepted = await accepts(before, transaction)
      const to = isAccepted ? 'active' : 'suspended'
      const wasOurs = before.state === 'suspended' && before.stateReason === GROUND_NOT_ACCEPTED
      if (isAccepted ? !wasOurs : before.state === 'suspended') continue
      if (isAccepted && before.verifiedAt === null) {
        const change = { to: 'verifying', reason: 'ground_accepted', actor: 'system' } as const
        await changeState(deps, transaction, { before, change })
      } else if (mayMove(standingOf(before), to, 'system') === 'yes') {
        const reason = isAccepted ? 'ground_accepted' : GROUND_NOT_ACCEPTED
        await changeState(deps, transaction, { before, change: { to, reason, actor: 'system' } })
      }
    }
  }
}

/**
 * The accepted grounds of a provider's listings with this backing. A server of one's own is a ground only for a server
 * of one's own; demo capacity is for play money.
 */
export function acceptedGrounds(
  decided: readonly GroundRow[],
  { provider, backing, mode }: { provider: string; backing: Backing; mode: 'play' | 'live' },
): Ground[] {
  return grounds.filter((ground) => {
    if (ground === 'demo' && mode !== 'play') return false
    if (ground === 'own_endpoint' && backing !== 'endpoint') return false
    const row = decided.find((each) => each.provider === provider && each.ground === ground)
    return row?.accepted ?? (ground === 'demo' || ground === 'own_endpoint' || backing === 'key')
  })
}
