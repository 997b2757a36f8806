/** Verifies listings in the background, a few at once, until each is on the market or back in its owner's hands. */
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Egress } from '../egress/egress.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import { pause } from '../platform/pause.ts'
import type { Providers } from '../providers/registry.ts'
import { changeState } from './change-state.ts'
import { credentialAad } from './credential-aad.ts'
import { GROUND_NOT_ACCEPTED, type Grounds } from './grounds.ts'
import { type ControlDeps, whyNotProved } from './prove-control.ts'
import {
  findListing,
  inTransaction,
  type ListingRecord,
  lockListing,
  removeModels,
  type Transaction,
  updateListing,
} from './store.ts'
import { askUpstream, longestMs } from './upstream-answer.ts'
import {
  claimVerification,
  postpone,
  releaseLeases,
  type VerificationTask,
  writeOutcome,
  writeStep,
} from './verification-store.ts'
import { retryDelayMs, type Verdict, verifyListing } from './verify-listing.ts'

/** Enough that one slow vendor does not hold up the rest, too few to look like an attack. */
const AT_ONCE = 2
// The longest verification: one list and three models asked twice; and a moment to write it down.
const LEASE_MS = longestMs(7) + 30_000
const LOOK_AGAIN_MS = 10

export interface VerifyJobsDeps {
  database: Database
  providers: Pick<Providers, 'find' | 'formatOf'>
  catalog: Pick<Catalog, 'find'>
  egress: Pick<Egress, 'send' | 'get'>
  config: ControlDeps['config']
  secrets: ControlDeps['secrets']
  audit: Pick<Audit, 'record'>
  grounds: Pick<Grounds, 'accepts'>
  clock: Clock
  logger: Logger
  nodeId: string
  /** Listings that this gateway does not use, so that it does not spend a token on them either. */
  unused: ReadonlySet<string>
  /** Listings of all of a vendor's models, which lose those that their key does not list. */
  ofAllModels: ReadonlySet<string>
  onChange: () => Promise<void>
}

export interface VerifyJobs {
  /** Looks for listings to verify, now. */
  kick(): void
  /** Resolves when these listings are verified, refused, or to be tried again later; at the latest after `withinMs`. */
  settled(listingIds: readonly string[], withinMs: number): Promise<void>
  close(): Promise<void>
}

/** Takes up at once what this node had left unfinished. */
export function createVerifyJobs(deps: VerifyJobsDeps): VerifyJobs {
  const { database, logger, nodeId } = deps
  const closing = new AbortController()
  const workers = new Set<Promise<void>>()
  let kicks = 0

  function kick(): void {
    kicks += 1
    if (closing.signal.aborted || workers.size >= AT_ONCE) return
    const worker = work()
      .catch((error) => logger.warn({ err: error }, 'listings cannot be verified at the moment'))
      .finally(() => workers.delete(worker))
    workers.add(worker)
  }

  async function work(): Promise<void> {
    await released
    while (!closing.signal.aborted) {
      const seen = kicks
      const task = await claimVerification(database, {
        owner: nodeId,
        leaseMs: LEASE_MS,
        except: [...deps.unused],
      })
      if (task) {
        // There may be more than one.
        if (workers.size < AT_ONCE) kick()
        await verify(task)
      } else if (seen === kicks) return
    }
  }

  async function verify(task: VerificationTask): Promise<void> {
    const { listingId, round } = task
    const verdict = await verdictOn(deps, task, closing.signal)
    // What we ended ourselves says nothing of the listing.
    if (closing.signal.aborted) return
    await inTransaction(database, (transaction) => conclude(deps, transaction, { task, verdict }))
    logger.info({ listingId, round, outcome: verdict.outcome }, 'listing verified')
    await deps.onChange()
  }

  async function settled(listingIds: readonly string[], withinMs: number): Promise<void> {
    const deadlineMs = deps.clock.monotonicMs() + withinMs
    for (const id of listingIds) {
      while (isUntried(await findListing(database.prisma, id))) {
        if (closing.signal.aborted || deps.clock.monotonicMs() > deadlineMs) return
        await pause(LOOK_AGAIN_MS, closing.signal)
      }
    }
  }

  const released = releaseLeases(database, nodeId).catch((error) => {
    logger.warn({ err: error }, 'unfinished verifications wait until their lease is over')
  })
  return {
    kick,
    settled,
    async close() {
      closing.abort()
      await Promise.all([released, ...workers])
      await releaseLeases(database, nodeId).catch(() => undefined)
    },
  }
}

