import type { Icon } from '@tabler/icons-react'

export interface PaletteItem {
  id: string
  label: string
  description?: string | undefined
  icon: Icon
  /** Other words for the same thing. */
  keywords?: string
  act: () => void
}

export interface PaletteGroup {
  title: string
  items: readonly PaletteItem[]
  /** Shown only for something typed: a list of everything would bury the pages. */
  whenAsked?: boolean
}

/** Nobody reads on; typing another letter is quicker. */
const shownPerGroup = 7

/** What of each group answers to every word that was typed, empty groups left out. */
export function matching(groups: readonly PaletteGroup[], query: string): PaletteGroup[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  return groups
    .filter(({ whenAsked }) => !whenAsked || words.length > 0)
    .map(({ title, items }) => ({
      title,
      items: items
        .filter(({ label, description = '', keywords = '' }) => {
          const text = `${title} ${label} ${description} ${keywords}`.toLowerCase()
          return words.every((word) => text.includes(word))
        })
        .slice(0, words.length === 0 ? undefined : shownPerGroup),
    }))
    .filter(({ items }) => items.length > 0)
}

/** The id of a request (also of its answer or receipt) that was typed or pasted, as its page names it. */
export function requestIdIn(query: string): string | undefined {
  return /^(gen-[0-9a-z]{26})$/.exec(query.trim())?.[1]
}
