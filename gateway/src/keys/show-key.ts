import type { Budget } from '../ledger/operations.ts'
import { formatId } from '../platform/ids.ts'
import type { KeyShown } from './api.ts'
import type { KeyRecord } from './keys.ts'
import { KEY_PREFIX } from './token.ts'

/** A key as `/api` shows it: everything but its secret. */
export function showKey(key: KeyRecord, budget: Budget | undefined): KeyShown {
  return {
    id: formatId('key-', key.id),
    organisationId: formatId('org-', key.organisationId),
    createdBy: key.createdByUserId ? formatId('usr-', key.createdByUserId) : null,
    name: key.name,
    hint: key.hint,
    label: `${KEY_PREFIX}${key.lookupId}…${key.hint}`,
    scopes: key.scopes as KeyShown['scopes'],
    models: key.models,
    expiresAt: key.expiresAt?.toISOString() ?? null,
    requestsPerMinute: key.requestsPerMinute,
    tokensPerMinute: key.tokensPerMinute,
    defaultMaxOutputTokens: key.defaultMaxOutputTokens,
    policy: key.policy as KeyShown['policy'],
    budget: budget ? showBudget(budget) : null,
    createdAt: key.createdAt.toISOString(),
    lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
    revokedAt: key.revokedAt?.toISOString() ?? null,
    previousSecretUntil: key.previousUntil?.toISOString() ?? null,
  }
}

function showBudget({ limitNanos, period, spentNanos, heldNanos, resetsAt }: Budget): KeyShown['budget'] {
  return {
    limitNanos: limitNanos.toString(),
    period: period === 'none' ? 'total' : period,
    spentNanos: spentNanos.toString(),
    heldNanos: heldNanos.toString(),
    resetsAt: resetsAt?.toISOString() ?? null,
  }
}
