import type { Overview } from '@bourse/gateway/api/admin'
import { SimpleGrid, Stack, Text } from '@mantine/core'
import { Moment } from '../../components/moment.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { useRead } from '../../lib/use-read.ts'
import { AnswerTiles } from './answer-tiles.tsx'
import { LatestChanges } from './latest-changes.tsx'
import { ThinSpots } from './thin-spots.tsx'
import { TrafficCharts } from './traffic-charts.tsx'
import { WaitingList } from './waiting-list.tsx'

const REFETCH_MS = 15_000

export function RunPage() {
  const overview = useRead<Overview>('/api/admin/overview', {}, { refetchMs: REFETCH_MS })
  return (
    <Page title="Operations" lead="Is the market well, and is anything waiting for you?">
      <QueryView query={overview} rows={12}>
        {(seen) => (
          <Stack gap="lg">
            <AnswerTiles overview={seen} />
            <TrafficCharts overview={seen} />
            <SimpleGrid cols={{ base: 1, lg: 2 }}>
              <WaitingList overview={seen} />
              <ThinSpots overview={seen} />
            </SimpleGrid>
            <LatestChanges changes={seen.changes} />
            <Text size="xs" c="dimmed">
              Looked at <Moment at={seen.at} />
              {seen.countedThrough ? (
                <>
                  ; the hours are complete up to <Moment at={seen.countedThrough} />
                </>
              ) : null}
              .
            </Text>
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}
