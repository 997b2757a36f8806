/** Watches what sellers do: counts beside their counts, keeps their reputation, and acts when the evidence is enough. */
import type { Audit } from '../audit/audit.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { JobBoard } from '../platform/job-board.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { EndedAttempt } from '../routing/leases.ts'
import { type Cases, type CasesDeps, createCases } from './cases.ts'
import { createExaminer } from './examine.ts'
import { createRecords, MAX_RECORDS, type OfferRecord } from './records.ts'
import { createReputations, type KeptReputations, MAX_OFFERS } from './reputations.ts'
import { readRecord, writeRecord } from './stored-record.ts'
import { loadRecords, loadReputations, saveRecords, saveReputations } from './trust-store.ts'
import { createUndeclaredCalls } from './undeclared-calls.ts'
import { createWatch, type QueuedWatch } from './watch.ts'

const SAVE_EVERY_MS = 30_000

export interface TrustDeps {
  database: Database
  ledger: Pick<Ledger, 'post'>
  market: CasesDeps['market']
  audit: Pick<Audit, 'record'>
  metrics: Pick<Metrics, 'samples' | 'counter'>
  clock: Clock
  logger: Logger
  jobs: Pick<JobBoard, 'watch'>
}

export interface Trust {
  watch: QueuedWatch
  /** Told of each attempt once, when it is over. */
  attempted(attempt: EndedAttempt): void
  reputations: KeptReputations
  cases: Cases
  /** Writes down what changed and lets money follow the cases; by itself every half minute. */
  tidy(): Promise<void>
  close(): Promise<void>
}

/** Reads what is remembered. Throws when the database cannot be read. */
export async function createTrust(deps: TrustDeps): Promise<Trust> {
  const { database, metrics, clock, logger } = deps
  const records = createRecords()
  const cases = createCases({ ...deps, onCleared: (listingId) => records.forget(listingId) })
  const reputations = createReputations({ clock, isAccused: cases.isAccused })

  const examiner = createExaminer({ cases, records, reputations, logger })
  const undeclared = createUndeclaredCalls()
  const watch = createWatch({ logger, look: examiner.look, noticed: undeclared.noticed })

  function attempted(attempt: EndedAttempt): void {
    const weighed = undeclared.weigh(attempt, clock.nowMs())
    if (weighed === 'breach') examiner.flag(attempt.offer, formatId('gen-', attempt.requestId))
    if (weighed !== 'nothing') reputations.ended(attempt)
  }

  const tidy = deps.jobs.watch({ name: 'Write down trust', everyMs: SAVE_EVERY_MS }, async () => {
    const changed = records.changed()
    if (changed.length > 0) await saveRecords(database, changed.map(writeRecord), clock.nowMs())
    const moved = reputations.changed()
    if (moved.length > 0) await saveReputations(database, moved)
    await cases.followMoney()
    await cases.load()
  })

  reputations.restore(await loadReputations(database, MAX_OFFERS))
  records.restore((await loadRecords(database, MAX_RECORDS)).flatMap((row) => readRecord(row) ?? []))
  await cases.load()
  publish(metrics, { cases, watch, records })
  let tidying: Promise<void> | undefined
  const timer = setInterval(() => {
    tidying ??= tidy()
      .catch((error) => logger.warn({ err: error }, 'what is known of sellers was not written down'))
      .finally(() => {
        tidying = undefined
      })
  }, SAVE_EVERY_MS)
  timer.unref()

  return {
    watch,
    attempted,
    reputations,
    cases,
    tidy,
    async close() {
      clearInterval(timer)
      await watch.idle()
      await tidying
      await examiner.idle()
      await tidy().catch((error) =>
        logger.warn({ err: error }, 'what is known of sellers was not written down'),
      )
    },
  }
}

// What the last answers of an offer were reported at, in our counts; at most as many offers as a metric shows.
const SHOWN_OFFERS = 400

function publish(
  metrics: TrustDeps['metrics'],
  { cases, watch, records }: { cases: Cases; watch: QueuedWatch; records: { all(): Iterable<OfferRecord> } },
): void {
  metrics.samples(
    'gateway_trust_cases',
    {
      help: 'Cases against listings, by what they are accused of and where it stands.',
      labels: ['kind', 'state'],
    },
    () => [...cases.counts()].map(({ kind, state, count }) => ({ labels: [kind, state], value: count })),
  )
  metrics.samples(
    'gateway_usage_ratio',
    {
      help: 'Tokens that an endpoint-backed offer reported for its last answers over our own count of them.',
      labels: ['listing', 'model'],
    },
    () => ratios(records.all()),
  )
  metrics.counter(
    'gateway_undeclared_tool_calls_total',
    'Answers that were stopped because they called a tool the request had not declared.',
    () => watch.undeclaredCalls(),
  )
  metrics.counter(
    'gateway_unwatched_answers_total',
    'Answers that were not compared with our own count because too many waited.',
    () => watch.dropped(),
  )
}

function* ratios(records: Iterable<OfferRecord>): Iterable<{ labels: string[]; value: number }> {
  let shown = 0
  for (const { listingId, model, samples } of records) {
    if (samples.length === 0) continue
    let reported = 0
    let own = 0
    for (const { prompt, completion } of samples) {
      reported += (prompt?.reported ?? 0) + (completion?.reported ?? 0)
      own += (prompt?.own ?? 0) + (completion?.own ?? 0)
    }
    if (own === 0) continue
    yield { labels: [formatId('lst-', listingId), model], value: reported / own }
    shown += 1
    if (shown === SHOWN_OFFERS) return
  }
}
