/** Which catalogues this gateway has loaded, and what each changed against the one before. */
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { uuidv7 } from '../platform/ids.ts'
import type { Catalog } from './catalog.ts'
import { countChanges, diffCatalogs, hashOf, type KeptCatalog, keptCatalog } from './catalog-diff.ts'
import { type CatalogVersionRow, newestContent, readVersions, writeVersion } from './catalog-version-store.ts'

/** A new major version of the price data changes some hundred models; the rest is counted. */
const MOST_CHANGES = 2_000

export interface CatalogVersions {
  /** Keeps the catalogue as it stands if it is another than the one kept last. */
  note(cause: CatalogVersionRow['cause']): Promise<void>
  list(query: Parameters<typeof readVersions>[1]): Promise<CatalogVersionRow[]>
  /** When a model's list price was first loaded; undefined when that is not known. */
  pricedSince(model: string): string | undefined
}

export function createCatalogVersions({
  database,
  catalog,
  clock,
}: {
  database: Database
  catalog: Pick<Catalog, 'list'>
  clock: Clock
}): CatalogVersions {
  let since: Readonly<Record<string, string>> = {}

  async function note(cause: CatalogVersionRow['cause']): Promise<void> {
    const content = keptCatalog(catalog.list())
    const hash = hashOf(content)
    const last = await newestContent(database)
    since = last?.since ?? {}
    if (last?.hash === hash) return
    const loadedAt = new Date(clock.nowMs())
    // The first one is where the history begins: nothing was changed by it.
    const changes = last ? diffCatalogs(last.content, content) : []
    const now = loadedAt.toISOString()
    const fresh = new Set(changes.filter(({ what }) => what !== 'context').map(({ model }) => model))
    const nextSince = last ? sinceOf(content, since, fresh, now) : Object.fromEntries(priced(content, now))
    const written = await writeVersion(database, {
      id: uuidv7(loadedAt.getTime()),
      hash,
      loadedAt,
      cause,
      models: Object.keys(content).length,
      ...countChanges(changes),
      changes: changes.slice(0, MOST_CHANGES),
      isCut: changes.length > MOST_CHANGES,
      content,
      since: nextSince,
      follows: last?.hash ?? null,
    })
    if (written) since = nextSince
  }

  return { note, list: (query) => readVersions(database, query), pricedSince: (model) => since[model] }
}

function priced(content: KeptCatalog, now: string): [string, string][] {
  return Object.entries(content).flatMap(([model, { price }]) => (price ? [[model, now]] : []))
}

function sinceOf(
  content: KeptCatalog,
  since: Readonly<Record<string, string>>,
  fresh: ReadonlySet<string>,
  now: string,
): Record<string, string> {
  return Object.fromEntries(
    priced(content, now).map(([model]) => [model, fresh.has(model) ? now : (since[model] ?? now)]),
  )
}
