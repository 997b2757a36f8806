import type { RequestShown } from '@bourse/gateway/api/analytics'
import { Alert, Anchor, Group, Stack, Text, Title } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { CopyButton } from '../../components/copy-button.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { formatMs } from '../../lib/format-ms.ts'
import { usePerson } from '../../lib/services.ts'
import { useRead } from '../../lib/use-read.ts'
import { MoneyPart } from './money-part.tsx'
import { requestSentence } from './request-words.ts'
import { RouteWhy } from './route-why.tsx'
import { TimelineBar } from './timeline-bar.tsx'
import { TokensPart } from './tokens-part.tsx'

/** A request that ended a moment ago may not be booked yet. */
const lookAgainMs = 2_000

/** One request: what became of it, where the time went, why this seller, and what it cost. */
export function RequestDetail({ id }: { id: string }) {
  const request = useRead<RequestShown>(
    `/api/requests/${encodeURIComponent(id)}`,
    {},
    {
      refetchMs: lookAgainMs * 15,
    },
  )
  return (
    <QueryView query={request} rows={12}>
      {(shown) => (shown.id === id ? <Parts request={shown} /> : null)}
    </QueryView>
  )
}

function Parts({ request }: { request: RequestShown }) {
  const isOperator = usePerson()?.roles.includes('operator') ?? false
  const isSale = request.key === undefined
  return (
    <Stack gap="xl">
      <div>
        <Group gap="sm" mb={6}>
          <StateBadge state={request.outcome} />
          <Text size="sm" c="dimmed">
            <Moment at={request.at} />
          </Text>
        </Group>
        <Text>{requestSentence(request)}</Text>
        <Group gap={4} mt={4}>
          <Text size="sm" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
            {request.id}
          </Text>
          <CopyButton value={request.id} label="Copy the request id" />
        </Group>
      </div>
      <Part title={`Time: ${formatMs(request.durationMs)} in all`}>
        {request.attempts === null ? (
          <Alert icon={<IconInfoCircle size={18} />} color="gray">
            The gateway was stopped before it could tell how this went. What was billed is from the books.
          </Alert>
        ) : (
          <TimelineBar request={request} />
        )}
      </Part>
      {isSale ? null : (
        <Part title={request.listing ? `Why ${request.listing.name}` : 'Why nobody'}>
          <RouteWhy request={request} />
        </Part>
      )}
      <Part title="Tokens">
        <TokensPart request={request} />
      </Part>
      <Part title="Money">
        <MoneyPart request={request} isSale={isSale} />
      </Part>
      <Part title="Of this request">
        <Facts facts={factsOf(request, isOperator)} />
      </Part>
    </Stack>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <Title order={3} size="h5" mb="sm">
        {title}
      </Title>
      {children}
    </section>
  )
}

function factsOf(request: RequestShown, isOperator: boolean): { name: string; value: ReactNode }[] {
  const { listing, seller, key, organisation, model, modelAsked } = request
  const market: Record<string, string> = {
    ...(model ? { model } : {}),
    ...(listing ? { open: listing.id } : {}),
  }
  return [
    { name: 'Model', value: model ?? modelAsked ?? 'not told' },
    ...(modelAsked !== null && modelAsked !== model ? [{ name: 'Asked for', value: modelAsked }] : []),
    ...(listing
      ? [
          {
            name: 'Listing',
            value: (
              <Anchor component={Link} {...({ to: '/market', search: market } as object)} size="sm">
                {listing.name}
              </Anchor>
            ),
          },
        ]
      : []),
    ...(seller ? [{ name: 'Seller', value: seller.name }] : []),
    ...(request.provider ? [{ name: 'Provider', value: request.provider }] : []),
    ...(key ? [{ name: 'Key', value: key.name }] : []),
    ...(isOperator && organisation ? [{ name: 'Bought by', value: organisation.name }] : []),
    { name: 'Streamed', value: request.stream ? 'yes' : 'no' },
    ...(request.finishReason
      ? [{ name: 'Ended because', value: request.finishReason.replaceAll('_', ' ') }]
      : []),
    ...(request.status === null ? [] : [{ name: 'Status', value: String(request.status) }]),
    ...(request.error ? [{ name: 'Error', value: request.error }] : []),
    ...(request.overheadMs === null ? [] : [{ name: 'Our own share', value: formatMs(request.overheadMs) }]),
  ]
}
