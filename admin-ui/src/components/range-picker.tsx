import { Button, Group, Popover, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { fromLocalInput, RANGES, type RangeName, type RangeSearch, toLocalInput } from '../lib/range.ts'
import { formatMoment, formatUtc } from '../lib/time.ts'

const NAMES: { value: RangeName; label: string }[] = [
  { value: '1h', label: '1 h' },
  { value: '24h', label: '24 h' },
  { value: '7d', label: '7 d' },
  { value: '30d', label: '30 d' },
]

interface RangePickerProps {
  /** `undefined` while a custom range is in the address. */
  value: RangeName | undefined
  onChange: (range: RangeName) => void
  /** The range of the address and the way to change it, where the page can show any span of time. */
  custom?: { range: RangeSearch; onChange: (range: { from: string; to: string }) => void }
}

/** Which time a page tells of; the page keeps the choice in its address. */
export function RangePicker({ value, onChange, custom }: RangePickerProps) {
  return (
    <Group gap="xs">
      <SegmentedControl
        aria-label="Time range"
        value={value ?? ''}
        onChange={(name) => onChange(name as RangeName)}
        data={NAMES}
      />
      {custom ? <CustomRange named={value ?? '24h'} {...custom} /> : null}
    </Group>
  )
}

function CustomRange({
  named,
  range,
  onChange,
}: NonNullable<RangePickerProps['custom']> & { named: RangeName }) {
  const [opened, popover] = useDisclosure(false)
  const chosen = range.from === undefined ? undefined : { from: range.from, to: range.to }
  return (
    <Popover
      opened={opened}
      onChange={popover.toggle}
      position="bottom-end"
      trapFocus
      returnFocus
      withinPortal
    >
      <Popover.Target>
        <Button
          variant={chosen ? 'light' : 'default'}
          onClick={popover.toggle}
          title={
            chosen ? `${formatUtc(chosen.from)} to ${chosen.to ? formatUtc(chosen.to) : 'now'}` : undefined
          }
        >
          {chosen
            ? `${formatMoment(chosen.from)} – ${chosen.to ? formatMoment(chosen.to) : 'now'}`
            : 'Custom'}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Custom range">
        {opened ? (
          <RangeForm
            from={chosen?.from ?? new Date(Date.now() - RANGES[named]).toISOString()}
            to={chosen?.to ?? new Date().toISOString()}
            onSubmit={(next) => {
              popover.close()
              onChange(next)
            }}
          />
        ) : null}
      </Popover.Dropdown>
    </Popover>
  )
}

function RangeForm(props: {
  from: string
  to: string
  onSubmit: (range: { from: string; to: string }) => void
}) {
  const [from, setFrom] = useState(toLocalInput(props.from))
  const [to, setTo] = useState(toLocalInput(props.to))
  const bounds = { from: fromLocalInput(from), to: fromLocalInput(to) }
  const isOrdered = bounds.from !== undefined && bounds.to !== undefined && bounds.from < bounds.to
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (isOrdered) props.onSubmit(bounds as { from: string; to: string })
      }}
    >
      <Stack gap="sm">
        <TextInput
          type="datetime-local"
          label="From"
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
          data-autofocus
        />
        <TextInput
          type="datetime-local"
          label="To"
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
          error={isOrdered ? null : 'The end must come after the beginning'}
        />
        <Text size="xs" c="dimmed">
          In your own time zone.
        </Text>
        <Button type="submit" disabled={!isOrdered}>
          Show this range
        </Button>
      </Stack>
    </form>
  )
}
