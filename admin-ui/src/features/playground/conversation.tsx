import { Anchor, Badge, Box, Card, Group, Loader, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { CopyButton } from '../../components/copy-button.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Money } from '../../components/money.tsx'
import { useBookedRequest } from './use-booked-request.ts'
import type { Turn } from './use-chat.ts'

/** What a model writes is shown as it is: text, never markup. */
const asText = { whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' } as const

/** Questions and answers, each with what it cost and the way to its request. */
export function Conversation({ turns }: { turns: readonly Turn[] }) {
  return (
    <Stack gap="md" component="section" aria-label="Conversation">
      {turns.map((turn) => (
        <Stack key={turn.id} gap="xs">
          <Box
            c="var(--mantine-color-indigo-light-color)"
            p="sm"
            bdrs="md"
            style={{
              ...asText,
              background: 'var(--mantine-color-indigo-light)',
              alignSelf: 'flex-end',
              maxWidth: '85%',
            }}
          >
            <Text size="sm" style={asText}>
              {turn.question}
            </Text>
          </Box>
          <Card padding="md">
            <Answer turn={turn} />
          </Card>
        </Stack>
      ))}
    </Stack>
  )
}

function Answer({ turn }: { turn: Turn }) {
  const { answer, state, error } = turn
  return (
    <Stack gap="sm">
      {answer?.reasoning ? (
        <details>
          <summary>
            <Text component="span" size="sm" c="dimmed">
              What the model thought
            </Text>
          </summary>
          <Text size="sm" c="dimmed" style={asText}>
            {answer.reasoning}
          </Text>
        </details>
      ) : null}
      {answer?.text ? (
        <Text size="sm" style={asText} data-testid="answer">
          {answer.text}
        </Text>
      ) : null}
      {state === 'running' ? <Loader size="xs" type="dots" aria-label="Answering" /> : null}
      {state === 'failed' ? <ErrorPanel error={error} /> : null}
      {state === 'done' && !answer?.text ? (
        <Text size="sm" c="dimmed">
          The model answered nothing; nothing is charged.
        </Text>
      ) : null}
      {answer ? <AnswerFacts turn={turn} /> : null}
    </Stack>
  )
}

/** The seller's listing; known once the request is booked, and only for a key of one's own organisation. */
function ServedBy({ id }: { id: string }) {
  const { data } = useBookedRequest(id)
  return data?.listing ? <>, sold by {data.listing.name}</> : null
}

/** Who answered, how much, what for: and the whole story one click away. */
function AnswerFacts({ turn: { answer, state, model } }: { turn: Turn }) {
  const { usage, provider, requestId, finishReason } = answer ?? {}
  return (
    <Group gap="sm" style={{ borderTop: '1px solid var(--console-line)' }} pt="xs">
      <Text size="xs" c="dimmed" component="span">
        {provider ? `${model} from ${provider}` : model}
        {requestId && state === 'done' ? <ServedBy id={requestId} /> : null}
      </Text>
      {usage ? (
        <Text size="xs" c="dimmed" component="span" className="figures">
          {usage.promptTokens.toLocaleString()} in / {usage.completionTokens.toLocaleString()} out
        </Text>
      ) : null}
      {usage?.costNanos === undefined ? null : (
        <Text size="xs" fw={600} component="span">
          <Money nanos={usage.costNanos} />
        </Text>
      )}
      {finishReason === 'length' ? <Badge color="yellow">cut at the maximum</Badge> : null}
      {state === 'stopped' ? <Badge color="yellow">stopped</Badge> : null}
      <Group gap={4} ml="auto">
        {answer?.text ? <CopyButton value={answer.text} label="Copy answer" /> : null}
        {requestId && state !== 'running' ? (
          <Anchor
            component={Link}
            to="/requests/$id"
            params={{ id: requestId } as never}
            size="xs"
            underline="always"
          >
            Open the request
          </Anchor>
        ) : null}
      </Group>
    </Group>
  )
}
