import { Page } from '../../components/page.tsx'
import { UrlTabs } from '../../components/url-tabs.tsx'
import { CatalogChanges } from './catalog-changes.tsx'
import { CatalogModels } from './catalog-models.tsx'
import { ProviderTable } from './provider-table.tsx'

/** Which models can be sold, at what list price, and what did the last update change? */
export function ModelsPage() {
  return (
    <Page
      title="Models and prices"
      lead="What the gateway knows of each model and where that comes from, and what updates of the price data changed."
    >
      <UrlTabs
        label="Models and prices"
        tabs={[
          { id: 'models', label: 'Models', content: () => <CatalogModels /> },
          { id: 'changes', label: 'Changes', content: () => <CatalogChanges /> },
          { id: 'providers', label: 'Providers', content: () => <ProviderTable /> },
        ]}
      />
    </Page>
  )
}
