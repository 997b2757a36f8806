/** Whether a change touches what was verified: the key, where it goes, what it is for. Pure. */
import type { VerifiedPart } from './listing-states.ts'
import type { ListingRecord, ModelRow } from './store.ts'

/** `undefined` when what was verified still stands: prices, capacity and names need no proof, nor do fewer models. */
export function whatChanged(
  before: Pick<ListingRecord, 'baseUrl' | 'models'>,
  after: { hasNewKey: boolean; baseUrl: string; models: readonly ModelRow[] | undefined },
): VerifiedPart | undefined {
  if (after.hasNewKey) return 'key_changed'
  if (after.baseUrl !== before.baseUrl) return 'base_url_changed'
  const known = new Set(before.models.map(({ model, upstreamModel }) => `${model} ${upstreamModel}`))
  const isNew = ({ model, upstreamModel }: ModelRow) => !known.has(`${model} ${upstreamModel}`)
  return after.models?.some(isNew) ? 'models_changed' : undefined
}
