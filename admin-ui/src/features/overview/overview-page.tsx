import { SimpleGrid } from '@mantine/core'
import { Page } from '../../components/page.tsx'
import { KeysToWatch } from './keys-to-watch.tsx'
import { LatestRequests } from './latest-requests.tsx'
import { MoneyTiles } from './money-tiles.tsx'
import { NextStep } from './next-step.tsx'
import { SpentOn } from './spent-on.tsx'

/** What did I spend and on what, what is left, and what wants my attention? */
export function OverviewPage() {
  return (
    <Page title="Overview" lead="What you have, what you spent and on what.">
      <NextStep />
      <MoneyTiles />
      <SpentOn />
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
        <LatestRequests />
        <KeysToWatch />
      </SimpleGrid>
    </Page>
  )
}
