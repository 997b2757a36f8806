import { Card, Group, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { usePerson } from '../../lib/services.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { FeatureFilter } from './market-filters.tsx'
import { ModelTable } from './model-table.tsx'
import { OffersPage } from './offers-page.tsx'
import { useModelsOnOffer } from './queries.ts'

/** Which models can I call, and whose offer do I take? One model's offers when the address names it. */
export function MarketPage() {
  const { search } = usePageSearch()
  return search.model === undefined ? <ModelsOnOffer /> : <OffersPage model={search.model} />
}

function ModelsOnOffer() {
  const { search, set } = usePageSearch()
  const { q, features } = search
  const models = useModelsOnOffer({ q, features })
  return (
    <Page
      title="Market"
      lead="The models you can call now. Choose one to compare who sells it, at what price and how well."
    >
      <Card>
        <Group mb="md" gap="sm" align="flex-end">
          <TextInput
            aria-label="Search models"
            placeholder="Search by model or provider"
            leftSection={<IconSearch size={16} aria-hidden />}
            value={q ?? ''}
            onChange={({ currentTarget }) => set({ q: currentTarget.value })}
            flex="1 1 14rem"
            maw={{ sm: 360 }}
          />
          <FeatureFilter />
        </Group>
        <QueryView query={models} rows={8}>
          {(all) => {
            if (all.length > 0)
              return (
                <ModelTable models={all} onOpen={(model) => set({ model, q: undefined }, { push: true })} />
              )
            return q || features ? <NothingFound /> : <NobodySells />
          }}
        </QueryView>
        <LoadMore list={models} />
      </Card>
    </Page>
  )
}

function NobodySells() {
  const roles = usePerson()?.roles ?? []
  const maySell = roles.includes('seller') || roles.includes('operator')
  return (
    <EmptyState icon={IconSearch} title="No model is on offer">
      {maySell
        ? 'List a provider key with at least one model: once it was verified, its models appear here.'
        : 'Nobody sells anything here yet. An operator or a seller has to list a key first.'}
    </EmptyState>
  )
}

function NothingFound() {
  return (
    <EmptyState icon={IconSearch} title="No model matches">
      Try a part of the name, such as “mini” or “claude”, or ask for fewer features.
    </EmptyState>
  )
}
