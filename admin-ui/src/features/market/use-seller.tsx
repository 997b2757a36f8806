import type { KeyShown } from '@bourse/gateway/api/keys'
import { Anchor, Button, NativeSelect, Popover, Stack, Text, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconCheck, IconChevronDown } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { showUndo } from '../../components/show-undo.tsx'
import { useWrite } from '../../lib/use-write.ts'
import { useKeys } from '../keys/queries.ts'
import { CHOICES, choiceOf, type SellerChoice, withChoice } from './policy-change.ts'
import classes from './use-seller.module.css'

interface UseSellerProps {
  listing: string
  /** The listing's name. */
  name: string
  size?: 'xs' | 'sm'
}

/** Sends a key to this seller, or keeps it away from him: two clicks, and a way back. */
export function UseSeller({ listing, name, size = 'xs' }: UseSellerProps) {
  const [opened, { toggle, close }] = useDisclosure(false)
  return (
    <Popover
      opened={opened}
      onChange={(next) => !next && close()}
      width={320}
      position="bottom-end"
      trapFocus
      withinPortal
    >
      <Popover.Target>
        <Button
          size={size}
          variant={size === 'xs' ? 'default' : 'filled'}
          onClick={toggle}
          aria-label={size === 'xs' ? `Use ${name}` : `Use this seller: ${name}`}
          aria-haspopup="dialog"
          rightSection={<IconChevronDown size={14} aria-hidden />}
        >
          {size === 'xs' ? 'Use' : 'Use this seller'}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={`Use ${name}`}>
        {opened ? <Choosing listing={listing} name={name} onDone={close} /> : null}
      </Popover.Dropdown>
    </Popover>
  )
}

function Choosing({ listing, name, onDone }: { listing: string; name: string; onDone: () => void }) {
  const keys = useKeys()
  return (
    <QueryView query={keys} rows={3}>
      {(all) => {
        const usable = all.filter(
          ({ revokedAt, scopes }) => revokedAt === null && scopes.includes('inference'),
        )
        return usable.length === 0 ? (
          <NoKey />
        ) : (
          <Choices keys={lastUsedFirst(usable)} listing={listing} name={name} onDone={onDone} />
        )
      }}
    </QueryView>
  )
}

function NoKey() {
  return (
    <Text size="sm">
      You have no key that can call models yet.{' '}
      <Anchor component={Link} to="/keys" size="sm">
        Create one
      </Anchor>{' '}
      and come back.
    </Text>
  )
}

function Choices({
  keys,
  listing,
  name,
  onDone,
}: {
  keys: readonly KeyShown[]
  listing: string
  name: string
  onDone: () => void
}) {
  const [chosenId, setChosenId] = useState(keys[0]?.id)
  const key = keys.find(({ id }) => id === chosenId) ?? keys[0]
  const setPolicy = useWrite<{ id: string; policy: KeyShown['policy'] }, KeyShown>(
    ['/api/keys'],
    ({ id, policy }) => ({
      path: `/api/keys/${encodeURIComponent(id)}`,
      method: 'PATCH',
      body: { policy },
    }),
  )
  if (!key) return null
  const choose = (choice: SellerChoice, label: string): void =>
    setPolicy.mutate(
      { id: key.id, policy: withChoice(key.policy, listing, choice) },
      {
        onSuccess: () => {
          onDone()
          showUndo({
            message: `Key “${key.name}”: ${label.toLowerCase()} (${name}).`,
            onUndo: () => setPolicy.mutate({ id: key.id, policy: key.policy }),
          })
        },
      },
    )
  const current = choiceOf(key.policy, listing)
  return (
    <Stack gap="xs">
      <NativeSelect
        label="For requests of the key"
        size="sm"
        value={key.id}
        onChange={({ currentTarget }) => setChosenId(currentTarget.value)}
        data={keys.map(({ id, name: called, hint }) => ({ value: id, label: `${called} (…${hint})` }))}
      />
      {CHOICES.map(({ choice, label, means }) => (
        <UnstyledButton
          key={choice}
          className={classes.choice}
          disabled={setPolicy.isPending}
          aria-pressed={current === choice}
          onClick={() => choose(choice, label)}
        >
          <Text size="sm" fw={600} component="span" display="block">
            {label} {current === choice ? <IconCheck size={14} aria-label="as it is now" /> : null}
          </Text>
          <Text size="xs" c="dimmed" component="span" display="block">
            {means}
          </Text>
        </UnstyledButton>
      ))}
      {setPolicy.isError ? <ErrorPanel error={setPolicy.error} /> : null}
    </Stack>
  )
}

/** The key that was used last is the one that a buyer most likely means. */
function lastUsedFirst(keys: readonly KeyShown[]): KeyShown[] {
  return [...keys].sort((a, b) => (b.lastUsedAt ?? '').localeCompare(a.lastUsedAt ?? ''))
}
