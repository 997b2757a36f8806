/** How the gateway is, for operators, and the description of the API itself. */
import { z } from 'zod'
import { auditEvent } from '../audit/api.ts'
import { nanosShown, operation, timeShown } from '../http/operation.ts'

const count = z.int().min(0)

export const getOpenapi = operation({
  method: 'get',
  path: '/api/openapi.json',
  summary: 'This document',
  description: 'People read it at `/api/docs/`.',
  access: 'anyone',
  answer: z.looseObject({ openapi: z.string() }).meta({ id: 'OpenapiDocument' }),
  media: 'application/json',
})

const traffic = z
  .strictObject({
    requests: count,
    failed: count.meta({ description: 'Nobody could serve them, or the answer broke.' }),
    refused: count.meta({ description: 'Refused before an offer was tried: limits, money, a bad request.' }),
    spendNanos: nanosShown,
    takeNanos: nanosShown.meta({ description: 'The platform’s fee.' }),
    firstTokenMs: z.number().nullable().meta({ description: 'The mean of streams; null without one.' }),
  })
  .meta({ id: 'Traffic' })

export type Traffic = z.output<typeof traffic>

const thinSpot = z
  .strictObject({
    model: z.string(),
    offers: count,
    healthy: count,
    resting: z.array(
      z.strictObject({ listingId: z.string(), standing: z.string(), backAt: timeShown.nullable() }),
    ),
  })
  .meta({ id: 'ThinSpot' })

const overview = z
  .strictObject({
    at: timeShown,
    lastHour: traffic,
    lastDay: traffic,
    hours: z
      .array(traffic.extend({ hour: timeShown }))
      .meta({ description: 'The last 24 hours, hour by hour, without a gap.' }),
    countedThrough: timeShown.nullable().meta({ description: 'The hours are complete up to here.' }),
    owedNanos: nanosShown.meta({ description: 'What buyers owe us after disputes and the like.' }),
    ledger: z.strictObject({
      failed: z.array(z.enum(['sums_to_zero', 'held_is_open', 'letters_answered', 'holds_end', 'sealed'])),
      deadLetters: count,
      overdueHolds: count,
      unsealedSeconds: z.number(),
      lastSealAt: timeShown.nullable(),
      checkedAt: timeShown,
    }),
    waiting: z.strictObject({
      payouts: count.meta({ description: 'Asked for, and not approved or refused yet.' }),
      payoutsToBook: count.meta({ description: 'Approved, and not booked with a bank reference yet.' }),
      verifying: count,
      quarantined: count,
      openCases: count,
      deadLetters: count,
      unsignedReceipts: count,
      unbookedRequests: count,
    }),
    models: count,
    thinSpots: z
      .array(thinSpot)
      .meta({ description: 'Models with fewer than two healthy offers; at most 50.' }),
    thinSpotsLeftOut: count,
    changes: z.array(auditEvent).meta({ description: 'The latest of the audit log.' }),
  })
  .meta({ id: 'Overview' })

export type Overview = z.output<typeof overview>

export const getOverview = operation({
  method: 'get',
  path: '/api/admin/overview',
  summary: 'How the market is and what waits for you',
  description: 'Put together at most every five seconds.',
  access: 'operator',
  answer: overview,
})

const setting = z
  .strictObject({
    name: z.string(),
    value: z.string().nullable().meta({ description: 'Null when it is not set, and for every secret.' }),
    from: z.enum(['environment', 'default', 'unset']),
    hidden: z.boolean().meta({ description: 'Set, and not shown.' }),
  })
  .meta({ id: 'Setting' })

const job = z
  .strictObject({
    name: z.string(),
    everyMs: count,
    runs: count,
    running: z.boolean(),
    lastBeganAt: timeShown.nullable(),
    lastDurationMs: z.number().nullable(),
    lastResult: z.enum(['ok', 'failed']).nullable(),
    lastFailedAt: timeShown.nullable(),
  })
  .meta({ id: 'Job' })

const connections = z.strictObject({ name: z.string(), open: count, idle: count, waiting: count })

const system = z
  .strictObject({
    version: z.string(),
    mode: z.enum(['play', 'live']),
    nodeVersion: z.string(),
    nodeId: z.string(),
    nodeEpoch: count,
    startedAt: timeShown,
    uptimeSeconds: z.number(),
    memoryBytes: count,
    eventLoopDelayMs: z.strictObject({ mean: z.number(), p99: z.number(), max: z.number() }),
    database: z.strictObject({
      kind: z.enum(['embedded', 'external']),
      version: z.string(),
      sizeBytes: count,
      connections: z.array(connections),
      migrations: z.array(z.strictObject({ name: z.string(), appliedAt: timeShown })),
    }),
    spool: z.strictObject({ healthy: z.boolean(), unfinished: count, failures: count }),
    queues: z.array(z.strictObject({ name: z.string(), waiting: count, about: z.string() })),
    jobs: z.array(job),
    settings: z.array(setting),
  })
  .meta({ id: 'System' })

export type System = z.output<typeof system>

export const getSystem = operation({
  method: 'get',
  path: '/api/admin/system',
  summary: 'What runs here, and how it is set, without secrets',
  access: 'operator',
  answer: system,
})

const metricsPlace = z.strictObject({
  name: z.enum(['grafana', 'prometheus']),
  path: z.string().nullable().meta({ description: 'Where it opens; null when its address is not set.' }),
})

const ticket = z
  .strictObject({ places: z.array(metricsPlace), expiresInS: count })
  .meta({ id: 'MetricsTicket' })

export type MetricsTicket = z.output<typeof ticket>

export const issueMetricsTicket = operation({
  method: 'post',
  path: '/api/admin/metrics-ticket',
  summary: 'Let this browser open Grafana and Prometheus',
  description:
    'Sets a cookie for `/admin` that opens nothing else, lasts ten minutes, is renewed while it is used, and ends with your session.',
  access: 'operator',
  answer: ticket,
})

export const listMetricsPlaces = operation({
  method: 'get',
  path: '/api/admin/metrics',
  summary: 'Which of Grafana and Prometheus are set up',
  access: 'operator',
  answer: z.strictObject({ places: z.array(metricsPlace) }),
})

export type MetricsPlaces = z.output<typeof listMetricsPlaces.answer>
