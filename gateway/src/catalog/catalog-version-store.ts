/** The rows of catalogues that were loaded. Private to this folder. */
import type { Database } from '../platform/database.ts'
import type { KeptCatalog, ModelChange } from './catalog-diff.ts'

/** What is kept: an operator looks back a year, not for ever. */
const MOST_KEPT = 1_000

export interface CatalogVersionRow {
  id: string
  hash: string
  loadedAt: Date
  cause: 'start' | 'calendar'
  models: number
  added: number
  removed: number
  dearer: number
  cheaper: number
  changes: ModelChange[]
  isCut: boolean
}

export async function newestContent(
  database: Database,
): Promise<{ hash: string; content: KeptCatalog; since: Record<string, string> } | undefined> {
  const { rows } = await database.pool.query<{
    hash: string
    content: KeptCatalog
    since: Record<string, string>
  }>({
    name: 'catalog_newest_content',
    text: 'SELECT hash, content, since FROM catalog_content',
  })
  return rows[0]
}

/** Writes a version and makes it the newest; the content of the one before is let go. `false`: another node was first. */
export async function writeVersion(
  database: Database,
  {
    content,
    since,
    follows,
    ...version
  }: CatalogVersionRow & {
    content: KeptCatalog
    since: Record<string, string>
    /** The hash it was compared with; null for the first. */
    follows: string | null
  },
): Promise<boolean> {
  return database.prisma.$transaction(async (transaction) => {
    await transaction.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('catalog_content'))`
    const [now] = await transaction.$queryRaw<{ hash: string }[]>`SELECT hash FROM catalog_content`
    if ((now?.hash ?? null) !== follows) return false
    const { id, hash, loadedAt, cause, models, added, removed, dearer, cheaper, changes, isCut } = version
    await transaction.$executeRaw`
      INSERT INTO catalog_version (id, hash, "loadedAt", cause, models, added, removed, dearer, cheaper, changes, "isCut")
      VALUES (${id}::uuid, ${hash}, ${loadedAt}, ${cause}, ${models}, ${added}, ${removed}, ${dearer}, ${cheaper},
              ${JSON.stringify(changes)}::jsonb, ${isCut})`
    await transaction.$executeRaw`
      INSERT INTO catalog_content (one, hash, content, since)
      VALUES (true, ${hash}, ${JSON.stringify(content)}::jsonb, ${JSON.stringify(since)}::jsonb)
      ON CONFLICT (one) DO UPDATE SET hash = EXCLUDED.hash, content = EXCLUDED.content, since = EXCLUDED.since`
    await transaction.$executeRaw`
      DELETE FROM catalog_version WHERE id < (
        SELECT id FROM catalog_version ORDER BY id DESC OFFSET ${MOST_KEPT} LIMIT 1)`
    return true
  })
}

/** Newest first. */
export async function readVersions(
  database: Database,
  { limit, beforeId, cause }: { limit: number; beforeId?: string | undefined; cause?: string | undefined },
): Promise<CatalogVersionRow[]> {
  const { rows } = await database.pool.query<CatalogVersionRow>({
    name: 'catalog_versions',
    text: `
      SELECT id, hash, "loadedAt", cause, models, added, removed, dearer, cheaper, changes, "isCut"
        FROM catalog_version
       WHERE ($1::uuid IS NULL OR id < $1) AND ($2::text IS NULL OR cause = $2)
       ORDER BY id DESC LIMIT $3`,
    values: [beforeId ?? null, cause ?? null, limit],
  })
  return rows
}
