import type { RequestShown, RequestsAnswer } from '@bourse/gateway/api/analytics'
import type { ModelOnOffer } from '@bourse/gateway/api/marketplace'
import { useRead } from '../../lib/use-read.ts'

/** Somebody sits and waits for it. */
const lookAgainMs = 2_000
const familiarModel = 'openai/gpt-4o-mini'

/** A model that would answer now; a familiar one if it is there. `undefined` while nothing is on offer. */
export function modelToShow(models: readonly ModelOnOffer[]): string | undefined {
  const ready = models.filter(({ healthyOffers }) => healthyOffers > 0)
  return (ready.find(({ id }) => id === familiarModel) ?? ready[0] ?? models[0])?.id
}

export function useModelsOnOffer() {
  return useRead<{ data: ModelOnOffer[] }>('/api/marketplace/models', { limit: 200 })
}

/** The newest request of this organisation, watched. */
export function useNewestRequest(): { known: boolean; newest: RequestShown | undefined } {
  const read = useRead<RequestsAnswer>('/api/requests', { limit: 1 }, { refetchMs: lookAgainMs })
  return { known: read.data !== undefined, newest: read.data?.data[0] }
}
