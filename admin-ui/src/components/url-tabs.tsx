import { Tabs } from '@mantine/core'
import type { ReactNode } from 'react'
import { usePageSearch } from '../lib/use-page-search.ts'

interface UrlTabsProps {
  /** What the tabs are about, for people who cannot see them. */
  label: string
  /** The name in the address. */
  name?: string
  /** The first one is shown when the address names none. */
  tabs: readonly { id: string; label: string; content: () => ReactNode }[]
}

/** Tabs whose choice is part of the page's address. Only the one in sight is rendered. */
export function UrlTabs({ label, name = 'tab', tabs }: UrlTabsProps) {
  const { search, set } = usePageSearch()
  const first = tabs[0]?.id
  const chosen = tabs.some(({ id }) => id === search[name]) ? search[name] : first
  return (
    <Tabs
      value={chosen ?? null}
      onChange={(id) => set({ [name]: id === null || id === first ? undefined : id })}
      keepMounted={false}
    >
      <Tabs.List aria-label={label}>
        {tabs.map((tab) => (
          <Tabs.Tab key={tab.id} value={tab.id}>
            {tab.label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map((tab) => (
        <Tabs.Panel key={tab.id} value={tab.id} pt="md">
          {tab.content()}
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}
