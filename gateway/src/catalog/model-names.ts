/** One model that callers can name, and its other spellings. */
export interface NamedModel {
  name: string
  aliases: string[]
}

const DATE_SUFFIX = /-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$/

/**
 * The models behind one price entry. The data prices several models in one entry (`gpt-5` and `gpt-5-codex`), so a
 * name becomes an alias only when it is surely the same model: another spelling, `-latest`, or the only dated
 * snapshot. Of several snapshots each is a model of its own, so that a caller who pins one gets that one.
 */
export function splitNames(id: string, names: readonly string[]): NamedModel[] {
  const groups = new Map<string, string[]>([[spelling(id), [id]]])
  for (const name of names) {
    if (name === id) continue
    const key = spelling(name)
    groups.set(key, [...(groups.get(key) ?? []), name])
  }
  return [...groups.values()].flatMap(modelsOfGroup)
}

function modelsOfGroup(names: string[]): NamedModel[] {
  const [first = '', ...others] = names[0] && DATE_SUFFIX.test(names[0]) ? undatedFirst(names) : names
  const snapshots = others.filter((name) => DATE_SUFFIX.test(name))
  const dates = new Set(snapshots.map(dateOf))
  if (dates.size <= 1) return [{ name: first, aliases: others }]
  const pinned = [...dates].map((date) => {
    const [name = '', ...aliases] = snapshots.filter((snapshot) => dateOf(snapshot) === date)
    return { name, aliases }
  })
  return [{ name: first, aliases: others.filter((name) => !DATE_SUFFIX.test(name)) }, ...pinned]
}

function undatedFirst(names: string[]): string[] {
  const undated = names.find((name) => !DATE_SUFFIX.test(name))
  return undated === undefined ? names : [undated, ...names.filter((name) => name !== undated)]
}

function dateOf(name: string): string {
  return DATE_SUFFIX.exec(name)?.[0] ?? ''
}

/** The same for `gpt-5.1`, `gpt-5-1`, `gpt-5.1-2025-11-13` and `gpt-5.1-latest`. */
function spelling(name: string): string {
  const bare = name
    .toLowerCase()
    .replace(DATE_SUFFIX, '')
    .replace(/-latest$/, '')
  return bare.replaceAll('.', '-').split('-').sort().join('-')
}
