import type { KeyShown } from '@bourse/gateway/api/keys'
import type { ListingShown, ModelOnOffer } from '@bourse/gateway/api/marketplace'
import { createSpotlight, Spotlight, useSpotlight } from '@mantine/spotlight'
import {
  IconBuildingStore,
  IconKey,
  IconListDetails,
  IconLogout,
  IconSearch,
  IconTags,
} from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { THEME_CHOICES } from '../components/theme-switch.tsx'
import { usePerson } from '../lib/services.ts'
import { useRead } from '../lib/use-read.ts'
import { useThemes } from '../lib/use-themes.ts'
import { matching, type PaletteGroup, requestIdIn } from './palette-items.ts'
import { RAIL } from './rail-pages.ts'
import { useSignOut } from './use-sign-out.ts'

const [store, palette] = createSpotlight()

export { palette }

/** As many as a list answers at once; who has more finds the rest on its page. */
const listedAtMost = 100

/** Everything there is to go to or to do, a few letters away. */
export function Palette() {
  const [query, setQuery] = useState('')
  const { selected } = useSpotlight(store)
  const groups = matching(usePaletteGroups(query), query)
  let index = -1
  return (
    <Spotlight.Root
      store={store}
      query={query}
      onQueryChange={setQuery}
      shortcut={null}
      scrollable
      maxHeight={420}
      styles={{ actionDescription: { opacity: 1, color: 'inherit' } }}
      attributes={{ content: { 'aria-label': 'Search the console' } }}
    >
      <Spotlight.Search
        placeholder="Go to a page, model, key, listing or request"
        aria-label="Search the console"
        leftSection={<IconSearch size={18} aria-hidden />}
        role="combobox"
        aria-expanded
        aria-controls="palette-list"
        aria-autocomplete="list"
        aria-activedescendant={selected >= 0 ? `palette-${selected}` : undefined}
      />
      <Spotlight.ActionsList id="palette-list">
        <div role="listbox" aria-label="Found">
          {groups.map(({ title, items }) => (
            // biome-ignore lint/a11y/useSemanticElements: a group of options is no set of fields
            <div key={title} role="group" aria-label={title}>
              <Spotlight.ActionsGroup label={title}>
                {items.map((item) => {
                  index += 1
                  return (
                    <Spotlight.Action
                      key={item.id}
                      ref={named(`palette-${index}`)}
                      role="option"
                      aria-selected={selected === index}
                      label={item.label}
                      {...(item.description ? { description: item.description } : {})}
                      leftSection={<item.icon size={19} stroke={1.6} aria-hidden />}
                      onClick={item.act}
                    />
                  )
                })}
              </Spotlight.ActionsGroup>
            </div>
          ))}
        </div>
        {groups.length === 0 ? (
          <Spotlight.Empty>Nothing by that name. Requests are found by their whole id, gen-…</Spotlight.Empty>
        ) : null}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  )
}

/** Spotlight drops the `id` of an action, which the search field refers to. */
function named(id: string): (element: HTMLElement | null) => void {
  return (element) => {
    if (element) element.id = id
  }
}

function usePaletteGroups(query: string): PaletteGroup[] {
  const { opened } = useSpotlight(store)
  const navigate = useNavigate()
  const { choose } = useThemes()
  const signOut = useSignOut()
  const roles = usePerson()?.roles ?? []
  const go = (href: string) => () => void navigate({ href: `/console${href}` })
  const things = useThings(opened && query.trim() !== '', roles.includes('seller'))
  const requestId = requestIdIn(query)

  return [
    {
      title: 'Request',
      whenAsked: true,
      items:
        requestId === undefined
          ? []
          : [
              {
                id: requestId,
                label: `Open request ${requestId}`,
                icon: IconListDetails,
                act: go(`/requests/${requestId}`),
              },
            ],
    },
    ...RAIL.filter(({ role }) => role === undefined || roles.includes(role)).map(({ title, pages }) => ({
      title,
      items: pages.map(({ to, label, icon }) => ({ id: to, label, icon, keywords: 'page', act: go(to) })),
    })),
    ...groupsOf(things, go),
    {
      title: 'Theme',
      whenAsked: true,
      items: THEME_CHOICES.map(({ value, label, icon }) => ({
        id: value,
        label: `Theme: ${label}`,
        icon,
        keywords: 'look colour color dark light',
        act: () => choose(value),
      })),
    },
    {
      title: 'You',
      whenAsked: true,
      items: [
        {
          id: 'account',
          label: 'Account',
          icon: IconKey,
          keywords: 'password sessions',
          act: go('/account'),
        },
        { id: 'sign-out', label: 'Sign out', icon: IconLogout, keywords: 'log out leave', act: signOut },
      ],
    },
  ]
}

function groupsOf(things: ReturnType<typeof useThings>, go: (href: string) => () => void): PaletteGroup[] {
  return [
    {
      title: 'Models',
      whenAsked: true,
      items: things.models.map(({ id, title }) => ({
        id,
        label: id,
        description: title,
        icon: IconTags,
        act: go(`/market?model=${encodeURIComponent(id)}`),
      })),
    },
    {
      title: 'Keys',
      whenAsked: true,
      items: things.keys.map(({ id, name, label }) => ({
        id,
        label: name,
        description: label,
        icon: IconKey,
        keywords: id,
        act: go(`/keys?open=${id}`),
      })),
    },
    {
      title: 'My listings',
      whenAsked: true,
      items: things.listings.map(({ id, name, provider }) => ({
        id,
        label: name,
        description: provider,
        icon: IconBuildingStore,
        keywords: id,
        act: go(`/listings/${id}`),
      })),
    },
  ]
}

/** What a person has and may buy; asked for when the first letter is typed. */
function useThings(enabled: boolean, isSeller: boolean) {
  const page = { limit: listedAtMost }
  const models = useRead<{ data: ModelOnOffer[] }>('/api/marketplace/models', page, { enabled })
  const keys = useRead<{ data: KeyShown[] }>('/api/keys', page, { enabled })
  const listings = useRead<{ data: ListingShown[] }>('/api/marketplace/listings', page, {
    enabled: enabled && isSeller,
  })
  return {
    models: models.data?.data ?? [],
    keys: keys.data?.data.filter(({ revokedAt }) => revokedAt === null) ?? [],
    listings: listings.data?.data ?? [],
  }
}
