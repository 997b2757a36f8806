import { SegmentedControl } from '@mantine/core'
import type { RangeName } from '../lib/range.ts'

const NAMES: { value: RangeName; label: string }[] = [
  { value: '1h', label: '1 h' },
  { value: '24h', label: '24 h' },
  { value: '7d', label: '7 d' },
  { value: '30d', label: '30 d' },
]

/** Which time a page tells of; the page keeps the choice in its address. */
export function RangePicker({
  value,
  onChange,
}: {
  /** `undefined` while a custom range is in the address. */
  value: RangeName | undefined
  onChange: (range: RangeName) => void
}) {
  return (
    <SegmentedControl
      aria-label="Time range"
      value={value ?? ''}
      onChange={(name) => onChange(name as RangeName)}
      data={NAMES}
    />
  )
}
