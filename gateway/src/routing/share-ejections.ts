/** Who is out because of a bad share of answers: never more than half of a model's offers, or the rule itself is wrong. */
import type { Health } from './health.ts'

const MAX_SHARE = 0.5

export interface ShareEjections {
  /** Keeps count; called at each change of state. */
  note(offer: { id: string; model: string }, health: Health): void
  /** True when nobody more of these offers of a model may be ejected by it; of one, nobody ever. */
  spares(model: string, offers: number): boolean
}

export function createShareEjections(): ShareEjections {
  const byModel = new Map<string, Set<string>>()
  return {
    note({ id, model }, health) {
      const ejected = byModel.get(model)
      if (health.state !== 'closed' && health.by === 'share') {
        if (ejected) ejected.add(id)
        else byModel.set(model, new Set([id]))
      } else if (ejected?.delete(id) && ejected.size === 0) byModel.delete(model)
    },
    spares: (model, offers) =>
      offers > 0 && (byModel.get(model)?.size ?? 0) + 1 > Math.floor(offers * MAX_SHARE),
  }
}
