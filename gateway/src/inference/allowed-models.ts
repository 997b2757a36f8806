import type { Catalog, Model } from '../catalog/catalog.ts'
import type { Caller } from '../keys/verify.ts'

/** Whether a key may use `model`. A key names its models as callers do: by id, bare name or alias. */
export function mayUse(catalog: Catalog, { models }: Pick<Caller, 'models'>, model: Model): boolean {
  if (models === undefined || models.has(model.id)) return true
  return [...models].some((name) => meaningOf(catalog, name) === model.id)
}

/** The id behind a name; `undefined` for one that the catalogue no longer has. */
function meaningOf(catalog: Catalog, name: string): string | undefined {
  try {
    return catalog.find(name).id
  } catch {
    return undefined
  }
}
