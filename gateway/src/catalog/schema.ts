/** What the catalogue's routes accept. */
import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'

export const listCatalogQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: queryText(200).optional(),
  /** Part of the id, the title or an alias. */
  q: queryText(100).optional(),
  author: queryText(64).optional(),
  /** Those that nobody can sell by a multiplier, or that nobody sells. */
  without: z.enum(['price', 'offers']).optional(),
})

export const catalogCauses = ['start', 'calendar'] as const

export const listCatalogChangesQuery = pageQuery.extend({ cause: z.enum(catalogCauses).optional() })
