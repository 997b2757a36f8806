export type Search = Readonly<Record<string, string | number | boolean | undefined>>

/** `/api/requests?model=…`: what is undefined or empty is left out. */
export function withSearch(path: string, search: Search): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(search))
    if (value !== undefined && value !== '') query.set(name, String(value))
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}
