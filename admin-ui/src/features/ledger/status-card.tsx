import type { LedgerStatus } from '@bourse/gateway/api/ledger'
import { Card, Code, Group, List, SimpleGrid, Text, ThemeIcon } from '@mantine/core'
import { IconAlertTriangle, IconCheck } from '@tabler/icons-react'
import { CopyButton } from '../../components/copy-button.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { useLedgerStatus } from './queries.ts'

const CHECKS: Readonly<Record<LedgerStatus['checks'][number]['id'], { good: string; bad: string }>> = {
  sums_to_zero: { good: 'All accounts sum to zero', bad: 'The accounts do not sum to zero' },
  held_is_open: {
    good: 'What is held is what open holds come to',
    bad: 'What is held is not what open holds come to',
  },
  letters_answered: {
    good: 'No refused operation waits for somebody',
    bad: 'Operations that the ledger refused wait for somebody',
  },
  holds_end: { good: 'Holds end in time', bad: 'Holds are open past their time' },
  sealed: { good: 'Journals are sealed as they come', bad: 'Nothing was sealed for more than five minutes' },
}

/** Whether the books are in order: the checks of every minute, and the chain of seals. */
export function StatusCard() {
  const status = useLedgerStatus()
  return (
    <Card component="section" aria-label="Whether the books are in order">
      <QueryView query={status} rows={4}>
        {(shown) => <Status status={shown} />}
      </QueryView>
    </Card>
  )
}

function Status({ status }: { status: LedgerStatus }) {
  const isFine = status.checks.every(({ ok }) => ok)
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
      <div>
        <Group gap="xs" mb="sm" wrap="nowrap">
          <Mark ok={isFine} size={26} />
          <Text component="h2" fw={650}>
            {isFine ? 'The books are in order' : 'The books are NOT in order'}
          </Text>
        </Group>
        <List spacing={4} size="sm" center listStyleType="none" withPadding={false}>
          {status.checks.map(({ id, ok }) => (
            <List.Item key={id} icon={<Mark ok={ok} size={18} />}>
              {ok ? CHECKS[id].good : CHECKS[id].bad}
            </List.Item>
          ))}
        </List>
        <Text size="xs" c="dimmed" mt="sm">
          Looked at <Moment at={status.checkedAt} as="age" />. These checks are cheap;{' '}
          <Code>npm run audit</Code> proves every entry and every block.
        </Text>
      </div>
      <Seal status={status} />
    </SimpleGrid>
  )
}

function Seal({ status: { seal, unsealedSeconds } }: { status: LedgerStatus }) {
  return (
    <div>
      <Text component="h2" fw={650} mb="sm">
        {seal ? `Sealed up to block ${seal.seq}` : 'No block is sealed yet'}
      </Text>
      {seal ? (
        <>
          <Text size="sm">
            {seal.journals.toLocaleString()} {seal.journals === 1 ? 'journal' : 'journals'} in it, sealed{' '}
            <Moment at={seal.sealedAt} as="age" />.
          </Text>
          <Group gap={4} wrap="nowrap" mt={4}>
            <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
              {seal.hash}
            </Text>
            <CopyButton value={seal.hash} label="Copy the hash of the last block" />
          </Group>
        </>
      ) : (
        <Text size="sm">The first journals are sealed a few seconds after they are booked.</Text>
      )}
      <Text size="xs" c="dimmed" mt="sm">
        {unsealedSeconds > 0
          ? `The oldest journal outside of a block is ${Math.ceil(unsealedSeconds)} s old.`
          : 'Every journal is in a block.'}
      </Text>
    </div>
  )
}

function Mark({ ok, size }: { ok: boolean; size: number }) {
  return (
    <ThemeIcon color={ok ? 'green' : 'red'} variant="light" size={size} radius="xl">
      {ok ? (
        <IconCheck size={size * 0.65} aria-hidden />
      ) : (
        <IconAlertTriangle size={size * 0.65} aria-hidden />
      )}
    </ThemeIcon>
  )
}
