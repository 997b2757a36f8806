import { Alert, Button, Group, PasswordInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconKey } from '@tabler/icons-react'
import { useState } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Moment } from '../../components/moment.tsx'
import { parseUsdInput } from '../../lib/money.ts'
import { useCreateKey } from '../keys/queries.ts'

export interface HeldKey {
  secret: string
  /** For a key that was made here. */
  expiresAt?: string | undefined
}

const lifeMs = 3_600_000

/** Which key pays: a temporary one with a budget, or one that the person has. Held by the page, stored nowhere. */
export function KeyChoice({ held, onHeld }: { held: HeldKey | undefined; onHeld: (key?: HeldKey) => void }) {
  const [way, setWay] = useState('new')
  if (held)
    return (
      <Group gap="sm" justify="space-between">
        <Group gap={8}>
          <IconKey size={16} aria-hidden />
          <Text size="sm" component="div">
            {held.expiresAt ? (
              <>
                Temporary key, ends <Moment at={held.expiresAt} />
              </>
            ) : (
              'Your key'
            )}
          </Text>
        </Group>
        <Button size="xs" variant="default" onClick={() => onHeld(undefined)}>
          Use another key
        </Button>
      </Group>
    )
  return (
    <Stack gap="sm">
      <SegmentedControl
        aria-label="Which key pays"
        value={way}
        onChange={setWay}
        data={[
          { value: 'new', label: 'Temporary key' },
          { value: 'own', label: 'Paste a key' },
        ]}
        w="fit-content"
      />
      {way === 'new' ? <TemporaryKey onHeld={onHeld} /> : <PastedKey onHeld={onHeld} />}
    </Stack>
  )
}

function TemporaryKey({ onHeld }: { onHeld: (key: HeldKey) => void }) {
  const create = useCreateKey()
  const [budget, setBudget] = useState('1')
  const nanos = parseUsdInput(budget)
  const make = (): void => {
    if (nanos === undefined) return
    create.mutate(
      {
        name: 'playground',
        expiresAt: new Date(Date.now() + lifeMs).toISOString(),
        budget: { limitNanos: nanos.toString(), period: 'total' },
      },
      { onSuccess: ({ key, expiresAt }) => onHeld({ secret: key, expiresAt: expiresAt ?? undefined }) },
    )
  }
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        make()
      }}
    >
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          A key named “playground” that ends in an hour and spends no more than this.
        </Text>
        <Group align="flex-start" gap="sm">
          <TextInput
            aria-label="Budget in USD"
            leftSection="$"
            inputMode="decimal"
            w={110}
            value={budget}
            onChange={(event) => setBudget(event.currentTarget.value)}
            error={nanos === undefined ? 'Dollars such as 1 or 0.50' : null}
          />
          <Button type="submit" loading={create.isPending} disabled={nanos === undefined}>
            Create the key
          </Button>
        </Group>
        {create.error ? <ErrorPanel error={create.error} /> : null}
      </Stack>
    </form>
  )
}

function PastedKey({ onHeld }: { onHeld: (key: HeldKey) => void }) {
  const form = useForm({
    initialValues: { secret: '' },
    validate: {
      secret: (secret) => (/^\S{8,200}$/.test(secret.trim()) ? null : 'Paste the whole key, sk-brs-…'),
    },
  })
  return (
    <form noValidate onSubmit={form.onSubmit(({ secret }) => onHeld({ secret: secret.trim() }))}>
      <Stack gap="sm">
        <PasswordInput label="API key" autoComplete="off" {...form.getInputProps('secret')} />
        <Alert color="gray">The key stays in this page’s memory and is gone when you leave it.</Alert>
        <Button type="submit" w="fit-content">
          Use this key
        </Button>
      </Stack>
    </form>
  )
}
