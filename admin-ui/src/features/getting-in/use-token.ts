import { useEffect, useState } from 'react'
import { usePageSearch } from '../../lib/use-page-search.ts'

/**
 * The token of a link from a mail. It is taken out of the address at once, so that it stays in no history, no
 * screenshot and no bookmark; the page keeps it as long as it is open.
 */
export function useToken(): string | undefined {
  const { search, set } = usePageSearch()
  const [token] = useState(search.token)
  const isShown = search.token !== undefined
  // biome-ignore lint/correctness/useExhaustiveDependencies: `set` is new at each render
  useEffect(() => {
    if (isShown) set({ token: undefined })
  }, [isShown])
  return token
}
