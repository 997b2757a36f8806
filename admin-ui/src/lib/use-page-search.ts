import { useNavigate, useSearch } from '@tanstack/react-router'

type PageSearch = Readonly<Record<string, string | undefined>>

/**
 * What the page's address says, and how to change it. `set` replaces the entry in the history unless told otherwise:
 * going back leaves the page, it does not undo each filter.
 */
export function usePageSearch() {
  const search = useSearch({ strict: false }) as PageSearch
  const navigate = useNavigate()
  const set = (changes: PageSearch, { push = false } = {}): void => {
    const next: Record<string, string> = {}
    for (const [name, value] of Object.entries({ ...search, ...changes }))
      if (value !== undefined && value !== '') next[name] = value
    void navigate({ to: '.', search: next as never, replace: !push, resetScroll: false })
  }
  return { search, set }
}
