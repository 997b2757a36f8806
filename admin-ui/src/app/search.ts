/** The address is the state of a page: plain `?name=value`, each name once. */
export type PageSearch = Readonly<Record<string, string | undefined>>

export function readSearch(text: string): PageSearch {
  return Object.fromEntries(new URLSearchParams(text))
}

export function writeSearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(search))
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value))
  const text = query.toString()
  return text === '' ? '' : `?${text}`
}
