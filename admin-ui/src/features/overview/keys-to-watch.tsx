import type { KeyShown } from '@bourse/gateway/api/keys'
import { Anchor, Badge, Card, Group, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { BudgetBar } from '../../components/budget-bar.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { keyState, keyWarning } from '../../lib/key-state.ts'
import { useNewestKeys } from './queries.ts'

const shownAtMost = 5

/** Keys that will soon stop working, and why. */
export function KeysToWatch() {
  const keys = useNewestKeys()
  return (
    <Card component="section" aria-labelledby="keys-to-watch">
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h4" id="keys-to-watch">
          Keys to watch
        </Title>
        <Anchor component={Link} to="/keys" underline="always" size="sm">
          All keys
        </Anchor>
      </Group>
      <QueryView query={keys}>{({ data }) => <Watched keys={data} />}</QueryView>
    </Card>
  )
}

function Watched({ keys }: { keys: readonly KeyShown[] }) {
  const nowMs = Date.now()
  const active = keys.filter((key) => keyState(key, nowMs) === 'active')
  const watched = active.flatMap((key) => {
    const warning = keyWarning(key, nowMs)
    return warning ? [{ key, warning }] : []
  })
  if (watched.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {active.length === 0
          ? 'You have no key that works.'
          : 'None: no key is near its budget or about to expire.'}
      </Text>
    )
  return (
    <Stack gap="md">
      {watched.slice(0, shownAtMost).map(({ key, warning }) => (
        <div key={key.id}>
          <Group justify="space-between" gap="sm" mb={4}>
            <Anchor
              component={Link}
              to="/keys"
              search={{ open: key.id } as never}
              underline="always"
              size="sm"
              style={{ overflowWrap: 'anywhere' }}
            >
              {key.name}
            </Anchor>
            <Badge color="yellow">{warning}</Badge>
          </Group>
          {key.budget ? <BudgetBar budget={key.budget} /> : null}
          {warning === 'expires soon' && key.expiresAt ? (
            <Text size="xs" c="dimmed" component="div">
              ends <Moment at={key.expiresAt} />
            </Text>
          ) : null}
        </div>
      ))}
    </Stack>
  )
}
