import type { System } from '@bourse/gateway/api/admin'
import { Badge, Code, Group, Switch, Text, TextInput } from '@mantine/core'
import { DataTable } from '../../components/data-table.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'

type Setting = System['settings'][number]

/** Every variable by name, with where its value comes from. What is searched for stands in the address. */
export function SettingTable({ settings }: { settings: readonly Setting[] }) {
  const { search, set } = usePageSearch()
  const { q = '', changed } = search
  const wanted = settings.filter(
    ({ name, from }) =>
      name.toLowerCase().includes(q.toLowerCase()) && (changed === undefined || from === 'environment'),
  )
  return (
    <>
      <Group mb="sm" gap="md">
        <TextInput
          aria-label="Find a variable"
          placeholder="Find a variable"
          value={q}
          onChange={(event) => set({ q: event.currentTarget.value || undefined })}
          maw={280}
        />
        <Switch
          label="Only what is set"
          checked={changed !== undefined}
          onChange={(event) => set({ changed: event.currentTarget.checked ? 'yes' : undefined })}
        />
      </Group>
      {wanted.length === 0 ? (
        <Text c="dimmed" size="sm">
          No variable matches.
        </Text>
      ) : (
        <DataTable
          label="Configuration"
          dense
          rows={wanted}
          rowKey={({ name }) => name}
          columns={[
            {
              title: 'Variable',
              cell: ({ name }) => <Code style={{ overflowWrap: 'anywhere' }}>{name}</Code>,
            },
            { title: 'Value', cell: (setting) => <Value setting={setting} /> },
            {
              title: 'From',
              cell: ({ from }) => ({ environment: 'the environment', default: 'default', unset: '–' })[from],
            },
          ]}
        />
      )}
    </>
  )
}

function Value({ setting: { value, hidden } }: { setting: Setting }) {
  if (hidden) return <Badge color="gray">set, not shown</Badge>
  if (value === null)
    return (
      <Text c="dimmed" size="sm">
        not set
      </Text>
    )
  return <span style={{ overflowWrap: 'anywhere' }}>{value}</span>
}