function isUntried(listing: ListingRecord | undefined): boolean {
  return listing?.state === 'verifying' && (listing.verification?.attempts ?? 0) === 0
}

async function verdictOn(
  deps: VerifyJobsDeps,
  task: VerificationTask,
  signal: AbortSignal,
): Promise<Verdict> {
  const { database, providers, egress, clock } = deps
  const { listingId, round, organisationId, baseUrl, sealedCredential } = task
  const provider = providers.find(task.provider)
  if (!provider) {
    const message = `There is no provider '${task.provider}' here any more. An operator can add it.`
    return { outcome: 'refused', reason: 'own_fault', message }
  }
  const message = await whyNotProved({ ...deps, signal }, { provider, listingId, baseUrl })
  if (message !== undefined) return { outcome: 'failed_for_now', reason: 'host_not_proved', message }
  const target = {
    baseUrl,
    auth: provider.auth,
    sealedCredential,
    credentialAad: credentialAad({ listingId, organisationId, baseUrl }),
  }
  return verifyListing(
    {
      format: providers.formatOf(provider),
      call: (call) => askUpstream(egress, { target, call, signal }),
      onStep: (step) => writeStep(database, { listingId, round, step }),
      nowMs: () => clock.nowMs(),
    },
    {
      provider,
      hasKey: sealedCredential.length > 0,
      upstreamModels: cheapestFirst(task.models ?? [], deps.catalog),
      mayLack: deps.ofAllModels.has(listingId),
    },
  )
}

/** The probe is paid by the seller, so it goes to what costs least; what has no price goes last. */
function cheapestFirst(models: VerificationTask['models'], catalog: Pick<Catalog, 'find'>): string[] {
  const priced = models.map(({ model, upstreamModel }) => ({
    upstreamModel,
    pico: outputPrice(model, catalog),
  }))
  return priced.sort((a, b) => Number(a.pico - b.pico)).map(({ upstreamModel }) => upstreamModel)
}

// Dearer than anything that is priced.
const UNPRICED = 10n ** 15n

function outputPrice(model: string, catalog: Pick<Catalog, 'find'>): bigint {
  try {
    return catalog.find(model).listPrice?.base.output ?? UNPRICED
  } catch {
    return UNPRICED
  }
}

async function conclude(
  deps: VerifyJobsDeps,
  transaction: Transaction,
  { task, verdict }: { task: VerificationTask; verdict: Verdict },
): Promise<void> {
  const { listingId, round } = task
  const before = await lockListing(transaction, listingId)
  if (before?.state !== 'verifying') return
  const isPassed = verdict.outcome === 'passed'
  const unlisted = isPassed ? [...verdict.unlisted] : []
  const isCurrent = await writeOutcome(transaction, {
    listingId,
    round,
    outcome: isPassed ? 'passed' : verdict.reason,
    message: isPassed ? null : verdict.message,
    checkedAt: new Date(deps.clock.nowMs()),
    unlisted,
  })
  if (!isCurrent) return
  const change = async (to: 'active' | 'suspended' | 'draft', reason: string) =>
    changeState(deps, transaction, { before, change: { to, reason, actor: 'system' } })
  if (verdict.outcome === 'passed') {
    const verifiedAt = new Date(deps.clock.nowMs())
    await removeModels(transaction, listingId, unlisted)
    await updateListing(transaction, listingId, { verifiedAt })
    // The operator may have changed his mind meanwhile.
    if (await deps.grounds.accepts(before, transaction)) await change('active', 'verified')
    else await change('suspended', GROUND_NOT_ACCEPTED)
    return
  }
  const attempts = (before.verification?.attempts ?? 0) + 1
  const delayMs = verdict.outcome === 'refused' ? undefined : retryDelayMs(attempts, verdict.retryAfterMs)
  if (delayMs === undefined) await change('draft', `verification_failed:${verdict.reason}`)
  else await postpone(transaction, listingId, delayMs)
}
