/** Reads a vendor's list of models, and tells whether a name is on it. Pure. */

import { refuseShape } from '../http/parse-json.ts'

/** More than any vendor serves under one key. */
const MAX_IDS = 20_000
const MAX_ID_CHARACTERS = 300

/** The ids in `{data: [{id}]}`, as OpenAI and Anthropic answer, or in a bare list; `undefined` when it is neither. */
export function readModelIds(body: Buffer): Set<string> | undefined {
  let json: unknown
  try {
    // A hostile list of lists would hold the loop for seconds.
    refuseShape(body)
    json = JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
  const entries = Array.isArray(json) ? json : (json as { data?: unknown } | null)?.data
  if (!Array.isArray(entries)) return undefined
  const ids = new Set<string>()
  for (const entry of entries.slice(0, MAX_IDS)) {
    const id = (entry as { id?: unknown } | null)?.id
    if (typeof id === 'string' && id.length <= MAX_ID_CHARACTERS) ids.add(id)
  }
  return ids
}

const DATED = /^-(?:\d{8}|\d{4}-\d{2}-\d{2}|\d{4})$/

/**
 * Whether a key that lists `ids` serves `name`. Vendors list what an alias stands for rather than the alias: a dated
 * version, Google's `models/…`, Ollama's `…:latest`.
 */
export function isListed(name: string, ids: ReadonlySet<string>): boolean {
  if ([name, `models/${name}`, `${name}:latest`, `${name}-latest`].some((id) => ids.has(id))) return true
  const stem = name.replace(/-(?:latest|0)$/, '')
  for (const id of ids) if (id.startsWith(stem) && DATED.test(id.slice(stem.length))) return true
  return false
}
