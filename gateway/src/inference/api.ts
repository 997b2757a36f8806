/** Questions before and after a request under `/api`: what it would cost, where it would go, and why it went there. */
import { z } from 'zod'
import { nanosShown, operation, timeShown } from '../http/operation.ts'

const tokens = z.int().min(0)
const count = z.int().min(0)

/** Why an offer was left out, why it was not first, or why it did not serve when its turn came. */
export const exclusions = [
  'breaker_open',
  'origin_open',
  'cooling',
  'model_suspended',
  'listing_suspended',
  'disabled',
  'full',
  'day_limit',
  'month_limit',
  'policy_only',
  'policy_ignore',
  'policy_order',
  'policy_max_price',
  'max_cost',
  'dialect',
  'feature_missing',
  'parameter_unused',
  'too_large',
  'no_cover',
] as const
const losses = ['lost_the_draw', 'dearer', 'slower', 'later_in_order', 'not_tried', 'passed_over'] as const

const excluded = z
  .partialRecord(z.enum(exclusions), count)
  .meta({ description: 'How many offers were left out, by reason.' })

const question = z
  .looseObject({
    model: z.string().min(1).max(256),
    messages: z
      .array(z.looseObject({ role: z.string() }))
      .optional()
      .meta({ description: 'As you would send them to the model; or `inputTokens` in their place.' }),
    inputTokens: z.int().min(1).max(10_000_000).optional(),
    maxOutputTokens: z.int().min(1).max(10_000_000).optional(),
    expectedOutputTokens: z.int().min(1).max(10_000_000).optional(),
    max_cost: z.union([z.string(), z.number()]).optional().meta({ description: 'In USD.' }),
  })
  .meta({ id: 'RequestQuestion' })

const estimateShown = z
  .strictObject({
    model: z.string(),
    tokenizer: z.strictObject({ name: z.string(), exact: z.boolean() }).nullable(),
    inputTokens: z.strictObject({ least: tokens, most: tokens }),
    choices: count,
    maxOutputTokens: tokens,
    maxOutputTokensFrom: z.enum(['requested', 'model', 'key_default', 'context', 'affordable', 'max_cost']),
    offers: z.array(
      z.strictObject({
        listing: z.string(),
        provider: z.string(),
        priceVersion: z.int().nullable(),
        minNanos: nanosShown,
        expectedNanos: nanosShown.optional(),
        maxNanos: nanosShown.meta({ description: 'What would be held.' }),
        now: z.enum(['usable', ...exclusions]),
      }),
    ),
    notShown: count,
    excluded,
  })
  .meta({ id: 'Estimate' })

export type EstimateShown = z.output<typeof estimateShown>

export const estimateCost = operation({
  method: 'post',
  path: '/api/marketplace/estimate',
  summary: 'What a request would cost at each offer that may serve it, at the prices of now',
  description:
    'A chat request, or `model` with `inputTokens`. A key is told about the offers that its policy allows.',
  access: 'reader',
  ownBody: question,
  answer: estimateShown,
})

const share = z.number().min(0)

const candidate = z
  .strictObject({
    listingId: z.string(),
    listing: z.string().optional().meta({ description: 'Its name, while it is on the market.' }),
    provider: z.string(),
    rank: z
      .int()
      .optional()
      .meta({ description: '1 is tried first; absent for those that were not to be tried.' }),
    reason: z.enum([...exclusions, ...losses]).optional(),
    detail: z.string().optional(),
    usdPerMTok: z.strictObject({ prompt: z.string(), completion: z.string() }),
    usdPerRequest: z.string(),
    expectedUsd: z.string(),
    chance: share.optional(),
    headroom: share,
    health: share,
    reputation: share,
    proven: z.boolean(),
    backAt: timeShown.optional(),
  })
  .meta({ id: 'RouteCandidate' })

const decisionFields = {
  model: z.string(),
  pool: z.string(),
  seed: z.string(),
  by: z.enum(['draw', 'sticky', 'order', 'only_one', 'panic', 'price', 'throughput', 'latency']),
  sentence: z.string(),
  panic: z.boolean(),
  offers: count,
  excluded,
  candidates: z.array(candidate),
  wouldChange: z.array(z.string()),
}

const decision = z.strictObject(decisionFields).meta({ id: 'RouteDecision' })

const decisionMade = z
  .strictObject({
    ...decisionFields,
    replayed: z.boolean().meta({ description: 'Made again from what is stored, it came out the same.' }),
  })
  .meta({ id: 'RouteDecisionMade' })

const routeShown = z
  .strictObject({
    requestId: z.string(),
    decidedAt: timeShown,
    error: z.string().optional(),
    decisions: z.array(decisionMade),
    attempts: z.array(
      z.strictObject({
        listingId: z.string(),
        model: z.string(),
        outcome: z.string(),
        afterMs: z.number(),
        durationMs: z.number(),
        ttftMs: z.number().optional(),
      }),
    ),
  })
  .meta({ id: 'Route' })

export type RouteShown = z.output<typeof routeShown>

export const explainRoute = operation({
  method: 'get',
  path: '/api/requests/:id/route',
  summary: 'Why a request went where it went',
  description: 'Kept for seven days, and there a second after the answer.',
  access: 'reader',
  answer: routeShown,
})

const dryRunShown = z
  .strictObject({ inputTokens: tokens, maxOutputTokens: tokens, decisions: z.array(decision) })
  .meta({ id: 'DryRun' })

export type DryRunShown = z.output<typeof dryRunShown>

/** A chat request, or in place of its messages how many tokens they come to. */
const dryRunBody = z
  .looseObject({
    messages: z.unknown().optional(),
    inputTokens: z.int().min(0).max(100_000_000).optional(),
    maxOutputTokens: z.int().min(0).max(100_000_000).optional(),
  })
  .meta({ id: 'DryRunQuestion' })

export const dryRun = operation({
  method: 'post',
  path: '/api/route',
  summary: 'Where a request would go now, without sending it',
  access: 'reader',
  body: dryRunBody,
  answer: dryRunShown,
})
