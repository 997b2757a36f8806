import type { RequestShown } from '@bourse/gateway/api/analytics'
import type { RouteShown } from '@bourse/gateway/api/inference'
import { Badge, List, Stack, Text } from '@mantine/core'
import { DataTable } from '../../components/data-table.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { toApiError } from '../../lib/api-error.ts'
import { formatPrice } from '../../lib/money.ts'
import { useRead } from '../../lib/use-read.ts'
import { withNames } from './request-words.ts'

type Decision = RouteShown['decisions'][number]
type Candidate = Decision['candidates'][number]

const keptMs = 7 * 86_400_000
/** Refusals that come after the choice: for want of money, or of a place. */
const chosenFirst = new Set(['insufficient_quota', 'budget_exceeded', 'no_capacity'])

/** Rows that a drawer shows; the counts by reason say the rest. */
const shownAtMost = 12

/** The decision in words: who stood where, who was left out and why, and what would have changed it. */
export function RouteWhy({ request }: { request: RequestShown }) {
  const isKept = Date.now() - Date.parse(request.at) < keptMs
  const wasChosen = request.attempts?.length !== 0 || chosenFirst.has(request.error ?? '')
  const route = useRead<RouteShown>(
    `/api/requests/${encodeURIComponent(request.id)}/route`,
    {},
    { enabled: isKept && wasChosen },
  )
  if (!wasChosen) return <Text c="dimmed">It ended before a seller was chosen.</Text>
  if (!isKept || (route.isError && toApiError(route.error).details.status === 404))
    return <Text c="dimmed">No explanation is kept of this choice. They are kept for seven days.</Text>
  return (
    <QueryView query={route} rows={4}>
      {({ decisions }) => (
        <Stack gap="lg">
          {decisions.map((decision) => (
            <OneDecision key={decision.pool} decision={decision} request={request} />
          ))}
        </Stack>
      )}
    </QueryView>
  )
}

function OneDecision({ decision, request }: { decision: Decision; request: RequestShown }) {
  const names = new Map(
    [request.listing, ...(request.attempts ?? []).map(({ listing }) => listing)].flatMap((each) =>
      each ? [[each.id, each.name] as const] : [],
    ),
  )
  for (const { listingId, listing } of decision.candidates) if (listing) names.set(listingId, listing)
  const excluded = Object.entries(decision.excluded).filter(([, count]) => count > 0)
  return (
    <Stack gap="sm">
      <Text>{withNames(decision.sentence, names)}</Text>
      <DataTable
        label={`Offers of ${decision.model} as the choice saw them`}
        dense
        rows={decision.candidates.slice(0, shownAtMost)}
        rowKey={(candidate) => candidate.listingId}
        columns={[
          {
            title: 'Offer',
            cell: ({ listingId, provider }) => (
              <TitleCell title={names.get(listingId) ?? provider}>
                {names.has(listingId) ? provider : listingId}
              </TitleCell>
            ),
          },
          { title: 'Place', cell: (candidate) => <Place candidate={candidate} /> },
          {
            title: 'In / out per 1M',
            align: 'end',
            cell: ({ usdPerMTok }) => (
              <span className="figures">
                {formatPrice(usdPerMTok.prompt)} / {formatPrice(usdPerMTok.completion)}
              </span>
            ),
          },
          { title: 'Chance', align: 'end', cell: ({ chance }) => percent(chance) },
          { title: 'Headroom', align: 'end', cell: ({ headroom }) => percent(headroom) },
        ]}
      />
      {decision.candidates.length > shownAtMost || excluded.length > 0 ? (
        <Text size="sm" c="dimmed">
          {decision.offers} offers of this model
          {excluded.length === 0
            ? ''
            : `; left out: ${excluded.map(([reason, count]) => `${count} by ${reason.replaceAll('_', ' ')}`).join(', ')}`}
          .
        </Text>
      ) : null}
      {decision.wouldChange.length === 0 ? null : (
        <div>
          <Text size="sm" fw={600}>
            What would have changed it
          </Text>
          <List size="sm">
            {decision.wouldChange.map((change) => (
              <List.Item key={change}>{withNames(change, names)}</List.Item>
            ))}
          </List>
        </div>
      )}
      {decision.replayed ? (
        <Text size="sm" c="dimmed">
          Made again from what is stored, the choice comes out the same.
        </Text>
      ) : null}
    </Stack>
  )
}

function Place({ candidate: { rank, reason, detail } }: { candidate: Candidate }) {
  if (rank === 1 && reason === undefined) return <Badge color="green">chosen first</Badge>
  return (
    <>
      <Badge color={rank === undefined ? 'gray' : 'indigo'}>
        {rank === undefined ? 'left out' : `place ${rank}`}
        {reason ? `: ${reason.replaceAll('_', ' ')}` : ''}
      </Badge>
      {detail ? (
        <Text size="xs" c="dimmed">
          {detail}
        </Text>
      ) : null}
    </>
  )
}

function percent(share: number | undefined) {
  return <span className="figures">{share === undefined ? '–' : `${Math.round(share * 100)} %`}</span>
}
