import { Anchor, Card, Group, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { SpendChart } from '../../components/spend-chart.tsx'
import { decimalsFor } from '../../lib/money.ts'
import { byModel, type ModelSpent } from './by-model.ts'
import { spendDays, useSpent } from './queries.ts'

const modelsShown = 6

/** The last thirty days by day and by model. */
export function SpentOn() {
  const spent = useSpent()
  return (
    <QueryView query={spent} rows={8}>
      {(usage) =>
        usage.totals.requests === 0 ? null : (
          <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
            <SpendChart usage={usage} days={spendDays} />
            <Models models={byModel(usage.data)} />
          </SimpleGrid>
        )
      }
    </QueryView>
  )
}

function Models({ models }: { models: readonly ModelSpent[] }) {
  const shown = models.slice(0, modelsShown)
  const decimals = decimalsFor(shown.map(({ costNanos }) => costNanos))
  return (
    <Card component="section" aria-labelledby="spent-on">
      <Group justify="space-between" mb="sm">
        <Title order={2} size="sm" id="spent-on">
          On which models, in {spendDays} days
        </Title>
        <Anchor component={Link} to="/usage" underline="always" size="sm">
          All usage
        </Anchor>
      </Group>
      <Stack gap="sm">
        {shown.map(({ name, costNanos, percent }) => (
          <div key={name}>
            <Group justify="space-between" gap="md" wrap="nowrap">
              <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                {name}
              </Text>
              <Text size="sm" component="span">
                <Money nanos={costNanos} decimals={decimals} />
              </Text>
            </Group>
            <Progress
              value={percent}
              size="sm"
              mt={4}
              color="indigo.5"
              aria-label={`${name}: ${percent} % of the cost`}
            />
          </div>
        ))}
      </Stack>
    </Card>
  )
}
