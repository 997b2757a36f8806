import { Card, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { EmptyState } from '../../components/empty-state.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { usePerson } from '../../lib/services.ts'
import { ModelList } from './model-list.tsx'
import { useModels } from './queries.ts'

/** Which models can I call now, from whom, at what price? The search is in the address, so that it can be shared. */
export function MarketPage() {
  const { q = '' } = useSearch({ from: '/shell/market' })
  const navigate = useNavigate({ from: '/market' })
  const models = useModels()
  const search = (text: string): void =>
    void navigate({ search: text === '' ? {} : { q: text }, replace: true })
  return (
    <Page
      title="Market"
      lead="The models you can call now, who sells them and at what price per million tokens."
    >
      <Card>
        <TextInput
          aria-label="Search models"
          placeholder="Search by model or provider"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={q}
          onChange={(event) => search(event.currentTarget.value)}
          maw={{ sm: 360 }}
          mb="sm"
        />
        <QueryView query={models} rows={8}>
          {(all) => {
            const shown = all.filter((model) =>
              matches(q, [model.id, ...model.offers.map((offer) => offer.provider)]),
            )
            if (all.length === 0) return <NobodySells />
            return shown.length === 0 ? <NothingFound query={q} /> : <ModelList models={shown} />
          }}
        </QueryView>
      </Card>
    </Page>
  )
}

function matches(query: string, texts: readonly string[]): boolean {
  const wanted = query.trim().toLowerCase()
  return texts.some((text) => text.toLowerCase().includes(wanted))
}

function NobodySells() {
  const isOperator = usePerson()?.roles.includes('operator') ?? false
  return (
    <EmptyState icon={IconSearch} title="No model is on offer">
      {isOperator
        ? 'Create a listing with a provider key and at least one model under Listings.'
        : 'An operator has to add a listing first.'}
    </EmptyState>
  )
}

function NothingFound({ query }: { query: string }) {
  return (
    <EmptyState icon={IconSearch} title={`No model matches “${query}”`}>
      Try a part of the name, such as “mini” or “claude”.
    </EmptyState>
  )
}
