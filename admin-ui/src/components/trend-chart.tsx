import { BarChart, LineChart } from '@mantine/charts'
import { Card, Group, Switch, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { DataTable } from './data-table.tsx'

export interface TrendSeries {
  name: string
  label: string
  /** A Mantine colour such as `indigo.6`; see `colorOf` for the same thing's colour on all pages. */
  color: string
}

interface TrendChartProps {
  /** A sentence with the finding's unit. */
  title: string
  kind: 'bars' | 'lines'
  /** One point: `at` is what stands on the axis, the rest are the series by name. Figures are for drawing only. */
  points: readonly ({ at: string } & Record<string, string | number>)[]
  series: readonly TrendSeries[]
  /** How a figure reads, on the axis and in the table. */
  format: (value: number) => string
  height?: number
}

/** A chart with its title as a sentence, and the same figures as a table behind a toggle. */
export function TrendChart({ title, kind, points, series, format, height = 220 }: TrendChartProps) {
  const [asTable, table] = useDisclosure(false)
  const drawn = {
    h: height,
    data: [...points],
    dataKey: 'at',
    series: series.map((each) => ({ ...each })),
    valueFormatter: format,
    withLegend: series.length > 1,
  }
  return (
    <Card component="section" aria-label={title}>
      <Group justify="space-between" mb="sm" gap="sm">
        <Text fw={600} size="sm">
          {title}
        </Text>
        <Switch size="xs" label="As a table" checked={asTable} onChange={table.toggle} />
      </Group>
      {asTable ? (
        <DataTable
          label={title}
          rows={points}
          rowKey={(point) => point.at}
          columns={[
            { title: 'Time', cell: (point) => point.at },
            ...series.map(({ name, label }) => ({
              title: label,
              align: 'end' as const,
              cell: (point: (typeof points)[number]) => format(Number(point[name] ?? 0)),
            })),
          ]}
        />
      ) : (
        <div aria-hidden>
          {kind === 'bars' ? <BarChart {...drawn} type="stacked" /> : <LineChart {...drawn} />}
        </div>
      )}
    </Card>
  )
}
