import type { KeyShown } from '@bourse/gateway/api/keys'
import { Anchor, Button, Group, List, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { BudgetBar } from '../../components/budget-bar.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { KeyStates } from './key-table.tsx'
import { KeyUsage } from './key-usage.tsx'
import { policyWords } from './policy-words.ts'
import { useKey } from './queries.ts'
import { useChoices } from './use-choices.ts'

export type KeyAct = 'edit' | 'rotate' | 'revoke'

interface KeyDrawerProps {
  id: string | undefined
  onClose: () => void
  onAct: (act: KeyAct, key: KeyShown) => void
}

/** All about one key: what it may, what it spent, who answers it. */
export function KeyDrawer({ id, onClose, onAct }: KeyDrawerProps) {
  const key = useKey(id)
  const isShown = key.data !== undefined && key.data.id === id
  return (
    <DetailDrawer title={isShown ? key.data.name : 'Key'} opened={id !== undefined} onClose={onClose}>
      <QueryView query={key} rows={8}>
        {(shown) => <KeyDetail apiKey={shown} onAct={onAct} />}
      </QueryView>
    </DetailDrawer>
  )
}

function KeyDetail({ apiKey, onAct }: { apiKey: KeyShown; onAct: KeyDrawerProps['onAct'] }) {
  return (
    <Stack gap="lg">
      <Group justify="space-between">
        <Group gap="sm">
          <KeyStates apiKey={apiKey} />
          <code>{apiKey.label}</code>
        </Group>
        {apiKey.revokedAt === null ? (
          <Group gap="xs">
            <Button size="xs" variant="default" onClick={() => onAct('edit', apiKey)}>
              Edit
            </Button>
            <Button size="xs" variant="default" onClick={() => onAct('rotate', apiKey)}>
              Rotate
            </Button>
            <Button size="xs" variant="default" onClick={() => onAct('revoke', apiKey)}>
              Revoke
            </Button>
          </Group>
        ) : null}
      </Group>
      <Facts facts={factsOf(apiKey)} />
      <PolicyInWords policy={apiKey.policy} />
      <section aria-labelledby="key-usage">
        <Group justify="space-between" mb="xs">
          <Title order={3} size="h5" id="key-usage">
            What it spent
          </Title>
          <Anchor
            component={Link}
            to="/requests"
            search={{ key: apiKey.id } as never}
            underline="always"
            size="sm"
          >
            Requests of this key
          </Anchor>
        </Group>
        <KeyUsage id={apiKey.id} />
      </section>
    </Stack>
  )
}

function PolicyInWords({ policy }: { policy: KeyShown['policy'] }) {
  const { order = [], only = [], ignore = [] } = policy
  const { nameOf } = useChoices({ models: [], sellers: [...order, ...only, ...ignore] })
  return (
    <section aria-labelledby="key-policy">
      <Title order={3} size="h5" id="key-policy" mb="xs">
        Who answers it
      </Title>
      <List size="sm" spacing={4}>
        {policyWords(policy, nameOf).map((sentence) => (
          <List.Item key={sentence}>{sentence}</List.Item>
        ))}
      </List>
    </section>
  )
}

const rights = { inference: 'call models', read: 'read balance, statements, receipts and prices' } as const

function factsOf(key: KeyShown) {
  const count = (limit: number | null, without = 'no limit'): string => limit?.toLocaleString() ?? without
  return [
    { name: 'Budget', value: key.budget ? <BudgetBar budget={key.budget} /> : 'only your balance' },
    { name: 'It may', value: key.scopes.map((scope) => rights[scope]).join('; ') },
    { name: 'Models', value: key.models.length === 0 ? 'every model' : <Lines lines={key.models} /> },
    { name: 'Requests a minute', value: count(key.requestsPerMinute) },
    { name: 'Tokens a minute', value: count(key.tokensPerMinute) },
    { name: 'Longest answer', value: count(key.defaultMaxOutputTokens, 'the model’s own') },
    { name: 'Created', value: <Moment at={key.createdAt} /> },
    { name: 'Last used', value: key.lastUsedAt ? <Moment at={key.lastUsedAt} /> : 'never' },
    { name: 'Expires', value: key.expiresAt ? <Moment at={key.expiresAt} /> : 'never' },
    ...(key.revokedAt ? [{ name: 'Revoked', value: <Moment at={key.revokedAt} /> }] : []),
    ...(key.previousSecretUntil && Date.parse(key.previousSecretUntil) > Date.now()
      ? [{ name: 'Old secret ends', value: <Moment at={key.previousSecretUntil} /> }]
      : []),
    { name: 'Id', value: <code>{key.id}</code> },
  ]
}

function Lines({ lines }: { lines: readonly string[] }) {
  return lines.map((line) => (
    <Text key={line} size="sm">
      {line}
    </Text>
  ))
}
