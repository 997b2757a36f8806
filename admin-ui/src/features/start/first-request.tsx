import type { RequestShown } from '@bourse/gateway/api/analytics'
import { Button, Group, Loader, Stack, Text } from '@mantine/core'
import { IconArrowRight, IconCircleCheck } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { useNewestRequest } from './queries.ts'

/** Waits for a request and shows it the moment it is there. */
export function FirstRequest() {
  const { known, newest } = useNewestRequest()
  // What was there when the page was opened is not what is waited for.
  const [before, setBefore] = useState<{ id: string | undefined }>()
  useEffect(() => {
    if (known && before === undefined) setBefore({ id: newest?.id })
  }, [known, newest, before])
  const arrived = before !== undefined && newest !== undefined && newest.id !== before.id
  return (
    <div aria-live="polite">
      {arrived ? (
        <Arrived request={newest} />
      ) : (
        <Waiting latest={before?.id === undefined ? undefined : newest} />
      )}
    </div>
  )
}

function Waiting({ latest }: { latest: RequestShown | undefined }) {
  return (
    <Stack gap="xs">
      <Group gap="sm">
        <Loader size="xs" type="dots" aria-hidden />
        <Text size="sm">{latest ? 'Waiting for your next request…' : 'Waiting for your first request…'}</Text>
      </Group>
      <Text size="sm" c="dimmed">
        It appears here by itself, seconds after its answer.
      </Text>
      {latest ? (
        <Text size="sm" c="dimmed" component="div">
          Your latest so far: <RequestLink id={latest.id}>{latest.model ?? 'a request'}</RequestLink>,{' '}
          <Moment at={latest.at} as="age" />.
        </Text>
      ) : null}
    </Stack>
  )
}

function Arrived({ request }: { request: RequestShown }) {
  const { id, model, modelAsked, costNanos, listing, outcome } = request
  return (
    <Group justify="space-between" gap="md">
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <IconCircleCheck size={22} color="var(--mantine-color-green-text)" aria-hidden />
        <div>
          <Text size="sm" fw={600}>
            It arrived: {model ?? modelAsked ?? 'unknown model'}, {outcome}
          </Text>
          <Text size="sm" c="dimmed" component="div">
            {listing ? `Served by ${listing.name}. ` : ''}
            {costNanos === null ? 'Nothing was charged.' : 'It cost '}
            {costNanos === null ? null : <Money nanos={costNanos} />}
            {costNanos === null ? '' : '.'}
          </Text>
        </div>
      </Group>
      <Button
        component={Link}
        to="/requests/$id"
        params={{ id } as never}
        rightSection={<IconArrowRight size={16} aria-hidden />}
      >
        Open the request
      </Button>
    </Group>
  )
}

function RequestLink({ id, children }: { id: string; children: string }) {
  return (
    <Link to="/requests/$id" params={{ id }} style={{ color: 'var(--mantine-color-anchor)' }}>
      {children}
    </Link>
  )
}
