import { Box, Card, Group, Skeleton, Switch, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { lazy, Suspense } from 'react'
import { DataTable } from './data-table.tsx'
import type { TrendChartProps } from './trend-props.ts'

/** The drawing's code is large and nobody waits for it: the page is usable before. */
const TrendDrawing = lazy(async () => ({ default: (await import('./trend-drawing.tsx')).TrendDrawing }))

/** A chart with its title as a sentence, and the same figures as a table behind a toggle. */
export function TrendChart({ title, kind, points, series, format, exact, height = 220 }: TrendChartProps) {
  const [asTable, table] = useDisclosure(false)
  return (
    <Card component="section" aria-label={title}>
      <Group justify="space-between" mb="sm" gap="sm" wrap="nowrap" align="flex-start">
        <Text fw={600} size="sm">
          {title}
        </Text>
        <Switch
          size="xs"
          label="As a table"
          aria-label={`As a table: ${title}`}
          checked={asTable}
          onChange={table.toggle}
          style={{ flexShrink: 0 }}
        />
      </Group>
      {asTable ? (
        <DataTable
          label={title}
          dense
          rows={points}
          rowKey={(point) => point.at}
          columns={[
            { title: 'Time', cell: (point) => point.at },
            ...series.map(({ name, label }) => ({
              title: label,
              align: 'end' as const,
              cell: (point: (typeof points)[number]) => (
                <span className="figures">
                  {exact ? exact(point.at, name) : format(Number(point[name] ?? 0))}
                </span>
              ),
            })),
          ]}
        />
      ) : (
        <Box aria-hidden mih={height}>
          <Suspense fallback={<Skeleton height={height} animate={false} />}>
            <TrendDrawing kind={kind} points={points} series={series} format={format} height={height} />
          </Suspense>
        </Box>
      )}
    </Card>
  )
}
